"""The raw networks F of EDM (Karras et al. 2022, arXiv:2206.00364) in Linen.

`SongUnet` is the network of Song et al. 2021 (arXiv:2011.13456), of which
DDPM++ and NCSN++ are configurations; `DhariwalUnet` is the ADM network in
EDM's words. Both are fed the noise condition c_noise and the scaled image:
see `preconditioning` for the D(x; sigma) around them.
"""

from __future__ import annotations

import math
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp

from jaxguide import arrays
from jaxguide.models import edm_blocks
from jaxguide.models import layers

EMBEDDINGS = ("positional", "fourier")
ENCODERS = ("standard", "residual", "skip")
DECODERS = ("standard", "skip")

_XAVIER = nn.initializers.xavier_uniform()
_XAVIER_SMALL = nn.initializers.variance_scaling(1e-10, "fan_avg", "uniform")
_XAVIER_ATTENTION = nn.initializers.variance_scaling(0.2, "fan_avg", "uniform")
_UNIFORM = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")


class EdmTrunk(nn.Module):
  """What the two networks share.

  Attributes:
    img_resolution: height and width of the images in pixels.
    in_channels: channels of the input.
    out_channels: channels of the output; twice the image's with a variance.
    label_dim: number of classes; 0: unconditional.
    augment_dim: numbers that describe an augmentation; 0: none.
    model_channels: base width m.
    channel_mult: width of each level over m, finest level first.
    channel_mult_emb: width of the embedding over m.
    num_blocks: residual blocks per level of the encoder.
    attn_resolutions: sizes of the levels that have attention, in pixels.
    dropout: rate in the residual blocks, in training.
    label_dropout: rate at which labels are withheld, in training.
    dtype: type of the activations inside the blocks; embeddings, norms, softmax
      and the output layers stay float32.
    remat: whether each block's activations are recomputed in the backward
      pass (`jax.checkpoint`) and not stored.
    attention_impl: formulation of the attention, see `layers.attention`.
    conv_impl: formulation of the 3x3 convolutions, see `layers.conv_3x3`.
  """

  img_resolution: int = 64
  in_channels: int = 3
  out_channels: int = 3
  label_dim: int = 0
  augment_dim: int = 0
  model_channels: int = 128
  channel_mult: tuple[int, ...] = (1, 2, 2, 2)
  channel_mult_emb: int = 4
  num_blocks: int = 4
  attn_resolutions: tuple[int, ...] = (16,)
  dropout: float = 0.1
  label_dropout: float = 0.0
  dtype: Any = jnp.float32
  remat: bool = False
  attention_impl: str = "auto"
  conv_impl: str = "auto"

  def check_input(self, x: jax.Array, noise: jax.Array) -> None:
    """Raises ValueError where x or noise does not fit this network."""
    size, factor = self.img_resolution, 2 ** (len(self.channel_mult) - 1)
    if size % factor:
      raise ValueError(
          f"img_resolution is {size}; it must divide by {factor} for "
          f"{len(self.channel_mult)} levels")
    if x.ndim != 4 or x.shape[1:] != (size, size, self.in_channels):
      raise ValueError(
          f"x has shape {x.shape}; expected [B, {size}, {size}, "
          f"{self.in_channels}]")
    if noise.shape != x.shape[:1]:
      raise ValueError(
          f"noise has shape {noise.shape}; expected {x.shape[:1]}, one per "
          "image")

  def one_hot(
      self, labels: jax.Array | None, batch: int, train: bool,
  ) -> jax.Array:
    """Labels `[B, label_dim]` float32; zeros where they are None."""
    shape = (batch, self.label_dim)
    if labels is None:
      return jnp.zeros(shape, jnp.float32)
    if not self.label_dim:
      raise ValueError("labels is given, while label_dim is 0")
    if jnp.issubdtype(labels.dtype, jnp.integer) and labels.ndim == 1:
      labels = jax.nn.one_hot(labels, self.label_dim)
    if labels.shape != shape:
      raise ValueError(
          f"labels has shape {labels.shape}; expected integers "
          f"{shape[:1]} or one-hot {shape}")
    labels = labels.astype(jnp.float32)
    if train and self.label_dropout:
      kept = jax.random.bernoulli(
          self.make_rng("dropout"), 1 - self.label_dropout, (batch, 1))
      labels = labels * kept
    return labels

  def add_augmentation(
      self, embedding: jax.Array, augment: jax.Array | None,
  ) -> jax.Array:
    """Adds the projected augmentation; call inside a compact method."""
    shape = (embedding.shape[0], self.augment_dim)
    if augment is not None and augment.shape != shape:
      raise ValueError(
          f"augment has shape {augment.shape}; expected {shape}")
    if not self.augment_dim:
      return embedding
    project = edm_blocks.Projection(embedding.shape[-1], name="map_augment")
    if augment is None:
      # Evaluated for its parameters alone: no augmentation adds nothing.
      if self.is_initializing():
        project(jnp.zeros(shape))
      return embedding
    return embedding + project(augment.astype(jnp.float32))

  def dense(self, name: str, embedding: jax.Array, init: Any) -> jax.Array:
    """A layer of the embedding's MLP; call inside a compact method."""
    return layers.Dense(
        self.model_channels * self.channel_mult_emb, kernel_init=init,
        name=name)(embedding)

  def conv(self, name: str, features: int, init: Any, **fields: Any):
    """A 3x3 convolution of this trunk's options."""
    return layers.Conv3x3(
        features, impl=self.conv_impl, kernel_init=init, name=name, **fields)

  def block(self, name: str, features: int, **fields: Any) -> nn.Module:
    """A residual block of this trunk's options."""
    cls = edm_blocks.UnetBlock
    if self.remat:
      cls = nn.remat(cls, static_argnums=(3,))
    return cls(
        features, dropout=self.dropout, dtype=self.dtype,
        conv_impl=self.conv_impl, attention_impl=self.attention_impl,
        name=name, **fields)

  def place(self, level: int) -> str:
    """How a level's modules are called: "16x16"."""
    size = self.img_resolution >> level
    return f"{size}x{size}"

  def attends(self, level: int) -> bool:
    """Whether the blocks of a level may have attention."""
    return self.img_resolution >> level in self.attn_resolutions


