"""From checkpoints of other programs to parameters, and back.

`read_checkpoint` reads a file and executes nothing; `commands.convert` makes a
model directory of it, by a card of `cards` where the file cannot tell enough;
`load_prior` makes a prior of that directory, of pixels and of latents alike;
`load_model` and `load_latent_model` give the networks themselves.
"""

from jaxguide.convert.cards import ModelCard
from jaxguide.convert.errors import CheckpointError
from jaxguide.convert.errors import ConversionError
from jaxguide.convert.latent_model import LatentModel
from jaxguide.convert.latent_model import load as load_latent_model
from jaxguide.convert.model_config import ModelConfig
from jaxguide.convert.model_directories import embedded_names
from jaxguide.convert.model_store import load_model
from jaxguide.convert.model_store import Model
from jaxguide.convert.model_store import read_config
from jaxguide.convert.model_store import save_model
from jaxguide.convert.networks.families import build_module
from jaxguide.convert.pretrained import load_prior
from jaxguide.convert.priors import conditions_of
from jaxguide.convert.priors import Prior
from jaxguide.convert.priors import prior_of
from jaxguide.convert.priors import schedule_of
from jaxguide.convert.reading.torch_reader import Checkpoint
from jaxguide.convert.reading.torch_reader import read_checkpoint
