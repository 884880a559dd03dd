"""Tests of samplers.core: the loop, the plan, and what they refuse."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import samplers
from jaxguide import schedules
from jaxguide.samplers import core

SCHEDULE = schedules.linear(100)


class _Count(NamedTuple):
  x: jax.Array
  calls: jax.Array


def _counting(fail_at=None):
  """Adds its coefficient to x at every step."""

  def step(state, step):
    x = state.x + step.coefficients["add"]
    if fail_at is not None:
      bad = (step.index == fail_at) & (jnp.arange(x.shape[0]) == 1)
      x = jnp.where(bad[:, None], jnp.nan, x)
    return _Count(x, state.calls + 1)

  return core.Sampler(
      init=lambda z, first: _Count(z * first.level.time, jnp.int32(0)),
      step=step,
      output=lambda state: state.x,
  )


def _plan(count):
  levels = schedules.space_levels(SCHEDULE, count)
  return core.plan(SCHEDULE, levels[:-1], levels[1:],
                   {"add": np.arange(1.0, count + 1)})


Z = jnp.ones((3, 2))


def test_every_step_is_run_once_in_order():
  out = samplers.sample(_counting(), Z, _plan(6))
  np.testing.assert_array_equal(out.x, 99 + 21)
  assert out.trajectory is None
  np.testing.assert_array_equal(out.is_finite, [True] * 3)


def test_trajectory_of_every_step():
  out = samplers.sample(
      _counting(), Z, _plan(6), record=lambda s: (s.x[:, 0], s.calls))
  x, calls = out.trajectory
  np.testing.assert_array_equal(calls, [1, 2, 3, 4, 5, 6])
  np.testing.assert_array_equal(x[:, 0] - 99, np.cumsum(np.arange(1, 7)))


@pytest.mark.parametrize("every, kept", [(1, [1, 2, 3, 4, 5, 6, 7]),
                                         (2, [2, 4, 6]), (3, [3, 6]),
                                         (7, [7])])
def test_keep_every(every, kept):
  out = samplers.sample(_counting(), Z, _plan(7), keep_every=every)
  want = [99 + n * (n + 1) / 2 for n in kept]
  np.testing.assert_array_equal(out.trajectory[:, 0, 0], want)
  # What is left over after the last full group is run all the same.
  np.testing.assert_array_equal(out.x, 99 + 28)


@pytest.mark.parametrize("every", (0, 8, -1))
def test_keep_every_out_of_range(every):
  with pytest.raises(ValueError, match="keep_every must be in 1..7"):
    samplers.sample(_counting(), Z, _plan(7), keep_every=every)


def test_a_bad_image_is_named_and_the_others_live():
  out = jax.jit(
      lambda z: samplers.sample(_counting(fail_at=2), z, _plan(6)))(Z)
  np.testing.assert_array_equal(out.is_finite, [True, False, True])
  np.testing.assert_array_equal(out.x[0], out.x[2])


def test_infinity_is_not_finite():
  steps = _plan(2)._replace(coefficients={"add": np.float32([np.inf, 0])})
  out = samplers.sample(_counting(), Z, steps)
  assert not out.is_finite.any()


def test_plans_are_rounded_to_float32_once():
  steps = core.plan(
      SCHEDULE, np.array([100, 7]), np.array([7, 0]),
      {"third": np.full(2, 1 / 3), "broadcast": 0.1})
  assert steps.level.alpha.dtype == np.float32
  np.testing.assert_array_equal(
      steps.level.sigma, np.float32(SCHEDULE.sigma[[100, 7]]))
  np.testing.assert_array_equal(steps.next_level.alpha[1], 1)
  np.testing.assert_array_equal(steps.coefficients["third"],
                                np.float32([1 / 3, 1 / 3]))
  assert steps.coefficients["broadcast"].shape == (2,)
  np.testing.assert_array_equal(steps.index, [0, 1])
  np.testing.assert_array_equal(steps.kind, [samplers.DENOISE] * 2)
  np.testing.assert_array_equal(steps.level.level, [100, 7])
  np.testing.assert_array_equal(steps.level.time, [99, 6])


@pytest.mark.parametrize(
    "make", (samplers.ddim_steps, samplers.ddpm_steps, samplers.steered_steps))
def test_plans_are_made_outside_jit(make):
  with pytest.raises(ValueError, match="schedule is traced"):
    jax.jit(lambda s: make(s, 5))(SCHEDULE)


@pytest.mark.parametrize("schedule", (SCHEDULE, schedules.edm(100)))
def test_conditional_variance_is_the_gaussian_one(schedule):
  """Var[z_s | z_t, x0] from the joint covariance of (z_s, z_t) given x0."""
  t, s = np.array([100, 60, 2]), np.array([60, 2, 0])
  got = core.conditional_variance(schedule, t, s)
  for i in range(3):
    ratio = schedule.alpha[t[i]] / schedule.alpha[s[i]]
    shared = ratio * schedule.sigma[s[i]] ** 2
    want = schedule.sigma[s[i]] ** 2 - shared**2 / schedule.sigma[t[i]] ** 2
    np.testing.assert_allclose(got[i], want, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("schedule, scale", (
    (SCHEDULE, 1.0), (schedules.edm(10), np.hypot(1, 80)),
    (schedules.geometric(9), np.hypot(1, 50))))
def test_start_has_the_marginal_s_scale(schedule, scale):
  first = samplers.ddim_steps(schedule, 5)
  first = jax.tree.map(lambda leaf: leaf[0], first)
  z = jnp.float32([[1.0, -2.0]])
  np.testing.assert_allclose(core.start(z, first), scale * z, rtol=1e-6)
  assert core.start(z.astype(jnp.bfloat16), first).dtype == jnp.bfloat16
