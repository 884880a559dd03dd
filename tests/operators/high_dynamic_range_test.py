"""The saturating camera against its closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import energies
from jaxguide import operators

X = np.random.default_rng(0).uniform(-1, 1, (3, 4, 4, 3)).astype(np.float32)


@pytest.mark.parametrize("exposure", [0.5, 1.0, 2.0, 3.7])
def test_it_is_a_scaled_and_clipped_image(exposure):
  got = operators.high_dynamic_range(exposure).apply(jnp.asarray(X))
  np.testing.assert_array_equal(
      got, np.clip(np.float32(exposure) * X, -1, 1))
  if exposure <= 1:
    np.testing.assert_allclose(got / exposure, X, rtol=1e-6)


def test_what_is_not_saturated_is_recovered_exactly():
  y = np.asarray(operators.high_dynamic_range().apply(jnp.asarray(X)))
  seen = np.abs(X) < 0.5
  assert 0.4 < seen.mean() < 0.6
  np.testing.assert_array_equal((y / 2)[seen], X[seen])
  np.testing.assert_array_equal(np.abs(y[~seen]), 1)


def test_the_gradient_is_the_exposure_up_to_both_ends_and_zero_beyond():
  apply = operators.high_dynamic_range(4.0).apply
  x = jnp.float32([[-0.3, -0.25, 0.0, 0.25, 0.2500001, 9.0]])
  gradient = jax.grad(lambda x: apply(x).sum())(x)
  np.testing.assert_array_equal(gradient, [[0, 4, 4, 4, 0, 0]])


def test_the_measurement_error_has_the_gradient_of_the_closed_form():
  """2 exposure (A(x) - y) where not saturated, 0 elsewhere."""
  operator = operators.high_dynamic_range(2.0)
  y = operator.apply(jnp.asarray(X))
  energy = energies.squared_error(operators.Observation(y, operator))
  at = X[::-1]
  value, pull = jax.vjp(lambda x: energy(x, None, None), jnp.asarray(at))
  residual = np.clip(2 * at, -1, 1) - np.asarray(y)
  np.testing.assert_allclose(
      value, (residual**2).sum(axis=(1, 2, 3)), rtol=1e-5)
  (gradient,) = pull(jnp.ones(3))
  np.testing.assert_allclose(
      gradient, 4 * residual * (np.abs(at) <= 0.5), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("exposure", [0.0, -1.0, float("inf"), float("nan")])
def test_an_exposure_out_of_range_is_named(exposure):
  with pytest.raises(ValueError, match="exposure must be positive and finite"):
    operators.high_dynamic_range(exposure)
