"""How alike two feature maps or images are: cosine, or squared distance."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxguide import arrays
from jaxguide.energies import terms
from jaxguide.operators import sums

# Lengths under it count as it, as in the released program.
TINY = 1e-10

Similarity = Callable[[arrays.Batch, arrays.Batch], arrays.PerImage]


def cosine(a: arrays.Batch, b: arrays.Batch) -> arrays.PerImage:
  """The mean over locations of the cosine along the last axis.

  In [-1, 1], and unchanged when a location is multiplied by a positive
  number.

  Args:
    a: features, `[B, ..., C]`.
    b: features of the same shape.

  Returns:
    `[B]`.
  """
  return terms.sum_per_image(unit(a) * unit(b)) * (1 / _locations(a))


def neg_l2(a: arrays.Batch, b: arrays.Batch) -> arrays.PerImage:
  """-|a - b|^2, summed over everything but the batch axis, `[B]`."""
  return -sums.squared_norm(a - b)


SIMILARITIES: dict[str, Similarity] = {"cosine": cosine, "neg_l2": neg_l2}


def find(name: str) -> Similarity:
  """The similarity of that name: "cosine" or "neg_l2".

  Raises:
    ValueError: another one.
  """
  arrays.check_choice("similarity", name, tuple(SIMILARITIES))
  return SIMILARITIES[name]


@jax.custom_vjp
def unit(u: arrays.Batch) -> arrays.Batch:
  """u / max(|u|, 1e-10) along the last axis, in float32 or wider.

  The gradient is 0, rather than infinite or NaN, where |u| is under 1e-10. It
  is written out, as the compiler's own has bits that depend on the batch.

  Args:
    u: vectors, `[B, ..., C]`.
  """
  return _unit_forward(u)[0]


def _unit_forward(
    u: arrays.Batch,
) -> tuple[arrays.Batch, tuple[arrays.Array, ...]]:
  wide = u.astype(jnp.promote_types(u.dtype, jnp.float32))
  square = _along_last(wide * wide)
  steady = square > TINY**2
  inverse = 1 / jnp.sqrt(jnp.where(steady, square, TINY**2))
  out = wide * inverse
  slope = jnp.where(steady, inverse, 0)
  return out, (out, slope, jnp.zeros((), u.dtype))


def _unit_backward(
    saved: tuple[arrays.Array, ...], g: arrays.Batch
) -> tuple[arrays.Batch]:
  out, slope, like = saved
  # The barrier keeps the products apart, whose rounding may depend on what
  # the compiler makes of them together.
  g = jax.lax.optimization_barrier(g)
  along = jax.lax.optimization_barrier(_along_last(out * g))
  return (((g - along * out) * slope).astype(like.dtype),)


unit.defvjp(_unit_forward, _unit_backward)


def _along_last(x: arrays.Batch) -> arrays.Batch:
  """The sum along the last axis, which is kept with length 1."""
  total = sums.sum_per_image(x.reshape(-1, x.shape[-1]))
  return total.reshape(*x.shape[:-1], 1)


def _locations(a: arrays.Batch) -> int:
  count = 1
  for side in a.shape[1:-1]:
    count *= side
  return count
