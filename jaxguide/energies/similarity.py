"""How alike two feature maps or images are: cosine, or squared distance."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxguide import arrays
from jaxguide.energies import core
from jaxguide.operators import sums

# Lengths under it count as it, as in the released program.
TINY = 1e-10

Similarity = Callable[[arrays.Batch, arrays.Batch], arrays.PerImage]


def cosine(a: arrays.Batch, b: arrays.Batch) -> arrays.PerImage:
  """The mean over locations of the cosine along the last axis.

  In [-1, 1], and unchanged when a location is multiplied by a positive
  number.

  Args:
    a: `[B, ..., C]`.
    b: the same.

  Returns:
    `[B]`.
  """
  return core.sum_per_image(unit(a) * unit(b)) * (1 / _locations(a))


def neg_l2(a: arrays.Batch, b: arrays.Batch) -> arrays.PerImage:
  """-|a - b|^2, summed over everything but the batch axis, `[B]`."""
  return -sums.squared_norm(a - b)


SIMILARITIES: dict[str, Similarity] = {"cosine": cosine, "neg_l2": neg_l2}


def find(name: str) -> Similarity:
  """The similarity of that name: "cosine" or "neg_l2".

  Raises:
    ValueError: for another one.
  """
  arrays.check_choice("similarity", name, tuple(SIMILARITIES))
  return SIMILARITIES[name]


def unit(u: arrays.Batch) -> arrays.Batch:
  """u / max(|u|, 1e-10) along the last axis, in float32 or wider.

  The gradient is 0, rather than infinite or NaN, where |u| is under 1e-10.

  Args:
    u: `[B, ..., C]`.
  """
  u = u.astype(jnp.promote_types(u.dtype, jnp.float32))
  square = sums.sum_per_image((u * u).reshape(-1, u.shape[-1]))
  square = square.reshape(*u.shape[:-1], 1)
  steady = square > TINY**2
  # The square root's slope at 0 is infinite: it never sees a 0.
  inverse = 1 / jnp.sqrt(jnp.where(steady, square, TINY**2))
  return jnp.where(steady, u, jax.lax.stop_gradient(u)) * inverse


def _locations(a: arrays.Batch) -> int:
  count = 1
  for side in a.shape[1:-1]:
    count *= side
  return count
