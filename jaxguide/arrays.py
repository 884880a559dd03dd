"""Array aliases and the shape checks of public entries.

Images are float32 `[B, H, W, C]` in [-1, 1], masks are 1 where observed, and
every reduction stops short of the leading axis B. Samplers never look at the
trailing shape, so `[B, d]` and `[B, atoms, 3]` are as good as images.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

Array = jax.Array
Images = jax.Array  # Float[B, H, W, C] in [-1, 1].
Batch = jax.Array  # Float[B, ...], any trailing shape.
PerImage = jax.Array  # Float[B], one number per image.
PyTree = Any


def check_rank(name: str, x: Any, rank: int) -> None:
  """Raises `ValueError` unless `x` has `rank` axes.

  Args:
    name: name of the argument in the caller, for the message.
    x: any array.
    rank: number of axes required.
  """
  if x.ndim != rank:
    raise ValueError(f"{name} must have {rank} axes, got shape {x.shape}")


def check_shape(
    name: str, x: Any, shape: Sequence[int | None]
) -> None:
  """Raises `ValueError` unless `x` has the given shape.

  Args:
    name: name of the argument in the caller, for the message.
    x: any array.
    shape: size of every axis; None admits any size.
  """
  fits = x.ndim == len(shape) and all(
      want is None or want == have
      for want, have in zip(shape, x.shape, strict=True)
  )
  if not fits:
    wanted = ", ".join("*" if s is None else str(s) for s in shape)
    raise ValueError(f"{name} must have shape [{wanted}], got {x.shape}")


def check_choice(name: str, value: str, choices: Sequence[str]) -> None:
  """Raises `ValueError` unless `value` is one of `choices`.

  Args:
    name: name of the argument in the caller, for the message.
    value: value that was given.
    choices: values that are allowed.
  """
  if value not in choices:
    allowed = ", ".join(repr(c) for c in choices)
    raise ValueError(f"{name} must be one of {allowed}, got {value!r}")


@jax.custom_jvp
def _opaque(x: Array) -> Array:
  # This is the identity, for -inf and NaN too, but neither XLA nor LLVM sees
  # that it is.
  lowest = jnp.finfo(x.dtype).min
  return jnp.where(x < lowest, x, jnp.maximum(x, lowest))


@_opaque.defjvp
def _opaque_jvp(
    primals: tuple[Array], tangents: tuple[Array]
) -> tuple[Array, Array]:
  return _opaque(*primals), tangents[0]


def product(x: Array, y: Array) -> Array:
  """The product x y, always rounded, for sums whose bits matter.

  XLA's CPU backend computes x y + z w with one rounding less, by a fused
  multiply-add, of the one product or of the other: whichever the program at
  hand puts first. Programs of other batches and numbers of devices may differ.

  Args:
    x: first factor.
    y: second factor, broadcasting against x.
  """
  z = x * y
  return _opaque(z) if jax.default_backend() == "cpu" else z


def bcast(scalar: Array, x: Array) -> Array:
  """Shapes a scalar or `[B]` so that it broadcasts against `x` `[B, ...]`.

  Args:
    scalar: one number, or one per image, `[B]`.
    x: array `[B, ...]`.
  """
  if scalar.ndim == 0:
    return scalar
  return scalar.reshape(scalar.shape + (1,) * (x.ndim - scalar.ndim))
