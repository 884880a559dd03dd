"""Tests of samplers.ddim's plan."""

import numpy as np
import pytest

from jaxguide import samplers
from jaxguide import schedules

S = schedules.linear(1000)


def test_coefficients_are_song_s():
  """Eq. 12 and 16 of Song et al. 2021, from cumulative products."""
  steps = samplers.ddim_steps(S, 50, eta=0.3)
  c, t, s = steps.coefficients, steps.level.level, steps.next_level.level
  a_t, a_s = S.alpha_bar[t], S.alpha_bar[s]
  std = 0.3 * np.sqrt((1 - a_s) / (1 - a_t)) * np.sqrt(1 - a_t / a_s)
  np.testing.assert_allclose(c.noise_std, std, rtol=1e-5, atol=1e-7)
  np.testing.assert_allclose(c.x0_scale, np.sqrt(a_s), rtol=1e-6)
  np.testing.assert_allclose(
      c.eps_scale, np.sqrt(1 - a_s - std**2), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("eta", (0.0, 0.5, 1.0))
def test_power_is_that_of_the_next_level(eta):
  steps = samplers.ddim_steps(S, 50, eta=eta)
  c = steps.coefficients
  np.testing.assert_allclose(
      c.eps_scale**2 + c.noise_std**2, steps.next_level.sigma**2, atol=1e-6)


def test_the_last_step_returns_x0():
  for eta in (0.0, 1.0):
    c = samplers.ddim_steps(S, 50, eta=eta).coefficients
    assert (c.x0_scale[-1], c.eps_scale[-1], c.noise_std[-1]) == (1, 0, 0)


def test_levels_and_times():
  steps = samplers.ddim_steps(S, 10)
  np.testing.assert_array_equal(
      steps.level.time, [999, 888, 777, 666, 555, 444, 333, 222, 111, 0])
  np.testing.assert_array_equal(steps.next_level.level[:-1],
                                steps.level.level[1:])
  late = samplers.ddim_steps(S, 10, first_level=300)
  assert late.level.level[0] == 300 and late.next_level.level[-1] == 0


@pytest.mark.parametrize("eta", (-0.1, 1.1, float("nan")))
def test_eta_out_of_range(eta):
  with pytest.raises(ValueError, match=r"eta must be in \[0, 1\]"):
    samplers.ddim_steps(S, 10, eta=eta)
