"""Samplers: plans made in numpy, pure steps, one scan.

`steps = ddim_steps(schedule, 50)` plans, `ddim(denoise, noise)` makes the
sampler, and `sample(sampler, z, steps)` runs it. A sampler of your own is made
of the same parts: a function that ends in `plan(...)`, and a factory that
returns a `Sampler`; `examples/your_own_sampler.py` is one.
"""

from jaxguide import exports
from jaxguide.samplers import constraints
from jaxguide.samplers._ddim import ddim as ddim
from jaxguide.samplers._ddim import ddim_steps as ddim_steps
from jaxguide.samplers._ddpm import ddpm as ddpm
from jaxguide.samplers._ddpm import ddpm_steps as ddpm_steps
from jaxguide.samplers._egsde import egsde as egsde
from jaxguide.samplers._egsde_plan import egsde_draw_order as egsde_draw_order
from jaxguide.samplers._egsde_plan import egsde_steps as egsde_steps
from jaxguide.samplers._ilvr import ilvr as ilvr
from jaxguide.samplers._ilvr import ilvr_draw_order as ilvr_draw_order
from jaxguide.samplers._ilvr import ilvr_steps as ilvr_steps
from jaxguide.samplers._sdedit import from_source as from_source
from jaxguide.samplers._sdedit import sdedit as sdedit
from jaxguide.samplers._sdedit import sdedit_draw_order as sdedit_draw_order
from jaxguide.samplers._sdedit import sdedit_steps as sdedit_steps
from jaxguide.samplers._steered import steered as steered
from jaxguide.samplers._steered import steered_draw_order as steered_draw_order
from jaxguide.samplers._steered import steered_steps as steered_steps
from jaxguide.samplers.core import conditional_variance as conditional_variance
from jaxguide.samplers.core import Constraint as Constraint
from jaxguide.samplers.core import DENOISE as DENOISE
from jaxguide.samplers.core import OPTIMISE as OPTIMISE
from jaxguide.samplers.core import plan as plan
from jaxguide.samplers.core import RENOISE as RENOISE
from jaxguide.samplers.core import RESTART as RESTART
from jaxguide.samplers.core import sample as sample
from jaxguide.samplers.core import Sampler as Sampler
from jaxguide.samplers.core import Samples as Samples
from jaxguide.samplers.core import start as start
from jaxguide.samplers.core import State as State
from jaxguide.samplers.core import Step as Step
from jaxguide.samplers.core import Steps as Steps
from jaxguide.samplers.core import VARIANTS as VARIANTS
from jaxguide.samplers.score_shifts import score_shift as score_shift

__all__ = exports.public_names(globals(), "constraints")
