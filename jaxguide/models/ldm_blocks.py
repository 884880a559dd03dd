"""The spatial transformer of latent diffusion models.

Rombach et al., arXiv:2112.10752, appendix E.2.1. Submodules carry the names
of the released checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp

from jaxguide.models import batch_invariant
from jaxguide.models import layers

# Of the norm at the entrance; the residual blocks around it have 1e-5.
ENTRY_NORM_EPS = 1e-6
TOKEN_NORM_EPS = 1e-5
# Width of the feed-forward layer over that of the tokens.
_EXPANSION = 4


class LayerNorm(nn.Module):
  """Normalises each token over its channels (arXiv:1607.06450, Eq. 3).

  y = (x - mean) / sqrt(var + eps) * scale + bias, with the biased, centred
  variance, in float32 whatever the dtype of x.

  Attributes:
    eps: added to the variance.
  """

  eps: float = TOKEN_NORM_EPS

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps x `[B, N, C]` to its shape and dtype."""
    channels = x.shape[-1]
    scale = self.param("scale", nn.initializers.ones, (channels,))
    bias = self.param("bias", nn.initializers.zeros, (channels,))
    y = x.astype(jnp.float32)
    y = y - _channel_means(y)
    variance = _channel_means(y * y)
    y = y * jax.lax.rsqrt(variance + self.eps) * scale + bias
    return y.astype(x.dtype)


def _channel_means(x):
  """Means over the last axis of `[B, N, C]`, kept; the same in any batch."""
  return (batch_invariant.pixel_sums(x.swapaxes(1, 2)) / x.shape[-1])[..., None]


class Projection(nn.Module):
  """x W without bias: `kernel` `[I, O]`.

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
    return batch_invariant.matmul(
        x.astype(self.dtype), kernel.astype(self.dtype))


class CrossAttention(nn.Module):
  """Attention of tokens to other tokens.

  Attributes:
    num_heads: heads; divides the channels.
    dtype: type of the projections; the softmax stays float32.
    impl: formulation of the attention, see `layers.attention`.
  """

  num_heads: int
  dtype: Any = jnp.float32
  impl: str = "auto"

  @nn.compact
  def __call__(self, x: jax.Array, context: jax.Array) -> jax.Array:
    """Maps x `[B, N, C]` and context `[B, S, D]` to `[B, N, C]`."""
    channels = x.shape[-1]
    q, k, v = (
        Projection(channels, self.dtype, name=name)(tokens).reshape(
            *tokens.shape[:2], self.num_heads, -1)
        for name, tokens in (
            ("to_q", x), ("to_k", context), ("to_v", context)))
    h = layers.attention(q, k, v, impl=self.impl)
    return layers.Dense(channels, dtype=self.dtype, name="to_out.0")(h)


class FeedForward(nn.Module):
  """W2 (a * GELU(b)), [a, b] = W1 x (GEGLU: arXiv:2002.05202, section 2).

  GELU is the exact one, x Phi(x).

  Attributes:
    dtype: type of the computation.
  """

  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps x `[B, N, C]` to the same shape."""
    channels = x.shape[-1]
    h = layers.Dense(
        2 * _EXPANSION * channels, dtype=self.dtype, name="net.0.proj")(x)
    value, gate = jnp.split(h, 2, axis=-1)
    h = value * jax.nn.gelu(gate, approximate=False)
    return layers.Dense(channels, dtype=self.dtype, name="net.2")(h)


class TransformerBlock(nn.Module):
  """Self-attention, attention to the context, feed-forward, each residual.

  Attributes:
    num_heads: number of heads of both attentions.
    dropout: rate after the feed-forward layer, in training.
    dtype: type of the activations; norms and softmax stay float32.
    impl: formulation of the attention, see `layers.attention`.
  """

  num_heads: int
  dropout: float = 0.0
  dtype: Any = jnp.float32
  impl: str = "auto"

  @nn.compact
  def __call__(
      self, x: jax.Array, context: jax.Array | None, train: bool = False,
  ) -> jax.Array:
    """Maps x `[B, N, C]`, context `[B, S, D]`; None: x attends to itself."""
    h = LayerNorm(name="norm1")(x)
    x = x + self._attention("attn1")(h, h)
    h = LayerNorm(name="norm2")(x)
    x = x + self._attention("attn2")(h, h if context is None else context)
    h = FeedForward(self.dtype, name="ff")(LayerNorm(name="norm3")(x))
    return x + nn.Dropout(self.dropout, deterministic=not train)(h)

  def _attention(self, name):
    return CrossAttention(self.num_heads, self.dtype, self.impl, name=name)


class SpatialTransformer(nn.Module):
  """Transformer blocks over the pixels of a feature map, with a residual.

  Attributes:
    num_heads: heads; divides the channels.
    depth: transformer blocks.
    dropout: rate in the blocks, in training.
    dtype: type of the activations; norms and softmax stay float32.
    impl: formulation of the attention, see `layers.attention`.
    num_groups: groups of the norm at the entrance.
  """

  num_heads: int
  depth: int = 1
  dropout: float = 0.0
  dtype: Any = jnp.float32
  impl: str = "auto"
  num_groups: int = 32

  @nn.compact
  def __call__(
      self, x: jax.Array, context: jax.Array | None, train: bool = False,
  ) -> jax.Array:
    """Maps x `[B, H, W, C]`, context `[B, S, D]` or None, to x's shape."""
    batch, height, width, channels = x.shape
    if channels % self.num_heads:
      raise ValueError(
          f"num_heads is {self.num_heads}; it must divide the {channels} "
          f"channels of {self.name}")
    h = layers.GroupNorm(ENTRY_NORM_EPS, self.num_groups, name="norm")(x)
    h = layers.Conv1x1(channels, self.dtype, name="proj_in")(h)
    h = h.reshape(batch, height * width, channels)
    for i in range(self.depth):
      h = TransformerBlock(
          self.num_heads, self.dropout, self.dtype, self.impl,
          name=f"transformer_blocks.{i}")(h, context, train)
    h = layers.Conv1x1(
        channels, self.dtype, kernel_init=nn.initializers.zeros,
        name="proj_out")(h.reshape(x.shape))
    return x + h
