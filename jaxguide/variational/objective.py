"""The loss that VIPaint minimises, per image, its three terms apart."""

from collections.abc import Callable, Sequence
import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxguide import arrays
from jaxguide import denoisers
from jaxguide import energies
from jaxguide import noises
from jaxguide.variational import diffusion_term
from jaxguide.variational import hierarchy
from jaxguide.variational import plans
from jaxguide.variational import posteriors


class Terms(NamedTuple):
  """What a loss gives for N images and S samples of each.

  Attributes:
    total: number that is minimised, `[N]`: the weighted sum of the terms,
      averaged over samples.
    reconstruction: distance from the observation, `[N, S]`.
    hierarchy: divergences between the levels, `[N, S]`, unweighted.
    diffusion: diffusion loss above T_e, `[N, S]`, unweighted.
  """

  total: arrays.PerImage
  reconstruction: arrays.Array
  hierarchy: arrays.Array
  diffusion: arrays.Array


# From the posterior and the iteration to the terms.
LossFunction = Callable[[posteriors.Posterior, arrays.Array], Terms]


@dataclasses.dataclass(frozen=True)
class Loss:
  """A function to minimise, and the plan of the posteriors that it takes.

  Attributes:
    function: function of the posterior and the iteration that gives the
      `Terms`. Random draws are made with the iteration.
    plan: plan of the posteriors, whose variant a fit follows; None for a
      loss that belongs to no plan.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import variational
    >>> def square(posterior, iteration):
    ...   total = jnp.sum(posterior.mu**2, axis=(1, 2))
    ...   return variational.Terms(total, *[total[:, None]] * 3)
    >>> loss = variational.Loss(square)
    >>> start = variational.Posterior(*[jnp.ones((2, 1, 3))] * 3)
    >>> loss(start, 0).total
    Array([3., 3.], dtype=float32)
  """

  function: LossFunction
  plan: plans.Plan | None = None

  @property
  def variant(self) -> str:
    """The variant of the plan; "paper" without one."""
    return "paper" if self.plan is None else self.plan.variant

  def __call__(
      self, posterior: posteriors.Posterior, index: arrays.Array | int
  ) -> Terms:
    """The loss and its three terms.

    Args:
      posterior: posterior of N images, leaves `[N, K, ...]`.
      index: number of the iteration, from 0; it may be traced.

    Raises:
      ValueError: if the posterior has another number of levels than the plan.
    """
    if self.plan is not None:
      posteriors.check_levels(posterior, self.plan)
    return self.function(posterior, index)


def negative_elbo(
    plan: plans.Plan,
    denoise: denoisers.Denoiser,
    noise: noises.Noise,
    reconstruction: energies.Energy,
    *,
    num_samples: int = 5,
    beta_diffusion: float = 100.0,
    beta_hierarchy: float = 100.0,
    marginal: bool = True,
    remat: bool = True,
) -> Loss:
  """VIPaint's loss, K + 1 network evaluations of N S rows.

  Per sample: R(x0(z_{K-1})) + beta_hierarchy sum_k mean KL(q(z_k) || p(z_k))
  + beta_diffusion (T - T_e) / 2 mean D. Gradients pass through every
  network evaluation. Conditions of the denoiser have N S rows as well, the
  samples of an image following each other.

  Draws, in this order: slot "start" `[S, ...]`; "time", one uniform number
  per image; "forward" `[S, ...]`; "level" `[S, ...]` with inner = k - 1 for
  k = 1..K-1; all with the iteration as index.

  Args:
    plan: plan of the posterior: its levels and its variant.
    denoise: the prior; it sees rows of samples, `[N S, ...]`.
    noise: source of draws with one row per image.
    reconstruction: an energy of x0 on the prior's space; `decoded(...)` for
      latents.
    num_samples: S, the number of Monte-Carlo samples per image.
    beta_diffusion: weight of the diffusion loss (beta_1 of the released
      program).
    beta_hierarchy: weight of the levels below T_e (beta_2).
    marginal: whether the diffusion loss is averaged over z_0 given z_t in
      closed form, which leaves its mean and takes most of the noise out of
      mu_0's gradient; `diffusion_loss` has the formula. In the paper's
      variant alone: the released one never does.
    remat: whether the activations of every network evaluation are computed
      again in the backward pass, instead of being held. On CPU the compiler
      undoes it: a fit needs no less memory than without, by its own analysis.

  Returns:
    A loss for `fit`.

  Raises:
    ValueError: if `num_samples` is not positive, or (once the loss is called)
      the noise has no row per image.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import denoisers, noises, schedules, variational
    >>> plan = variational.vipaint_plan(schedules.linear(1000), (401,))
    >>> noise = noises.prng_noise(noises.image_keys(0, jnp.arange(1)))
    >>> y = jnp.ones((1, 4))
    >>> loss = variational.negative_elbo(
    ...     plan, denoisers.gaussian(jnp.zeros(4), jnp.eye(4)), noise,
    ...     variational.gaussian_likelihood(y, 0.1), num_samples=3)
    >>> terms = loss(variational.initialise(plan, y[:, None], noise), 0)
    >>> terms.total.shape, terms.diffusion.shape
    ((1,), (1, 3))
  """
  check_num_samples(num_samples)
  marginal = marginal and plan.variant == "paper"
  if remat:
    denoise = jax.checkpoint(denoise)

  def loss(
      posterior: posteriors.Posterior, index: arrays.Array
  ) -> Terms:
    draws = Draws(noise, index, num_samples, posterior.mu)
    rows = posteriors.repeat(posterior, num_samples)
    links = hierarchy.descend(plan, rows, denoise, draws.level)
    diffusion = diffusion_term.diffusion_loss(
        plan, denoise, links[0].z, links[0].std, draws.times(),
        draws.normal("forward"), links[0].mean if marginal else None)
    parts = [
        reconstruction(links[-1].x0, plan.row(-1), draws.of_energy),
        hierarchy_loss(plan, links),
        diffusion,
    ]
    parts = [p.reshape(-1, num_samples) for p in parts]
    whole = (parts[0] + beta_hierarchy * parts[1] + beta_diffusion * parts[2])
    return Terms(energies.mean_per_image(whole), *parts)

  return Loss(loss, plan)


