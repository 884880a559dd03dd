"""From checkpoints of other programs to parameters, and back.

`dispatch.convert` makes a model directory of a checkpoint file, by a card of
`cards` where the file cannot tell enough, and a checkpoint of a directory;
`read_checkpoint` alone reads a file and executes nothing. `load_prior` makes a
prior of a directory, of pixels and of latents alike; `load_model` and
`load_latent_model` give the networks themselves. `metric_files` reads the
networks of LPIPS and FID.
"""

from jaxguide import exports
from jaxguide.convert import cards
from jaxguide.convert import dispatch
from jaxguide.convert import metric_files
from jaxguide.convert.cards import ModelCard as ModelCard
from jaxguide.convert.errors import CheckpointError as CheckpointError
from jaxguide.convert.errors import ConversionError as ConversionError
from jaxguide.convert.latent_model import LatentModel as LatentModel
from jaxguide.convert.latent_model import load as load_latent_model
from jaxguide.convert.model_config import ModelConfig as ModelConfig
from jaxguide.convert.model_directories import embedded_names as embedded_names
from jaxguide.convert.model_store import load_model as load_model
from jaxguide.convert.model_store import Model as Model
from jaxguide.convert.model_store import read_config as read_config
from jaxguide.convert.model_store import save_model as save_model
from jaxguide.convert.networks.families import build_module as build_module
from jaxguide.convert.networks.families import conditions_of as conditions_of
from jaxguide.convert.pretrained import load_prior as load_prior
from jaxguide.convert.priors import Prior as Prior
from jaxguide.convert.priors import prior_of as prior_of
from jaxguide.convert.priors import schedule_of as schedule_of
from jaxguide.convert.reading.torch_reader import Checkpoint as Checkpoint
from jaxguide.convert.reading.torch_reader import (
    read_checkpoint as read_checkpoint,
)

__all__ = exports.public_names(globals(), "cards", "dispatch", "metric_files")
