"""Sums per image."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide.operators import sums


@pytest.mark.parametrize("shape", [(1,), (5,), (4, 4, 3), (16, 16, 3), (33, 7)])
def test_equals_the_float64_sum(shape):
  x = np.random.default_rng(0).normal(size=(3, *shape)).astype(np.float32)
  wanted = x.astype(np.float64).reshape(3, -1).sum(axis=1)
  got = sums.sum_per_image(jnp.asarray(x))
  np.testing.assert_allclose(got, wanted, atol=1e-6 * x.size)
  wanted = (x.astype(np.float64) ** 2).reshape(3, -1).sum(axis=1)
  np.testing.assert_allclose(
      sums.squared_norm(jnp.asarray(x)), wanted, rtol=1e-6
  )


@pytest.mark.parametrize("shape", [(16, 16, 3), (8, 8, 3), (5, 7, 3)])
def test_bits_do_not_depend_on_the_batch(shape):
  x = np.random.default_rng(1).normal(size=(16, *shape)).astype(np.float32)
  whole = np.asarray(jax.jit(sums.squared_norm)(x))
  for size in (2, 3, 5, 8):
    part = np.asarray(jax.jit(sums.squared_norm)(x[:size]))
    np.testing.assert_array_equal(part, whole[:size])
