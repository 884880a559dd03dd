"""The blocks that the ADM UNet and the ADM classifier are made of.

Submodules carry the names of the released checkpoints, so that conversion is
a table: `params["input_blocks.1.0"]["in_layers.2"]["kernel"]` is the
checkpoint's `input_blocks.1.0.in_layers.2.weight`.
"""

from __future__ import annotations

from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp

from jaxguide.models import layers

# PyTorch's default, which every ADM checkpoint was trained with.
NORM_EPS = 1e-5


class ResBlock(nn.Module):
  """ADM's residual block (Dhariwal and Nichol, arXiv:2105.05233, section 3).

  Attributes:
    features: output channels.
    resample: None, "up" (nearest, x2) or "down" (2x2 mean), applied between
      the first SiLU and the first convolution, and to the skip path.
    use_scale_shift_norm: whether the embedding scales and shifts the second
      norm's output (the paper's AdaGN); else it is added before that norm.
    dropout: rate before the last convolution.
    dtype: type of convolutions and activations; norms stay float32.
    conv_impl: formulation of the 3x3 convolutions, see `layers.conv_3x3`.
    num_groups: groups of every norm.
  """

  features: int
  resample: str | None = None
  use_scale_shift_norm: bool = True
  dropout: float = 0.0
  dtype: Any = jnp.float32
  conv_impl: str = "auto"
  num_groups: int = 32

  @nn.compact
  def __call__(
      self, x: jax.Array, embedding: jax.Array, train: bool = False,
  ) -> jax.Array:
    """Maps x `[B, H, W, C]`, SiLU(embedding) `[B, E]` -> `[B, H', W', O]`."""
    h = self._norm("in_layers.0")(x)
    if self.resample == "up":
      h, x = layers.upsample_nearest(h), layers.upsample_nearest(x)
    elif self.resample == "down":
      h, x = layers.average_pool(h), layers.average_pool(x)
    h = self._conv("in_layers.2", nn.initializers.lecun_normal())(h)
    width = self.features * (2 if self.use_scale_shift_norm else 1)
    projected = layers.Dense(width, name="emb_layers.1")(embedding)
    projected = projected.astype(self.dtype)
    modulation = None
    if self.use_scale_shift_norm:
      modulation = tuple(jnp.split(projected, 2, axis=-1))
    else:
      h = h + projected[:, None, None]
    h = self._norm("out_layers.0")(h, modulation)
    h = nn.Dropout(self.dropout, deterministic=not train)(h)
    h = self._conv("out_layers.3", nn.initializers.zeros)(h)
    if x.shape[-1] != self.features:
      x = layers.Conv1x1(self.features, self.dtype, name="skip_connection")(x)
    return x + h

  def _norm(self, name):
    return layers.GroupNorm(NORM_EPS, self.num_groups, silu=True, name=name)

  def _conv(self, name, init):
    return layers.Conv3x3(
        self.features, dtype=self.dtype, impl=self.conv_impl,
        kernel_init=init, name=name)


