"""The ADM encoder with a head: noisy-image classifier, feature extractor."""

from __future__ import annotations

from flax import linen as nn
import jax
import jax.numpy as jnp

from jaxguide import arrays
from jaxguide.models import adm_blocks
from jaxguide.models import layers

POOLS = ("attention", "adaptive", "spatial", "spatial_v2")

# Width of the hidden layer of the two "spatial" heads.
_HIDDEN = 2048


class AttentionPool(nn.Module):
  """Attends from the mean of all pixels to the pixels and itself.

  The pooling of CLIP's ResNets (Radford et al., arXiv:2103.00020, section
  2.4) as the ADM classifiers use it: a mean token is put first, a learned
  position is added to every token, and the attended first token is returned.

  Attributes:
    features: outputs.
    num_heads: heads; q, k, v always lie in the "new" order.
    attention_impl: formulation of the attention, see `layers.attention`.
  """

  features: int
  num_heads: int
  attention_impl: str = "auto"

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps x `[B, H, W, C]` to `[B, features]`."""
    batch, height, width, channels = x.shape
    tokens = x.reshape(batch, height * width, channels)
    mean = layers.mean_over_pixels(tokens)[:, None]
    tokens = jnp.concatenate([mean, tokens], axis=1)
    tokens = tokens + self.param(
        "positional_embedding",
        nn.initializers.normal(channels**-0.5), tokens.shape[1:])
    qkv = layers.Dense(3 * channels, name="qkv_proj")(tokens)
    q, k, v = layers.split_qkv(qkv, self.num_heads, "new")
    h = layers.attention(q, k, v, impl=self.attention_impl)
    return layers.Dense(self.features, name="c_proj")(h[:, 0])


class AdmClassifier(adm_blocks.AdmTrunk):
  """The encoder half of the ADM UNet, pooled into logits.

  Encoder, middle block and their options are `AdmTrunk`'s. The published
  classifiers see noisy images and their time, and pool by attention; the
  domain-specific extractor of EGSDE (Zhao et al., arXiv:2207.06635) is the
  same network under `head_name` "I2Iout", used for `features` alone.

  Attributes:
    out_channels: number of classes.
    image_size: height and width of the images in pixels.
    pool: "attention", "adaptive" (mean over pixels), or "spatial" and
      "spatial_v2" (an MLP on the means of every block's output).
    head_name: prefix of the head's parameters.

  Example:
    >>> import jax
    >>> from jaxguide import models
    >>> net = models.AdmClassifier(
    ...     model_channels=32, channel_mult=(1, 2), num_head_channels=32,
    ...     image_size=16, out_channels=2)
    >>> x = jax.ShapeDtypeStruct((5, 16, 16, 3), "float32")
    >>> time = jax.ShapeDtypeStruct((5,), "float32")
    >>> logits, _ = jax.eval_shape(
    ...     net.init_with_output, jax.random.key(0), x, time)
    >>> logits.shape
    (5, 2)
  """

  out_channels: int = 1000
  image_size: int = 64
  pool: str = "attention"
  head_name: str = "out"

  @nn.compact
  def __call__(
      self,
      x: jax.Array,
      time: jax.Array,
      *,
      train: bool = False,
      features_only: bool = False,
  ) -> jax.Array:
    """Evaluates the network.

    Args:
      x: `[B, image_size, image_size, in_channels]`.
      time: `[B]`, the network's time (0 to 999), may be fractional.
      train: whether dropout is on (needs a "dropout" random stream).
      features_only: returns the middle block's output, without the head. (To
        initialise the head's parameters too, leave it off in `init`.)

    Returns:
      Logits `[B, out_channels]`, or features `[B, h, w, C]`, float32.

    Raises:
      ValueError: a shape or an option that does not fit.
    """
    arrays.check_choice("pool", self.pool, POOLS)
    self.check_input(x, time)
    if x.shape[1:3] != (self.image_size, self.image_size):
      raise ValueError(
          f"x has {x.shape[1]} x {x.shape[2]} pixels; image_size is "
          f"{self.image_size}")
    embedding = nn.silu(self.embed_time(time))
    outputs = self.encode(x, embedding, train)
    outputs.append(self.middle(outputs[-1], embedding, train))
    if features_only:
      return outputs[-1].astype(x.dtype)
    outputs = [h.astype(x.dtype) for h in outputs]
    head = {
        "attention": self._attention_head, "adaptive": self._adaptive_head,
        "spatial": self._spatial_head, "spatial_v2": self._spatial_head}
    return head[self.pool](outputs)

  def features(self, x: jax.Array, time: jax.Array) -> jax.Array:
    """The middle block's output `[B, h, w, C]`; `apply(..., method=)`."""
    return self(x, time, features_only=True)

  def _name(self, index):
    return f"{self.head_name}.{index}"

  def _attention_head(self, outputs):
    h = outputs[-1]
    h = self.output_norm(self._name(0))(h)
    size = self.num_head_channels
    if size == -1:
      raise ValueError("pool is 'attention', which needs num_head_channels")
    heads = h.shape[-1] // size
    return AttentionPool(
        self.out_channels, heads, self.attention_impl, name=self._name(2))(h)

  def _adaptive_head(self, outputs):
    h = self.output_norm(self._name(0))(outputs[-1])
    h = layers.mean_over_pixels(h)[:, None, None]
    h = layers.Conv1x1(
        self.out_channels, kernel_init=nn.initializers.zeros,
        name=self._name(3))(h)
    return h[:, 0, 0]

  def _spatial_head(self, outputs):
    means = [layers.mean_over_pixels(h) for h in outputs]
    h = layers.Dense(_HIDDEN, name=self._name(0))(
        jnp.concatenate(means, axis=-1))
    if self.pool == "spatial":
      return layers.Dense(self.out_channels, name=self._name(2))(nn.relu(h))
    h = self.output_norm(self._name(1))(h)
    return layers.Dense(self.out_channels, name=self._name(3))(h)