class SongUnet(EdmTrunk):
  """DDPM++ and NCSN++ as EDM configures them.

  Attributes:
    embedding_type: kind of embedding of the noise condition: "positional"
      (DDPM++) or "fourier" (NCSN++).
    channel_mult_noise: width of that embedding over m; 1 for DDPM++, 2 for
      NCSN++.
    encoder_type: "standard" (DDPM++); "residual" (NCSN++): a filtered pyramid
      of the input joins every level; "skip": likewise through 1x1 layers.
    decoder_type: "standard", or "skip": every level adds to the output.
    resample_filter: taps; (1, 1) for DDPM++, (1, 3, 3, 1) for NCSN++.

  Example:
    >>> import jax
    >>> from jaxguide.models import edm_unet
    >>> net = edm_unet.SongUnet(
    ...     img_resolution=16, model_channels=16, channel_mult=(1, 2),
    ...     num_blocks=1)
    >>> x = jax.ShapeDtypeStruct((2, 16, 16, 3), "float32")
    >>> noise = jax.ShapeDtypeStruct((2,), "float32")
    >>> out, _ = jax.eval_shape(
    ...     net.init_with_output, jax.random.key(0), x, noise)
    >>> out.shape
    (2, 16, 16, 3)
  """

  embedding_type: str = "positional"
  channel_mult_noise: int = 1
  encoder_type: str = "standard"
  decoder_type: str = "standard"
  resample_filter: tuple[float, ...] = (1, 1)

  @nn.compact
  def __call__(
      self,
      x: jax.Array,
      noise: jax.Array,
      labels: jax.Array | None = None,
      augment: jax.Array | None = None,
      *,
      train: bool = False,
  ) -> jax.Array:
    """Evaluates the network.

    Args:
      x: `[B, img_resolution, img_resolution, in_channels]`, scaled by c_in.
      noise: c_noise, `[B]`.
      labels: `[B]` integers below `label_dim` (negative: no class) or
        `[B, label_dim]` one-hot; None: no class.
      augment: `[B, augment_dim]`; None: not augmented.
      train: whether dropout is on (needs a "dropout" random stream).

    Returns:
      `[B, img_resolution, img_resolution, out_channels]`, float32.

    Raises:
      ValueError: a shape or an option that does not fit, or labels given to
        an unconditional network.
    """
    arrays.check_choice("embedding_type", self.embedding_type, EMBEDDINGS)
    arrays.check_choice("encoder_type", self.encoder_type, ENCODERS)
    arrays.check_choice("decoder_type", self.decoder_type, DECODERS)
    edm_blocks.check_filter(self.resample_filter)
    self.check_input(x, noise)
    embedding = self._embed(noise, labels, augment, train)
    skips = self._encode(x, embedding, train)
    h = skips[-1]
    last, out = len(self.channel_mult) - 1, None
    for level in range(last, -1, -1):
      place, features = f"dec.{self.place(level)}", self._width(level)
      if level == last:
        h = self._block(f"{place}_in0", h.shape[-1], num_heads=1)(
            h, embedding, train)
        h = self._block(f"{place}_in1", h.shape[-1])(h, embedding, train)
      else:
        h = self._block(f"{place}_up", h.shape[-1], resample="up")(
            h, embedding, train)
      for i in range(self.num_blocks + 1):
        h = jnp.concatenate([h, skips.pop()], axis=-1)
        heads = int(self.attends(level) and i == self.num_blocks)
        h = self._block(f"{place}_block{i}", features, num_heads=heads)(
            h, embedding, train)
      if self.decoder_type == "skip" or level == 0:
        part = edm_blocks.group_norm(
            h.astype(x.dtype), 1e-6, f"{place}_aux_norm", silu=True)
        part = self.conv(
            f"{place}_aux_conv", self.out_channels, _XAVIER_SMALL)(part)
        out = part if out is None else part + edm_blocks.upsample(
            out, self.resample_filter)
    return out

  def _width(self, level):
    return self.model_channels * self.channel_mult[level]

  def _block(self, name, features, **fields):
    return self.block(
        name, features, resample_filter=self.resample_filter,
        resample_proj=True, adaptive_scale=False, skip_scale=math.sqrt(0.5),
        eps=1e-6, inits=(_XAVIER, _XAVIER_SMALL, _XAVIER_ATTENTION), **fields)

  def _embed(self, noise, labels, augment, train):
    width = self.model_channels * self.channel_mult_noise
    if self.embedding_type == "positional":
      embedding = edm_blocks.positional_embedding(noise, width, endpoint=True)
    else:
      embedding = edm_blocks.FourierEmbedding(width, name="map_noise")(noise)
    # The released networks want sines first.
    embedding = jnp.roll(embedding, width // 2, axis=-1)
    labels = self.one_hot(labels, noise.shape[0], train)
    if self.label_dim:
      embedding = embedding + layers.Dense(
          width, kernel_init=_XAVIER, name="map_label")(
              labels * math.sqrt(self.label_dim))
    embedding = self.add_augmentation(embedding, augment)
    for name in ("map_layer0", "map_layer1"):
      embedding = nn.silu(self.dense(name, embedding, _XAVIER))
    return embedding

  def _encode(self, x, embedding, train):
    """The outputs of all encoder blocks, finest first."""
    first = self.conv(
        f"enc.{self.place(0)}_conv", self.model_channels, _XAVIER,
        dtype=self.dtype)
    skips, pyramid = [first(x)], x
    for level in range(len(self.channel_mult)):
      place = f"enc.{self.place(level)}"
      if level:
        h = self._block(
            f"{place}_down", skips[-1].shape[-1], resample="down")(
                skips[-1], embedding, train)
        h, pyramid = self._join(place, h, pyramid)
        skips.append(h)
      for i in range(self.num_blocks):
        block = self._block(
            f"{place}_block{i}", self._width(level),
            num_heads=int(self.attends(level)))
        skips.append(block(skips[-1], embedding, train))
    return skips

  def _join(self, place, h, pyramid):
    """Adds the halved image pyramid to h; both are returned."""
    taps = self.resample_filter
    if self.encoder_type == "skip":
      pyramid = edm_blocks.downsample(pyramid, taps)
      part = layers.Conv1x1(
          h.shape[-1], self.dtype, _XAVIER, name=f"{place}_aux_skip")(pyramid)
      return h + part, pyramid
    if self.encoder_type == "residual":
      # One operation in the released code: convolve a larger border, then
      # filter without one.
      border = (len(taps) - 1) // 2
      widths = ((0, 0), (border, border), (border, border), (0, 0))
      part = self.conv(
          f"{place}_aux_residual", h.shape[-1], _XAVIER, dtype=self.dtype)(
              jnp.pad(pyramid, widths))
      part = edm_blocks.downsample(part, taps, padded=False)
      h = (h + part) * math.sqrt(0.5)
      return h, h
    return h, pyramid


class DhariwalUnet(EdmTrunk):
  """The ADM network of Dhariwal and Nichol as EDM configures it.

  Attention has C // 64 heads: none below 64 channels.

  Example:
    >>> import jax
    >>> from jaxguide.models import edm_unet
    >>> net = edm_unet.DhariwalUnet(
    ...     img_resolution=16, model_channels=64, channel_mult=(1, 2),
    ...     num_blocks=1)
    >>> x = jax.ShapeDtypeStruct((2, 16, 16, 3), "float32")
    >>> noise = jax.ShapeDtypeStruct((2,), "float32")
    >>> out, _ = jax.eval_shape(
    ...     net.init_with_output, jax.random.key(0), x, noise)
    >>> out.shape
    (2, 16, 16, 3)
  """

  model_channels: int = 192
  channel_mult: tuple[int, ...] = (1, 2, 3, 4)
  num_blocks: int = 3
  attn_resolutions: tuple[int, ...] = (32, 16, 8)

  @nn.compact
  def __call__(
      self,
      x: jax.Array,
      noise: jax.Array,
      labels: jax.Array | None = None,
      augment: jax.Array | None = None,
      *,
      train: bool = False,
  ) -> jax.Array:
    """Evaluates the network; arguments and errors as of `SongUnet`."""
    self.check_input(x, noise)
    embedding = self._embed(noise, labels, augment, train)
    first = self.conv(
        f"enc.{self.place(0)}_conv", self._width(0), _UNIFORM,
        dtype=self.dtype)
    skips = [first(x)]
    for level in range(len(self.channel_mult)):
      place = f"enc.{self.place(level)}"
      if level:
        down = self._block(
            f"{place}_down", skips[-1].shape[-1], resample="down")
        skips.append(down(skips[-1], embedding, train))
      for i in range(self.num_blocks):
        block = self._block(
            f"{place}_block{i}", self._width(level), self.attends(level))
        skips.append(block(skips[-1], embedding, train))
    h, last = skips[-1], len(self.channel_mult) - 1
    for level in range(last, -1, -1):
      place, features = f"dec.{self.place(level)}", h.shape[-1]
      if level == last:
        h = self._block(f"{place}_in0", features, True)(h, embedding, train)
        h = self._block(f"{place}_in1", features)(h, embedding, train)
      else:
        h = self._block(f"{place}_up", features, resample="up")(
            h, embedding, train)
      for i in range(self.num_blocks + 1):
        h = jnp.concatenate([h, skips.pop()], axis=-1)
        block = self._block(
            f"{place}_block{i}", self._width(level), self.attends(level))
        h = block(h, embedding, train)
    h = edm_blocks.group_norm(h.astype(x.dtype), 1e-5, "out_norm", silu=True)
    return self.conv("out_conv", self.out_channels, nn.initializers.zeros)(h)

  def _width(self, level):
    return self.model_channels * self.channel_mult[level]

  def _block(self, name, features, attends=False, **fields):
    return self.block(
        name, features, num_heads=features // 64 if attends else 0,
        inits=(_UNIFORM, nn.initializers.zeros, _UNIFORM), **fields)

  def _embed(self, noise, labels, augment, train):
    embedding = edm_blocks.positional_embedding(noise, self.model_channels)
    embedding = self.add_augmentation(embedding, augment)
    embedding = nn.silu(self.dense("map_layer0", embedding, _UNIFORM))
    embedding = self.dense("map_layer1", embedding, _UNIFORM)
    labels = self.one_hot(labels, noise.shape[0], train)
    if self.label_dim:
      embedding = embedding + edm_blocks.Projection(
          embedding.shape[-1], name="map_label")(labels)
    return nn.silu(embedding)
