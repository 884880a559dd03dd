"""The first stages of latent diffusion models (arXiv:2112.10752) in Linen.

Both map images `[B, H, W, 3]` in [-1, 1] to latents `[B, h, w, c]`, h = H / f,
f = 2^(levels - 1), and back; the decoder's output is not clipped. Any scale
factor between these latents and those of the diffusion model is applied
outside: see `codecs`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from flax import linen as nn
import jax
import jax.numpy as jnp

from jaxguide import arrays
from jaxguide.models import autoencoder_blocks
from jaxguide.models import layers

# Limits of the logarithm of the variance, as in the released models.
MIN_LOGVAR, MAX_LOGVAR = -30.0, 20.0
_COMMITMENT = 0.25


class Gaussian(NamedTuple):
  """A diagonal normal distribution per image.

  Attributes:
    mean: `[B, h, w, c]`.
    logvar: logarithm of the variance, same shape.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide.models import autoencoders
    >>> zeros = jnp.zeros((1, 2, 2, 4))
    >>> print(autoencoders.Gaussian(mean=zeros, logvar=zeros).kl())
    [0.]
  """

  mean: jax.Array
  logvar: jax.Array

  @property
  def std(self) -> jax.Array:
    """Standard deviation, `[B, h, w, c]`."""
    return jnp.exp(0.5 * self.logvar)

  def sample(self, noise: jax.Array) -> jax.Array:
    """mean + std * noise, for standard normal noise of the mean's shape."""
    return self.mean + self.std * noise

  def kl(self) -> jax.Array:
    """Divergence from the standard normal (arXiv:1312.6114, app. B): `[B]`."""
    terms = (
        jnp.square(self.mean) + jnp.exp(self.logvar) - 1.0 - self.logvar)
    return 0.5 * _image_sums(terms)


class Quantised(NamedTuple):
  """Features moved to the codebook.

  Attributes:
    features: `[B, h, w, c]`, rows of the codebook; the gradient passes to what
      was quantised as if nothing had happened (straight-through).
    indices: the rows, int32 `[B, h, w]`.
    loss: |q - sg(z)|^2 w + |sg(q) - z|^2 averaged over an image, `[B]`, with
      the weight w = 1/4 on the codebook's side, as the released models were
      trained (arXiv:1711.00937, Eq. 3, has it on the other).
  """

  features: jax.Array
  indices: jax.Array
  loss: jax.Array


def _image_sums(x):
  return jnp.sum(x, axis=tuple(range(1, x.ndim)))


class _Autoencoder(nn.Module):
  """The fields and the two halves that both autoencoders have."""

  in_channels: int = 3
  out_channels: int = 3
  model_channels: int = 128
  channel_mult: tuple[float, ...] = (1, 2, 4)
  num_res_blocks: int = 2
  attention_factors: tuple[int, ...] = ()
  mid_attention: bool = True
  z_channels: int = 3
  latent_channels: int = 3
  dropout: float = 0.0
  dtype: Any = jnp.float32
  remat: bool = False
  attention_impl: str = "auto"
  conv_impl: str = "auto"
  num_groups: int = 32

  @property
  def factor(self) -> int:
    """Height of an image over that of its latent."""
    return 2 ** (len(self.channel_mult) - 1)

  def _half(self, cls, features):
    return cls(
        features, self.model_channels, tuple(self.channel_mult),
        self.num_res_blocks, tuple(self.attention_factors),
        self.mid_attention, self.dropout, self.dtype, self.remat,
        self.attention_impl, self.conv_impl, self.num_groups)

  def _check_image(self, x):
    arrays.check_shape("x", x, (None, None, None, self.in_channels))
    if x.shape[1] % self.factor or x.shape[2] % self.factor:
      raise ValueError(
          f"x has {x.shape[1]} x {x.shape[2]} pixels; both must divide by "
          f"{self.factor} for {len(self.channel_mult)} levels")

  def _check_latent(self, z):
    arrays.check_shape("z", z, (None, None, None, self.latent_channels))


