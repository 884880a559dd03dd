"""Samplers: plans made in numpy, pure steps, one scan.

`__all__` names the factories; the contract tests run over every one of them.
"""

from jaxguide.samplers import constraints
from jaxguide.samplers._ddim import ddim
from jaxguide.samplers._ddim import ddim_steps
from jaxguide.samplers._ddpm import ddpm
from jaxguide.samplers._ddpm import ddpm_steps
from jaxguide.samplers._egsde import egsde
from jaxguide.samplers._egsde_plan import egsde_draw_order
from jaxguide.samplers._egsde_plan import egsde_steps
from jaxguide.samplers._ilvr import ilvr
from jaxguide.samplers._ilvr import ilvr_draw_order
from jaxguide.samplers._ilvr import ilvr_steps
from jaxguide.samplers._sdedit import from_source
from jaxguide.samplers._sdedit import sdedit
from jaxguide.samplers._sdedit import sdedit_draw_order
from jaxguide.samplers._sdedit import sdedit_steps
from jaxguide.samplers._steered import steered
from jaxguide.samplers._steered import steered_draw_order
from jaxguide.samplers._steered import steered_steps
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
from jaxguide.samplers.score_shifts import score_shift

__all__ = ("ddim", "ddpm", "egsde", "ilvr", "sdedit", "steered")
