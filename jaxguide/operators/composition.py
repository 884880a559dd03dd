"""Composition of operators, and least squares for those without an SVD."""

from collections.abc import Callable
import typing
from typing import Any

import jax
import jax.numpy as jnp

from jaxguide import arrays
from jaxguide.operators import base
from jaxguide.operators import sums

PSEUDO_INVERSES = ("least_squares", "product")

Inner = base.Operator | Callable[[Any], arrays.Batch]


@typing.overload
def compose(
    outer: base.LinearOperator,
    inner: base.LinearOperator,
    *,
    pseudo_inverse: str = ...,
    num_iters: int = ...,
) -> base.LinearOperator: ...


@typing.overload
def compose(
    outer: base.Operator,
    inner: Inner,
    *,
    pseudo_inverse: str = ...,
    num_iters: int = ...,
) -> base.Operator: ...


def compose(
    outer: base.Operator,
    inner: Inner,
    *,
    pseudo_inverse: str = "least_squares",
    num_iters: int = 30,
) -> base.Operator:
  """A = outer after inner; linear where both are.

  The adjoint is inner^T outer^T. The pseudo-inverse of a product is NOT the
  product of pseudo-inverses in general, so it is chosen by name:

  - "least_squares" (default): the minimum-norm least-squares solution by
    `num_iters` iterations of conjugate gradients. It converges in as many
    iterations as A has distinct non-zero singular values (a mask after
    average pooling: one), and regularises if stopped early (a mask after a
    blur: the small singular values are left out).
  - "product": inner^+ outer^+. Exact when inner has orthogonal rows of equal
    length (average pooling, luma, the identity), or outer has orthogonal
    columns of equal length; the caller vouches for that.

  Args:
    outer: operator applied last.
    inner: operator applied first, or any function of a batch, such as the
      decoder of a latent model, which need not be linear.
    pseudo_inverse: name of the rule, "least_squares" or "product"; without
      effect where the result is not linear.
    num_iters: iterations of "least_squares" and of `prox`.

  Returns:
    A `LinearOperator` where both are, without `svd`; its `prox` is solved by
    conjugate gradients too. Otherwise an `Operator`.

  Raises:
    ValueError: if `pseudo_inverse` is unknown or `num_iters` is under 1.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import operators
    >>> A = operators.compose(
    ...     operators.colorization(), operators.average_pool((4, 4), 2))
    >>> y = A.apply(jnp.ones((1, 4, 4, 3)))
    >>> y.shape, bool(jnp.allclose(A.apply(A.pseudo_inverse(y)), y, atol=1e-5))
    ((1, 2, 2, 1), True)
  """
  arrays.check_choice("pseudo_inverse", pseudo_inverse, PSEUDO_INVERSES)
  if num_iters < 1:
    raise ValueError(f"num_iters must be >= 1, got {num_iters}")
  first = inner.apply if isinstance(inner, base.Operator) else inner
  apply = lambda x: outer.apply(first(x))
  if not (isinstance(outer, base.LinearOperator)
          and isinstance(inner, base.LinearOperator)):
    return base.Operator(apply)
  adjoint = lambda y: inner.adjoint(outer.adjoint(y))

  def solve(y: arrays.Batch, damping: arrays.Array = 0.0) -> arrays.Batch:
    return least_squares(
        apply, adjoint, y, num_iters=num_iters, damping=damping
    )

  def product(y: arrays.Batch) -> arrays.Batch:
    return inner.pseudo_inverse(outer.pseudo_inverse(y))

  return base.LinearOperator(
      apply=apply,
      adjoint=adjoint,
      pseudo_inverse=product if pseudo_inverse == "product" else solve,
      prox=lambda x, y, rho: x + solve(y - apply(x), rho),
  )


def least_squares(
    apply: base.Map,
    adjoint: base.Map,
    y: arrays.Batch,
    *,
    num_iters: int,
    damping: arrays.Array | float = 0.0,
) -> arrays.Batch:
  """argmin_x |y - A x|^2 + damping |x|^2, of minimum norm, image by image.

  Conjugate gradients on the normal equations in the form that keeps the
  residual in y's space (CGLS, Hestenes & Stiefel 1952). Steps are taken per
  image; an image that has converged stays where it is.

  Args:
    apply: function A, linear.
    adjoint: function A^T.
    y: measurement, `[B, ...]`.
    num_iters: number of iterations, all of which are run.
    damping: weight of |x|^2, >= 0, a scalar or `[B]`.

  Returns:
    x, `[B, ...]`.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import operators
    >>> A = operators.average_pool((4, 4), 2)
    >>> y = jnp.arange(4.0).reshape(1, 2, 2, 1)
    >>> x = operators.least_squares(A.apply, A.adjoint, y, num_iters=5)
    >>> bool(jnp.allclose(x, A.pseudo_inverse(y), atol=1e-5))
    True
  """
  gradient = adjoint(y)
  damping = arrays.bcast(jnp.asarray(damping, y.dtype), gradient)
  start = sums.squared_norm(gradient)
  # Past this point steps are made of rounding errors, and their gradients
  # overflow: an image that has come this far stays where it is.
  floor = start * (10 * jnp.finfo(start.dtype).eps) ** 2

  def iterate(state: arrays.PyTree, _: None) -> tuple[arrays.PyTree, None]:
    x, residual, direction, gamma = state
    moving = gamma > floor
    image = apply(direction)
    curvature = sums.squared_norm(image) + sums.squared_norm(
        jnp.sqrt(damping) * direction
    )
    step = _ratio_where(moving, gamma, curvature)
    x = x + arrays.bcast(step, x) * direction
    residual = residual - arrays.bcast(step, residual) * image
    gradient = adjoint(residual) - damping * x
    new_gamma = sums.squared_norm(gradient)
    ratio = _ratio_where(moving, new_gamma, gamma)
    direction = gradient + arrays.bcast(ratio, gradient) * direction
    return (x, residual, direction, jnp.where(moving, new_gamma, gamma)), None

  state = (jnp.zeros_like(gradient), y, gradient, start)
  (x, *_), _ = jax.lax.scan(iterate, state, None, length=num_iters)
  return x


def _ratio_where(
    use: arrays.Array, numerator: arrays.PerImage, denominator: arrays.PerImage
) -> arrays.PerImage:
  """numerator / denominator where `use`, else 0, with finite gradients."""
  return jnp.where(use, numerator / jnp.where(use, denominator, 1), 0)
