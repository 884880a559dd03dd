"""Methods: how a picture is made of what was observed. See `base.Method`."""

from jaxguide.evaluation.methods.base import check_at_least
from jaxguide.evaluation.methods.base import check_prior
from jaxguide.evaluation.methods.base import load_networks
from jaxguide.evaluation.methods.base import Method
from jaxguide.evaluation.methods.baselines import Baseline
from jaxguide.evaluation.methods.baselines import Ddim
from jaxguide.evaluation.methods.baselines import External
from jaxguide.evaluation.methods.egsde import Egsde
from jaxguide.evaluation.methods.egsde import egsde_dagger
from jaxguide.evaluation.methods.egsde import egsde_published
from jaxguide.evaluation.methods.egsde import EXTRACTOR
from jaxguide.evaluation.methods.egsde import Ilvr
from jaxguide.evaluation.methods.egsde import SdEdit
from jaxguide.evaluation.methods.steered import Steered
from jaxguide.evaluation.methods.steered import steered_paper
from jaxguide.evaluation.methods.steered import steered_released
from jaxguide.evaluation.methods.steering import EnergySource
from jaxguide.evaluation.methods.steering import MeasurementEnergy
from jaxguide.evaluation.methods.vipaint import PERCEPTUAL
from jaxguide.evaluation.methods.vipaint import Vipaint
from jaxguide.evaluation.methods.vipaint import vipaint_edm
from jaxguide.evaluation.methods.vipaint import vipaint_imagenet256
from jaxguide.evaluation.methods.vipaint import vipaint_lsun256

__all__ = [
    "Baseline",
    "Ddim",
    "EXTRACTOR",
    "Egsde",
    "EnergySource",
    "External",
    "Ilvr",
    "MeasurementEnergy",
    "Method",
    "PERCEPTUAL",
    "SdEdit",
    "Steered",
    "Vipaint",
    "check_at_least",
    "check_prior",
    "egsde_dagger",
    "egsde_published",
    "load_networks",
    "steered_paper",
    "steered_released",
    "vipaint_edm",
    "vipaint_imagenet256",
    "vipaint_lsun256",
]