class KlAutoencoder(_Autoencoder):
  """The autoencoder whose latents are kept near a standard normal.

  Attributes:
    in_channels: channels of an image.
    out_channels: channels of its reconstruction.
    model_channels: base width m.
    channel_mult: width of each level over m, finest level first.
    num_res_blocks: residual blocks per level.
    attention_factors: downsampling factors at which every block is followed
      by attention; released models have none.
    mid_attention: whether there is attention at the coarsest level's middle.
    z_channels: channels between the two halves and the latent.
    latent_channels: channels of the latent.
    dropout: rate in the blocks, in training.
    dtype: type of the activations; norms and softmax stay float32.
    remat: whether each block's activations are recomputed in the backward
      pass and not stored.
    attention_impl: formulation of the attention, see `layers.attention`.
    conv_impl: formulation of the 3x3 convolutions, see `layers.conv_3x3`.
    num_groups: groups of every norm.

  Example:
    >>> import jax
    >>> from jaxguide.models import autoencoders
    >>> net = autoencoders.KlAutoencoder(model_channels=32, channel_mult=(1, 2))
    >>> x = jax.ShapeDtypeStruct((2, 16, 16, 3), "float32")
    >>> (again, latents), _ = jax.eval_shape(
    ...     net.init_with_output, jax.random.key(0), x)
    >>> again.shape, latents.mean.shape
    ((2, 16, 16, 3), (2, 8, 8, 4))
  """

  channel_mult: tuple[float, ...] = (1, 2, 4, 4)
  z_channels: int = 4
  latent_channels: int = 4

  def setup(self):
    """Makes the submodules, by the names of the checkpoints."""
    self.encoder = self._half(
        autoencoder_blocks.Encoder, 2 * self.z_channels)
    self.decoder = self._half(autoencoder_blocks.Decoder, self.out_channels)
    self.quant_conv = layers.Conv1x1(2 * self.latent_channels)
    self.post_quant_conv = layers.Conv1x1(self.z_channels)

  def moments(self, x: jax.Array, *, train: bool = False) -> jax.Array:
    """Mean and unclamped log-variance `[B, h, w, 2 c]` of images x."""
    self._check_image(x)
    return self.quant_conv(self.encoder(x, train))

  def encode(self, x: jax.Array, *, train: bool = False) -> Gaussian:
    """The distribution of the latents of x `[B, H, W, in_channels]`.

    Raises:
      ValueError: x has another shape, or sides that f does not divide.
    """
    mean, logvar = jnp.split(self.moments(x, train=train), 2, axis=-1)
    return Gaussian(mean, jnp.clip(logvar, MIN_LOGVAR, MAX_LOGVAR))

  def decode(self, z: jax.Array, *, train: bool = False) -> jax.Array:
    """Images `[B, H, W, out_channels]` of z `[B, h, w, latent_channels]`."""
    self._check_latent(z)
    return self.decoder(self.post_quant_conv(z), train)

  def __call__(
      self, x: jax.Array, noise: jax.Array | None = None, *,
      train: bool = False,
  ) -> tuple[jax.Array, Gaussian]:
    """The reconstruction of x and the distribution of its latents.

    Args:
      x: images `[B, H, W, in_channels]`.
      noise: standard normal `[B, h, w, c]`; None: the mean is decoded.
      train: whether dropout is on.
    """
    latents = self.encode(x, train=train)
    z = latents.mean if noise is None else latents.sample(noise)
    return self.decode(z, train=train), latents


