"""The blocks that the autoencoders of latent diffusion are made of.

Submodules carry the names of the released checkpoints (arXiv:2112.10752,
appendix E.1, after the convolutional part of arXiv:2012.09841).
"""

from __future__ import annotations

from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp

from jaxguide.models import layers

NORM_EPS = 1e-6


class ResnetBlock(nn.Module):
  """Norm, SiLU, convolution, twice, and a residual connection.

  Attributes:
    features: output channels.
    dropout: rate before the second convolution, in training.
    dtype: type of the activations; norms stay float32.
    conv_impl: formulation of the 3x3 convolutions, see `layers.conv_3x3`.
    num_groups: groups of the norms.
  """

  features: int
  dropout: float = 0.0
  dtype: Any = jnp.float32
  conv_impl: str = "auto"
  num_groups: int = 32

  @nn.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps x `[B, H, W, C]` to `[B, H, W, features]`."""
    h = self._conv("conv1")(self._norm("norm1")(x))
    h = self._norm("norm2")(h)
    h = nn.Dropout(self.dropout, deterministic=not train)(h)
    h = self._conv("conv2")(h)
    if x.shape[-1] != self.features:
      x = layers.Conv1x1(self.features, self.dtype, name="nin_shortcut")(x)
    return x + h

  def _norm(self, name):
    return layers.GroupNorm(NORM_EPS, self.num_groups, silu=True, name=name)

  def _conv(self, name):
    return layers.Conv3x3(
        self.features, dtype=self.dtype, impl=self.conv_impl, name=name)


class PixelAttention(nn.Module):
  """Self-attention over the pixels with one head, and a residual connection.

  Attributes:
    dtype: type of the projections; norm and softmax stay float32.
    impl: formulation of the attention, see `layers.attention`.
    num_groups: groups of the norm.
  """

  dtype: Any = jnp.float32
  impl: str = "auto"
  num_groups: int = 32

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps x `[B, H, W, C]` to the same shape."""
    batch, height, width, channels = x.shape
    h = layers.GroupNorm(NORM_EPS, self.num_groups, name="norm")(x)
    q, k, v = (
        layers.Conv1x1(channels, self.dtype, name=name)(h).reshape(
            batch, height * width, 1, channels)
        for name in ("q", "k", "v"))
    h = layers.attention(q, k, v, impl=self.impl).reshape(x.shape)
    return x + layers.Conv1x1(channels, self.dtype, name="proj_out")(h)


class Downsample(nn.Module):
  """A 3x3 convolution of stride 2, zeros below and to the right alone.

  Attributes:
    dtype: type of the computation.
    conv_impl: formulation of the 3x3 convolutions, see `layers.conv_3x3`.
  """

  dtype: Any = jnp.float32
  conv_impl: str = "auto"

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps x `[B, H, W, C]`, H and W even, to `[B, H / 2, W / 2, C]`."""
    if x.shape[1] % 2 or x.shape[2] % 2:
      raise ValueError(
          f"x has {x.shape[1]} x {x.shape[2]} pixels; both must be even here")
    conv = layers.Conv3x3(
        x.shape[-1], stride=2, dtype=self.dtype, impl=self.conv_impl,
        name="conv")
    # One more row above shifts the windows of the symmetric convolution to
    # where these are; its first row and column then see the border twice.
    return conv(jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))))[:, 1:, 1:]


class Upsample(nn.Module):
  """Nearest neighbours, then a 3x3 convolution.

  Attributes:
    dtype: type of the computation.
    conv_impl: formulation of the 3x3 convolutions, see `layers.conv_3x3`.
  """

  dtype: Any = jnp.float32
  conv_impl: str = "auto"

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps x `[B, H, W, C]` to `[B, 2 H, 2 W, C]`."""
    return layers.Conv3x3(
        x.shape[-1], dtype=self.dtype, impl=self.conv_impl,
        name="conv")(layers.upsample_nearest(x))


