"""Draws for tests that do not ask where randomness comes from."""

import math
import zlib

import jax.numpy as jnp
import numpy as np

from jaxguide import noises


def hashed_noise(numbers) -> noises.Noise:
  """Draws of any shape out of a few integer operations, a row per number.

  They compile faster than `prng_noise`, and image n has the same ones in any
  batch. Of the laws they have mean and variance, not the
  form: a "normal" draw is uniform of variance 1.

  Args:
    numbers: of the images, int `[B]`.
  """
  rows = jnp.asarray(numbers, jnp.uint32)[:, None]

  def noise(index, slot, shape, law="normal", inner=0):
    address = np.uint32(zlib.crc32(slot.encode()))
    # Odd constants without a pattern, one for each coordinate of a draw.
    address += (jnp.asarray(index, jnp.int32) + 1).astype(
        jnp.uint32) * np.uint32(0x9E3779B1)
    address += jnp.asarray(inner, jnp.uint32) * np.uint32(0x85EBCA77)
    at = jnp.arange(math.prod(shape), dtype=jnp.uint32)
    h = address + rows * np.uint32(0xC2B2AE3D) + at * np.uint32(0x27D4EB2F)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
      h = (h ^ (h >> shift)) * np.uint32(factor)
    u = ((h ^ (h >> 16)) >> 8).astype(jnp.float32) * np.float32(2.0**-24)
    u = u.reshape(-1, *shape)
    return u if law == "uniform" else np.float32(math.sqrt(12)) * (u - 0.5)

  return noise
