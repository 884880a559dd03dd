"""Luma and the YCbCr swap against closed forms."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import operators
from jaxguide.operators import color


def picture(seed=0):
  draw = np.random.default_rng(seed).uniform(-1, 1, (2, 5, 4, 3))
  return jnp.asarray(draw, jnp.float32)


def test_luma_of_primaries():
  x = jnp.eye(3).reshape(1, 1, 3, 3)
  y = operators.colorization().apply(x)
  np.testing.assert_allclose(y[0, 0, :, 0], [0.299, 0.587, 0.114], rtol=1e-6)


def test_pseudo_inverse_equals_numpy():
  w = np.array([[0.299, 0.587, 0.114]])
  y = jnp.asarray(np.random.default_rng(1).normal(size=(2, 3, 3, 1)), "f")
  wanted = np.asarray(y) @ np.linalg.pinv(w).T
  got = operators.colorization().pseudo_inverse(y)
  np.testing.assert_allclose(got, wanted, atol=1e-6)


def test_an_injected_basis_changes_coordinates_only():
  w = np.array([0.3333, 0.3334, 0.3333])
  first = w / np.linalg.norm(w)
  random = np.random.default_rng(2).normal(size=(3, 3))
  random[:, 0] = -first
  basis, _ = np.linalg.qr(random)
  basis[:, 0] = -first
  plain = operators.colorization(tuple(w))
  injected = operators.colorization(tuple(w), basis=basis)
  x = picture()
  v, u, s = injected.svd
  np.testing.assert_allclose(
      u.apply(s * v.transpose(x)), plain.apply(x), atol=1e-6
  )
  assert np.abs(v.transpose(x) - plain.svd.V.transpose(x)).max() > 0.1
  np.testing.assert_allclose(
      np.asarray(v.transpose(x)), np.asarray(x) @ basis, atol=1e-6
  )


def test_a_wrong_basis_is_refused():
  with pytest.raises(ValueError, match="basis must be orthogonal"):
    operators.colorization(basis=np.ones((3, 3)))
  with pytest.raises(ValueError, match="first column"):
    operators.colorization(basis=np.eye(3))
  with pytest.raises(ValueError, match="basis"):
    operators.colorization(basis=np.eye(4))


def test_ycbcr_round_trip_has_the_stated_error():
  x = np.asarray(picture(3), np.float64)
  luma = x @ np.array([0.299, 0.587, 0.114])
  r, b = x[..., 0] - luma, x[..., 2] - luma
  wanted = np.stack(
      [
          luma + 1.000339 * r,
          luma - 0.509082 * r - 0.194016 * b,
          luma + 0.999972 * b,
      ],
      axis=-1,
  )
  back = color.ycbcr_to_rgb(color.rgb_to_ycbcr(picture(3)))
  np.testing.assert_allclose(back, wanted, atol=1e-6)


def test_swap_changes_luma_by_the_stated_excess():
  x0 = picture(4)
  y = operators.colorization().apply(picture(5))
  swapped = operators.ycbcr_swap(x0, y)
  luma = operators.colorization().apply
  excess = luma(swapped) - y
  r = x0[..., :1] - luma(x0)
  b = x0[..., 2:] - luma(x0)
  np.testing.assert_allclose(
      excess, 2.7e-4 * r + 1.1e-4 * b, atol=2e-5
  )
  assert np.abs(excess).max() > 1e-4
  shift = swapped - x0 - (y - luma(x0))
  assert np.abs(shift).max() < 1e-3


def test_swap_names_a_wrong_observation():
  with pytest.raises(ValueError, match="^y must have shape"):
    operators.ycbcr_swap(picture(), picture())
