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

p is a chain of Gaussian steps, and which one is the caller's choice:

* the chain that VIPaint samples from: the DDPM chain down to T_e, DDIM
  transitions with variance fraction eta between the levels, every mean at
  the estimate x0. It is another density than the prior's, in general a
  narrower one.
* with `moments` the prior's own: every step also has the variance of x given
  z_t (`prior_moments` has the derivation), p(z_T) the prior's mean and
  variance. With a Gaussian prior and `gaussian_likelihood(variance=...)` the
  chain's p(y) is then the prior's, and no single bound exceeds log p(y),
  whatever the posterior, K, the levels and eta.

Other priors have no Gaussian p(x | z_t). What is bounded is log p(y) of the
chain, a density of its own: for a single y it may exceed the prior's, but
not in the mean over y that the prior generates.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxguide import arrays
from jaxguide import denoisers
from jaxguide import energies
from jaxguide import noises
from jaxguide.variational import bound_tables
from jaxguide.variational import hierarchy
from jaxguide.variational import objective
from jaxguide.variational import plans
from jaxguide.variational import posteriors
from jaxguide.variational import prior_moments as priors


class Bound(NamedTuple):
  """An estimate of the bound.

  Attributes:
    value: estimate of the evidence lower bound, in nats, `[N]`.
    standard_error: standard error of `value`, in nats, `[N]`.
    terms: means of the three terms, each `[N]`; `value` is minus their sum.
  """

  value: arrays.PerImage
  standard_error: arrays.PerImage
  terms: objective.Terms


def elbo(
    plan: plans.Plan,
    constants: bound_tables.BoundConstants,
    denoise: denoisers.Denoiser,
    noise: noises.Noise,
    likelihood: energies.Energy,
    posterior: posteriors.Posterior,
    *,
    moments: priors.Moments | None = None,
    num_samples: int = 16,
    num_draws: int = 16,
) -> Bound:
  """The evidence lower bound of a posterior, with its standard error.

  Args:
    plan: plan of the posterior, with `variant="paper"`.
    constants: tables from `bound_constants`, for that plan.
    denoise: the prior; it sees rows of samples, `[N num_samples, ...]`.
    noise: source of draws with one row per image, asked for the indices
      0 .. num_draws - 1.
    likelihood: -log p(y | z) by x0(z), such as `gaussian_likelihood`.
    posterior: posterior of N images, leaves `[N, K, ...]`.
    moments: mean and variance of x under the prior; without them the bound
      is that of the sampling chain, as in `bound_loss`.
    num_samples: number of samples per draw, over which levels are
      stratified.
    num_draws: number of draws, at least 2; each is one iteration of a loop.

  Returns:
    The estimate over all draws and samples.

  Raises:
    ValueError: if there are fewer than two draws, or `bound_loss` refuses
      an argument.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import denoisers, noises, schedules, variational
    >>> schedule = schedules.linear(1000)
    >>> plan = variational.vipaint_plan(schedule, (1,))
    >>> noise = noises.prng_noise(noises.image_keys(0, jnp.arange(1)))
    >>> y = jnp.zeros((1, 4))
    >>> found = variational.elbo(
    ...     plan, variational.bound_constants(schedule, plan),
    ...     denoisers.gaussian(jnp.zeros(4), jnp.eye(4)), noise,
    ...     variational.gaussian_likelihood(y, 1.0),
    ...     variational.initialise(plan, y[:, None], noise), num_draws=2)
    >>> found.value.shape
    (1,)
  """
  if num_draws < 2:
    raise ValueError(f"num_draws must be at least 2, got {num_draws}")
  loss = bound_loss(
      plan, constants, denoise, noise, likelihood, moments=moments,
      num_samples=num_samples)

  def draw(index: arrays.Array) -> objective.Terms:
    found = loss(posterior, index)
    parts = (energies.mean_per_image(part) for part in found[1:])
    return objective.Terms(found.total, *parts)

  terms = jax.lax.map(draw, jnp.arange(num_draws))
  mean = jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), terms)
  spread = jnp.std(terms.total, axis=0, ddof=1)
  return Bound(-mean.total, spread / math.sqrt(num_draws), mean)


