"""Methods: how a picture is made of what was observed. See `base.Method`."""

from jaxguide import exports
from jaxguide.evaluation.methods.base import check_at_least as check_at_least
from jaxguide.evaluation.methods.base import check_prior as check_prior
from jaxguide.evaluation.methods.base import load_networks as load_networks
from jaxguide.evaluation.methods.base import Method as Method
from jaxguide.evaluation.methods.baselines import Baseline as Baseline
from jaxguide.evaluation.methods.baselines import Ddim as Ddim
from jaxguide.evaluation.methods.baselines import External as External
from jaxguide.evaluation.methods.egsde import Egsde as Egsde
from jaxguide.evaluation.methods.egsde import egsde_dagger as egsde_dagger
from jaxguide.evaluation.methods.egsde import egsde_published as egsde_published
from jaxguide.evaluation.methods.egsde import EXTRACTOR as EXTRACTOR
from jaxguide.evaluation.methods.egsde import Ilvr as Ilvr
from jaxguide.evaluation.methods.egsde import SdEdit as SdEdit
from jaxguide.evaluation.methods.steered import Steered as Steered
from jaxguide.evaluation.methods.steered import steered_paper as steered_paper
from jaxguide.evaluation.methods.steered import (
    steered_released as steered_released,
)
from jaxguide.evaluation.methods.steering import EnergySource as EnergySource
from jaxguide.evaluation.methods.steering import (
    MeasurementEnergy as MeasurementEnergy,
)
from jaxguide.evaluation.methods.vipaint import PERCEPTUAL as PERCEPTUAL
from jaxguide.evaluation.methods.vipaint import Vipaint as Vipaint
from jaxguide.evaluation.methods.vipaint import vipaint_edm as vipaint_edm
from jaxguide.evaluation.methods.vipaint import (
    vipaint_imagenet256 as vipaint_imagenet256,
)
from jaxguide.evaluation.methods.vipaint import (
    vipaint_lsun256 as vipaint_lsun256,
)

__all__ = exports.public_names(globals())
