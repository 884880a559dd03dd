"""Inpainting: a mask, multiplied pixel by pixel."""

import jax.numpy as jnp

from jaxguide import arrays
from jaxguide.operators import base


def inpainting(mask: arrays.Batch) -> base.LinearOperator:
  """A x = mask * x; y keeps the shape of x and is 0 where nothing is seen.

  With a soft mask (values strictly between 0 and 1, as left by resizing a
  mask file) A is still diagonal, and `pseudo_inverse` is still the exact
  Moore-Penrose inverse: y / mask wherever mask > 0. It recovers a pixel seen
  through 1 % as if it were seen, and amplifies noise there a hundredfold.
  Blending, x0 + y - mask * x0 (what the released Steered Diffusion does with
  soft masks), is the update with `lifts.identity`, not with `pseudo_inverse`.
  For binary masks the two are the same.

  Args:
    mask: mask, `[B, H, W, 1]` or `[B, H, W, C]`, 1 = observed, in [0, 1]; B
      may be 1 to share one mask. Any other rank works too, if x has the same.

  Returns:
    A `LinearOperator` whose `svd` has U = V = I and s = mask.

  Raises:
    ValueError: if the shapes of `mask` and an image do not fit.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import operators
    >>> mask = jnp.array([1.0, 0.5, 0.0]).reshape(1, 1, 3, 1)
    >>> A = operators.inpainting(mask)
    >>> y = A.apply(jnp.full((1, 1, 3, 1), 0.8))
    >>> print(y.ravel(), A.pseudo_inverse(y).ravel())
    [0.8 0.4 0. ] [0.8 0.8 0. ]
  """
  if mask.ndim < 2:
    raise ValueError(f"mask must have a batch axis, got shape {mask.shape}")

  def apply(x: arrays.Batch) -> arrays.Batch:
    _check_fits("x", x, mask)
    return base.table_like(mask, x) * x

  def pseudo_inverse(y: arrays.Batch) -> arrays.Batch:
    _check_fits("y", y, mask)
    m = base.table_like(mask, y)
    return jnp.where(m > 0, y / jnp.where(m > 0, m, 1), 0)

  rotation = base.identity_rotation()
  svd = base.Svd(rotation, rotation, mask)
  return base.LinearOperator(
      apply=apply,
      adjoint=apply,
      pseudo_inverse=pseudo_inverse,
      svd=svd,
      prox=base.svd_prox(svd),
  )


def _check_fits(name: str, x: arrays.Batch, mask: arrays.Batch) -> None:
  fits = x.ndim == mask.ndim and all(
      m in (1, n) for m, n in zip(mask.shape, x.shape, strict=True)
  )
  if not fits:
    raise ValueError(
        f"{name} of shape {x.shape} does not fit mask of shape {mask.shape}"
    )