def bound_loss(
    plan: plans.Plan,
    constants: bound_tables.BoundConstants,
    denoise: denoisers.Denoiser,
    noise: noises.Noise,
    likelihood: energies.Energy,
    *,
    moments: priors.Moments | None = None,
    num_samples: int = 5,
    remat: bool = True,
) -> objective.Loss:
  """Minus the bound as a loss to fit: K + 2 network evaluations.

  Its terms are -log p(y | z), the divergences between the levels, and all
  that concerns T_e and above. Draws: as `objective.negative_elbo`, and slot
  "first" `[S, ...]`, the noise of z at T_e + 1.

  Args:
    plan: plan of the posterior, with `variant="paper"`.
    constants: tables from `bound_constants`, for that plan.
    denoise: the prior; it sees rows of samples, `[N S, ...]`.
    noise: source of draws with one row per image.
    likelihood: -log p(y | z_{K-1}) by x0(z_{K-1}), summed and with its
      constant: `gaussian_likelihood`, with `variance=moments.given` where
      there are moments.
    moments: mean and variance of x under the prior, broadcasting against
      rows `[N S, ...]`; the bound is that of the sampling chain when left
      out.
    num_samples: S, the number of Monte-Carlo samples per image.
    remat: whether the activations of every network evaluation are computed
      again in the backward pass, as in `negative_elbo`.

  Returns:
    A loss for `fit`.

  Raises:
    ValueError: if the plan is of the released variant, the constants are
      those of another plan, `num_samples` is not positive, or (once the loss
      is called) the noise has no row per image.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import denoisers, noises, schedules, variational
    >>> schedule = schedules.linear(1000)
    >>> plan = variational.vipaint_plan(schedule, (1,))
    >>> noise = noises.prng_noise(noises.image_keys(0, jnp.arange(1)))
    >>> y = jnp.zeros((1, 4))
    >>> loss = variational.bound_loss(
    ...     plan, variational.bound_constants(schedule, plan),
    ...     denoisers.gaussian(jnp.zeros(4), jnp.eye(4)), noise,
    ...     variational.gaussian_likelihood(y, 1.0), num_samples=2)
    >>> terms = loss(variational.initialise(plan, y[:, None], noise), 0)
    >>> terms.total.shape, terms.reconstruction.shape
    ((1,), (1, 2))
  """
  if plan.variant != "paper":
    raise ValueError(
        "plan must have variant='paper' for the bound proper, got "
        f"variant={plan.variant!r}")
  bound_tables.check_constants(constants, plan)
  objective.check_num_samples(num_samples)
  if remat:
    denoise = jax.checkpoint(denoise)

  def loss(
      posterior: posteriors.Posterior, index: arrays.Array
  ) -> objective.Terms:
    draws = objective.Draws(noise, index, num_samples, posterior.mu)
    rows = posteriors.repeat(posterior, num_samples)
    links = hierarchy.descend(plan, rows, denoise, draws.level)
    parts = (
        likelihood(links[-1].x0, plan.row(-1), draws.of_energy),
        _between(plan, links, moments),
        _above(constants, denoise, links[0], draws, moments),
    )
    parts = [p.reshape(-1, num_samples) for p in parts]
    total = energies.mean_per_image(parts[0] + parts[1] + parts[2])
    return objective.Terms(total, *parts)

  return objective.Loss(loss, plan)


def _between(plan, links, moments):
  """The divergences between the levels, `[R]`."""
  if moments is None:
    return objective.hierarchy_loss(plan, links, sums=True)
  total = jnp.zeros(links[0].z.shape[0], links[0].z.dtype)
  for k, link in enumerate(links[1:], start=1):
    above = plan.row(k - 1)
    share = (plan.rows.alpha[k]
             - plan.eps_scale[k] * above.alpha / above.sigma)
    variance = plan.prior_std[k] ** 2 + share**2 * moments.given(above)
    own = link.std**2
    if moments.basis is not None:
      # q's own variance along the directions of the basis is not in `std`:
      # this square has it as its expectation.
      own = moments.turned(link.z - link.mean) ** 2
    gap = moments.turned(link.mean - link.prior_mean)
    total += 0.5 * energies.sum_per_image(
        (gap * gap + own) / variance - 1 + jnp.log(variance)
        - 2 * jnp.log(link.std))
  return total


def _above(tables, denoise, first, draws, moments):
  """log q(z_0) + all terms of the chain above T_e, `[R]`."""
  z = first.z
  entropy = energies.sum_per_image(
      jnp.log(first.std) + 0.5 * (1 + math.log(2 * math.pi)))
  lowest = jnp.zeros(z.shape[0], jnp.int32)
  u = draws.times()
  drawn = 1 + jnp.searchsorted(
      jnp.asarray(tables.cumulative), u, side="right").astype(jnp.int32)
  drawn = jnp.minimum(drawn, tables.scale.shape[0] - 1)
  step = lambda row, slot: _step(
      tables, denoise, z, row, draws.normal(slot), moments)
  onto, other = step(lowest, "first"), step(drawn, "forward")
  chance = jnp.asarray(tables.inverse_probability)[drawn]
  constant = tables.constant * math.prod(z.shape[1:])
  return (onto + chance * other + constant + _terminal(tables, z, moments)
          - entropy)


def _terminal(tables, z, moments):
  """KL(q(z_T | z_0) || p(z_T)), `[R]`."""
  a2, v = tables.terminal
  square = a2 * z * z
  if moments is not None:
    top = jax.tree.map(lambda table: table[-1], tables.rows)
    spread = moments.spread(top)
    v = tables.std[-1] ** 2 / spread
    shift = moments.turned(tables.scale[-1] * z - top.alpha * moments.mean)
    square = shift * shift / spread
  return 0.5 * energies.sum_per_image(square + (v - 1 - jnp.log(v)))


def _step(tables, denoise, z, row, n, moments):
  """lambda_t |rho eps(z_t) - n|^2 for the rows of the tables, `[R]`.

  Less a share of |n|^2 - d, whose mean is 0: near T_e nothing else varies.
  """
  take = lambda table: arrays.bcast(jnp.asarray(table)[row], z)
  level = jax.tree.map(lambda table: jnp.asarray(table)[row], tables.rows)
  z_t = take(tables.scale) * z + take(tables.std) * n
  rho, weight = take(tables.eps_ratio), take(tables.weight)
  miss = rho * denoise(z_t, level).eps - n
  # For data of no variance eps(z_t) has the share rho of n.
  control = (1 - rho * rho) ** 2
  if moments is None:
    return energies.sum_per_image(
        weight * (miss * miss - control * (n * n - 1)))
  left = moments.given(jax.tree.map(take, tables.rows))
  more = take(tables.share) + take(tables.slope) * left
  miss, n = moments.turned(miss), moments.turned(n)
  square = miss * miss - control * (n * n - 1)
  return energies.sum_per_image(
      weight * square / (1 + more)
      + 0.5 * (jnp.log1p(more) - take(tables.fraction) * more / (1 + more)))
