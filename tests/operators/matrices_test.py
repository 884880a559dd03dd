"""Separable operators against explicit Kronecker products."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import operators
from jaxguide.operators import matrices


def test_equals_the_kronecker_product():
  rng = np.random.default_rng(0)
  m, n = rng.normal(size=(3, 5)), rng.normal(size=(4, 6))
  full = np.kron(m, n)
  x = rng.normal(size=(2, 5, 6, 1))
  operator = operators.separable(m, n)
  got = operator.apply(jnp.asarray(x, "f"))
  np.testing.assert_allclose(
      np.asarray(got).reshape(2, -1), x.reshape(2, -1) @ full.T, atol=1e-5
  )
  y = rng.normal(size=(2, 3, 4, 1))
  got = operator.pseudo_inverse(jnp.asarray(y, "f"))
  wanted = y.reshape(2, -1) @ np.linalg.pinv(full).T
  np.testing.assert_allclose(
      np.asarray(got).reshape(2, -1), wanted, atol=1e-4
  )
  s = np.sort(np.asarray(operator.svd.s).ravel())[::-1]
  wanted = np.linalg.svd(full, compute_uv=False)
  np.testing.assert_allclose(s[: len(wanted)], wanted, rtol=1e-5)
  assert np.all(s[len(wanted):] == 0)


def test_a_rank_deficient_matrix_is_noticed():
  m = np.outer([1.0, 2.0], [1.0, 0.0, 3.0])
  operator = operators.separable(m, np.eye(3))
  assert np.count_nonzero(operator.svd.s) == 3


@pytest.mark.parametrize(
    ("boundary", "mode"),
    [("symmetric", "symmetric"), ("reflect", "reflect"), ("edge", "edge"),
     ("zero", "constant")],
)
def test_boundaries_equal_numpy_padding(boundary, mode):
  signal = np.random.default_rng(1).normal(size=5)
  # Wider than the signal, so that mirrors are mirrored again.
  neighbours = np.arange(5)[:, None] + np.arange(-8, 9)
  weights = np.random.default_rng(2).normal(size=neighbours.shape)
  matrix = matrices.boundary_matrix(5, neighbours, weights, boundary)
  padded = np.pad(signal, 8, mode=mode)
  wanted = [weights[i] @ padded[i : i + 17] for i in range(5)]
  np.testing.assert_allclose(matrix @ signal, wanted, atol=1e-12)


def test_a_tall_matrix_is_refused():
  with pytest.raises(ValueError, match="vertical must have no more rows"):
    operators.separable(np.ones((3, 2)), np.eye(2))
  with pytest.raises(ValueError, match="horizontal must have 2 axes"):
    operators.separable(np.eye(2), np.ones(2))
