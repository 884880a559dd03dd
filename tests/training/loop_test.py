"""The training loop and its checkpoints: interrupted equals uninterrupted."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxguide import schedules
from jaxguide.training import checkpoints
from jaxguide.training import diffusion
from jaxguide.training import loop
from jaxguide.training import updates

OPTIMIZER = optax.adam(1e-2)


def apply(params, x_t, time, key):
  h = jnp.tanh(x_t @ params["inside"] + time[:, None] / 1000)
  if key is not None:
    h = h * jax.random.bernoulli(key, 0.9, h.shape)
  return h @ params["outside"]


def first_state():
  rng = np.random.default_rng(0)
  params = {"inside": 0.1 * rng.standard_normal((16, 32)),
            "outside": 0.1 * rng.standard_normal((32, 16))}
  params = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), params)
  return updates.init_state(params, OPTIMIZER)


def batches(first):
  for step in itertools.count(first):
    yield np.random.default_rng(step).standard_normal((8, 16)).astype("f4")


def run(state, num_steps, hooks=()):
  update = jax.jit(updates.make_update(
      diffusion.eps_training_loss(apply, schedules.linear(100)), OPTIMIZER,
      ema_decay=0.99))
  return loop.train(
      state, update, batches(int(state.step)), jax.random.key(1),
      num_steps=num_steps, hooks=hooks)


def test_resumed_from_a_checkpoint_equals_uninterrupted_to_the_bit(tmp_path):
  whole = run(first_state(), 12)
  store = checkpoints.Checkpoints(tmp_path)
  run(first_state(), 7, [loop.Hook(5, store.save)])
  store.close()
  again = checkpoints.Checkpoints(tmp_path)
  assert again.latest_step() == 7
  resumed = run(again.restore(first_state(), step=5), 12)
  jax.tree.map(np.testing.assert_array_equal, resumed, whole)


def test_a_start_is_made_only_where_nothing_was_saved(tmp_path):
  made = []

  def start():
    state = first_state()
    made.append(isinstance(state.step, jax.core.Tracer))
    return state

  store = checkpoints.Checkpoints(tmp_path)
  assert int(store.resume(start).step) == 0
  whole = run(store.resume(start), 3, [loop.Hook(3, store.save)])
  assert made == [False, False]
  resumed = store.resume(start)
  assert made == [False, False, True]
  jax.tree.map(np.testing.assert_array_equal, resumed, whole)
  assert {d for leaf in jax.tree.leaves(resumed) for d in leaf.devices()} == {
      jax.local_devices()[0]}
  store.close()


def test_training_lowers_the_loss():
  trained = run(first_state(), 300)
  before = run(first_state(), 5).average_loss
  assert trained.average_loss < 0.8 * before


def test_hooks_come_at_their_multiples_and_after_the_last_update():
  seen = []
  run(first_state(), 7, [loop.Hook(3, lambda s: seen.append(int(s.step)))])
  assert seen == [3, 6, 7]


def test_batches_that_run_out_are_named():
  with pytest.raises(ValueError, match="ran out after 0 updates"):
    loop.train(first_state(), None, iter(()), None, num_steps=3)


def test_a_checkpoint_of_another_shape_is_refused(tmp_path):
  store = checkpoints.Checkpoints(tmp_path)
  store.save(first_state()._replace(step=np.int32(3)))
  other = updates.init_state(
      {"inside": jnp.zeros((16, 4)), "outside": jnp.zeros((4, 16))},
      OPTIMIZER)
  with pytest.raises(ValueError, match="does not fit"):
    store.restore(other)
  with pytest.raises(ValueError, match="step is 4; saved are"):
    store.restore(first_state(), step=4)
  store.close()