class Half(nn.Module):
  """What encoder and decoder share.

  Attributes:
    features: channels of the output.
    model_channels: base width m.
    channel_mult: width of each level over m, finest level first.
    num_res_blocks: blocks per level of the encoder; the decoder has one more.
    attention_factors: downsampling factors at which every block is followed
      by attention.
    mid_attention: whether there is attention at the coarsest level's middle.
    dropout: rate in the blocks, in training.
    dtype: type of the activations; norms and softmax stay float32.
    remat: whether each block's activations are recomputed in the backward
      pass and not stored.
    attention_impl: formulation of the attention, see `layers.attention`.
    conv_impl: formulation of the 3x3 convolutions, see `layers.conv_3x3`.
    num_groups: groups of every norm.
  """

  features: int
  model_channels: int
  channel_mult: tuple[float, ...]
  num_res_blocks: int
  attention_factors: tuple[int, ...]
  mid_attention: bool
  dropout: float
  dtype: Any
  remat: bool
  attention_impl: str
  conv_impl: str
  num_groups: int

  def width(self, level: int) -> int:
    """Channels of a level; 0 is the finest."""
    return int(self.channel_mult[level] * self.model_channels)

  def conv(self, name: str, features: int) -> nn.Module:
    """A 3x3 convolution of this network's options."""
    return layers.Conv3x3(
        features, dtype=self.dtype, impl=self.conv_impl, name=name)

  def block(self, name: str, features: int) -> nn.Module:
    """A residual block of this network's options."""
    cls = ResnetBlock
    if self.remat:
      cls = nn.remat(ResnetBlock, static_argnums=(2,))
    return cls(
        features, self.dropout, self.dtype, self.conv_impl, self.num_groups,
        name=name)

  def attention(self, name: str) -> nn.Module:
    """An attention block of this network's options."""
    cls = nn.remat(PixelAttention) if self.remat else PixelAttention
    return cls(self.dtype, self.attention_impl, self.num_groups, name=name)

  def middle(self, h: jax.Array, train: bool) -> jax.Array:
    """Block, attention, block at the coarsest level."""
    channels = h.shape[-1]
    h = self.block("mid.block_1", channels)(h, train)
    if self.mid_attention:
      h = self.attention("mid.attn_1")(h)
    return self.block("mid.block_2", channels)(h, train)

  def head(self, h: jax.Array) -> jax.Array:
    """Norm, SiLU and the last convolution."""
    h = layers.GroupNorm(
        NORM_EPS, self.num_groups, silu=True, name="norm_out")(h)
    return self.conv("conv_out", self.features)(h)


class Encoder(Half):
  """Images to features, at 1 / 2^(levels - 1) of their size."""

  @nn.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps x `[B, H, W, C]` to `[B, h, w, features]`."""
    h = self.conv("conv_in", self.model_channels)(x)
    for level in range(len(self.channel_mult)):
      for i in range(self.num_res_blocks):
        h = self.block(f"down.{level}.block.{i}", self.width(level))(h, train)
        if 2 ** level in self.attention_factors:
          h = self.attention(f"down.{level}.attn.{i}")(h)
      if level < len(self.channel_mult) - 1:
        h = Downsample(
            self.dtype, self.conv_impl, name=f"down.{level}.downsample")(h)
    return self.head(self.middle(h, train)).astype(x.dtype)


class Decoder(Half):
  """Features to images; the levels are numbered as the encoder's."""

  @nn.compact
  def __call__(self, z: jax.Array, train: bool = False) -> jax.Array:
    """Maps z `[B, h, w, C]` to `[B, H, W, features]`."""
    levels = len(self.channel_mult)
    h = self.middle(self.conv("conv_in", self.width(levels - 1))(z), train)
    for level in reversed(range(levels)):
      for i in range(self.num_res_blocks + 1):
        h = self.block(f"up.{level}.block.{i}", self.width(level))(h, train)
        if 2 ** level in self.attention_factors:
          h = self.attention(f"up.{level}.attn.{i}")(h)
      if level:
        h = Upsample(
            self.dtype, self.conv_impl, name=f"up.{level}.upsample")(h)
    return self.head(h).astype(z.dtype)
