"""The chain z_0 .. z_{K-1} of a posterior: what fit and sampling share.

Everything here works on rows of samples, with the parameters of their image
beside them (`posterior.repeat`).
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxguide import arrays
from jaxguide import denoisers
from jaxguide.variational import plans
from jaxguide.variational import posteriors

# From the number k of a level to its standard normal draw, `[R, ...]`.
LevelDraw = Callable[[int], arrays.Batch]


class Link(NamedTuple):
  """One level of a chain, leaves `[R, ...]`.

  Attributes:
    z: the latent.
    mean: mean of z under the posterior.
    std: tau, the standard deviation of z under the posterior.
    prior_mean: mean of the prior's transition; None at the first level.
    x0: E[x0 | z] by the denoiser; z itself on clean data.
  """

  z: arrays.Batch
  mean: arrays.Batch
  std: arrays.Batch
  prior_mean: arrays.Batch | None
  x0: arrays.Batch


def start_std(
    plan: plans.Plan, posterior: posteriors.Posterior
) -> arrays.Batch:
  """tau_0, `[R, ...]`.

  In the paper's variant it is kept below the third noisiest level of the
  grid, so that the diffusion loss always has levels to draw from; released
  fits turn into NaN there. The gradient is that without the limit: with none
  beyond it, a parameter that steps over would never come back.
  """
  logvar = posterior.logvar[:, 0]
  if plan.variant == "paper":
    most = jnp.minimum(logvar, 2 * jnp.log(plan.grid.sigma[-4]))
    logvar += jax.lax.stop_gradient(most - logvar)
  return jnp.exp(0.5 * logvar)


def start_scale(plan: plans.Plan, std: arrays.Batch) -> arrays.Batch:
  """The alpha that belongs to a free standard deviation at T_e."""
  if plan.preserves_variance:
    # 1 - std^2 is factored, since its last bit would depend on the program
    # around it.
    return jnp.sqrt((1 - std) * (1 + std))
  return jnp.ones_like(std)


def start(
    plan: plans.Plan, posterior: posteriors.Posterior, n: arrays.Batch
) -> tuple[arrays.Batch, arrays.Batch, arrays.Batch]:
  """z_0 = mean + tau_0 n, its mean and tau_0, each `[R, ...]`."""
  std = start_std(plan, posterior)
  mean = posterior.mu[:, 0]
  if plan.variant == "released":
    mean = start_scale(plan, std) * mean
  return mean + arrays.product(std, n), mean, std


def level_mean(
    posterior: posteriors.Posterior,
    k: arrays.Array | int,
    prior_mean: arrays.Batch,
    context_scale: arrays.Array,
) -> arrays.Batch:
  """g_k m_k + (1 - g_k) c_k mu_k, `[R, ...]`; k may be traced."""
  g = jax.nn.sigmoid(posterior.gamma[:, k])
  return (arrays.product(g, prior_mean)
          + arrays.product(1 - g, context_scale * posterior.mu[:, k]))


def level_std(
    posterior: posteriors.Posterior, k: arrays.Array | int
) -> arrays.Batch:
  """tau_k for k >= 1, `[R, ...]`; k may be traced."""
  return jnp.exp(0.5 * posterior.logvar[:, k])


def descend(
    plan: plans.Plan,
    posterior: posteriors.Posterior,
    denoise: denoisers.Denoiser,
    draw: LevelDraw,
) -> list[Link]:
  """A draw from the whole chain: K links, K network evaluations.

  Args:
    plan: plan of the posterior.
    posterior: posterior of each row, leaves `[R, K, ...]`.
    denoise: the prior.
    draw: source of the standard normal draws `[R, ...]`, called once per
      level, in order.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import denoisers, schedules, variational
    >>> plan = variational.vipaint_plan(schedules.linear(1000), (551, 401))
    >>> posterior = variational.Posterior(*[jnp.zeros((1, 2, 4))] * 3)
    >>> links = variational.descend(
    ...     plan, posterior, denoisers.gaussian(jnp.zeros(4), jnp.eye(4)),
    ...     lambda k: jnp.ones((1, 4)))
    >>> [link.z.shape for link in links]
    [(1, 4), (1, 4)]
  """
  z, mean, std = start(plan, posterior, draw(0))
  links, prior_mean = [], None
  for k in range(plan.num_levels):
    if k:
      mean = level_mean(posterior, k, prior_mean, plan.context_scale[k])
      std = level_std(posterior, k)
      z = mean + arrays.product(std, draw(k))
    found = _predict(plan, denoise, z, k)
    links.append(Link(z, mean, std, prior_mean, found.x0))
    if k + 1 < plan.num_levels:
      prior_mean = (arrays.product(plan.rows.alpha[k + 1], found.x0)
                    + arrays.product(plan.eps_scale[k + 1], found.eps))
  return links


def _predict(
    plan: plans.Plan, denoise: denoisers.Denoiser, z: arrays.Batch, k: int
) -> denoisers.Prediction:
  if plan.levels[k] == 0:
    # Level 0 is clean data, for which the network is never asked.
    return denoisers.Prediction(z, jnp.zeros_like(z))
  return denoise(z, plan.row(k))
