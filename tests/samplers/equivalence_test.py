"""Samplers on equivalent schedules, and samplers that are one another."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import denoisers
from jaxguide import energies
from jaxguide import guidance
from jaxguide import noises
from jaxguide import operators
from jaxguide import samplers
from jaxguide import schedules
from tests.samplers import gaussians

PRIOR = gaussians.prior()
MASK = np.float32(PRIOR.mask)[None]
Y = np.float32(np.random.default_rng(0).normal(size=(4, gaussians.DIM)))
VP = schedules.linear(200)
# The same noise-to-signal ratios with the signal left as it is.
VE = schedules.variance_exploding(VP.sigma[1:] / VP.alpha[1:], VP.time[1:])


def _run(make, *plans):
  """Samples of every plan from one compiled `make(denoise, noise)`."""

  @jax.jit
  def run(keys, steps):
    denoise = denoisers.gaussian(
        np.float32(PRIOR.mean), np.float32(PRIOR.covariance))
    noise = noises.prng_noise(keys)
    z = noise(-1, "start", (gaussians.DIM,))
    return samplers.sample(make(denoise, noise), z, steps).x

  keys = noises.image_keys(0, np.arange(4))
  return [run(keys, steps) for steps in plans]


def _constraint(x0):
  return MASK * (Y - x0)


def _pull():
  observation = operators.Observation(Y * MASK, operators.inpainting(MASK))
  return guidance.through_denoiser(energies.squared_error(observation))


def _steered(**options):
  return lambda denoise, noise: samplers.steered(denoise, noise, **options)


def test_ddim_on_equivalent_schedules():
  one, two = _run(
      samplers.ddim,
      *(samplers.ddim_steps(s, 20, eta=0.5) for s in (VP, VE)))
  np.testing.assert_allclose(one, two, atol=2e-4)


def test_ddpm_on_equivalent_schedules():
  """With the posterior variance, which scales with the state."""
  one, two = _run(
      samplers.ddpm, *(samplers.ddpm_steps(s, 20) for s in (VP, VE)))
  np.testing.assert_allclose(one, two, atol=2e-4)


@pytest.mark.parametrize("look_ahead", ("none", "bayes"))
def test_steered_on_equivalent_schedules(look_ahead):
  make = _steered(constraint=_constraint, guidance=_pull(),
                  guidance_scale=0.2, look_ahead=look_ahead)
  for rule in ("time_varying", "constant"):
    one, two = _run(make, *(
        samplers.steered_steps(
            s, 20, num_inner=2, gradient_schedule=rule,
            constraint_schedule=rule) for s in (VP, VE)))
    np.testing.assert_allclose(one, two, atol=5e-4)


def test_ddim_with_eta_one_is_ddpm():
  (one,) = _run(samplers.ddim, samplers.ddim_steps(VP, 20, eta=1.0))
  (two,) = _run(samplers.ddpm, samplers.ddpm_steps(VP, 20))
  np.testing.assert_allclose(one, two, atol=2e-4)


def test_steered_without_steering_is_ddim():
  etas = (0.0, 1.0)
  want = _run(
      samplers.ddim, *(samplers.ddim_steps(VP, 20, eta=e) for e in etas))
  steps = [samplers.steered_steps(VP, 20, eta=e) for e in etas]
  np.testing.assert_allclose(_run(_steered(), *steps), want, atol=2e-4)
  zero = _steered(constraint=_constraint, guidance=_pull(),
                  guidance_scale=0.0, constraint_scale=0.0)
  np.testing.assert_allclose(_run(zero, *steps), want, atol=2e-4)


def test_plans_agree_across_variants_where_they_should():
  """The transition of both variants is Eq. 13; only rounding differs."""
  paper = samplers.steered_steps(VP, 20).coefficients
  released = samplers.steered_steps(VP, 20, variant="released").coefficients
  for name in ("recip", "recip_m1", "x0_scale", "eps_scale", "noise_std",
               "keep", "constraint_scale"):
    np.testing.assert_allclose(
        getattr(paper, name), getattr(released, name), rtol=2e-4, atol=1e-4)


def test_many_ddim_steps_follow_the_probability_flow():
  """Along every principal axis x - alpha m scales with its spread."""
  z = np.float32(np.random.default_rng(1).normal(size=(4, gaussians.DIM)))
  variance, basis = np.linalg.eigh(PRIOR.covariance)
  s = schedules.linear(1000)

  def spread(level):
    return np.sqrt(s.alpha_bar[level] * variance + s.sigma[level] ** 2)

  start = (z - s.alpha[-1] * PRIOR.mean) @ basis
  want = PRIOR.mean + (start * spread(0) / spread(1000)) @ basis.T
  errors = []
  for count in (50, 1000):
    denoise = denoisers.gaussian(
        np.float32(PRIOR.mean), np.float32(PRIOR.covariance))
    noise = noises.prng_noise(noises.image_keys(0, np.arange(4)))
    out = jax.jit(lambda z, steps, d=denoise, n=noise: samplers.sample(
        samplers.ddim(d, n), z, steps).x)(
            jnp.asarray(z), samplers.ddim_steps(s, count))
    errors.append(np.abs(out - want).max())
  assert errors[1] < 0.03 and errors[1] < errors[0] / 5, errors
