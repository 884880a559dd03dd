"""The ADM UNet (Dhariwal and Nichol, arXiv:2105.05233) in Linen."""

from __future__ import annotations

from flax import linen as nn
import jax
import jax.numpy as jnp

from jaxguide.models import adm_blocks
from jaxguide.models import layers


class AdmUnet(adm_blocks.AdmTrunk):
  """The UNet of guided-diffusion, which predicts eps (and a variance).

  The encoder, its attention, widths and options are `AdmTrunk`'s; the decoder
  mirrors it with one block more per level, each on [current, skip].

  Attributes:
    out_channels: 3 for eps, 6 for eps and a learned variance of RGB images.
    num_heads_upsample: heads of the decoder's attention; -1: as `num_heads`.
    num_classes: size of the class embedding; None: unconditional.

  Example:
    >>> import jax
    >>> from jaxguide import models
    >>> net = models.AdmUnet(model_channels=32, channel_mult=(1, 2))
    >>> x = jax.ShapeDtypeStruct((2, 16, 16, 3), "float32")
    >>> time = jax.ShapeDtypeStruct((2,), "float32")
    >>> eps, _ = jax.eval_shape(
    ...     net.init_with_output, jax.random.key(0), x, time)
    >>> eps.shape
    (2, 16, 16, 3)
  """

  out_channels: int = 3
  num_heads_upsample: int = -1
  num_classes: int | None = None

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
      labels: `[B]` integers below `num_classes`, exactly if that is set.
      train: whether dropout is on (needs a "dropout" random stream).

    Returns:
      `[B, H, W, out_channels]`, float32 (the dtype of x).

    Raises:
      ValueError: a shape or an option that does not fit, or labels given to
        an unconditional network or missing from a conditional one.
    """
    self.check_input(x, time)
    embedding = self.embed_time(time)
    if (labels is None) != (self.num_classes is None):
      raise ValueError(
          f"labels is {'missing' if labels is None else 'given'}, while "
          f"num_classes is {self.num_classes}")
    if self.num_classes is not None:
      embedding = embedding + nn.Embed(
          self.num_classes, embedding.shape[-1], name="label_emb")(labels)
    embedding = nn.silu(embedding)
    skips = self.encode(x, embedding, train)
    h = self.middle(skips[-1], embedding, train)
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
          h = self.attention_block(f"{name}.1", h.shape[-1], heads)(h)
          part = 2
        if level and block == self.num_res_blocks:
          h = self.upsample(f"{name}.{part}", h, embedding, train)
        index += 1
    h = h.astype(x.dtype)
    h = self.output_norm("out.0")(h)
    return layers.Conv3x3(
        self.out_channels, impl=self.conv_impl,
        kernel_init=nn.initializers.zeros, name="out.2")(h)


class AdmSuperResUnet(AdmUnet):
  """The super-resolution UNet: the low-resolution image is one more input.

  It is resized to the size of x (bilinear, half-pixel centres, no
  antialiasing) and appended to the channels of x, so that the first
  convolution sees 2 x 3 channels.

  Example:
    >>> import jax
    >>> from jaxguide import models
    >>> net = models.AdmSuperResUnet(model_channels=32, channel_mult=(1, 2))
    >>> x = jax.ShapeDtypeStruct((2, 16, 16, 3), "float32")
    >>> time = jax.ShapeDtypeStruct((2,), "float32")
    >>> small = jax.ShapeDtypeStruct((2, 4, 4, 3), "float32")
    >>> eps, _ = jax.eval_shape(
    ...     net.init_with_output, jax.random.key(0), x, time, low_res=small)
    >>> eps.shape
    (2, 16, 16, 3)
  """

  in_channels: int = 6

  @nn.compact
  def __call__(
      self,
      x: jax.Array,
      time: jax.Array,
      labels: jax.Array | None = None,
      *,
      low_res: jax.Array,
      train: bool = False,
  ) -> jax.Array:
    """Evaluates the network; `low_res` is `[B, h, w, C]`, else as AdmUnet."""
    shape = (*x.shape[:-1], low_res.shape[-1])
    low_res = jax.image.resize(low_res, shape, "bilinear", antialias=False)
    x = jnp.concatenate([x, low_res.astype(x.dtype)], axis=-1)
    return super().__call__(x, time, labels, train=train)
