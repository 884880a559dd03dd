"""The UNet of DDPM (Ho et al. 2020, arXiv:2006.11239, appendix B) in Linen.

As it is released for EGSDE (and, with other sizes, in the programs that
descend from the DDIM code). Submodules carry the checkpoints' names.
"""

from __future__ import annotations

import math
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxguide.models import layers

NORM_EPS = 1e-6


class ResnetBlock(nn.Module):
  """conv2(SiLU(norm2(conv1(SiLU(norm1 x)) + W SiLU(t)))) + shortcut x.

  Attributes:
    features: output channels.
    dropout: rate before conv2.
    num_groups: groups of the norms.
    dtype: type of convolutions and activations; norms stay float32.
    conv_impl: formulation of the 3x3 convolutions, see `layers.conv_3x3`.
  """

  features: int
  dropout: float = 0.0
  num_groups: int = 32
  dtype: Any = jnp.float32
  conv_impl: str = "auto"

  @nn.compact
  def __call__(
      self, x: jax.Array, embedding: jax.Array, train: bool = False,
  ) -> jax.Array:
    """Maps x `[B, H, W, C]`, SiLU(embedding) `[B, E]` -> `[B, H, W, O]`."""
    h = self._conv("conv1")(self._norm("norm1")(x))
    shift = layers.Dense(self.features, name="temb_proj")(embedding)
    h = h + shift.astype(self.dtype)[:, None, None]
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


