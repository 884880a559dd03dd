"""Gaussian blur against scipy's, and its limits."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

from jaxguide import operators
from jaxguide.operators import blur

SCIPY_MODES = {
    "reflect": "mirror",
    "symmetric": "reflect",
    "edge": "nearest",
    "zero": "constant",
}


@pytest.mark.parametrize("boundary", sorted(SCIPY_MODES))
@pytest.mark.parametrize("size", [(40, 33), (16, 16)])
def test_equals_scipy(boundary, size):
  x = np.random.default_rng(0).uniform(-1, 1, size)
  wanted = scipy.ndimage.gaussian_filter(
      x, 3.0, truncate=4.0, mode=SCIPY_MODES[boundary]
  )
  operator = operators.gaussian_blur(size, boundary=boundary)
  got = operator.apply(jnp.asarray(x, jnp.float32)[None, :, :, None])
  np.testing.assert_allclose(got[0, :, :, 0], wanted, atol=2e-6)


def test_kernel_is_the_filtered_impulse():
  impulse = np.zeros((61, 61))
  impulse[30, 30] = 1.0
  wanted = scipy.ndimage.gaussian_filter(impulse, 3.0)
  kernel = blur.gaussian_kernel(61, 3.0)
  np.testing.assert_allclose(np.outer(kernel, kernel), wanted, atol=1e-9)
  assert np.count_nonzero(kernel) == 25
  assert abs(kernel[30] ** 2 - 0.0176849) < 1e-7


def test_renormalised_blur_keeps_a_constant():
  operator = operators.gaussian_blur((20, 20), boundary="renormalise")
  y = operator.apply(jnp.full((1, 20, 20, 1), -0.5))
  np.testing.assert_allclose(y, -0.5, atol=1e-6)


def test_narrow_blur_tends_to_the_identity():
  x = jnp.asarray(np.random.default_rng(2).normal(size=(1, 12, 12, 3)))
  y = operators.gaussian_blur((12, 12), kernel_size=3, std=0.1).apply(x)
  np.testing.assert_allclose(y, x, atol=1e-6)


def test_cutoff_bounds_gain_and_residual():
  x = jnp.asarray(
      np.random.default_rng(3).normal(size=(1, 32, 32, 1)), jnp.float32
  )
  residuals = []
  for cutoff in (0.3, 0.03, 0.003):
    operator = operators.gaussian_blur((32, 32), cutoff=cutoff)
    y = operator.apply(x)
    gain = operator.pseudo_inverse(x)
    assert jnp.linalg.norm(gain) <= jnp.linalg.norm(x) / cutoff**2
    gap = operator.apply(operator.pseudo_inverse(y)) - y
    residuals.append(float(jnp.linalg.norm(gap) / jnp.linalg.norm(x)))
    assert residuals[-1] <= cutoff + 1e-4
  assert residuals[0] > residuals[1] > residuals[2]


def test_bad_options_are_named():
  with pytest.raises(ValueError, match="kernel_size"):
    operators.gaussian_blur((8, 8), kernel_size=4)
  with pytest.raises(ValueError, match="std"):
    operators.gaussian_blur((8, 8), std=0.0)
  with pytest.raises(ValueError, match="cutoff"):
    operators.gaussian_blur((8, 8), cutoff=-1.0)
