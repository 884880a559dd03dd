"""What can be trained here, by the type of its configuration."""

from __future__ import annotations

import types

from experiments.priors import autoencoder
from experiments.priors import latent
from experiments.priors import pixel
from jaxguide.training import config as training_config

# Each module has init_params, make_task and save.
KINDS = {
    training_config.PriorTraining: pixel,
    training_config.EdmTraining: pixel,
    training_config.AutoencoderTraining: autoencoder,
    training_config.LatentTraining: latent,
}


def module_of(config: training_config.Training) -> types.ModuleType:
  """The module that trains what `config` describes."""
  return KINDS[type(config)]