class AttentionBlock(nn.Module):
  """Self-attention over the pixels, with a residual connection.

  Attributes:
    num_heads: heads; divides the channels.
    qkv_order: order of queries, keys and values, see `layers.split_qkv`.
    dtype: type of the projections; norm and softmax stay float32.
    impl: formulation of the attention, see `layers.attention`.
    num_groups: groups of the norm.
  """

  num_heads: int
  qkv_order: str = "legacy"
  dtype: Any = jnp.float32
  impl: str = "auto"
  num_groups: int = 32

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps x `[B, H, W, C]` to the same shape."""
    batch, height, width, channels = x.shape
    h = layers.GroupNorm(NORM_EPS, self.num_groups, name="norm")(x)
    h = h.reshape(batch, height * width, channels)
    qkv = layers.Dense(3 * channels, dtype=self.dtype, name="qkv")(h)
    q, k, v = layers.split_qkv(qkv, self.num_heads, self.qkv_order)
    h = layers.attention(q, k, v, impl=self.impl)
    h = layers.Dense(
        channels, dtype=self.dtype, kernel_init=nn.initializers.zeros,
        name="proj_out")(h)
    return x + h.reshape(x.shape)


class AdmTrunk(nn.Module):
  """The encoder half that the ADM UNet and the ADM classifier share.

  Attributes:
    in_channels: channels of the input.
    model_channels: base width m.
    channel_mult: width of each level over m, finest level first; the widths
      int(mult m) are multiples of `num_groups`.
    num_res_blocks: residual blocks per level of the encoder.
    attention_factors: downsampling factors at which every block is followed
      by attention. (The released command lines give image sizes instead:
      factor = image_size // size.)
    dropout: rate in the residual blocks, in training.
    num_heads: attention heads, where `num_head_channels` is -1.
    num_head_channels: channels per head; -1: use `num_heads`.
    use_scale_shift_norm: way of the time embedding, see `ResBlock`.
    resblock_updown: whether a residual block resamples between levels.
    conv_resample: whether, where it does not, a 3x3 convolution does (stride
      2 down, nearest then convolution up); else 2x2 mean and bare nearest.
    qkv_order: "legacy" or "new", see `layers.split_qkv`.
    dtype: type of the activations inside the blocks; embeddings, norms, softmax
      and the output layers stay float32.
    remat: whether each block's activations are recomputed in the backward
      pass (`jax.checkpoint`) and not stored.
    attention_impl: formulation of the attention, see `layers.attention`.
    conv_impl: formulation of the 3x3 convolutions, see `layers.conv_3x3`.
    num_groups: groups of every norm; 32 in every released checkpoint. A
      network that predicts noise needs several channels per group at every
      width: the norm of a lone channel erases its mean, and with it the mean
      colour of the picture.
  """

  in_channels: int = 3
  model_channels: int = 128
  channel_mult: tuple[float, ...] = (1, 2, 3, 4)
  num_res_blocks: int = 2
  attention_factors: tuple[int, ...] = ()
  dropout: float = 0.0
  num_heads: int = 1
  num_head_channels: int = -1
  use_scale_shift_norm: bool = True
  resblock_updown: bool = True
  conv_resample: bool = True
  qkv_order: str = "legacy"
  dtype: Any = jnp.float32
  remat: bool = False
  attention_impl: str = "auto"
  conv_impl: str = "auto"
  num_groups: int = 32

  def width(self, level: int) -> int:
    """Channels of a level; 0 is the finest."""
    return int(self.channel_mult[level] * self.model_channels)

  def check_input(self, x: jax.Array, time: jax.Array) -> None:
    """Raises ValueError where x or time does not fit this network."""
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

  def embed_time(self, time: jax.Array) -> jax.Array:
    """The time MLP: `[B]` -> `[B, 4 m]`; call inside a compact method."""
    width = 4 * self.model_channels
    embedding = layers.time_embedding(time, self.model_channels)
    embedding = nn.silu(layers.Dense(width, name="time_embed.0")(embedding))
    return layers.Dense(width, name="time_embed.2")(embedding)

  def res_block(
      self, name: str, features: int, resample: str | None = None,
  ) -> nn.Module:
    """A residual block of this trunk's options."""
    cls = ResBlock
    if self.remat:
      cls = nn.remat(ResBlock, static_argnums=(3,))
    return cls(
        features, resample, self.use_scale_shift_norm, self.dropout,
        self.dtype, self.conv_impl, self.num_groups, name=name)

  def attention_block(
      self, name: str, channels: int, num_heads: int,
  ) -> nn.Module:
    """An attention block of this trunk's options."""
    if self.num_head_channels != -1:
      if channels % self.num_head_channels:
        raise ValueError(
            f"num_head_channels is {self.num_head_channels}; it must divide "
            f"the {channels} channels of {name}")
      num_heads = channels // self.num_head_channels
    cls = nn.remat(AttentionBlock) if self.remat else AttentionBlock
    return cls(
        num_heads, self.qkv_order, self.dtype, self.attention_impl,
        self.num_groups, name=name)

  def output_norm(self, name: str) -> nn.Module:
    """The norm and SiLU before an output layer."""
    return layers.GroupNorm(NORM_EPS, self.num_groups, silu=True, name=name)

  def encode(
      self, x: jax.Array, embedding: jax.Array, train: bool,
  ) -> list[jax.Array]:
    """The outputs of all input blocks, finest first."""
    first = layers.Conv3x3(
        self.width(0), dtype=self.dtype, impl=self.conv_impl,
        name="input_blocks.0.0")
    outputs = [first(x)]
    for level in range(len(self.channel_mult)):
      for _ in range(self.num_res_blocks):
        name = f"input_blocks.{len(outputs)}"
        h = self.res_block(f"{name}.0", self.width(level))(
            outputs[-1], embedding, train)
        if 2 ** level in self.attention_factors:
          block = self.attention_block(f"{name}.1", h.shape[-1], self.num_heads)
          h = block(h)
        outputs.append(h)
      if level < len(self.channel_mult) - 1:
        name = f"input_blocks.{len(outputs)}.0"
        outputs.append(self.downsample(name, outputs[-1], embedding, train))
    return outputs

  def downsample(
      self, name: str, h: jax.Array, embedding: jax.Array, train: bool,
  ) -> jax.Array:
    """Halves height and width of h, at the same number of channels."""
    if self.resblock_updown:
      return self.res_block(name, h.shape[-1], "down")(h, embedding, train)
    if self.conv_resample:
      return layers.Conv3x3(
          h.shape[-1], stride=2, dtype=self.dtype, impl=self.conv_impl,
          name=f"{name}.op")(h)
    return layers.average_pool(h)

  def upsample(
      self, name: str, h: jax.Array, embedding: jax.Array, train: bool,
  ) -> jax.Array:
    """Doubles height and width of h, at the same number of channels."""
    if self.resblock_updown:
      return self.res_block(name, h.shape[-1], "up")(h, embedding, train)
    h = layers.upsample_nearest(h)
    if self.conv_resample:
      return layers.Conv3x3(
          h.shape[-1], dtype=self.dtype, impl=self.conv_impl,
          name=f"{name}.conv")(h)
    return h

  def middle(
      self, h: jax.Array, embedding: jax.Array, train: bool,
  ) -> jax.Array:
    """The middle block: residual, attention, residual."""
    channels = h.shape[-1]
    h = self.res_block("middle_block.0", channels)(h, embedding, train)
    h = self.attention_block("middle_block.1", channels, self.num_heads)(h)
    return self.res_block("middle_block.2", channels)(h, embedding, train)
