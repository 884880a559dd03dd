"""EGSDE's energies in other samplers, in one sum with energies of others."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import arrays
from jaxguide import denoisers
from jaxguide import energies
from jaxguide import guidance
from jaxguide import operators
from jaxguide import samplers
from jaxguide import schedules
from jaxguide import variational
from tests import draws
from tests import programs

COUNT, SHAPE, FACTOR = 4, (8, 8, 3), 2
SCHEDULE = schedules.linear()
WEIGHTS = (0.7, 0.05, 0.02, 0.3)
SPREAD = 0.5

_RNG = np.random.default_rng(3)
SOURCE = np.float32(_RNG.uniform(-1, 1, (COUNT, *SHAPE)))
MASK = np.float32(_RNG.integers(0, 2, (1, *SHAPE[:2], 1)))
MIX = np.float32(_RNG.normal(size=(3, 5)))


def _noise(rows=COUNT):
  return draws.hashed_noise(np.arange(rows))


def _features(x, time):
  """Of no use but to be told apart: they know the time."""
  return jnp.tanh(x @ MIX + 1e-3 * time[:, None, None, None])


def _distance(x, reference):
  return jnp.sum(jnp.abs(jnp.sin(x - reference)), axis=(1, 2, 3))


def _energy(source=SOURCE, at="estimate"):
  observation = operators.Observation(
      MASK * source, operators.inpainting(MASK))
  terms = (
      energies.domain_similarity(_features, source, at=at),
      energies.lowpass_distance(source, FACTOR, at=at),
      energies.squared_error(observation),
      energies.perceptual_distance(_distance, source))
  return energies.weighted_sum(list(zip(terms, WEIGHTS, strict=True)))


def _by_hand(x, energy_of=None):
  """The same sum of an estimate, written out."""
  f, g = (_features(v, jnp.zeros(COUNT)) for v in (x, SOURCE))
  norm = lambda v: jnp.sqrt(jnp.sum(v**2, -1))
  cosine = jnp.mean(
      jnp.sum(f * g, -1) / (norm(f) * norm(g)), axis=(1, 2))
  low = operators.lowpass(SHAPE[:2], FACTOR).apply(x - SOURCE)
  squares = lambda v: jnp.sum(v**2, axis=(1, 2, 3))
  parts = (cosine, squares(low), squares(MASK * (x - SOURCE)),
           _distance(x, SOURCE))
  return sum(w * p for w, p in zip(WEIGHTS, parts, strict=True))


def _gain(level):
  """x0 over x_t, for pixels that are independent N(0, SPREAD^2)."""
  total = level.alpha**2 * SPREAD**2 + level.sigma**2
  return level.alpha * SPREAD**2 / total


def _denoise(x_t, level):
  gain = arrays.bcast(jnp.asarray(_gain(level)), x_t)
  return denoisers.from_x0(gain * x_t, x_t, level)


def _draw(slot, shape, law="normal"):
  raise AssertionError(f"an estimate is compared without draws, got {slot}")


@pytest.mark.parametrize("where", ["at_estimate", "through_denoiser"])
def test_the_gradient_is_that_of_the_sum_written_out(where):
  x_t = np.float32(np.random.default_rng(1).normal(size=SOURCE.shape))
  level = jax.tree.map(np.float32, SCHEDULE.at_level(300))
  guide = getattr(guidance, where)(_energy())

  @programs.jit
  def run(x_t):
    return guide(_denoise, x_t, level, _draw)

  gain = _gain(level)
  inner = gain if where == "through_denoiser" else 1.0
  value, slope = jax.value_and_grad(
      lambda x: jnp.sum(_by_hand(x)))(gain * x_t)
  found = run(x_t)
  np.testing.assert_allclose(found.value.sum(), value, rtol=1e-5)
  np.testing.assert_allclose(
      found.gradient, inner * slope, rtol=1e-4,
      atol=1e-5 * np.abs(slope).max())


def _ddim(noise, guide):
  return samplers.ddim(
      samplers.score_shift(_denoise, guide, noise), noise)


def _ddpm(noise, guide):
  return samplers.ddpm(
      samplers.score_shift(_denoise, guide, noise), noise)


def _steered(noise, guide):
  return samplers.steered(_denoise, noise, guidance=guide)


SAMPLERS = {
    "ddim": (_ddim, samplers.ddim_steps),
    "ddpm": (_ddpm, samplers.ddpm_steps),
    "steered": (_steered, samplers.steered_steps)}
# A gradient at x0 is no score: moved by it, x0 would jump by sigma^2 / alpha.
PLACES = {
    "at the estimate": lambda: guidance.at_estimate(energies.weighted_sum(
        [(_energy(), lambda level: level.alpha)])),
    "through the denoiser": lambda: guidance.through_denoiser(_energy()),
    "at the state": lambda: guidance.at_state(_energy(at="state"))}


@functools.cache
def _samples(name, place):
  make, plan = SAMPLERS[name]
  noise = _noise()
  guide = PLACES[place]() if place else guidance.at_estimate(
      energies.weighted_sum([]))

  @programs.jit
  def run(steps):
    return samplers.sample(
        make(noise, guide), noise(-1, "start", SHAPE), steps)

  out = run(plan(SCHEDULE, 20))
  assert np.all(out.is_finite)
  return np.asarray(out.x)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_goes_where_the_energies_are_lower(name, place):
  plain, guided = (
      np.asarray(_by_hand(_samples(name, p))) for p in ("", place))
  assert np.all(guided < plain)


def test_vipaint_takes_them_for_its_reconstruction():
  plan = variational.vipaint_plan(SCHEDULE, variational.LEVELS[1])
  rows = variational.repeat(SOURCE, 2)
  noise = _noise()

  @programs.jit
  def run(plan):
    loss = variational.negative_elbo(
        plan, _denoise, noise, _energy(rows), num_samples=2,
        beta_diffusion=0.0)
    context = variational.encodings(MASK * SOURCE, noise, plan.num_levels)
    start = variational.initialise(plan, context, noise)
    return variational.fit(loss, start, num_iterations=40)

  found = run(plan)
  assert np.all(found.is_finite)
  terms = np.asarray(found.history.reconstruction)
  assert np.all(terms[-5:].mean(0) < 0.8 * terms[:5].mean(0))


@pytest.mark.parametrize("make", [
    lambda: energies.domain_similarity(_features, SOURCE[:1], at="estimate"),
    lambda: energies.lowpass_distance(SOURCE[:1], FACTOR, at="estimate")])
def test_one_source_is_not_that_of_all_samples(make):
  level = SCHEDULE.at_level(300)
  with pytest.raises(ValueError, match=r"x must have shape \[1, 8, 8, 3\]"):
    make()(jnp.asarray(SOURCE), level, _draw)
