"""Formulations that give an image the same bits in a batch of any size.

XLA's CPU backend compiles small matmuls, reductions and element-wise loops in
one of several ways, by the size of the whole batch, and each rounds in its
own way. These keep the number of rows, or the image, fixed. Elsewhere they
are the plain operations.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

# Below this number of pixels the CPU divides the work of an image in a way
# that depends on the batch, and rounds accordingly.
FEW_PIXELS = 64

_ROWS = 8


def on_cpu() -> bool:
  """Whether the program is compiled for the CPU."""
  return jax.default_backend() == "cpu"


def fills_blocks(pixels: int) -> bool:
  """Whether an image's pixels, as rows of a matmul, are whole blocks of it.

  The CPU works on blocks of rows, and rounds what is left over differently:
  with other numbers of pixels it depends on the batch which rows these are.
  """
  return pixels > 0 and pixels % FEW_PIXELS == 0


def pixel_sums(x: jax.Array) -> jax.Array:
  """Sums `[B, N, C]` over N, in a matmul: fast and batch-invariant on CPU."""
  ones = jnp.ones((x.shape[0], 1, x.shape[1]), x.dtype)
  return jnp.matmul(ones, x, precision=jax.lax.Precision.HIGHEST)[:, 0]


def by_rows(
    function: Callable[[jax.Array], jax.Array], x: jax.Array,
    rows: int = _ROWS,
) -> jax.Array:
  """A function of rows of x `[B, ...]`, on a fixed number of rows at a time."""
  if not on_cpu():
    return function(x)
  batch = x.shape[0]
  x = jnp.pad(x, ((0, -batch % rows), *((0, 0),) * (x.ndim - 1)))
  # The barriers keep the compiler from dropping the rows that were added.
  x = jax.lax.optimization_barrier(x.reshape(-1, rows, *x.shape[1:]))
  y = jax.lax.optimization_barrier(jax.lax.map(function, x))
  return y.reshape(-1, *y.shape[2:])[:batch]


def matmul(x: jax.Array, kernel: jax.Array) -> jax.Array:
  """x `[B, I]` or `[B, N, I]` times `[I, O]`."""
  multiply = lambda x: jnp.matmul(x, kernel)
  if x.ndim == 2:
    return by_rows(multiply, x)
  if x.shape[1] >= FEW_PIXELS or not on_cpu():
    return multiply(x)
  return jax.lax.map(multiply, x)
