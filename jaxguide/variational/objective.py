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
    total: what is minimised, `[N]`: the weighted sum, averaged over samples.
    reconstruction: `[N, S]`.
    hierarchy: `[N, S]`, unweighted.
    diffusion: `[N, S]`, unweighted.
  """

  total: arrays.PerImage
  reconstruction: arrays.Array
  hierarchy: arrays.Array
  diffusion: arrays.Array


# (posterior, iteration) -> Terms; random draws are made with the iteration.
Loss = Callable[[posteriors.Posterior, arrays.Array], Terms]


@dataclasses.dataclass(frozen=True)
class PlannedLoss:
  """A `Loss` that knows its plan, so that a fit has the plan's variant.

  Attributes:
    plan: of the posteriors that it takes.
    terms: the loss itself.
  """

  plan: plans.Plan
  terms: Loss

  @property
  def variant(self) -> str:
    """Of the plan."""
    return self.plan.variant

  def __call__(
      self, posterior: posteriors.Posterior, index: arrays.Array
  ) -> Terms:
    """See `Loss`.

    Raises:
      ValueError: for a posterior of another number of levels.
    """
    posteriors.check_levels(posterior, self.plan)
    return self.terms(posterior, index)


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
) -> PlannedLoss:
  """VIPaint's loss, K + 1 network evaluations of N S rows.

  Per sample: R(x0(z_{K-1})) + beta_hierarchy sum_k mean KL(q(z_k) || p(z_k))
  + beta_diffusion (T - T_e) / 2 mean D. Gradients pass through every
  network evaluation. Whatever a row is given (conditions of the denoiser) has
  N S rows, the samples of an image following each other.

  Draws, in this order: slot "start" `[S, ...]`; "time", one uniform number
  per image; "forward" `[S, ...]`; "level" `[S, ...]` with inner = k - 1 for
  k = 1..K-1; all with the iteration as index.

  Args:
    plan: the levels and the variant.
    denoise: the prior, of rows `[N S, ...]`.
    noise: one row per image.
    reconstruction: an energy of x0 on the prior's space; `decoded(...)` for
      latents.
    num_samples: S.
    beta_diffusion: weight of the diffusion loss (beta_1 of the released
      program).
    beta_hierarchy: weight of the levels below T_e (beta_2).
    marginal: average the diffusion loss over z_0 given z_t in closed form,
      which leaves its mean and takes most of the noise out of mu_0's
      gradient; see `diffusion_loss`. In the paper's variant alone: the
      released one never does.
    remat: compute the activations of every network evaluation again in the
      backward pass, instead of holding them. On CPU the compiler undoes it:
      a fit needs no less memory than without, by its own analysis.

  Raises:
    ValueError: if `num_samples` is not positive, or (when called) for noise
      without a row per image.
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

  return PlannedLoss(plan, loss)


def check_num_samples(num_samples: int) -> None:
  """Raises ValueError unless there is a Monte-Carlo sample at least."""
  if num_samples < 1:
    raise ValueError(f"num_samples must be at least 1, got {num_samples}")


def hierarchy_loss(
    plan: plans.Plan, links: list[hierarchy.Link], *, sums: bool = False
) -> arrays.PerImage:
  """sum_{k >= 1} of the mean over elements of KL(q(z_k) || p(z_k)), `[R]`.

  Args:
    plan: the levels.
    links: from `hierarchy.descend`.
    sums: sums over elements in the place of means.
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
    """For a posterior's means `[N, K, ...]`."""
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
    num_levels: K.
    num_iterations: of the fit.

  Returns:
    For slots "start", "time", "forward" and, where K > 1, "level" positions
    `[index][inner]`.
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
