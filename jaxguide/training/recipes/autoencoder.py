"""The first stage of a latent model: a KL autoencoder of images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
import dataclasses
import os
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import arrays
from jaxguide import convert
from jaxguide import energies
from jaxguide.convert import latent_store
from jaxguide.convert import metric_files
from jaxguide.convert.cards import ldm_cards
from jaxguide.models import autoencoders
from jaxguide.training import held_out
from jaxguide.training import image_sets
from jaxguide.training import previews
from jaxguide.training import trainings
from jaxguide.training import updates
from jaxguide.training.recipes import averaged

_ENCODE_BATCH = 32

# d(x', x) -> [B].
Distance = Callable[[jax.Array, jax.Array], jax.Array]


def autoencoder_loss(
    apply: Callable[..., Any],
    *,
    kl_weight: float,
    distance: Distance | None = None,
    distance_weight: float = 1.0,
) -> updates.Loss:
  """Absolute error, perceptual distance and divergence of an autoencoder.

  mean |x - x'| + distance_weight d(x', x) + kl_weight KL / dim z, the loss of
  Rombach et al. (arXiv:2112.10752, appendix G) without its discriminator,
  for x' decoded from a sample of the latents.

  Args:
    apply: `(params, x0, key or None)` -> (x', `models.autoencoders.Gaussian`
      of the latents); the key draws the sample, None decodes the mean.
    kl_weight: weight of the divergence per number of the latent, in nats.
    distance: d of two batches in [-1, 1], `[B]`; None: no such term.
    distance_weight: weight of d.

  Returns:
    The loss of batches x0 `[B, H, W, C]` in [-1, 1]; its key may be None.

  Raises:
    ValueError: a weight is negative.
  """
  for name, value in (
      ("kl_weight", kl_weight), ("distance_weight", distance_weight)):
    if value < 0:
      raise ValueError(f"{name} is {value}; it must be >= 0")

  def loss(
      params: Any, x0: jax.Array, key: jax.Array | None
  ) -> jax.Array:
    x, latents = apply(params, x0, key)
    axes = tuple(range(1, x0.ndim))
    total = jnp.mean(jnp.abs(x - x0), axis=axes)
    numbers = latents.mean[0].size
    total = total + (kl_weight / numbers) * latents.kl()
    if distance is None:
      return total
    return total + distance_weight * distance(x, x0)

  return loss


@dataclasses.dataclass(frozen=True, kw_only=True)
class AutoencoderTraining(averaged.AveragedTraining):
  """How the first stage of a latent diffusion model is trained.

  Attributes:
    module: constructor fields of `models.KlAutoencoder`.
    kl_weight: weight of the divergence; see `autoencoder_loss`.
    perceptual: network of the LPIPS distance in the loss, "alex" or "vgg"
      (with the extra `lpips`); None: no such term.
    perceptual_weight: weight of that distance.

  Example:
    >>> from jaxguide import training
    >>> from jaxguide.data import training_images
    >>> config = training.AutoencoderTraining(
    ...     name="tiny", module={"model_channels": 32}, image_size=16,
    ...     images=training_images.ImageFolders(), perceptual=None)
    >>> config.kl_weight, config.perceptual
    (0.001, None)
  """

  kl_weight: float = 1e-3
  perceptual: str | None = "alex"
  perceptual_weight: float = 1.0

  def __post_init__(self):
    super().__post_init__()
    arrays.check_choice("perceptual", self.perceptual, (None, "alex", "vgg"))

  def init_params(self, models: trainings.Models) -> dict[str, Any]:
    """See `AveragedTraining`."""
    del models
    module = autoencoders.KlAutoencoder(**self.module)
    size = self.image_size
    x = jnp.zeros((2, size, size, module.in_channels))
    return jax.jit(module.init)(jax.random.key(self.seed), x)["params"]

  def apply(
      self,
  ) -> Callable[..., tuple[jax.Array, autoencoders.Gaussian]]:
    """`(params, x, key or None)` -> reconstruction, latents; see the loss."""
    module = autoencoders.KlAutoencoder(**self.module)
    module = module.clone(**self.train_module)

    def apply(
        params: Any, x: jax.Array, key: jax.Array | None,
    ) -> tuple[jax.Array, autoencoders.Gaussian]:
      if key is None:
        return module.apply({"params": params}, x)
      side = self.image_size // module.factor
      shape = (x.shape[0], side, side, module.latent_channels)
      draw, dropout = jax.random.split(key)
      return module.apply(
          {"params": params}, x, jax.random.normal(draw, shape), train=True,
          rngs={"dropout": dropout})

    return apply

  def objective(
      self, images: image_sets.Splits, models: trainings.Models,
  ) -> averaged.Objective:
    """See `AveragedTraining`."""
    del models
    apply, reference = self.apply(), self.held_out_images(images)
    loss = autoencoder_loss(
        apply, kl_weight=self.kl_weight, distance=self._distance(),
        distance_weight=self.perceptual_weight)
    shown = reference[previews.columns(len(reference))]
    reconstruct = jax.jit(lambda params: apply(params, shown, None)[0])
    return averaged.Objective(
        loss=loss, batches=self.image_batches(images),
        held_out=held_out.mean_over_batches(
            lambda params, x0: loss(params, x0, None), (reference,),
            self.batch_size),
        draw=lambda params: [shown, np.asarray(reconstruct(params))])

  def save(
      self,
      params: Any,
      destination: str | os.PathLike[str],
      source: Mapping[str, Any],
      *,
      models: trainings.Models,
      data: str | os.PathLike[str] | None = None,
  ) -> None:
    """See `Training`: a latent model's directory with a first stage alone.

    The standard deviation of the training images' latents is one over the
    scale factor.
    """
    del models
    if data is None:
      raise ValueError(
          "data is missing; the latents' scale is measured on the images of "
          "the training")
    config = convert.ModelConfig(
        family="kl_autoencoder", module=self.module,
        image_size=self.image_size, channels=3, prediction=None,
        licence=self.images.licence, source=source)
    # Measured on the parameters as they are stored.
    params = jax.tree.map(lambda a: np.asarray(a, np.float16), params)
    images = self.images.read(data, self.image_size).images()
    mean, std = encode(self.module, params, images)
    spread = np.sqrt(mean.var(dtype=np.float64) + np.square(std).mean())
    latent_store.save(
        destination, {ldm_cards.FIRST_STAGE: (params, config)},
        float(1 / spread), source=source, container="safetensors",
        dtype=np.float16)

  def _distance(self) -> Distance | None:
    if self.perceptual is None:
      return None
    model = metric_files.load_lpips(self.perceptual)
    return energies.lpips_distance(model.params, **model.config.module)


class Encoded(NamedTuple):
  """Latents of images, not scaled.

  Attributes:
    mean: means `[N, h, w, c]`.
    std: standard deviations of one image's latents, of the same shape.
  """

  mean: np.ndarray
  std: np.ndarray


def encode(
    module: Mapping[str, Any], params: Any, images: np.ndarray,
) -> Encoded:
  """The latents of any number of images.

  Args:
    module: constructor fields of the autoencoder.
    params: its parameters.
    images: `[N, H, W, 3]` in [-1, 1].
  """
  network = autoencoders.KlAutoencoder(**module)
  params = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), params)

  @jax.jit
  def batch(x: arrays.Images) -> tuple[arrays.Batch, arrays.Batch]:
    latents = network.apply({"params": params}, x, method="encode")
    return latents.mean, latents.std

  # Filled up by repetition: one shape, one program.
  number = len(images)
  whole = -(-number // _ENCODE_BATCH) * _ENCODE_BATCH
  padded = np.resize(np.arange(number), whole)
  parts = [
      batch(images[padded[i:i + _ENCODE_BATCH]])
      for i in range(0, len(padded), _ENCODE_BATCH)]
  return Encoded(
      *(np.concatenate(p)[:number] for p in zip(*parts, strict=True)))
