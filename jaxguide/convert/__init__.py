"""From checkpoints of other programs to parameters, and back.

`read_checkpoint` reads a file and executes nothing; `commands.convert` makes a
model directory of it, by a card of `cards` where the file cannot tell enough;
`load_model` reads that directory, `load_prior` makes a denoiser of it, and
`load_latent_model` a denoiser and a codec of a latent diffusion model's;
`load_latent_prior` gives these two the shape of any other prior.
"""

from jaxguide.convert.cards import ModelCard
from jaxguide.convert.errors import CheckpointError
from jaxguide.convert.errors import ConversionError
from jaxguide.convert.families import build_module
from jaxguide.convert.latent_model import LatentModel
from jaxguide.convert.latent_model import load as load_latent_model
from jaxguide.convert.latent_model import load_prior as load_latent_prior
from jaxguide.convert.model_config import ModelConfig
from jaxguide.convert.model_store import load_model
from jaxguide.convert.model_store import Model
from jaxguide.convert.model_store import read_config
from jaxguide.convert.model_store import save_model
from jaxguide.convert.pretrained import embedded_names
from jaxguide.convert.pretrained import load_prior
from jaxguide.convert.pretrained import Prior
from jaxguide.convert.torch_reader import Checkpoint
from jaxguide.convert.torch_reader import read_checkpoint
