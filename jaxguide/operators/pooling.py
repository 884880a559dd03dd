"""Super-resolution by average pooling."""

import jax.numpy as jnp
import numpy as np

from jaxguide import arrays
from jaxguide.operators import base


def average_pool(
    shape: tuple[int, int],
    factor: int,
    *,
    basis: np.ndarray | None = None,
) -> base.LinearOperator:
  """A x = mean of every block of factor x factor pixels.

  A^T y = y / factor^2 replicated over the block, A^+ y = y replicated, all
  exact; every singular value is 1 / factor.

  Args:
    shape: height and width of the images, multiples of `factor`.
    factor: side of a block, 1 or more.
    basis: orthogonal `[factor^2, factor^2]` matrix to use as V on a block
      (rows of the block one after the other), first column constant, when a
      recorded null-space basis is to be replayed. Defaults to a Householder
      reflection.

  Returns:
    A `LinearOperator` from `[B, H, W, C]` to `[B, H/factor, W/factor, C]`, with
    `svd`: coefficient k of a block lies at the block's pixel k.

  Raises:
    ValueError: if `factor` does not divide `shape`, `basis` does not fit, or
      an image has another size.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import operators
    >>> A = operators.average_pool((2, 4), 2)
    >>> x = jnp.arange(8.0).reshape(1, 2, 4, 1)
    >>> y = A.apply(x)
    >>> print(y.ravel(), A.pseudo_inverse(y)[0, :, :, 0])
    [2.5 4.5] [[2.5 2.5 4.5 4.5]
     [2.5 2.5 4.5 4.5]]
  """
  small = reduced_shape(shape, factor)

  def apply(x: arrays.Images) -> arrays.Images:
    arrays.check_shape("x", x, (None, *shape, None))
    # Sums of slices, in one order: a reduction may be vectorised across the
    # batch, and an image's bits would then depend on its neighbours.
    x = sum(x[:, i::factor] for i in range(factor))
    x = sum(x[:, :, i::factor] for i in range(factor))
    return x / factor**2

  def replicate(y: arrays.Images) -> arrays.Images:
    arrays.check_shape("y", y, (None, *small, None))
    return jnp.repeat(jnp.repeat(y, factor, axis=1), factor, axis=2)

  svd = _block_svd(shape, factor, basis)
  return base.LinearOperator(
      apply=apply,
      adjoint=lambda y: replicate(y) / factor**2,
      pseudo_inverse=replicate,
      svd=svd,
      prox=base.svd_prox(svd),
  )


def reduced_shape(shape: tuple[int, int], factor: int) -> tuple[int, int]:
  """(H / factor, W / factor).

  Args:
    shape: height and width, (H, W).
    factor: divisor of both, 1 or more.

  Returns:
    The shape of the low-resolution image.

  Raises:
    ValueError: if `factor` is under 1 or does not divide both sides.
  """
  if factor < 1 or any(side % factor for side in shape):
    raise ValueError(
        f"factor must divide the image's shape {tuple(shape)}, got {factor}"
    )
  return shape[0] // factor, shape[1] // factor


def _blocks(x: arrays.Images, factor: int) -> arrays.Images:
  """`[B, H, W, C]` to `[B, h, w, factor^2, C]`."""
  b, height, width, c = x.shape
  split = x.reshape(
      b, height // factor, factor, width // factor, factor, c
  )
  small = (b, height // factor, width // factor, factor**2, c)
  return split.transpose(0, 1, 3, 2, 4, 5).reshape(small)


def _unblock(blocks: arrays.Images, factor: int) -> arrays.Images:
  """The inverse of `_blocks`."""
  b, h, w, _, c = blocks.shape
  split = blocks.reshape(b, h, w, factor, factor, c)
  return split.transpose(0, 1, 3, 2, 4, 5).reshape(
      b, h * factor, w * factor, c
  )


def _block_svd(
    shape: tuple[int, int], factor: int, basis: np.ndarray | None
) -> base.Svd:
  n = factor**2
  first = np.full(n, 1.0 / factor)
  if basis is None:
    basis = base.householder_basis(first)
  basis = np.asarray(basis, np.float64)
  sign = base.check_basis(basis, first)
  matrix = basis.astype(np.float32)
  s = np.zeros((1, *shape, 1), np.float32)
  s[:, ::factor, ::factor] = 1.0 / factor

  def rotate(z: arrays.Images, table: np.ndarray) -> arrays.Images:
    mixed = jnp.einsum(
        "bhwnc,mn->bhwmc",
        _blocks(z, factor),
        base.table_like(table, z),
        precision="highest",
    )
    return _unblock(mixed, factor)

  def spread(y: arrays.Images) -> arrays.Images:
    pad = ((0, 0), (0, 0), (0, 0), (0, n - 1), (0, 0))
    return _unblock(jnp.pad(sign * y[:, :, :, None], pad), factor)

  return base.Svd(
      V=base.Rotation(
          apply=lambda z: rotate(z, matrix),
          transpose=lambda x: rotate(x, matrix.T),
      ),
      U=base.Rotation(
          apply=lambda z: sign * z[:, ::factor, ::factor],
          transpose=spread,
      ),
      s=s,
  )
