"""Priors of pixels in the preconditioning of Karras et al. (EDM)."""

from __future__ import annotations

from collections.abc import Callable
import dataclasses
from typing import Any

import jax
import numpy as np

from jaxguide import denoisers
from jaxguide import preconditioning as preconditionings
from jaxguide.convert.networks import edm as edm_configs
from jaxguide.models import edm_unet
from jaxguide.training import diffusion
from jaxguide.training import held_out
from jaxguide.training import trainings
from jaxguide.training import updates
from jaxguide.training.recipes import pixel_prior


@dataclasses.dataclass(frozen=True, kw_only=True)
class EdmPriorTraining(pixel_prior.PixelPriorTraining):
  """How a prior of pixels in EDM's preconditioning is trained.

  Attributes:
    module: constructor fields of `models.SongUnet`.
    sigma_data: standard deviation of the images' values.
    sigma_mean: mean of ln sigma over the updates.
    sigma_std: standard deviation of ln sigma.

  Example:
    >>> from jaxguide import training
    >>> from jaxguide.data import training_images
    >>> config = training.EdmPriorTraining(
    ...     name="tiny", module={"model_channels": 32}, image_size=16,
    ...     images=training_images.ImageFolders())
    >>> config.sigma_data, config.model_config()["prediction"]
    (0.5, 'edm')
  """

  sigma_data: float = 0.5
  sigma_mean: float = -1.2
  sigma_std: float = 1.2

  def __post_init__(self):
    super().__post_init__()
    trainings.check_positive(self, "sigma_data", "sigma_std")

  def network(self) -> edm_unet.SongUnet:
    """See `PixelPriorTraining`."""
    return edm_unet.SongUnet(**self.module)

  def preconditioning(self) -> preconditionings.Preconditioning:
    """The scaling of inputs and outputs."""
    return preconditionings.edm(self.sigma_data)

  def loss(self) -> updates.Loss:
    """See `PixelPriorTraining`."""
    return diffusion.edm_training_loss(
        self.apply(), self.preconditioning(), mean=self.sigma_mean,
        std=self.sigma_std)

  def held_out(self, images: np.ndarray) -> Callable[[Any], float]:
    """See `PixelPriorTraining`."""
    apply, scaling = self.apply(), self.preconditioning()
    spread = (held_out.fixed_order(len(images)) + 0.5) / len(images)
    normal = jax.scipy.special.ndtri(spread.astype(np.float32))
    sigma = np.exp(self.sigma_mean + self.sigma_std * np.asarray(normal))
    return held_out.mean_over_batches(
        lambda params, *rows: diffusion.edm_loss(apply, scaling, params, *rows),
        (images, sigma, held_out.fixed_noise(images.shape)), self.batch_size)

  def denoiser(self, params: Any) -> denoisers.Denoiser:
    """See `PixelPriorTraining`."""
    apply = self.apply()
    return denoisers.from_apply(
        lambda params, x, time, cond: apply(params, x, time), params,
        prediction="edm", preconditioning=self.preconditioning())

  def model_config(self) -> dict[str, Any]:
    """See `PixelPriorTraining`."""
    return dict(
        family="edm_song",
        module=edm_configs.module_fields("SongUNet", **self.module),
        prediction="edm", schedule={"kind": "edm", "num_steps": 1000},
        preconditioning={"kind": "edm", "sigma_data": self.sigma_data})