class AttentionBlock(nn.Module):
  """Attention of one head over the pixels, with a residual connection.

  Attributes:
    num_groups: groups of the norm.
    dtype: type of the projections; norm and softmax stay float32.
    impl: formulation of the attention, see `layers.attention`.
  """

  num_groups: int = 32
  dtype: Any = jnp.float32
  impl: str = "auto"

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps x `[B, H, W, C]` to the same shape."""
    batch, height, width, channels = x.shape
    h = layers.GroupNorm(NORM_EPS, self.num_groups, name="norm")(x)
    parts = [
        layers.Conv1x1(channels, self.dtype, name=name)(h).reshape(
            batch, height * width, 1, channels) for name in "qkv"]
    h = layers.attention(*parts, impl=self.impl).reshape(x.shape)
    return x + layers.Conv1x1(channels, self.dtype, name="proj_out")(h)


class DdpmUnet(nn.Module):
  """The UNet of DDPM, which predicts eps.

  Attributes:
    in_channels: channels of the input.
    out_channels: channels of the output.
    model_channels: base width m.
    channel_mult: width of each level over m, finest level first.
    num_res_blocks: residual blocks per level of the encoder.
    attention_factors: downsampling factors at which every block is followed
      by attention. (The released configs give image sizes instead: factor =
      image_size // size.)
    dropout: rate in the residual blocks, in training.
    resample_with_conv: whether a convolution halves the size (stride 2, a
      border of one zero at the bottom and on the right) and one follows the
      doubling; else 2x2 mean and bare nearest.
    dtype: type of the activations inside the blocks; embeddings, norms, softmax
      and the output layers stay float32.
    remat: whether each block's activations are recomputed in the backward
      pass (`jax.checkpoint`) and not stored.
    attention_impl: formulation of the attention, see `layers.attention`.
    conv_impl: formulation of the 3x3 convolutions, see `layers.conv_3x3`.
    num_groups: groups of every norm; 32 in every released checkpoint.

  Example:
    >>> import jax
    >>> from jaxguide.models import ddpm_unet
    >>> net = ddpm_unet.DdpmUnet(
    ...     model_channels=32, channel_mult=(1, 2), attention_factors=(2,))
    >>> x = jax.ShapeDtypeStruct((2, 16, 16, 3), "float32")
    >>> time = jax.ShapeDtypeStruct((2,), "float32")
    >>> eps, _ = jax.eval_shape(
    ...     net.init_with_output, jax.random.key(0), x, time)
    >>> eps.shape
    (2, 16, 16, 3)
  """

  in_channels: int = 3
  out_channels: int = 3
  model_channels: int = 128
  channel_mult: tuple[int, ...] = (1, 1, 2, 2, 4, 4)
  num_res_blocks: int = 2
  attention_factors: tuple[int, ...] = (16,)
  dropout: float = 0.0
  resample_with_conv: bool = True
  dtype: Any = jnp.float32
  remat: bool = False
  attention_impl: str = "auto"
  conv_impl: str = "auto"
  num_groups: int = 32

  @nn.compact
  def __call__(
      self,
      x: jax.Array,
      time: jax.Array,
      labels: jax.Array | None = None,
      *,
      train: bool = False,
  ) -> jax.Array:
    """Evaluates the network.

    Args:
      x: `[B, H, W, in_channels]`; H and W divide by 2^(levels - 1).
      time: `[B]`, the network's time (0 to 999), may be fractional.
      labels: None; the network is unconditional.
      train: whether dropout is on (needs a "dropout" random stream).

    Returns:
      `[B, H, W, out_channels]`, float32 (the dtype of x).

    Raises:
      ValueError: a shape or an option that does not fit, or labels.
    """
    self._check_input(x, time, labels)
    embedding = self._embed_time(time)
    skips = [self._conv("conv_in", self.model_channels, self.dtype)(x)]
    last = len(self.channel_mult) - 1
    for level in range(last + 1):
      for i in range(self.num_res_blocks):
        skips.append(self._block(
            "down", level, i, skips[-1], embedding, train))
      if level < last:
        skips.append(self._downsample(level, skips[-1]))
    h = skips[-1]
    h = self._res_block("mid.block_1", h.shape[-1])(h, embedding, train)
    h = self._attention("mid.attn_1")(h)
    h = self._res_block("mid.block_2", h.shape[-1])(h, embedding, train)
    for level in range(last, -1, -1):
      for i in range(self.num_res_blocks + 1):
        h = jnp.concatenate([h, skips.pop()], axis=-1)
        h = self._block("up", level, i, h, embedding, train)
      if level:
        h = self._upsample(level, h)
    h = layers.GroupNorm(
        NORM_EPS, self.num_groups, silu=True, name="norm_out")(
            h.astype(x.dtype))
    return self._conv("conv_out", self.out_channels, jnp.float32)(h)

  def _check_input(self, x, time, labels):
    factor = 2 ** (len(self.channel_mult) - 1)
    if x.ndim != 4 or x.shape[-1] != self.in_channels:
      raise ValueError(
          f"x has shape {x.shape}; expected [B, H, W, {self.in_channels}]")
    if x.shape[1] % factor or x.shape[2] % factor:
      raise ValueError(
          f"x has {x.shape[1]} x {x.shape[2]} pixels; both must divide by "
          f"{factor} for {len(self.channel_mult)} levels")
    if time.shape != x.shape[:1]:
      raise ValueError(
          f"time has shape {time.shape}; expected {x.shape[:1]}, one per image")
    if labels is not None:
      raise ValueError("labels is given, while the network is unconditional")

  def _embed_time(self, time):
    """SiLU of the time MLP: `[B]` -> `[B, 4 m]`."""
    width = 4 * self.model_channels
    embedding = time_embedding(time, self.model_channels)
    embedding = layers.Dense(width, name="temb.dense.0")(embedding)
    embedding = nn.silu(embedding)
    return nn.silu(layers.Dense(width, name="temb.dense.1")(embedding))

  def _conv(self, name, features, dtype, stride=1):
    return layers.Conv3x3(
        features, stride=stride, dtype=dtype, impl=self.conv_impl, name=name)

  def _res_block(self, name, features):
    cls = ResnetBlock
    if self.remat:
      cls = nn.remat(ResnetBlock, static_argnums=(3,))
    return cls(
        features, self.dropout, self.num_groups, self.dtype, self.conv_impl,
        name=name)

  def _attention(self, name):
    cls = nn.remat(AttentionBlock) if self.remat else AttentionBlock
    return cls(self.num_groups, self.dtype, self.attention_impl, name=name)

  def _block(self, half, level, index, h, embedding, train):
    """A residual block, and attention where the level has it."""
    features = self.model_channels * self.channel_mult[level]
    h = self._res_block(f"{half}.{level}.block.{index}", features)(
        h, embedding, train)
    if 2 ** level in self.attention_factors:
      h = self._attention(f"{half}.{level}.attn.{index}")(h)
    return h

  def _downsample(self, level, h):
    if not self.resample_with_conv:
      return layers.average_pool(h)
    # The layer puts a border on all sides; this one has none at the top and
    # on the left. Shifted by a pixel, its first row and column are surplus.
    h = jnp.pad(h, ((0, 0), (1, 1), (1, 1), (0, 0)))
    h = self._conv(
        f"down.{level}.downsample.conv", h.shape[-1], self.dtype, stride=2)(h)
    return h[:, 1:, 1:]

  def _upsample(self, level, h):
    h = layers.upsample_nearest(h)
    if not self.resample_with_conv:
      return h
    return self._conv(
        f"up.{level}.upsample.conv", h.shape[-1], self.dtype)(h)


def time_embedding(time: jax.Array, width: int) -> jax.Array:
  """[sin(t f_k), cos(t f_k)], f_k = 10000^(-k / (half - 1)), half = width // 2.

  Unlike the ADM networks' embedding the sines come first and the last
  frequency is 1 / 10000. An odd width ends in a zero.

  Args:
    time: `[B]`, may be fractional.
    width: size of the embedding.

  Returns:
    `[B, width]`, float32.
  """
  half = width // 2
  step = np.float32(math.log(10000.0) / max(half - 1, 1))
  frequencies = np.exp(-(step * np.arange(half, dtype=np.float32)))
  angle = time.astype(jnp.float32)[:, None] * frequencies
  embedding = jnp.concatenate([jnp.sin(angle), jnp.cos(angle)], axis=-1)
  return jnp.pad(embedding, ((0, 0), (0, width % 2)))
