"""Average pooling against plain loops."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import operators


def test_equals_block_means():
  x = np.random.default_rng(0).normal(size=(2, 6, 9, 3))
  y = operators.average_pool((6, 9), 3).apply(jnp.asarray(x, "f"))
  for i in range(2):
    for j in range(3):
      block = x[:, 3 * i : 3 * i + 3, 3 * j : 3 * j + 3].mean(axis=(1, 2))
      np.testing.assert_allclose(y[:, i, j], block, atol=1e-6)


def test_pseudo_inverse_of_a_single_pixel():
  y = jnp.zeros((1, 2, 2, 1)).at[0, 0, 1, 0].set(2.0)
  x = operators.average_pool((4, 4), 2).pseudo_inverse(y)
  wanted = np.zeros((4, 4))
  wanted[:2, 2:] = 2.0
  np.testing.assert_array_equal(x[0, :, :, 0], wanted)


def test_an_injected_basis_is_used():
  rng = np.random.default_rng(1)
  random = rng.normal(size=(4, 4))
  random[:, 0] = 0.5
  basis, _ = np.linalg.qr(random)
  operator = operators.average_pool((2, 2), 2, basis=basis)
  x = rng.normal(size=(1, 2, 2, 1))
  got = operator.svd.V.transpose(jnp.asarray(x, "f"))
  np.testing.assert_allclose(
      np.asarray(got).ravel(), basis.T @ x.ravel(), atol=1e-6
  )
  y = operator.svd.U.apply(operator.svd.s * got)
  np.testing.assert_allclose(y[0, 0, 0, 0], x.mean(), atol=1e-6)


def test_a_factor_that_does_not_divide_is_refused():
  for factor in (0, 3):
    with pytest.raises(ValueError, match="factor must divide"):
      operators.average_pool((8, 8), factor)
