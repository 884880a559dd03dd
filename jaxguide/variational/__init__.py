"""VIPaint: a hierarchical Gaussian posterior, fitted per image, then sampled.

`vipaint_plan` makes the levels, `initialise` the start, `negative_elbo` the
loss, `fit` the posterior, `vipaint_steps` and `vipaint` the samples,
`fitted_sampler` both in one; `elbo` is the bound proper.
"""

from jaxguide.variational._fitted_sampler import fitted_sampler
from jaxguide.variational._fitted_sampler import with_plan
from jaxguide.variational.bound import Bound
from jaxguide.variational.bound import bound_loss
from jaxguide.variational.bound import elbo
from jaxguide.variational.bound_tables import bound_constants
from jaxguide.variational.bound_tables import BoundConstants
from jaxguide.variational.fitting import Fit
from jaxguide.variational.fitting import fit
from jaxguide.variational.fitting import gradients
from jaxguide.variational.fitting import optimizer
from jaxguide.variational.hierarchy import descend
from jaxguide.variational.hierarchy import Link
from jaxguide.variational.objective import fit_draw_order
from jaxguide.variational.objective import Loss
from jaxguide.variational.objective import LossFunction
from jaxguide.variational.objective import negative_elbo
from jaxguide.variational.objective import Terms
from jaxguide.variational.plans import EDM_SIGMAS
from jaxguide.variational.plans import LEVELS
from jaxguide.variational.plans import levels_at_sigmas
from jaxguide.variational.plans import Plan
from jaxguide.variational.plans import time_grid
from jaxguide.variational.plans import vipaint_plan
from jaxguide.variational.posteriors import encodings
from jaxguide.variational.posteriors import initialise
from jaxguide.variational.posteriors import Posterior
from jaxguide.variational.posteriors import repeat
from jaxguide.variational.posteriors import repeat_to
from jaxguide.variational.prior_moments import Moments
from jaxguide.variational.reconstructions import decoded
from jaxguide.variational.reconstructions import gaussian_likelihood
from jaxguide.variational.reconstructions import masked_reconstruction
from jaxguide.variational.reconstructions import measured_reconstruction
from jaxguide.variational.reconstructions import VQ_WEIGHT
from jaxguide.variational.sampling import vipaint
from jaxguide.variational.sampling import vipaint_draw_order
from jaxguide.variational.sampling import vipaint_steps
from jaxguide.variational.sampling import VipaintState

__all__ = [
    "Bound",
    "BoundConstants",
    "EDM_SIGMAS",
    "Fit",
    "LEVELS",
    "Link",
    "Loss",
    "LossFunction",
    "Moments",
    "Plan",
    "Posterior",
    "Terms",
    "VQ_WEIGHT",
    "VipaintState",
    "bound_constants",
    "bound_loss",
    "decoded",
    "descend",
    "elbo",
    "encodings",
    "fit",
    "fit_draw_order",
    "fitted_sampler",
    "gaussian_likelihood",
    "gradients",
    "initialise",
    "levels_at_sigmas",
    "masked_reconstruction",
    "measured_reconstruction",
    "negative_elbo",
    "optimizer",
    "repeat",
    "repeat_to",
    "time_grid",
    "vipaint",
    "vipaint_draw_order",
    "vipaint_plan",
    "vipaint_steps",
    "with_plan",
]
