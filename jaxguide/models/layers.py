"""The layers that every network is made of: the one address for them.

XLA's CPU backend loses a factor of two to five on the stock formulations of
group norm, 3x3 convolution and attention, so each is written out here, in
`normalisation`, `convolution` and `attention`, with its own derivative, in a
form that is fast there. Formulations are chosen by the shape of ONE image and
by the platform, never by the batch: image n must be the same, bit for bit,
whichever images lie beside it.

All arrays are channels-last. Functions with their own derivative support
reverse mode (any order) and not forward mode.
"""

from __future__ import annotations

from collections.abc import Callable
import math
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp

from jaxguide.models import attention as attention_lib
from jaxguide.models import batch_invariant
from jaxguide.models import convolution
from jaxguide.models import normalisation

Conv3x3 = convolution.Conv3x3
GroupNorm = normalisation.GroupNorm
attention = attention_lib.attention
conv_3x3 = convolution.conv_3x3
group_norm = normalisation.group_norm
split_qkv = attention_lib.split_qkv


class Dense(nn.Module):
  """x W + b with `kernel` `[I, O]` and `bias` `[O]`.

  Attributes:
    features: O.
    dtype: type of the computation; parameters stay float32.
    kernel_init: initialiser of the kernel.
  """

  features: int
  dtype: Any = jnp.float32
  kernel_init: Callable[..., jax.Array] = nn.initializers.lecun_normal()

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps the last axis of x, `[B, I]` or `[B, N, I]`."""
    kernel = self.param(
        "kernel", self.kernel_init, (x.shape[-1], self.features))
    bias = self.param("bias", nn.initializers.zeros, (self.features,))
    y = batch_invariant.matmul(x.astype(self.dtype), kernel.astype(self.dtype))
    return y + bias.astype(self.dtype)


class Conv1x1(nn.Module):
  """A 1x1 convolution: `kernel` `[1, 1, I, O]`, `bias` `[O]`.

  Attributes:
    features: O.
    dtype: type of the computation; parameters stay float32.
    kernel_init: initialiser of the kernel.
  """

  features: int
  dtype: Any = jnp.float32
  kernel_init: Callable[..., jax.Array] = nn.initializers.lecun_normal()

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps the channels of x `[B, H, W, I]` to `[B, H, W, O]`."""
    kernel = self.param(
        "kernel", self.kernel_init, (1, 1, x.shape[-1], self.features))
    bias = self.param("bias", nn.initializers.zeros, (self.features,))
    batch, height, width, channels = x.shape
    flat = x.astype(self.dtype).reshape(batch, height * width, channels)
    y = batch_invariant.matmul(flat, kernel[0, 0].astype(self.dtype))
    return (y + bias.astype(self.dtype)).reshape(
        batch, height, width, self.features)


def mean_over_pixels(x: jax.Array) -> jax.Array:
  """The mean of each channel: `[B, ..., C]` -> `[B, C]`."""
  flat = x.reshape(x.shape[0], -1, x.shape[-1])
  return batch_invariant.pixel_sums(flat) / flat.shape[1]


@jax.custom_vjp
def upsample_nearest(x: jax.Array) -> jax.Array:
  """Repeats each pixel 2x2: `[B, H, W, C]` -> `[B, 2H, 2W, C]`."""
  batch, height, width, channels = x.shape
  x = jnp.broadcast_to(
      x[:, :, None, :, None], (batch, height, 2, width, 2, channels))
  return x.reshape(batch, 2 * height, 2 * width, channels)


# The compiler's own derivative is a reduction, whose order depends on the
# batch.
upsample_nearest.defvjp(
    lambda x: (upsample_nearest(x), None),
    lambda _, cotangent: (_sum_of_four(cotangent),))


def average_pool(x: jax.Array) -> jax.Array:
  """Averages 2x2 pixels: `[B, H, W, C]` -> `[B, H / 2, W / 2, C]`.

  Raises:
    ValueError: H or W is odd.
  """
  if x.shape[1] % 2 or x.shape[2] % 2:
    raise ValueError(
        f"x has {x.shape[1]} x {x.shape[2]} pixels; both must be even here")
  return 0.25 * _sum_of_four(x)


@jax.custom_vjp
def _sum_of_four(x: jax.Array) -> jax.Array:
  """Sums 2x2 pixels: the transpose of `upsample_nearest`."""
  return (
      x[:, 0::2, 0::2] + x[:, 0::2, 1::2]
      + x[:, 1::2, 0::2] + x[:, 1::2, 1::2])


_sum_of_four.defvjp(
    lambda x: (_sum_of_four(x), None),
    lambda _, cotangent: (upsample_nearest(cotangent),))


def time_embedding(time: jax.Array, width: int) -> jax.Array:
  """[cos(t f_k), sin(t f_k)], f_k = 10000^(-k / half), k < half = width // 2.

  The sinusoidal embedding of the ADM networks (arXiv:1706.03762, section
  3.5, with cosines first). An odd width ends in a zero.

  Args:
    time: `[B]`, may be fractional.
    width: size of the embedding.

  Returns:
    `[B, width]`, float32.
  """
  half = width // 2
  exponent = jnp.arange(half, dtype=jnp.float32) / half
  frequency = jnp.exp(-math.log(10000.0) * exponent)

  def embed(time: jax.Array) -> jax.Array:
    angle = time[:, None] * frequency
    return jnp.concatenate([jnp.cos(angle), jnp.sin(angle)], axis=-1)

  embedding = batch_invariant.by_rows(embed, time.astype(jnp.float32))
  return jnp.pad(embedding, ((0, 0), (0, width % 2)))
