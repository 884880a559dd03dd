"""Between images and the space that a diffusion model lives in.

A latent model observes through its decoder: `operators.compose(operator,
codec.decode)`. For pixel models the codec is the identity.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from jaxguide import arrays

Shape = tuple[int, int, int]


class Codec(NamedTuple):
  """A pair of maps that no image of the batch shares with another.

  Attributes:
    encode: images `[B, H, W, C]` in [-1, 1] to what the diffusion model sees
      `[B, h, w, c]`; of a variational autoencoder the mean.
    decode: way back; not clipped, differentiable.
    latent_shape: function from (H, W, C) of an image to (h, w, c).

  Example:
    >>> from jaxguide import codecs
    >>> halved = codecs.Codec(
    ...     encode=lambda x: x[:, ::2, ::2], decode=lambda z: z,
    ...     latent_shape=lambda shape: (shape[0] // 2, shape[1] // 2, shape[2]))
    >>> halved.latent_shape((32, 32, 3))
    (16, 16, 3)
  """

  encode: Callable[[arrays.Images], arrays.Batch]
  decode: Callable[[arrays.Batch], arrays.Images]
  latent_shape: Callable[[Shape], Shape]


def identity() -> Codec:
  """The codec of a pixel model.

  Example:
    >>> from jaxguide import codecs
    >>> codecs.identity().latent_shape((32, 32, 3))
    (32, 32, 3)
  """
  same = lambda x: x
  return Codec(encode=same, decode=same, latent_shape=same)


def autoencoder(
    encode: Callable[[arrays.Images], arrays.Batch],
    decode: Callable[[arrays.Batch], arrays.Images],
    *,
    factor: int,
    channels: int,
    scale_factor: arrays.Array | float = 1.0,
) -> Codec:
  """The codec of a latent model: z = scale_factor * encode(x).

  The scale brings the latents to unit variance, which noise schedules assume
  (Rombach et al., arXiv:2112.10752, appendix G); decoding divides by it.

  Args:
    encode: function from images to the autoencoder's own latents.
    decode: function from the autoencoder's own latents to images.
    factor: height of an image over that of its latent.
    channels: number of channels of a latent.
    scale_factor: factor of the model; 1 for those with a codebook.

  Returns:
    The codec; `latent_shape` raises ValueError where `factor` does not divide
    a side.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import codecs
    >>> same = lambda x: x
    >>> codec = codecs.autoencoder(
    ...     same, same, factor=1, channels=3, scale_factor=0.5)
    >>> z = codec.encode(jnp.full((1, 1, 1, 3), 0.8))
    >>> print(z.ravel(), codec.decode(z).ravel())
    [0.4 0.4 0.4] [0.8 0.8 0.8]
  """

  def latent_shape(image_shape: Shape) -> Shape:
    height, width, _ = image_shape
    if height % factor or width % factor:
      raise ValueError(
          f"image_shape is {tuple(image_shape)}; {factor} must divide height "
          "and width")
    return height // factor, width // factor, channels

  return Codec(
      encode=lambda x: scale_factor * encode(x),
      # As in `denoisers`, no array is divided by a scalar.
      decode=lambda z: decode((1 / scale_factor) * z),
      latent_shape=latent_shape)
