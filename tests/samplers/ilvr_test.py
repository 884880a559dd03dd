"""Tests of `ilvr` beyond the contract and the recorded runs."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import denoisers
from jaxguide import operators
from jaxguide import samplers
from jaxguide import schedules
from tests import draws
from tests import programs

SHAPE = (8, 8, 3)
REFERENCE = np.random.default_rng(2).uniform(
    -1, 1, size=(2, *SHAPE)).astype(np.float32)
NOISE = draws.hashed_noise(np.arange(2))
SCHEDULE = schedules.linear(50)


def _shrink(x_t, level):
  return denoisers.from_x0(0.3 * level.alpha * x_t, x_t, level)


@functools.cache
def _run(name, is_projected):
  """`steps -> Samples`, compiled once for all plans of one length."""
  operator = OPERATORS[name]
  lift = operator.pseudo_inverse if is_projected else None

  @programs.jit
  def run(steps):
    sampler = samplers.ilvr(
        _shrink, NOISE, reference=REFERENCE, operator=operator, lift=lift)
    return samplers.sample(sampler, NOISE(-1, "start", SHAPE), steps,
                           record=lambda state: state)

  return run


OPERATORS = {
    "grayscale": operators.colorization(),
    "pooling": operators.average_pool((8, 8), 4),
    "lowpass": operators.lowpass(8, 4, "cubic"),
    "inpainting": operators.inpainting(
        np.float32(np.arange(64) % 3 == 0).reshape(1, 8, 8, 1)),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_the_result_agrees_with_the_reference_for_any_operator(name):
  """With the pseudo-inverse as lift P projects, and the last step is clean."""
  operator = OPERATORS[name]
  out = _run(name, True)(samplers.ilvr_steps(SCHEDULE, 5))
  np.testing.assert_allclose(
      operator.apply(out.x), operator.apply(REFERENCE), atol=2e-5)
  last = out.trajectory.proposal[-1]
  gap = operator.apply(last) - operator.apply(REFERENCE)
  assert np.abs(gap).max() > 0.1
  # What the operator does not see is the proposal's.
  hidden = [v - operator.pseudo_inverse(operator.apply(v))
            for v in (out.x, last)]
  np.testing.assert_allclose(*hidden, atol=2e-5)


def test_a_filter_that_is_no_projection_agrees_only_about():
  low = OPERATORS["lowpass"]
  out = _run("lowpass", False)(samplers.ilvr_steps(SCHEDULE, 6))
  gap = np.abs(low.apply(out.x) - low.apply(REFERENCE)).max()
  before = np.abs(low.apply(out.trajectory.proposal[-1])
                  - low.apply(REFERENCE)).max()
  assert 1e-4 < gap < before / 2


def test_refinement_exchanges_what_the_operator_sees():
  """x_s = x' + P(alpha_u ref + sigma_u n - x') in every step, either way."""
  low = OPERATORS["lowpass"]
  apply = programs.jit(low.apply)
  for variant in ("paper", "released"):
    steps = samplers.ilvr_steps(SCHEDULE, 6, variant=variant, refine_above=9)
    out = _run("lowpass", False)(steps).trajectory
    refined = np.asarray(steps.level.level) > 9
    assert 0 < refined.sum() < 6
    for i in range(6):
      seen = steps.level if variant == "released" else steps.next_level
      n = np.asarray(NOISE(i, "reference", SHAPE))
      noisy = seen.alpha[i] * REFERENCE + seen.sigma[i] * n
      moved = apply(noisy - out.proposal[i]) * refined[i]
      np.testing.assert_allclose(out.x[i] - out.proposal[i], moved, atol=2e-6)


def test_a_start_from_the_noised_reference():
  """The colorization baseline: grey consistency, a noised grey image."""
  steps = samplers.ilvr_steps(SCHEDULE, 4, first_level=20)
  first = jax.tree.map(lambda leaf: leaf[0], steps)
  z = np.float32(np.random.default_rng(0).normal(size=REFERENCE.shape))
  luma = OPERATORS["grayscale"]

  def start(which):
    sampler = samplers.ilvr(
        _shrink, NOISE, reference=REFERENCE,
        operator=luma, lift=luma.pseudo_inverse, start=which)
    return sampler.init(z, first).x

  want = SCHEDULE.alpha[20] * REFERENCE + SCHEDULE.sigma[20] * z
  np.testing.assert_allclose(start("reference"), want, atol=1e-6)
  np.testing.assert_allclose(start("noise"), z, atol=1e-6)


def test_the_operator_has_to_come_back_to_the_image():
  steps = samplers.ilvr_steps(SCHEDULE, 2)
  with pytest.raises(ValueError, match="lift must give images of shape"):
    _run("pooling", False)(steps)


def test_options_are_checked():
  with pytest.raises(ValueError, match="start must be one of"):
    samplers.ilvr(_shrink, NOISE, reference=REFERENCE, start="zero",
                  operator=OPERATORS["lowpass"])
  with pytest.raises(ValueError, match="operator must be a LinearOperator"):
    samplers.ilvr(_shrink, NOISE, reference=REFERENCE,
                  operator=operators.high_dynamic_range())
  with pytest.raises(ValueError, match="variant must be one of"):
    samplers.ilvr_steps(SCHEDULE, 2, variant="ours")
  with pytest.raises(ValueError, match="refine_above must be at least 0"):
    samplers.ilvr_steps(SCHEDULE, 2, refine_above=-1)


def test_without_refinement_it_is_ancestral_sampling():
  steps = samplers.ilvr_steps(SCHEDULE, 6, refine_above=50)
  out = _run("lowpass", False)(steps)
  plain = programs.jit(lambda steps: samplers.sample(
      samplers.ddpm(_shrink, NOISE), NOISE(-1, "start", SHAPE), steps).x)
  np.testing.assert_allclose(
      out.x, plain(samplers.ddpm_steps(SCHEDULE, 6)), atol=1e-6)
  assert jnp.all(out.is_finite)
