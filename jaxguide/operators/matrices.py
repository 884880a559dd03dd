"""Operators that are one matrix along the rows and one along the columns."""

import functools
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxguide import arrays
from jaxguide.operators import base

BOUNDARIES = ("symmetric", "reflect", "edge", "zero", "renormalise")


def separable(
    vertical: np.ndarray,
    horizontal: np.ndarray,
    *,
    cutoff: float = 0.0,
) -> base.LinearOperator:
  """A x = M x N^T per channel, M along height and N along width.

  The decomposition is the product of those of M and N (computed in float64
  and rounded once), s_ij = s_i s_j. Singular values of M or N that are not
  above `cutoff` count as zero in `pseudo_inverse` and `svd`, while `apply`
  and `adjoint` stay whole: A A^+ A differs from A by at most
  cutoff * max(s) per unit of x; A^+ A A^+ = A^+ and the symmetry of A A^+
  and A^+ A hold whatever the cut-off. With `cutoff` = 0 the values that are
  zero up to float64 rounding count as zero.

  Args:
    vertical: matrix M, `[h, H]`, h <= H.
    horizontal: matrix N, `[w, W]`, w <= W.
    cutoff: singular value of an axis up to which it counts as zero, absolute.

  Returns:
    A `LinearOperator` from `[B, H, W, C]` to `[B, h, w, C]`, with `svd`.

  Raises:
    ValueError: if a matrix has more rows than columns, `cutoff` is negative,
      or an image has another size.

  Example:
    >>> import jax.numpy as jnp
    >>> import numpy as np
    >>> from jaxguide import operators
    >>> A = operators.separable(np.eye(4)[::2], np.eye(6)[::3])
    >>> x = jnp.arange(24.0).reshape(1, 4, 6, 1)
    >>> y = A.apply(x)
    >>> print(y[0, :, :, 0], float(jnp.vdot(y, y) - jnp.vdot(x, A.adjoint(y))))
    [[ 0.  3.]
     [12. 15.]] 0.0
  """
  rows = _axis_svd("vertical", vertical, cutoff)
  cols = _axis_svd("horizontal", horizontal, cutoff)

  def through(
      name: str, x: arrays.Images, left: np.ndarray, right: np.ndarray
  ) -> arrays.Images:
    arrays.check_shape(name, x, (None, left.shape[1], right.shape[1], None))
    return apply_matrices(x, left, right)

  svd = _product_svd(rows, cols)
  return base.LinearOperator(
      apply=lambda x: through("x", x, rows.matrix, cols.matrix),
      adjoint=lambda y: through("y", y, rows.matrix.T, cols.matrix.T),
      pseudo_inverse=lambda y: through("y", y, rows.inverse, cols.inverse),
      svd=svd,
      prox=base.svd_prox(svd),
  )


def apply_matrices(
    x: arrays.Images, vertical: np.ndarray, horizontal: np.ndarray
) -> arrays.Images:
  """M x N^T for every image and channel.

  Args:
    x: images, `[B, H, W, C]`.
    vertical: matrix M, `[h, H]`, float32.
    horizontal: matrix N, `[w, W]`, float32.

  Returns:
    `[B, h, w, C]`, the dtype of `x`.
  """
  b, height, width, c = x.shape
  m = jnp.broadcast_to(
      base.table_like(vertical, x), (b, *vertical.shape)
  )
  n = jnp.broadcast_to(
      base.table_like(horizontal, x), (b, *horizontal.shape)
  )
  # One matmul per image and in full precision: an image's bits must not
  # depend on its neighbours, and accelerators round inputs by default.
  x = jnp.matmul(
      m, x.reshape(b, height, width * c), precision="highest"
  )
  x = x.reshape(b, -1, width, c).swapaxes(1, 2).reshape(b, width, -1)
  x = jnp.matmul(n, x, precision="highest")
  return x.reshape(b, -1, vertical.shape[0], c).swapaxes(1, 2)