class Codebook(nn.Module):
  """The vectors that latents are moved to (arXiv:1711.00937, Eq. 1-2).

  Attributes:
    num_codes: rows.
    width: channels of a row.
  """

  num_codes: int
  width: int

  def setup(self):
    """Makes the submodules, by the names of the checkpoints."""
    bound = 1.0 / self.num_codes

    def init(
        key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32
    ) -> jax.Array:
      return jax.random.uniform(key, shape, dtype, -bound, bound)

    self.embedding = nn.Embed(
        self.num_codes, self.width, embedding_init=init)

  def __call__(self, z: jax.Array) -> Quantised:
    """Moves each pixel of z `[B, h, w, width]` to the nearest row.

    Of rows at equal distance the first is taken.
    """
    table = self.embedding.embedding.astype(jnp.float32)
    flat = z.astype(jnp.float32).reshape(z.shape[0], -1, self.width)
    # Indices jump: they are worth full precision on every platform.
    products = jnp.matmul(flat, table.T, precision=jax.lax.Precision.HIGHEST)
    distances = (
        jnp.sum(flat * flat, axis=-1, keepdims=True)
        + jnp.sum(table * table, axis=-1) - 2.0 * products)
    indices = jnp.argmin(distances, axis=-1).astype(jnp.int32)
    nearest = table[indices].reshape(z.shape)
    fixed = jax.lax.stop_gradient
    gap = (
        jnp.square(fixed(nearest) - z)
        + _COMMITMENT * jnp.square(nearest - fixed(z)))
    size = z.shape[1] * z.shape[2] * z.shape[3]
    return Quantised(
        (z + fixed(nearest - z)).astype(z.dtype),
        indices.reshape(z.shape[:-1]), _image_sums(gap) / size)


class VqAutoencoder(_Autoencoder):
  """The autoencoder with a codebook, as latent diffusion uses it.

  The latents are the features BEFORE they are quantised; `decode` quantises.

  Attributes:
    num_codes: rows of the codebook.

  The other attributes are `KlAutoencoder`'s; z_channels are not doubled.

  Example:
    >>> import jax
    >>> from jaxguide.models import autoencoders
    >>> net = autoencoders.VqAutoencoder(
    ...     model_channels=32, channel_mult=(1, 2), num_codes=64)
    >>> x = jax.ShapeDtypeStruct((2, 16, 16, 3), "float32")
    >>> (again, codes), _ = jax.eval_shape(
    ...     net.init_with_output, jax.random.key(0), x)
    >>> again.shape, codes.indices.shape
    ((2, 16, 16, 3), (2, 8, 8))
  """

  num_codes: int = 8192

  def setup(self):
    """Makes the submodules, by the names of the checkpoints."""
    self.encoder = self._half(autoencoder_blocks.Encoder, self.z_channels)
    self.decoder = self._half(autoencoder_blocks.Decoder, self.out_channels)
    self.quantize = Codebook(self.num_codes, self.latent_channels)
    self.quant_conv = layers.Conv1x1(self.latent_channels)
    self.post_quant_conv = layers.Conv1x1(self.z_channels)

  def encode(self, x: jax.Array, *, train: bool = False) -> jax.Array:
    """Unquantised latents `[B, h, w, c]` of x `[B, H, W, in_channels]`.

    Raises:
      ValueError: x has another shape, or sides that f does not divide.
    """
    self._check_image(x)
    return self.quant_conv(self.encoder(x, train))

  def quantise(self, z: jax.Array) -> Quantised:
    """Moves latents z `[B, h, w, latent_channels]` to the codebook."""
    self._check_latent(z)
    return self.quantize(z)

  def decode(
      self, z: jax.Array, *, quantise: bool = True, train: bool = False,
  ) -> jax.Array:
    """Images `[B, H, W, out_channels]` of z `[B, h, w, latent_channels]`.

    Args:
      z: latents, quantised or not: quantising twice changes nothing.
      quantise: whether z is moved to the codebook, with the gradient of the
        identity (straight-through).
      train: whether dropout is on.
    """
    self._check_latent(z)
    z = self.quantize(z).features if quantise else z
    return self.decoder(self.post_quant_conv(z), train)

  def __call__(
      self, x: jax.Array, *, train: bool = False,
  ) -> tuple[jax.Array, Quantised]:
    """The reconstruction of x and its quantised latents."""
    quantised = self.quantize(self.encode(x, train=train))
    return self.decode(
        quantised.features, quantise=False, train=train), quantised