def check_num_samples(num_samples: int) -> None:
  """Raises `ValueError` unless there is a Monte-Carlo sample at least."""
  if num_samples < 1:
    raise ValueError(f"num_samples must be at least 1, got {num_samples}")


def hierarchy_loss(
    plan: plans.Plan, links: list[hierarchy.Link], *, sums: bool = False
) -> arrays.PerImage:
  """sum_{k >= 1} of the mean over elements of KL(q(z_k) || p(z_k)), `[R]`.

  Args:
    plan: plan of the posterior.
    links: chain from `hierarchy.descend`.
    sums: whether to sum over elements instead of averaging.
  """
  reduce = energies.sum_per_image if sums else energies.mean_per_image
  total = jnp.zeros(links[0].z.shape[0], links[0].z.dtype)
  for k, link in enumerate(links[1:], start=1):
    q = diffusion_term.Normal(link.mean, link.std)
    p = diffusion_term.Normal(link.prior_mean, plan.prior_std[k])
    total += reduce(diffusion_term.divergence(q, p, plan.variant))
  return total


class Draws:
  """One iteration's draws, as rows of samples."""

  def __init__(
      self,
      noise: noises.Noise,
      index: arrays.Array,
      num_samples: int,
      mu: arrays.Batch,
  ):
    """The draws of one iteration.

    Args:
      noise: source of draws with one row per image.
      index: number of the iteration, with which draws are made.
      num_samples: S, the number of samples per image.
      mu: means of the posterior, `[N, K, ...]`, which give N and the shape of
        the latents.
    """
    self._noise = noises.checked_rows(noise, mu.shape[0])
    self._index = index
    self._num_samples = num_samples
    self._shape = mu.shape[2:]

  def normal(
      self, slot: str, inner: arrays.Array | int = 0
  ) -> arrays.Batch:
    """A standard normal draw of the latents' shape, `[N S, ...]`."""
    return self.of_energy(slot, self._shape, inner=inner)

  def level(self, k: int) -> arrays.Batch:
    """The draw of level k of the chain, `[N S, ...]`."""
    return self.normal("level", k - 1) if k else self.normal("start")

  def times(self) -> arrays.PerImage:
    """Uniform numbers, stratified over the samples of an image, `[N S]`."""
    offset = self._noise(self._index, "time", (), "uniform")
    return diffusion_term.stratified(offset, self._num_samples).reshape(-1)

  def of_energy(
      self,
      slot: str,
      shape: Sequence[int],
      law: str = "normal",
      inner: arrays.Array | int = 0,
  ) -> arrays.Batch:
    """A draw for an energy, `[N S, *shape]`."""
    whole = (self._num_samples, *shape)
    drawn = self._noise(self._index, slot, whole, law, inner)
    return drawn.reshape(-1, *shape)


def fit_draw_order(
    num_levels: int, num_iterations: int
) -> dict[str, list[list[int]]]:
  """Where the released fit's draws lie in a flat recording.

  Args:
    num_levels: K, the number of levels.
    num_iterations: number of iterations of the fit.

  Returns:
    Positions `[index][inner]` by slot: "start", "time", "forward" and, where
    K > 1, "level".

  Example:
    >>> from jaxguide import variational
    >>> variational.fit_draw_order(num_levels=1, num_iterations=2)
    {'start': [[0], [3]], 'time': [[1], [4]], 'forward': [[2], [5]]}
  """
  first = [n * (2 + num_levels) for n in range(num_iterations)]
  order = {
      "start": [[f] for f in first],
      "time": [[f + 1] for f in first],
      "forward": [[f + 2] for f in first],
  }
  if num_levels > 1:
    order["level"] = [
        [f + 2 + k for k in range(1, num_levels)] for f in first]
  return order
