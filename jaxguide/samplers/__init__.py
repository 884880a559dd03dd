"""Samplers: plans made in numpy, pure steps, one scan.

`steps = ddim_steps(schedule, 50)` plans, `ddim(denoise, noise)` makes the
sampler, and `sample(sampler, z, steps)` runs it. A sampler of your own is made
of the same parts: a function that ends in `plan(...)`, and a factory that
returns a `Sampler`; `examples/your_own_sampler.py` is one.
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
from jaxguide.samplers.core import conditional_variance
from jaxguide.samplers.core import Constraint
from jaxguide.samplers.core import DENOISE
from jaxguide.samplers.core import OPTIMISE
from jaxguide.samplers.core import plan
from jaxguide.samplers.core import RENOISE
from jaxguide.samplers.core import RESTART
from jaxguide.samplers.core import sample
from jaxguide.samplers.core import Sampler
from jaxguide.samplers.core import Samples
from jaxguide.samplers.core import start
from jaxguide.samplers.core import State
from jaxguide.samplers.core import Step
from jaxguide.samplers.core import Steps
from jaxguide.samplers.core import VARIANTS
from jaxguide.samplers.score_shifts import score_shift

__all__ = [
    "Constraint",
    "DENOISE",
    "OPTIMISE",
    "RENOISE",
    "RESTART",
    "Sampler",
    "Samples",
    "State",
    "Step",
    "Steps",
    "VARIANTS",
    "conditional_variance",
    "constraints",
    "ddim",
    "ddim_steps",
    "ddpm",
    "ddpm_steps",
    "egsde",
    "egsde_draw_order",
    "egsde_steps",
    "from_source",
    "ilvr",
    "ilvr_draw_order",
    "ilvr_steps",
    "plan",
    "sample",
    "score_shift",
    "sdedit",
    "sdedit_draw_order",
    "sdedit_steps",
    "start",
    "steered",
    "steered_draw_order",
    "steered_steps",
]
