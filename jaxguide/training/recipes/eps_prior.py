"""Priors of pixels that predict the noise: ADM's UNet."""

from __future__ import annotations

from collections.abc import Callable
import dataclasses
from typing import Any

import numpy as np

from jaxguide import denoisers
from jaxguide import models as networks
from jaxguide import schedules
from jaxguide.training import diffusion
from jaxguide.training import held_out
from jaxguide.training import trainings
from jaxguide.training import updates
from jaxguide.training.recipes import pixel_prior


@dataclasses.dataclass(frozen=True, kw_only=True)
class EpsPriorTraining(pixel_prior.PixelPriorTraining):
  """How an eps-predicting prior of pixels is trained.

  Attributes:
    module: constructor fields of `models.AdmUnet`.
    num_levels: levels of the linear variance-preserving schedule.
    weight_limit: bound on the loss weights; see
      `diffusion.eps_training_loss`.

  Example:
    >>> from jaxguide import training
    >>> from jaxguide.data import training_images
    >>> config = training.EpsPriorTraining(
    ...     name="tiny", module={"model_channels": 32}, image_size=16,
    ...     images=training_images.ImageFolders())
    >>> config.schedule().num_levels, config.changed(num_steps=100).num_steps
    (1000, 100)
  """

  num_levels: int = 1000
  weight_limit: float = 1.0

  def __post_init__(self):
    super().__post_init__()
    trainings.check_counts(self, "num_levels")

  def network(self) -> networks.AdmUnet:
    """See `PixelPriorTraining`."""
    return networks.AdmUnet(**self.module)

  def schedule(self) -> schedules.Schedule:
    """The diffusion."""
    return schedules.linear(self.num_levels)

  def loss(self) -> updates.Loss:
    """See `PixelPriorTraining`."""
    return diffusion.eps_training_loss(
        self.apply(), self.schedule(), self.weight_limit)

  def held_out(self, images: np.ndarray) -> Callable[[Any], float]:
    """See `PixelPriorTraining`."""
    apply, schedule = self.apply(), self.schedule()
    level = held_out.spread_levels(len(images), schedule.num_levels)
    return held_out.mean_over_batches(
        lambda params, *rows: diffusion.eps_loss(
            apply, schedule, params, *rows),
        (images, level, held_out.fixed_noise(images.shape)), self.batch_size)

  def denoiser(self, params: Any) -> denoisers.Denoiser:
    """See `PixelPriorTraining`."""
    apply = self.apply()
    return denoisers.from_apply(
        lambda params, x, time, cond: apply(params, x, time), params,
        prediction="eps")

  def model_config(self) -> dict[str, Any]:
    """See `PixelPriorTraining`."""
    return dict(
        family="adm_unet", module=self.module, prediction="eps",
        schedule={"kind": "linear", "num_steps": self.num_levels})
