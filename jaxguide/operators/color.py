"""Colour operators: luma, its inverse, and the released YCbCr swap."""

import jax.numpy as jnp
import numpy as np

from jaxguide import arrays
from jaxguide.operators import base

# ITU-R BT.601 luma of R, G, B; the weights sum to 1.
LUMA_WEIGHTS = (0.299, 0.587, 0.114)


def colorization(
    weights: tuple[float, ...] = LUMA_WEIGHTS,
    *,
    basis: np.ndarray | None = None,
) -> base.LinearOperator:
  """A x = sum_c w_c x_c per pixel: from colour to one channel.

  The weights sum to 1, so luma may be taken on [-1, 1] values directly.
  A^T y = w y and A^+ y = w y / |w|^2, both exact.

  Args:
    weights: vector w, one number per channel; (0.3333, 0.3334, 0.3333) is
      DDRM's grey.
    basis: orthogonal `[C, C]` matrix to use as V, first column w / |w| up
      to sign, when a recorded null-space basis is to be replayed. Defaults
      to a Householder reflection.

  Returns:
    A `LinearOperator` from `[B, H, W, C]` to `[B, H, W, 1]`, with `svd`.

  Raises:
    ValueError: if `basis` does not fit, or an image has other channels.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import operators
    >>> A = operators.colorization()
    >>> red = jnp.array([1.0, 0.0, 0.0]).reshape(1, 1, 1, 3)
    >>> y = A.apply(red)
    >>> print(y.ravel(), A.apply(A.pseudo_inverse(y)).ravel())
    [0.299] [0.299]
  """
  w = np.asarray(weights, np.float64)
  norm = float(np.linalg.norm(w))
  if norm == 0.0 or w.ndim != 1:
    raise ValueError(f"weights must be a non-zero vector, got {weights}")
  channels = w.shape[0]
  w32 = w.astype(np.float32)
  dual = (w / norm**2).astype(np.float32)

  def apply(x: arrays.Images) -> arrays.Images:
    arrays.check_shape("x", x, (None, None, None, channels))
    # One term after the other: a reduction may round by the batch's size.
    terms = (x[..., c:c + 1] * w32[c].item() for c in range(channels))
    return sum(terms)

  def times(vector: np.ndarray, y: arrays.Images) -> arrays.Images:
    arrays.check_shape("y", y, (None, None, None, 1))
    return y * base.table_like(vector, y)

  svd = _luma_svd(w / norm, norm, basis)
  return base.LinearOperator(
      apply=apply,
      adjoint=lambda y: times(w32, y),
      pseudo_inverse=lambda y: times(dual, y),
      svd=svd,
      prox=base.svd_prox(svd),
  )


def _luma_svd(
    first: np.ndarray, norm: float, basis: np.ndarray | None
) -> base.Svd:
  """The decomposition of one row: s = |w| on channel 0, then zeros."""
  if basis is None:
    basis = base.householder_basis(first)
  basis = np.asarray(basis, np.float64)
  sign = base.check_basis(basis, first)
  matrix = basis.astype(np.float32)
  s = (norm * np.eye(len(first))[:1]).astype(np.float32)
  empty = ((0, 0), (0, 0), (0, 0), (0, len(first) - 1))
  return base.Svd(
      V=base.Rotation(
          apply=lambda z: _mix_channels(z, matrix.T),
          transpose=lambda x: _mix_channels(x, matrix),
      ),
      U=base.Rotation(
          apply=lambda z: sign * z[..., :1],
          transpose=lambda y: jnp.pad(sign * y, empty),
      ),
      s=s.reshape(1, 1, 1, -1),
  )


def _mix_channels(x: arrays.Images, matrix: np.ndarray) -> arrays.Images:
  """x @ matrix over channels, term by term as in `colorization`."""
  table = base.table_like(matrix, x)
  return sum(x[..., c:c + 1] * table[c] for c in range(len(matrix)))


def rgb_to_ycbcr(rgb: arrays.Images) -> arrays.Images:
  """Y, Cb, Cr with the constants of kornia 0.5.0.

  Y = 0.299 R + 0.587 G + 0.114 B, Cb = 0.564 (B - Y) + 0.5,
  Cr = 0.713 (R - Y) + 0.5. Meant for [0, 1]; applied to [-1, 1] as released,
  where Cb and Cr keep their offset of 0.5.

  Args:
    rgb: images, `[B, H, W, 3]`.

  Returns:
    `[B, H, W, 3]`.
  """
  arrays.check_shape("rgb", rgb, (None, None, None, 3))
  r, g, b = (rgb[..., i] for i in range(3))
  y = 0.299 * r + 0.587 * g + 0.114 * b
  return jnp.stack([y, (b - y) * 0.564 + 0.5, (r - y) * 0.713 + 0.5], -1)


def ycbcr_to_rgb(ycbcr: arrays.Images) -> arrays.Images:
  """The inverse transform with the constants of kornia 0.5.0.

  R = Y + 1.403 (Cr - 0.5), G = Y - 0.714 (Cr - 0.5) - 0.344 (Cb - 0.5),
  B = Y + 1.773 (Cb - 0.5). The constants are rounded: the round trip is off
  by up to 3.4e-4 of R - Y.

  Args:
    ycbcr: images, `[B, H, W, 3]`.

  Returns:
    `[B, H, W, 3]`.
  """
  arrays.check_shape("ycbcr", ycbcr, (None, None, None, 3))
  y, cb, cr = (ycbcr[..., i] for i in range(3))
  cb, cr = cb - 0.5, cr - 0.5
  red = y + 1.403 * cr
  green = y - 0.714 * cr - 0.344 * cb
  return jnp.stack([red, green, y + 1.773 * cb], -1)


def ycbcr_swap(x0: arrays.Images, y: arrays.Images) -> arrays.Images:
  """Gives x0 the observed luma and keeps its Cb and Cr.

  The colorization step of the released Steered Diffusion (variant
  "released"). It is no projection on {x: A x = y}: the luma of the result
  exceeds y by 2.7e-4 (R - Y) + 1.1e-4 (B - Y) of x0, and it adds y - A x0 to
  all channels alike, where the Moore-Penrose update adds w (y - A x0)/|w|^2.

  Args:
    x0: images, `[B, H, W, 3]` in [-1, 1].
    y: observed luma, `[B, H, W, 1]` on the [-1, 1] scale.

  Returns:
    `[B, H, W, 3]`.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import operators
    >>> x0 = jnp.array([0.1, 0.2, 0.3]).reshape(1, 1, 1, 3)
    >>> swapped = operators.ycbcr_swap(x0, jnp.full((1, 1, 1, 1), 0.5))
    >>> print(operators.colorization().apply(swapped).ravel())
    [0.5]
  """
  arrays.check_shape("y", y, (*x0.shape[:3], 1))
  ycbcr = rgb_to_ycbcr(x0)
  return ycbcr_to_rgb(jnp.concatenate([y, ycbcr[..., 1:]], axis=-1))
