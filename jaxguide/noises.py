"""Every random draw of the program, as a function that can be replaced.

A `Noise` is `noise(index, slot, shape, law="normal", inner=0) -> [B, *shape]`.
`prng_noise` draws from one key per image, so that image n is the same alone
and in any batch; `recorded_noise` replays the draws of another program.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
import zlib

import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import arrays

LAWS = ("normal", "uniform")


class Noise(Protocol):
  """A source of random draws, one row per image."""

  def __call__(
      self,
      index: arrays.Array | int,
      slot: str,
      shape: Sequence[int],
      law: str = "normal",
      inner: arrays.Array | int = 0,
  ) -> arrays.Batch:
    """Draws `[B, *shape]`.

    Args:
      index: which step, may be traced; -1 is the start.
      slot: static name of the purpose ("step", "renoise", "source" ...).
      shape: trailing shape of one image's draw.
      law: "normal" (mean 0, variance 1) or "uniform" (in [0, 1)).
      inner: which iteration of a loop inside the step, may be traced.
    """


def image_keys(
    seed: int | arrays.Array, indices: arrays.Array
) -> arrays.Array:
  """Keys of images: `fold_in(key(seed), n)`.

  Args:
    seed: an integer, or a typed key.
    indices: int `[B]`, the numbers of the images in their data set.

  Returns:
    Typed keys `[B]`.
  """
  is_number = isinstance(seed, (int, np.integer))
  root = jax.random.key(seed) if is_number else seed
  return jax.vmap(lambda n: jax.random.fold_in(root, n))(jnp.asarray(indices))


def prng_noise(keys: arrays.Array) -> Noise:
  """Draws from one typed key per image.

  The key of a draw is the image's key with slot, index and inner folded in,
  so draws depend neither on their order nor on the other images.

  Args:
    keys: typed keys `[B]`.
  """
  arrays.check_rank("keys", keys, 1)

  def noise(
      index: arrays.Array | int,
      slot: str,
      shape: Sequence[int],
      law: str = "normal",
      inner: arrays.Array | int = 0,
  ) -> arrays.Batch:
    arrays.check_choice("law", law, LAWS)
    sample = {"normal": jax.random.normal, "uniform": jax.random.uniform}[law]

    def one(key: arrays.Array) -> arrays.Array:
      key = jax.random.fold_in(key, np.uint32(zlib.crc32(slot.encode())))
      # The start has index -1, and fold_in takes unsigned numbers.
      key = jax.random.fold_in(key, jnp.asarray(index, jnp.int32) + 1)
      key = jax.random.fold_in(key, inner)
      return sample(key, tuple(shape), jnp.float32)

    return jax.vmap(one)(keys)

  return noise


def checked_rows(noise: Noise, rows: int) -> Noise:
  """The same draws, refused unless they have a row for every image.

  A single row would be broadcast: all images would share it.

  Args:
    noise: any.
    rows: B.

  Raises:
    ValueError: when called, for a draw of another number of rows.
  """

  def draw(
      index: arrays.Array | int,
      slot: str,
      shape: Sequence[int],
      *rest: Any,
      **named: Any,
  ) -> arrays.Batch:
    drawn = noise(index, slot, shape, *rest, **named)
    arrays.check_shape(f"noise of slot {slot!r}", drawn, (rows, *shape))
    return drawn

  return draw


def recorded_noise(tables: Mapping[str, arrays.Array]) -> Noise:
  """Replays recorded draws.

  Args:
    tables: for every slot an array `[index, inner, B, ...]`. Index -1 (the
      start) reads row 0 of its slot. An index beyond the table gives NaN,
      which shows in `Samples.is_finite`.

  Raises:
    ValueError: when a slot is drawn that has no table, or a shape differs.
  """

  def noise(
      index: arrays.Array | int,
      slot: str,
      shape: Sequence[int],
      law: str = "normal",
      inner: arrays.Array | int = 0,
  ) -> arrays.Batch:
    del law  # What was recorded has its law already.
    if slot not in tables:
      raise ValueError(f"no recorded draws for slot {slot!r}, have: "
                       f"{', '.join(sorted(tables))}")
    table = jnp.asarray(tables[slot])
    arrays.check_shape(
        f"recorded draws of slot {slot!r}", table, (None, None, None, *shape)
    )
    row = jnp.maximum(jnp.asarray(index, jnp.int32), 0)
    return table.at[row, inner].get(mode="fill", fill_value=jnp.nan)

  return noise


def from_recording(
    draws: arrays.Array, order: Mapping[str, np.ndarray]
) -> Noise:
  """Replays a flat recording through a sampler's draw order.

  Args:
    draws: `[K, B, ...]`, every draw of the recorded program in its order.
    order: for every slot an int array `[index, inner]` of positions in
      `draws`, as a sampler's `*_draw_order` gives it.
  """
  return recorded_noise({s: draws[at] for s, at in order.items()})
