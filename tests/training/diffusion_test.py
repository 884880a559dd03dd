"""The update of a diffusion model against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxguide import schedules
from jaxguide.training import diffusion

SCHEDULE = schedules.linear(1000)


def test_learning_rate_rises_stays_and_falls_to_zero():
  rate = diffusion.warmup_stable_decay(
      2.0, warmup_steps=4, num_steps=20, decay_steps=10)
  values = [float(rate(i)) for i in range(21)]
  np.testing.assert_allclose(values[:4], [0.5, 1.0, 1.5, 2.0], rtol=1e-6)
  np.testing.assert_allclose(values[4:11], 2.0)
  np.testing.assert_allclose(values[10:], np.linspace(2, 0, 11), atol=1e-6)


def test_the_trunk_does_not_depend_on_where_it_ends():
  short, long = (
      diffusion.warmup_stable_decay(
          1e-3, warmup_steps=5, num_steps=n, decay_steps=10)
      for n in (30, 300))
  for i in range(20):
    assert float(short(i)) == float(long(i))


def test_levels_are_uniform_and_spread():
  level = jax.vmap(
      lambda k: diffusion.spread_levels(k, 16, 1000)
  )(jax.random.split(jax.random.key(0), 400))
  assert level.min() == 1 and level.max() == 1000
  # One of every batch in each sixteenth of the range.
  assert np.all(np.sort((np.asarray(level) - 1) * 16 // 1000) == np.arange(16))
  # Image 3 alone sees all levels alike: the mean has standard error 14.4.
  assert abs(float(level[:, 3].mean()) - 500.5) < 3 * 1000 / np.sqrt(12 * 400)


def test_loss_of_the_true_noise_is_zero_and_of_none_its_power():
  rng = np.random.default_rng(0)
  x0, eps = (jnp.asarray(rng.standard_normal((4, 8, 8, 3)), jnp.float32)
             for _ in range(2))
  level = jnp.asarray([1, 10, 500, 1000])

  def knows(params, x_t, time, key):
    del params, key
    row = SCHEDULE.at_level(time.astype(jnp.int32) + 1)
    alpha, sigma = (v.reshape(-1, 1, 1, 1) for v in row[:2])
    return (x_t - alpha * x0) / sigma

  loss = diffusion.eps_loss(knows, SCHEDULE, None, x0, level, eps)
  np.testing.assert_allclose(loss, 0, atol=1e-6)
  none = diffusion.eps_loss(
      lambda params, x_t, time, key: 0 * x_t, SCHEDULE, None, x0, level, eps)
  np.testing.assert_allclose(none, np.mean(eps**2, (1, 2, 3)), rtol=1e-5)


def _one_update(weight_limit, ema_decay=0.9):
  """One step of plain gradient descent on eps = params."""
  apply = lambda params, x_t, time, key: params * jnp.ones_like(x_t)
  optimizer = optax.sgd(1.0)
  update = diffusion.make_update(
      apply, optimizer, SCHEDULE, ema_decay=ema_decay,
      weight_limit=weight_limit)
  state = diffusion.init_state(jnp.asarray(0.25), optimizer)
  return update(state, jnp.zeros((8, 4, 4, 3)), jax.random.key(3)), state


@pytest.mark.parametrize("limit", [1.0, 20.0, 1e9])
def test_an_update_descends_the_weighted_loss(limit):
  new, old = _one_update(limit)
  keys = jax.random.split(jax.random.fold_in(jax.random.key(3), 0), 3)
  level = np.asarray(diffusion.spread_levels(keys[0], 8, 1000))
  eps = np.asarray(jax.random.normal(keys[1], (8, 4, 4, 3)), np.float64)
  weight = np.minimum(1 / SCHEDULE.alpha_bar[level], limit)
  per_image = np.mean(0.25 - eps, axis=(1, 2, 3))
  gradient = np.mean(weight * 2 * per_image)
  np.testing.assert_allclose(old.params - new.params, gradient, rtol=2e-4)


def test_the_average_follows_quickly_first_and_slowly_later():
  new, old = _one_update(1.0)
  # After 0 updates its decay is 1 / 10.
  expected = old.params + 0.9 * (new.params - old.params)
  np.testing.assert_allclose(new.ema, expected, rtol=1e-6)
  assert int(new.step) == 1


@pytest.mark.parametrize("options, name", [
    ({"ema_decay": 1.0}, "ema_decay"), ({"weight_limit": 0.5}, "weight_limit"),
])
def test_options_out_of_range_are_named(options, name):
  with pytest.raises(ValueError, match=name):
    diffusion.make_update(
        None, optax.sgd(1.0), SCHEDULE, **{"ema_decay": 0.9, **options})
