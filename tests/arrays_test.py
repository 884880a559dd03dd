"""Tests of arrays."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import arrays


def test_check_rank():
  arrays.check_rank("x", np.zeros((2, 3)), 2)
  with pytest.raises(ValueError, match=r"keys must have 1 axes.*\(2, 3\)"):
    arrays.check_rank("keys", np.zeros((2, 3)), 1)


@pytest.mark.parametrize("shape", [(2, 3), (2, None), (None, None)])
def test_check_shape_accepts(shape):
  arrays.check_shape("x", np.zeros((2, 3)), shape)


@pytest.mark.parametrize("shape", [(3, 2), (2,), (2, 3, None), (None, 2)])
def test_check_shape_refuses(shape):
  with pytest.raises(ValueError, match=r"mask must have shape .*\(2, 3\)"):
    arrays.check_shape("mask", np.zeros((2, 3)), shape)


def test_check_shape_shows_free_axes_as_stars():
  with pytest.raises(ValueError, match=r"\[\*, 5\]"):
    arrays.check_shape("x", np.zeros((2, 3)), (None, 5))


def test_check_choice_lists_what_is_allowed():
  arrays.check_choice("rule", "a", ("a", "b"))
  with pytest.raises(ValueError, match="rule must be one of 'a', 'b', got 'c'"):
    arrays.check_choice("rule", "c", ("a", "b"))


@pytest.mark.parametrize("shape", [(3,), (3, 4), (3, 2, 2, 1)])
def test_bcast(shape):
  x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
  scalar, per_image = jnp.float32(2), jnp.array([1.0, 10.0, 100.0])
  np.testing.assert_array_equal(arrays.bcast(scalar, x) * x, 2 * x)
  scaled = np.asarray(arrays.bcast(per_image, x) * x)
  for n in range(3):
    np.testing.assert_array_equal(scaled[n], 10.0**n * x[n])


def test_a_sum_of_products_has_the_same_bits_in_any_order():
  rng = np.random.default_rng(0)
  x, y, z, w = np.float32(rng.normal(size=(4, 1031)))
  # What is not finite passes.
  x[:4], y[:4] = (np.inf, -np.inf, np.nan, 1e30), (1, 1, 1, -1e30)
  with np.errstate(over="ignore"):
    expected = x * y + z * w  # NumPy rounds both products.
  first = jax.jit(lambda x, y, z, w: (
      arrays.product(x, y) + arrays.product(z, w)))
  second = jax.jit(lambda x, y, z, w: (
      arrays.product(z, w) + arrays.product(x, y)))
  assert not np.isfinite(expected[:4]).any()
  for compute in (first, second):
    np.testing.assert_array_equal(compute(x, y, z, w), expected)


def test_gradients_of_a_product():
  x, y, tangent = np.float32(np.random.default_rng(1).normal(size=(3, 32)))
  y_bar, pull = jax.vjp(arrays.product, x, y)
  np.testing.assert_array_equal(y_bar, x * y)
  for found, factor in zip(pull(tangent), (y, x), strict=True):
    np.testing.assert_allclose(found, tangent * factor, rtol=1e-6)
  slope = jax.jvp(lambda x: arrays.product(x, x), (x,), (tangent,))[1]
  np.testing.assert_allclose(slope, 2 * x * tangent, rtol=1e-6)
