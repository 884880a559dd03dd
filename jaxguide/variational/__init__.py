"""VIPaint: a hierarchical Gaussian posterior, fitted per image, then sampled.

`vipaint_plan` makes the levels, `initialise` the start, `negative_elbo` the
loss, `fit` the posterior, `vipaint_steps` and `vipaint` the samples,
`fitted_sampler` both in one; `elbo` is the bound proper.
"""

from jaxguide import exports
from jaxguide.variational._fitted_sampler import (
    fitted_sampler as fitted_sampler,
)
from jaxguide.variational._fitted_sampler import with_plan as with_plan
from jaxguide.variational.bound import Bound as Bound
from jaxguide.variational.bound import bound_loss as bound_loss
from jaxguide.variational.bound import elbo as elbo
from jaxguide.variational.bound_tables import bound_constants as bound_constants
from jaxguide.variational.bound_tables import BoundConstants as BoundConstants
from jaxguide.variational.fitting import Fit as Fit
from jaxguide.variational.fitting import fit as fit
from jaxguide.variational.fitting import gradients as gradients
from jaxguide.variational.fitting import optimizer as optimizer
from jaxguide.variational.hierarchy import descend as descend
from jaxguide.variational.hierarchy import Link as Link
from jaxguide.variational.objective import fit_draw_order as fit_draw_order
from jaxguide.variational.objective import Loss as Loss
from jaxguide.variational.objective import LossFunction as LossFunction
from jaxguide.variational.objective import negative_elbo as negative_elbo
from jaxguide.variational.objective import Terms as Terms
from jaxguide.variational.plans import EDM_SIGMAS as EDM_SIGMAS
from jaxguide.variational.plans import LEVELS as LEVELS
from jaxguide.variational.plans import levels_at_sigmas as levels_at_sigmas
from jaxguide.variational.plans import Plan as Plan
from jaxguide.variational.plans import time_grid as time_grid
from jaxguide.variational.plans import vipaint_plan as vipaint_plan
from jaxguide.variational.posteriors import encodings as encodings
from jaxguide.variational.posteriors import initialise as initialise
from jaxguide.variational.posteriors import Posterior as Posterior
from jaxguide.variational.posteriors import repeat as repeat
from jaxguide.variational.posteriors import repeat_to as repeat_to
from jaxguide.variational.prior_moments import Moments as Moments
from jaxguide.variational.reconstructions import decoded as decoded
from jaxguide.variational.reconstructions import (
    gaussian_likelihood as gaussian_likelihood,
)
from jaxguide.variational.reconstructions import (
    masked_reconstruction as masked_reconstruction,
)
from jaxguide.variational.reconstructions import (
    measured_reconstruction as measured_reconstruction,
)
from jaxguide.variational.reconstructions import VQ_WEIGHT as VQ_WEIGHT
from jaxguide.variational.sampling import vipaint as vipaint
from jaxguide.variational.sampling import (
    vipaint_draw_order as vipaint_draw_order,
)
from jaxguide.variational.sampling import vipaint_steps as vipaint_steps
from jaxguide.variational.sampling import VipaintState as VipaintState

__all__ = exports.public_names(globals())
