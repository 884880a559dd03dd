"""Tests of `ilvr` beyond the contract and the recorded runs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import denoisers
from jaxguide import noise as noises
from jaxguide import operators
from jaxguide import samplers
from jaxguide import schedules

SHAPE = (8, 8, 3)
REFERENCE = np.random.default_rng(2).uniform(
    -1, 1, size=(2, *SHAPE)).astype(np.float32)
KEYS = noises.image_keys(0, np.arange(2))
SCHEDULE = schedules.linear(50)


def _shrink(x_t, level):
  return denoisers.from_x0(0.3 * level.alpha * x_t, x_t, level)


def _sample(steps, operator, **options):
  @jax.jit
  def run(keys, steps):
    noise = noises.prng_noise(keys)
    sampler = samplers.ilvr(
        _shrink, noise, reference=REFERENCE, operator=operator, **options)
    return samplers.sample(sampler, noise(-1, "start", SHAPE), steps,
                           record=lambda state: state)

  return run(KEYS, steps)


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
  out = _sample(samplers.ilvr_steps(SCHEDULE, 5), operator,
                lift=operator.pseudo_inverse)
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
  out = _sample(samplers.ilvr_steps(SCHEDULE, 5), low)
  gap = np.abs(low.apply(out.x) - low.apply(REFERENCE)).max()
  before = np.abs(low.apply(out.trajectory.proposal[-1])
                  - low.apply(REFERENCE)).max()
  assert 1e-4 < gap < before / 2


def test_refinement_exchanges_what_the_operator_sees():
  """x_s = x' + P(alpha_u ref + sigma_u n - x') in every step, either way."""
  low = OPERATORS["lowpass"]
  prng = noises.prng_noise(KEYS)
  for variant in ("paper", "released"):
    steps = samplers.ilvr_steps(SCHEDULE, 6, variant=variant, refine_above=9)
    out = _sample(steps, low).trajectory
    refined = np.asarray(steps.level.level) > 9
    assert 0 < refined.sum() < 6
    for i in range(6):
      seen = steps.level if variant == "released" else steps.next_level
      n = prng(i, "reference", SHAPE)
      noisy = seen.alpha[i] * REFERENCE + seen.sigma[i] * n
      moved = low.apply(noisy - out.proposal[i]) * refined[i]
      np.testing.assert_allclose(out.x[i] - out.proposal[i], moved, atol=2e-6)


def test_a_start_from_the_noised_reference():
  """The colorization baseline: grey consistency, a noised grey image."""
  steps = samplers.ilvr_steps(SCHEDULE, 4, first_level=20)
  first = jax.tree.map(lambda leaf: leaf[0], steps)
  z = jax.random.normal(jax.random.key(0), REFERENCE.shape)
  luma = OPERATORS["grayscale"]

  def start(which):
    sampler = samplers.ilvr(
        _shrink, noises.prng_noise(KEYS), reference=REFERENCE,
        operator=luma, lift=luma.pseudo_inverse, start=which)
    return sampler.init(z, first).x

  want = SCHEDULE.alpha[20] * REFERENCE + SCHEDULE.sigma[20] * z
  np.testing.assert_allclose(start("reference"), want, atol=1e-6)
  np.testing.assert_allclose(start("noise"), z, atol=1e-6)


def test_the_operator_has_to_come_back_to_the_image():
  steps = samplers.ilvr_steps(SCHEDULE, 2)
  with pytest.raises(ValueError, match="lift must give images of shape"):
    _sample(steps, OPERATORS["pooling"])


def test_options_are_checked():
  noise = noises.prng_noise(KEYS)
  with pytest.raises(ValueError, match="start must be one of"):
    samplers.ilvr(_shrink, noise, reference=REFERENCE, start="zero",
                  operator=OPERATORS["lowpass"])
  with pytest.raises(ValueError, match="variant must be one of"):
    samplers.ilvr_steps(SCHEDULE, 2, variant="ours")
  with pytest.raises(ValueError, match="refine_above must be at least 0"):
    samplers.ilvr_steps(SCHEDULE, 2, refine_above=-1)


def test_without_refinement_it_is_ancestral_sampling():
  steps = samplers.ilvr_steps(SCHEDULE, 5, refine_above=50)
  out = _sample(steps, OPERATORS["lowpass"])

  @jax.jit
  def plain(keys):
    noise = noises.prng_noise(keys)
    return samplers.sample(
        samplers.ddpm(_shrink, noise), noise(-1, "start", SHAPE),
        samplers.ddpm_steps(SCHEDULE, 5)).x

  np.testing.assert_allclose(out.x, plain(KEYS), atol=1e-6)
  assert jnp.all(out.is_finite)
