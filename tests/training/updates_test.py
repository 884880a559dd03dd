"""The update of averaged parameters against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxguide.training import updates


def test_learning_rate_rises_stays_and_falls_to_zero():
  rate = updates.warmup_stable_decay(
      2.0, warmup_steps=4, num_steps=20, decay_steps=10)
  values = [float(rate(i)) for i in range(21)]
  np.testing.assert_allclose(values[:4], [0.5, 1.0, 1.5, 2.0], rtol=1e-6)
  np.testing.assert_allclose(values[4:11], 2.0)
  np.testing.assert_allclose(values[10:], np.linspace(2, 0, 11), atol=1e-6)


def test_the_trunk_does_not_depend_on_where_it_ends():
  short, long = (
      updates.warmup_stable_decay(
          1e-3, warmup_steps=5, num_steps=n, decay_steps=10)
      for n in (30, 300))
  for i in range(20):
    assert float(short(i)) == float(long(i))


def _one_update(ema_decay=0.9, steps=1):
  """Plain gradient descent on the squared distance to noise."""

  def loss(params, batch, key):
    noise = jax.random.normal(key, batch.shape)
    return jnp.mean((params - noise) ** 2, axis=1)

  optimizer = optax.sgd(0.5)
  update = updates.make_update(loss, optimizer, ema_decay=ema_decay)
  states = [updates.init_state(jnp.asarray(0.25), optimizer)]
  for _ in range(steps):
    states.append(update(states[-1], jnp.zeros((8, 4)), jax.random.key(3)))
  return states


def test_an_update_descends_the_mean_loss_with_a_key_of_its_step():
  states = _one_update(steps=2)
  for step, (old, new) in enumerate(zip(states, states[1:], strict=False)):
    key = jax.random.fold_in(jax.random.key(3), step)
    noise = np.asarray(jax.random.normal(key, (8, 4)), np.float64)
    # Half of the gradient 2 (params - noise): straight to the noise's mean.
    np.testing.assert_allclose(new.params, noise.mean(), rtol=1e-5)
    assert int(new.step) == step + 1
    if step == 0:
      np.testing.assert_allclose(
          new.average_loss, np.mean((old.params - noise) ** 2), rtol=1e-5)


def test_the_average_follows_quickly_first_and_slowly_later():
  old, new = _one_update()
  # After 0 updates its decay is 1 / 10.
  expected = old.params + 0.9 * (new.params - old.params)
  np.testing.assert_allclose(new.ema, expected, rtol=1e-6)
  # Later it is the decay that was asked for.
  *_, old, new = _one_update(ema_decay=0.2, steps=3)
  expected = 0.2 * old.ema + 0.8 * new.params
  np.testing.assert_allclose(new.ema, expected, rtol=1e-6)


def test_a_decay_out_of_range_is_named():
  with pytest.raises(ValueError, match="ema_decay is 1.0"):
    updates.make_update(None, optax.sgd(1.0), ema_decay=1.0)
