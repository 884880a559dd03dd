"""What a forward operator is, and what follows from its singular values.

An observation is y = A(x) + noise_std * n. Samplers see A only through the
functions of an `Operator`: `apply` alone, or those of a `LinearOperator`.
Whatever else a method wants (a lift that is no pseudo-inverse, a released
colour swap) is an argument of the sampler.
"""

from collections.abc import Callable
import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import arrays

Map = Callable[[arrays.Batch], arrays.Batch]
Prox = Callable[[arrays.Batch, arrays.Batch, arrays.Array], arrays.Batch]


class Rotation(NamedTuple):
  """An orthogonal change of coordinates and its transpose.

  Attributes:
    apply: function from the new coordinates to the old ones.
    transpose: function back, its inverse.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import operators
    >>> flip = operators.Rotation(
    ...     apply=lambda z: z[:, ::-1], transpose=lambda x: x[:, ::-1])
    >>> print(flip.transpose(flip.apply(jnp.array([[1.0, 2.0]]))))
    [[1. 2.]]
  """

  apply: Map
  transpose: Map


class Svd(NamedTuple):
  """A singular value decomposition A = U diag(s) V^T.

  Spectral coordinates have the shape of x, so that spectral methods (DDRM,
  arXiv:2201.11793; DDNM+, arXiv:2212.00490) are element-wise formulas.

  Attributes:
    V: rotation whose `apply` takes spectral coordinates to x and whose
      `transpose` takes x to spectral coordinates.
    U: rotation whose `apply` takes spectral coordinates to y and reads only
      the entries that belong to a row of A, and whose `transpose` takes y to
      spectral coordinates and is 0 everywhere else.
    s: singular values >= 0, broadcastable to the shape of x; 0 marks the
      null space. Values under the cut-off of the operator are stored as 0.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import operators
    >>> A = operators.average_pool((4, 4), 2)
    >>> x = jnp.arange(16.0).reshape(1, 4, 4, 1)
    >>> again = A.svd.U.apply(A.svd.s * A.svd.V.transpose(x))
    >>> bool(jnp.allclose(again, A.apply(x), atol=1e-4))
    True
  """

  V: Rotation
  U: Rotation
  s: arrays.Batch


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True, eq=False)
class Operator:
  """A forward operator on batches of images; no image sees another.

  It need not be linear: a saturating camera, phase retrieval, a network. To
  its adjoint comes closest the vector-Jacobian product of `apply`, which is
  what a gradient through it makes.

  In a pytree an operator has no leaves: an `Observation` may be an argument
  of a jitted function, which is traced anew for every operator made. Call the
  factory inside jit where its arrays (masks, say) change.

  Attributes:
    apply: function A, from x `[B, H, W, C]` to y `[B, h, w, c]`, dtype kept.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import operators
    >>> square = operators.Operator(lambda x: x**2)
    >>> print(square.apply(jnp.array([[1.0, -2.0]])))
    [[1. 4.]]
  """

  apply: Map


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True, eq=False)
class LinearOperator(Operator):
  """A linear forward operator: an `Operator` with ways back.

  Attributes:
    adjoint: function A^T, from y to x.
    pseudo_inverse: function A^+ (Moore-Penrose), from y to x. Each factory
      says how exact it is.
    svd: decomposition of A, where it is cheap; else None.
    prox: function `(x, y, rho) -> argmin_u |y - A u|^2 + rho |u - x|^2`, rho
      > 0 a scalar or `[B]`; None where there is no closed form.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import operators
    >>> double = operators.LinearOperator(
    ...     apply=lambda x: 2 * x, adjoint=lambda y: 2 * y,
    ...     pseudo_inverse=lambda y: y / 2)
    >>> x = jnp.array([[1.0, -2.0]])
    >>> print(double.pseudo_inverse(double.apply(x)))
    [[ 1. -2.]]
  """

  adjoint: Map
  pseudo_inverse: Map
  svd: Svd | None = None
  prox: Prox | None = None


