"""VIPaint: a hierarchical Gaussian posterior, fitted per image, then sampled.

`vipaint_plan` makes the levels, `initialise` the start, `negative_elbo` the
loss, `fit` the posterior, `vipaint_steps` and `vipaint` the samples,
`fitted_sampler` both in one; `elbo` is the bound proper.
"""

from jaxguide.variational.bound import Bound
from jaxguide.variational.bound import bound_loss
from jaxguide.variational.bound import elbo
from jaxguide.variational.fitted_sampler import fitted_sampler
from jaxguide.variational.fitted_sampler import with_plan
from jaxguide.variational.fitting import Fit
from jaxguide.variational.fitting import fit
from jaxguide.variational.fitting import gradients
from jaxguide.variational.fitting import optimizer
from jaxguide.variational.hierarchy import descend
from jaxguide.variational.hierarchy import Link
from jaxguide.variational.moments import Moments
from jaxguide.variational.objective import fit_draw_order
from jaxguide.variational.objective import Loss
from jaxguide.variational.objective import negative_elbo
from jaxguide.variational.objective import PlannedLoss
from jaxguide.variational.objective import Terms
from jaxguide.variational.plan import EDM_SIGMAS
from jaxguide.variational.plan import LEVELS
from jaxguide.variational.plan import levels_at_sigmas
from jaxguide.variational.plan import Plan
from jaxguide.variational.plan import time_grid
from jaxguide.variational.plan import vipaint_plan
from jaxguide.variational.posterior import encodings
from jaxguide.variational.posterior import initialise
from jaxguide.variational.posterior import Posterior
from jaxguide.variational.posterior import repeat
from jaxguide.variational.posterior import repeat_to
from jaxguide.variational.reconstruction import decoded
from jaxguide.variational.reconstruction import gaussian_likelihood
from jaxguide.variational.reconstruction import masked_reconstruction
from jaxguide.variational.reconstruction import measured_reconstruction
from jaxguide.variational.reconstruction import VQ_WEIGHT
from jaxguide.variational.sampling import vipaint
from jaxguide.variational.sampling import vipaint_draw_order
from jaxguide.variational.sampling import vipaint_steps
from jaxguide.variational.sampling import VipaintState