def boundary_matrix(
    size: int,
    neighbours: np.ndarray,
    weights: np.ndarray,
    boundary: str,
) -> np.ndarray:
  """The matrix of a resampling whose taps may lie outside the signal.

  Args:
    size: length n of the signal.
    neighbours: index of each tap, int `[m, k]`; may be < 0 or >= n.
    weights: weight of each tap, `[m, k]`, float64.
    boundary: rule for a tap outside: "symmetric" mirrors with the edge
      repeated, "reflect" without, "edge" reads the nearest pixel, "zero"
      reads 0, "renormalise" leaves the tap out and scales the others so that
      they have the sum of all.

  Returns:
    `[m, n]`, float64.

  Raises:
    ValueError: if `boundary` is none of these.
  """
  arrays.check_choice("boundary", boundary, BOUNDARIES)
  inside = (neighbours >= 0) & (neighbours < size)
  if boundary in ("zero", "renormalise"):
    kept = np.where(inside, weights, 0.0)
    if boundary == "renormalise":
      total = weights.sum(axis=1, keepdims=True)
      kept = kept * total / kept.sum(axis=1, keepdims=True)
    weights = kept
  matrix = np.zeros((neighbours.shape[0], size))
  rows = np.broadcast_to(
      np.arange(neighbours.shape[0])[:, None], neighbours.shape
  )
  np.add.at(matrix, (rows, _fold(neighbours, size, boundary)), weights)
  return matrix


def _fold(index: np.ndarray, size: int, boundary: str) -> np.ndarray:
  """Maps indices outside [0, size) inside, by the boundary's rule."""
  if boundary == "symmetric":
    index = index % (2 * size)
    return np.where(index < size, index, 2 * size - 1 - index)
  if boundary == "reflect" and size > 1:
    index = index % (2 * size - 2)
    return np.where(index < size, index, 2 * size - 2 - index)
  return np.clip(index, 0, size - 1)


class _AxisSvd(NamedTuple):
  """A matrix with its decomposition, in float32.

  Attributes:
    matrix: `[m, n]`.
    inverse: `[n, m]`, with the cut-off.
    u: `[m, m]`.
    v: `[n, n]`.
    s: `[n]` float64, zero beyond the rank and at or under the cut-off.
  """

  matrix: np.ndarray
  inverse: np.ndarray
  u: np.ndarray
  v: np.ndarray
  s: np.ndarray


def _axis_svd(name: str, matrix: np.ndarray, cutoff: float) -> _AxisSvd:
  matrix = np.asarray(matrix, np.float64)
  arrays.check_rank(name, matrix, 2)
  if matrix.shape[0] > matrix.shape[1]:
    raise ValueError(
        f"{name} must have no more rows than columns, got {matrix.shape}"
    )
  if cutoff < 0:
    raise ValueError(f"cutoff must be >= 0, got {cutoff}")
  return _decompose(matrix.tobytes(), matrix.shape, cutoff)


# Both axes of a square image have one matrix, and a factory that is called
# inside jit runs again with every trace.
@functools.lru_cache(maxsize=8)
def _decompose(
    data: bytes, shape: tuple[int, int], cutoff: float
) -> _AxisSvd:
  matrix = np.frombuffer(data).reshape(shape)
  m, n = shape
  u, s, v_transpose = np.linalg.svd(matrix)
  rounding = n * np.finfo(np.float64).eps * s[0]
  s = np.where(s > max(cutoff, rounding), s, 0.0)
  # The sign of a pair of singular vectors is LAPACK's whim; fix it.
  peak = np.abs(v_transpose).argmax(axis=1)
  sign = np.sign(v_transpose[np.arange(n), peak])
  v_transpose = v_transpose * sign[:, None]
  u = u * sign[:m]
  reciprocal = np.where(s > 0, 1.0 / np.where(s > 0, s, 1.0), 0.0)
  inverse = (v_transpose[:m].T * reciprocal) @ u.T
  return _AxisSvd(
      matrix=matrix.astype(np.float32),
      inverse=inverse.astype(np.float32),
      u=u.astype(np.float32),
      v=v_transpose.T.astype(np.float32),
      s=np.pad(s, (0, n - m)),
  )


def _product_svd(rows: _AxisSvd, cols: _AxisSvd) -> base.Svd:
  h, w = rows.matrix.shape[0], cols.matrix.shape[0]
  height, width = rows.matrix.shape[1], cols.matrix.shape[1]
  pad = ((0, 0), (0, height - h), (0, width - w), (0, 0))
  s = np.outer(rows.s, cols.s).astype(np.float32)
  return base.Svd(
      V=base.Rotation(
          apply=lambda z: apply_matrices(z, rows.v, cols.v),
          transpose=lambda x: apply_matrices(x, rows.v.T, cols.v.T),
      ),
      U=base.Rotation(
          apply=lambda z: apply_matrices(z[:, :h, :w], rows.u, cols.u),
          transpose=lambda y: jnp.pad(
              apply_matrices(y, rows.u.T, cols.u.T), pad
          ),
      ),
      s=s[None, :, :, None],
  )
