"""Tests of samplers.ddpm: its plan, and its variances."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import denoisers
from jaxguide import samplers
from jaxguide import schedules
from tests import recorded_kinds

S = schedules.linear(1000)


def test_coefficients_are_ho_s():
  """Eq. 7 of Ho et al. 2020, beta between the levels that are visited."""
  steps = samplers.ddpm_steps(S, 50)
  c, t, s = steps.coefficients, steps.level.level, steps.next_level.level
  a_t, a_s = S.alpha_bar[t], S.alpha_bar[s]
  beta = 1 - a_t / a_s
  np.testing.assert_allclose(
      c.x0_scale, np.sqrt(a_s) * beta / (1 - a_t), rtol=1e-5)
  np.testing.assert_allclose(
      c.x_scale, np.sqrt(1 - beta) * (1 - a_s) / (1 - a_t),
      rtol=1e-5, atol=1e-7)
  small = beta * (1 - a_s) / (1 - a_t)
  small[-1] = small[-2]  # As the released tables have it.
  np.testing.assert_allclose(np.exp(c.log_small), small, rtol=1e-4)
  np.testing.assert_allclose(np.exp(c.log_large), beta, rtol=1e-4)
  np.testing.assert_array_equal(c.add_noise, [1] * 49 + [0])


def test_a_single_step_has_finite_logarithms():
  c = samplers.ddpm_steps(S, 1).coefficients
  assert np.isfinite(c.log_small) and np.isfinite(c.log_large)


def _step_std(variance, fraction):
  """The spread of one step's draws at one level, by unit draws."""

  def denoise(x_t, level):
    return denoisers.Prediction(0 * x_t, 0 * x_t, fraction)

  def noise(index, slot, shape, law="normal", inner=0):
    return jnp.ones((2, *shape))

  steps = samplers.ddpm_steps(S, 50)
  step = jax.tree.map(lambda leaf: leaf[20], steps)
  sampler = samplers.ddpm(denoise, noise, variance=variance)
  state = sampler.init(jnp.zeros((2, 3)), step)
  return sampler.step(state, step).x, step.coefficients


def test_fixed_variances():
  small, c = _step_std("fixed_small", None)
  large, _ = _step_std("fixed_large", None)
  np.testing.assert_allclose(small, np.exp(c.log_small / 2), rtol=1e-5)
  np.testing.assert_allclose(large, np.exp(c.log_large / 2), rtol=1e-5)


def test_a_learned_variance_interpolates_logarithms():
  fraction = jnp.array([[0.0, 0.5, 1.0], [1.0, 0.25, 0.0]])
  got, c = _step_std("learned", fraction)
  log = fraction * c.log_large + (1 - fraction) * c.log_small
  np.testing.assert_allclose(got, np.exp(log / 2), rtol=1e-5)


def test_options_are_checked():
  with pytest.raises(ValueError, match="variance must be one of"):
    _step_std("learnt", None)
  with pytest.raises(ValueError, match="needs a denoiser with a learned"):
    _step_std("learned", None)


@recorded_kinds.parametrized("ancestral posterior")
def test_recorded_posteriors(path):
  """The plan is rounded to float32."""
  with np.load(path) as archive:
    arrays = dict(archive)
  for prefix in recorded_kinds.read(path).prefixes(
      "posterior_mean_coef1", "timestep_map"):
    stored = {k.removeprefix(prefix): v for k, v in arrays.items()
              if k.startswith(prefix)}
    kept = stored["timestep_map"]
    betas = schedules.respaced_betas(S.alpha_bar[1:], kept)
    schedule = schedules.from_betas(betas, kept)
    c = samplers.ddpm_steps(schedule, kept.size).coefficients
    ours = {
        "posterior_mean_coef1": c.x0_scale,
        "posterior_mean_coef2": c.x_scale,
        "posterior_log_variance_clipped": c.log_small,
    }
    for name, value in ours.items():
      np.testing.assert_allclose(
          value[::-1], stored[name], rtol=1e-6, atol=1e-9,
          err_msg=f"{prefix}{name}")
