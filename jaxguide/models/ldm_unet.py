"""The UNet of latent diffusion models (arXiv:2112.10752) in Linen."""

from __future__ import annotations

from flax import linen as nn
import jax
import jax.numpy as jnp

from jaxguide.models import adm_blocks
from jaxguide.models import layers
from jaxguide.models import ldm_blocks


class LdmUnet(adm_blocks.AdmTrunk):
  """The UNet of CompVis' latent diffusion, which predicts eps of a latent.

  ADM's UNet with two differences: attention may be a spatial transformer,
  which also attends to a context (class embedding, text), and residual blocks
  do not resample between levels by default. Widths and the other options are
  `AdmTrunk`'s. Further images that it is conditioned on (a masked latent and
  its mask) are appended to the channels of x by the caller.

  Attributes:
    out_channels: channels of the latent.
    transformer_depth: transformer blocks wherever there is attention; 0: plain
      self-attention as in ADM.
    context_width: channels of a context token; None: no context, the
      transformers' second attention is to the pixels too.
    num_heads_upsample: heads of the decoder's plain attention; -1: as
      `num_heads`.
    num_classes: size of an embedding that is added to that of time; None:
      there is none. (Released class-conditional models embed the class in a
      context token instead: `ClassEmbedder`.)

  Example:
    >>> import jax
    >>> from jaxguide.models import ldm_unet
    >>> net = ldm_unet.LdmUnet(
    ...     in_channels=4, out_channels=4, model_channels=32,
    ...     channel_mult=(1, 2), attention_factors=(2,),
    ...     transformer_depth=1, context_width=8)
    >>> z = jax.ShapeDtypeStruct((2, 8, 8, 4), "float32")
    >>> time = jax.ShapeDtypeStruct((2,), "float32")
    >>> context = jax.ShapeDtypeStruct((2, 1, 8), "float32")
    >>> eps, _ = jax.eval_shape(
    ...     net.init_with_output, jax.random.key(0), z, time, context)
    >>> eps.shape
    (2, 8, 8, 4)
  """

  use_scale_shift_norm: bool = False
  resblock_updown: bool = False
  out_channels: int = 3
  transformer_depth: int = 0
  context_width: int | None = None
  num_heads_upsample: int = -1
  num_classes: int | None = None

  @nn.compact
  def __call__(
      self,
      x: jax.Array,
      time: jax.Array,
      context: jax.Array | None = None,
      labels: jax.Array | None = None,
      *,
      train: bool = False,
  ) -> jax.Array:
    """Evaluates the network.

    Args:
      x: `[B, H, W, in_channels]`; H and W divide by 2^(levels - 1).
      time: `[B]`, the network's time (0 to 999), may be fractional.
      context: `[B, S, context_width]`, exactly if that is set. Several
        contexts are concatenated along the tokens by the caller.
      labels: `[B]` integers below `num_classes`, exactly if that is set.
      train: whether dropout is on (needs a "dropout" random stream).

    Returns:
      `[B, H, W, out_channels]`, float32 (the dtype of x).

    Raises:
      ValueError: a shape or an option that does not fit, or a condition given
        to a network without it or missing from one that has it.
    """
    self.check_input(x, time)
    self._check_conditions(x, context, labels)
    embedding = self.embed_time(time)
    if self.num_classes is not None:
      embedding = embedding + nn.Embed(
          self.num_classes, embedding.shape[-1], name="label_emb")(labels)
    embedding = nn.silu(embedding)
    skips = self._encode(x, embedding, context, train)
    h, channels = skips[-1], skips[-1].shape[-1]
    h = self.res_block("middle_block.0", channels)(h, embedding, train)
    h = self._attend("middle_block.1", h, context, self.num_heads, train)
    h = self.res_block("middle_block.2", channels)(h, embedding, train)
    heads = self.num_heads_upsample
    heads = self.num_heads if heads == -1 else heads
    index = 0
    for level in reversed(range(len(self.channel_mult))):
      for block in range(self.num_res_blocks + 1):
        name = f"output_blocks.{index}"
        h = jnp.concatenate([h, skips.pop()], axis=-1)
        h = self.res_block(f"{name}.0", self.width(level))(
            h, embedding, train)
        part = 1
        if 2 ** level in self.attention_factors:
          h = self._attend(f"{name}.1", h, context, heads, train)
          part = 2
        if level and block == self.num_res_blocks:
          h = self.upsample(f"{name}.{part}", h, embedding, train)
        index += 1
    h = self.output_norm("out.0")(h.astype(x.dtype))
    return layers.Conv3x3(
        self.out_channels, impl=self.conv_impl,
        kernel_init=nn.initializers.zeros, name="out.2")(h)

  def _check_conditions(self, x, context, labels) -> None:
    if self.context_width is not None and not self.transformer_depth:
      raise ValueError(
          f"context_width is {self.context_width}, which needs a "
          "transformer_depth of at least 1")
    for name, value, field, size in (
        ("context", context, "context_width", self.context_width),
        ("labels", labels, "num_classes", self.num_classes)):
      if (value is None) != (size is None):
        raise ValueError(
            f"{name} is {'missing' if value is None else 'given'}, while "
            f"{field} is {size}")
    if context is not None and (
        context.ndim != 3 or context.shape[0] != x.shape[0]
        or context.shape[2] != self.context_width):
      raise ValueError(
          f"context has shape {context.shape}; expected "
          f"[{x.shape[0]}, tokens, {self.context_width}]")

  def _encode(self, x, embedding, context, train) -> list[jax.Array]:
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
          h = self._attend(f"{name}.1", h, context, self.num_heads, train)
        outputs.append(h)
      if level < len(self.channel_mult) - 1:
        name = f"input_blocks.{len(outputs)}.0"
        outputs.append(self.downsample(name, outputs[-1], embedding, train))
    return outputs

  def _attend(self, name, h, context, num_heads, train) -> jax.Array:
    """Attention of this network's kind."""
    channels = h.shape[-1]
    if not self.transformer_depth:
      return self.attention_block(name, channels, num_heads)(h)
    # The released decoder's transformers ignore `num_heads_upsample`.
    num_heads = self.num_heads
    if self.num_head_channels != -1:
      num_heads = channels // self.num_head_channels
    cls = ldm_blocks.SpatialTransformer
    if self.remat:
      cls = nn.remat(cls, static_argnums=(3,))
    return cls(
        num_heads, self.transformer_depth, self.dropout, self.dtype,
        self.attention_impl, self.num_groups, name=name)(h, context, train)


class ClassEmbedder(nn.Module):
  """A context of one token per class.

  Attributes:
    num_classes: classes, the null class of guidance included.
    width: channels of the token.

  Example:
    >>> import jax
    >>> import jax.numpy as jnp
    >>> from jaxguide.models import ldm_unet
    >>> net = ldm_unet.ClassEmbedder(num_classes=10, width=8)
    >>> context, _ = jax.eval_shape(
    ...     net.init_with_output, jax.random.key(0), jnp.array([3, 7]))
    >>> context.shape
    (2, 1, 8)
  """

  num_classes: int
  width: int

  @nn.compact
  def __call__(self, labels: jax.Array) -> jax.Array:
    """Maps labels `[B]`, integers below `num_classes`, to `[B, 1, width]`."""
    table = nn.Embed(self.num_classes, self.width, name="embedding")
    return table(labels)[:, None]
