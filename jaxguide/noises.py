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
      index: number of the step, which may be traced; -1 is the start.
      slot: static name of the purpose ("step", "renoise", "source" ...).
      shape: trailing shape of one image's draw.
      law: "normal" (mean 0, variance 1) or "uniform" (in [0, 1)).
      inner: number of the iteration of a loop inside the step, which may be
        traced.

    Returns:
      One draw per image, float32 `[B, *shape]`.
    """


def image_keys(
    seed: int | arrays.Array, indices: arrays.Array
) -> arrays.Array:
  """Keys of images: `fold_in(key(seed), n)`.

  Args:
    seed: an integer, or a typed key.
    indices: numbers of the images in their data set, int `[B]`.

  Returns:
    Typed keys `[B]`.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import noises
    >>> noises.image_keys(0, jnp.arange(3)).shape
    (3,)
  """
  is_number = isinstance(seed, (int, np.integer))
  root = jax.random.key(seed) if is_number else seed
  return jax.vmap(lambda n: jax.random.fold_in(root, n))(jnp.asarray(indices))


def prng_noise(keys: arrays.Array) -> Noise:
  """Draws from one typed key per image.

  The key of a draw is the image's key with slot, index and inner folded in,
  so draws depend neither on their order nor on the other images.

  Args:
    keys: typed keys `[B]`, such as `image_keys` gives.

  Returns:
    A noise of B rows.

  Raises:
    ValueError: if the keys are not `[B]`, or (once it draws) the law is
      unknown.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import noises
    >>> noise = noises.prng_noise(noises.image_keys(0, jnp.arange(2)))
    >>> noise(0, "step", (4,)).shape
    (2, 4)
    >>> alone = noises.prng_noise(noises.image_keys(0, jnp.array([1])))
    >>> bool((alone(0, "step", (4,))[0] == noise(0, "step", (4,))[1]).all())
    True
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
      # One is added since the start has index -1, and fold_in takes unsigned
      # numbers.
      key = jax.random.fold_in(key, jnp.asarray(index, jnp.int32) + 1)
      key = jax.random.fold_in(key, inner)
      return sample(key, tuple(shape), jnp.float32)

    return jax.vmap(one)(keys)

  return noise


def checked_rows(noise: Noise, rows: int) -> Noise:
  """The same draws, refused unless they have a row for every image.

  A single row would be broadcast: all images would share it.

  Args:
    noise: any source of draws.
    rows: B, the number of images.

  Raises:
    ValueError: if (once it draws) a draw has another number of rows.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import noises
    >>> noise = noises.prng_noise(noises.image_keys(0, jnp.arange(1)))
    >>> noises.checked_rows(noise, 2)(0, "step", (4,))
    Traceback (most recent call last):
    ValueError: noise of slot 'step' must have shape [2, 4], got (1, 4)
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
    tables: draws by slot, each an array `[index, inner, B, ...]`. Index -1
      (the start) reads row 0 of its slot. An index beyond the table gives
      NaN, which shows in `Samples.is_finite`.

  Returns:
    A noise of B rows, which ignores the law that it is asked for.

  Raises:
    ValueError: if (once it draws) a slot has no table, or a shape differs.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import noises
    >>> table = jnp.arange(6.0).reshape(3, 1, 2, 1)  # 3 steps, 2 images.
    >>> noises.recorded_noise({"step": table})(1, "step", (1,))
    Array([[2.],
           [3.]], dtype=float32)
  """

  def noise(
      index: arrays.Array | int,
      slot: str,
      shape: Sequence[int],
      law: str = "normal",
      inner: arrays.Array | int = 0,
  ) -> arrays.Batch:
    del law  # The recorded draws have their law already.
    if slot not in tables:
      raise ValueError(
          f"there are no recorded draws for slot {slot!r}, only for "
          f"{', '.join(sorted(tables)) or 'none'}")
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
    draws: every draw of the recorded program in its order, `[K, B, ...]`.
    order: positions in `draws` by slot, each an int array `[index, inner]`,
      as a sampler's `*_draw_order` gives them.

  Returns:
    A noise of B rows.

  Example:
    >>> import jax.numpy as jnp
    >>> import numpy as np
    >>> from jaxguide import noises
    >>> order = {"start": np.array([[0]]), "step": np.array([[1], [2]])}
    >>> noise = noises.from_recording(jnp.arange(3.0)[:, None], order)
    >>> noise(1, "step", ())
    Array([2.], dtype=float32)
  """
  return recorded_noise({s: draws[at] for s, at in order.items()})