def check_linear(name: str, operator: Operator) -> None:
  """Refuses an operator that is not known to be linear.

  Args:
    name: argument of the caller that the operator was given as.
    operator: operator of any type.

  Raises:
    ValueError: unless it is a `LinearOperator`.

  Example:
    >>> from jaxguide import operators
    >>> operators.check_linear("operator", operators.identity())
    >>> try:
    ...   operators.check_linear("operator", operators.high_dynamic_range())
    ... except ValueError as error:
    ...   print(str(error)[:33])
    operator must be a LinearOperator
  """
  if not isinstance(operator, LinearOperator):
    raise ValueError(
        f"{name} must be a LinearOperator, which has an adjoint and a "
        f"pseudo-inverse; got {type(operator).__name__}, which is not known "
        "to be linear")


class Observation(NamedTuple):
  """A measurement y = A(x) + noise_std * n, n standard normal.

  Attributes:
    y: measurement, `[B, h, w, c]` on the [-1, 1] scale.
    operator: operator A, linear or not.
    noise_std: standard deviation on the [-1, 1] scale, a scalar or `[B]`.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import operators
    >>> pool = operators.average_pool((4, 4), 2)
    >>> y = pool.apply(jnp.ones((1, 4, 4, 3)))
    >>> operators.Observation(y, pool, noise_std=0.05).y.shape
    (1, 2, 2, 3)
  """

  y: arrays.Batch
  operator: Operator
  noise_std: arrays.Array | float = 0.0


def identity_rotation() -> Rotation:
  """The rotation that does nothing."""
  return Rotation(apply=lambda z: z, transpose=lambda z: z)


def table_like(table: np.ndarray | jax.Array, x: arrays.Batch) -> jax.Array:
  """Casts a constant table to the dtype of `x`, so that products keep it."""
  return jnp.asarray(table).astype(x.dtype)


def svd_prox(svd: Svd) -> Prox:
  """Returns the proximal map of |y - A u|^2 in spectral coordinates.

  u = V (s U^T y + rho V^T x) / (s^2 + rho), the minimiser of
  |y - A u|^2 + rho |u - x|^2 (the data step of DiffPIR, arXiv:2305.08995,
  Eq. 13, for a linear operator).
  """

  def prox(
      x: arrays.Batch, y: arrays.Batch, rho: arrays.Array
  ) -> arrays.Batch:
    rho = arrays.bcast(jnp.asarray(rho, x.dtype), x)
    s = table_like(svd.s, x)
    pull = s * svd.U.transpose(y) + rho * svd.V.transpose(x)
    return svd.V.apply(pull / (s * s + rho))

  return prox


def householder_basis(first: np.ndarray) -> np.ndarray:
  """An orthogonal matrix whose first column is the unit vector `first`.

  The Householder reflection that exchanges e_0 and `first`; symmetric.

  Args:
    first: vector `[n]`, float64, of unit length.

  Returns:
    `[n, n]`, float64.
  """
  n = first.shape[0]
  axis = np.eye(n)[0] - first
  squared = axis @ axis
  if squared == 0.0:
    return np.eye(n)
  return np.eye(n) - 2.0 * np.outer(axis, axis) / squared


def check_basis(basis: np.ndarray, first: np.ndarray) -> float:
  """Checks an injected orthogonal basis against its known first column.

  Args:
    basis: matrix `[n, n]`; a recorded decomposition, whose null space is
      arbitrary.
    first: unit vector `[n]` that spans the row space.

  Returns:
    +1.0 or -1.0, the sign of the first column against `first`.

  Raises:
    ValueError: if `basis` is not orthogonal, or its first column is not
      plus or minus `first`.
  """
  n = first.shape[0]
  arrays.check_shape("basis", basis, (n, n))
  if np.abs(basis.T @ basis - np.eye(n)).max() > 1e-4:
    raise ValueError("basis must be orthogonal, basis^T basis is not I")
  sign = float(np.sign(basis[:, 0] @ first))
  if np.abs(basis[:, 0] - sign * first).max() > 1e-4:
    raise ValueError(
        "basis must have the row space in its first column,"
        f" {first.tolist()} up to sign, got {basis[:, 0].tolist()}"
    )
  return sign
