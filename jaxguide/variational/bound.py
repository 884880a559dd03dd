"""The bound proper on log p(y): every constant, no weights.

-log p(y) <= E_q[ -log p(y | x0(z_{K-1}))
                  + sum_{k>=1} KL(q(z_k | z_{k-1}) || p(z_k | z_{k-1}))
                  + log q(z_0) - log p(z_0 | z_{T_e + 1})
                  + sum_{t > T_e + 1} KL(q(z_{t-1} | z_t, z_0)
                                         || p(z_{t-1} | z_t))
                  + KL(q(z_T | z_0) || p(z_T)) ]

with q continued above T_e by the forward chain, in unit steps. One t is
drawn per sample with probability p_t and its term weighed by 1 / p_t, T - T_e
- 1 on average; the drawing is stratified over the samples.

p is the chain that VIPaint samples from: the DDPM chain down to T_e, DDIM
transitions with variance fraction eta between the levels, and the likelihood
of y given the estimate x0(z_{K-1}). The denser the levels and the lower T_s,
the nearer it is to the prior's own p(y).
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxguide import arrays
from jaxguide import denoisers
from jaxguide import energies
from jaxguide import noise as noises
from jaxguide.variational import hierarchy
from jaxguide.variational import objective
from jaxguide.variational import plan as plans
from jaxguide.variational import posterior as posteriors


class Bound(NamedTuple):
  """An estimate of the bound.

  Attributes:
    value: of the evidence lower bound, in nats, `[N]`.
    standard_error: of `value`, `[N]`.
    terms: means of the three terms, each `[N]`; `value` is minus their sum.
  """

  value: arrays.PerImage
  standard_error: arrays.PerImage
  terms: objective.Terms


def elbo(
    plan: plans.Plan,
    denoise: denoisers.Denoiser,
    noise: noises.Noise,
    likelihood: energies.Energy,
    posterior: posteriors.Posterior,
    *,
    num_samples: int = 16,
    num_draws: int = 16,
) -> Bound:
  """The evidence lower bound of a posterior, with its standard error.

  Args:
    plan: levels, `variant="paper"`.
    denoise: the prior, of rows `[N num_samples, ...]`.
    noise: one row per image; indices 0 .. num_draws - 1.
    likelihood: -log p(y | x), such as `gaussian_likelihood`.
    posterior: leaves `[N, K, ...]`.
    num_samples: samples per draw, over which levels are stratified.
    num_draws: at least 2; each is one iteration of a loop.
  """
  if num_draws < 2:
    raise ValueError(f"num_draws must be at least 2, got {num_draws}")
  loss = bound_loss(
      plan, denoise, noise, likelihood, num_samples=num_samples)

  def draw(index):
    found = loss(posterior, index)
    parts = (energies.mean_per_image(part) for part in found[1:])
    return objective.Terms(found.total, *parts)

  terms = jax.lax.map(draw, jnp.arange(num_draws))
  mean = jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), terms)
  spread = jnp.std(terms.total, axis=0, ddof=1)
  return Bound(-mean.total, spread / math.sqrt(num_draws), mean)


def bound_loss(
    plan: plans.Plan,
    denoise: denoisers.Denoiser,
    noise: noises.Noise,
    likelihood: energies.Energy,
    *,
    num_samples: int = 5,
    remat: bool = True,
) -> objective.Loss:
  """Minus the bound as a loss to fit: K + 2 network evaluations.

  Its terms are -log p(y | x0), the divergences between the levels, and all
  that concerns T_e and above. Draws: as `objective.negative_elbo`, and slot
  "first" `[S, ...]`, the noise of z at T_e + 1.

  Args:
    plan: levels, `variant="paper"`.
    denoise: the prior, of rows `[N S, ...]`.
    noise: one row per image.
    likelihood: -log p(y | x), summed and with its constant.
    num_samples: S.
    remat: as in `objective.negative_elbo`.

  Raises:
    ValueError: for a plan of the released variant.
  """
  if plan.variant != "paper":
    raise ValueError("plan must have variant='paper' for the bound proper")
  if remat:
    denoise = jax.checkpoint(denoise)

  def loss(posterior, index):
    draws = objective.Draws(noise, index, num_samples, posterior.mu.shape[2:])
    rows = posteriors.repeat(posterior, num_samples)
    links = hierarchy.descend(plan, rows, denoise, draws.level)
    parts = (
        likelihood(links[-1].x0, plan.row(-1), draws.of_energy),
        objective.hierarchy_loss(plan, links, sums=True),
        _above(plan, denoise, links[0], draws),
    )
    parts = [p.reshape(-1, num_samples) for p in parts]
    total = energies.mean_per_image(parts[0] + parts[1] + parts[2])
    return objective.Terms(total, *parts)

  return loss


def _above(plan, denoise, first, draws):
  """log q(z_0) + all terms of the chain above T_e, `[R]`."""
  tables = plan.bound
  z = first.z
  entropy = energies.sum_per_image(
      jnp.log(first.std) + 0.5 * (1 + math.log(2 * math.pi)))
  a2, v = tables.terminal
  terminal = 0.5 * energies.sum_per_image(a2 * z * z + (v - 1 - jnp.log(v)))
  lowest = jnp.zeros(z.shape[0], jnp.int32)
  u = draws.times()
  drawn = 1 + jnp.searchsorted(
      jnp.asarray(tables.cumulative), u, side="right").astype(jnp.int32)
  drawn = jnp.minimum(drawn, tables.scale.shape[0] - 1)
  onto = _step(tables, denoise, z, lowest, draws.normal("first"))
  other = _step(tables, denoise, z, drawn, draws.normal("forward"))
  chance = jnp.asarray(tables.inverse_probability)[drawn]
  constant = tables.constant * math.prod(z.shape[1:])
  return onto + chance * other + constant + terminal - entropy


def _step(tables, denoise, z, row, n):
  """lambda_t |rho eps(z_t) - n|^2 for the rows of the tables, `[R]`."""
  take = lambda table: arrays.bcast(jnp.asarray(table)[row], z)
  level = jax.tree.map(lambda table: jnp.asarray(table)[row], tables.rows)
  z_t = take(tables.scale) * z + take(tables.std) * n
  miss = take(tables.eps_ratio) * denoise(z_t, level).eps - n
  weight = jnp.asarray(tables.weight)[row]
  return weight * energies.sum_per_image(miss * miss)
