"""Samplers: plans made in numpy, pure steps, one scan.

`__all__` names the factories; the contract tests run over every one of them.
"""

from jaxguide.samplers import constraints
from jaxguide.samplers.core import Constraint
from jaxguide.samplers.core import DENOISE
from jaxguide.samplers.core import OPTIMISE
from jaxguide.samplers.core import RENOISE
from jaxguide.samplers.core import RESTART
from jaxguide.samplers.core import sample
from jaxguide.samplers.core import Sampler
from jaxguide.samplers.core import Samples
from jaxguide.samplers.core import Step
from jaxguide.samplers.core import Steps
from jaxguide.samplers.ddim import ddim
from jaxguide.samplers.ddim import ddim_steps
from jaxguide.samplers.ddpm import ddpm
from jaxguide.samplers.ddpm import ddpm_steps
from jaxguide.samplers.egsde import egsde
from jaxguide.samplers.egsde_plan import egsde_draw_order
from jaxguide.samplers.egsde_plan import egsde_steps
from jaxguide.samplers.ilvr import ilvr
from jaxguide.samplers.ilvr import ilvr_draw_order
from jaxguide.samplers.ilvr import ilvr_steps
from jaxguide.samplers.sdedit import from_source
from jaxguide.samplers.sdedit import sdedit
from jaxguide.samplers.sdedit import sdedit_draw_order
from jaxguide.samplers.sdedit import sdedit_steps
from jaxguide.samplers.shifting import score_shift
from jaxguide.samplers.steered import steered
from jaxguide.samplers.steered import steered_draw_order
from jaxguide.samplers.steered import steered_steps

__all__ = ("ddim", "ddpm", "egsde", "ilvr", "sdedit", "steered")
