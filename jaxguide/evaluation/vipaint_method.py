"""VIPaint as a method of an experiment, on pixel priors."""

import dataclasses
from typing import Literal

from jaxguide import arrays
from jaxguide import denoisers
from jaxguide import energies
from jaxguide import noise as noises
from jaxguide import samplers
from jaxguide import schedules
from jaxguide import variational
from jaxguide.evaluation import tasks
from jaxguide.samplers import core
from jaxguide.variational import reconstruction as reconstructions


@dataclasses.dataclass(frozen=True)
class Vipaint:
  """A posterior fitted to every picture, then one sample of it.

  Every sample of an image is drawn from a fit of its own, with its own key.

  Attributes:
    num_levels: K: 1, 2 or 4, for VIPaint-1, -2 and -4.
    num_steps: of the refinement below T_s; all levels when None.
    num_iterations: updates of the fit.
    num_samples: Monte-Carlo samples per update.
    variant: "paper" or "released"; see `variational`.
    sigmas: noise over signal of the levels, decreasing; when empty
      `variational.EDM_SIGMAS`, which are meant for pixels with a standard
      deviation near 0.5.
    eta: see `variational.vipaint_plan`.
    scale: of the gradient in the refinement, over a group of 5 samples.
    weight: of the absolute error of the reconstruction.
    beta: weight of the two divergences.
    mixing_logit: where the mixing weights start.
    mean_scale: noise on the means that a fit starts from, levels 1..K-1.
    mean_scale_top: likewise at T_e.
    perceptual: distance of two batches of pictures for inpainting, `[R]`;
      none when None.
    perceptual_weight: of that distance.
    clip_x0: clip the prior's x0 to [-1, 1]; neither variant does.
    label: what tables call it; made from the fields when empty.
  """

  num_levels: int = 2
  num_steps: int | None = None
  num_iterations: int = 50
  num_samples: int = 5
  variant: Literal["paper", "released"] = "paper"
  sigmas: tuple[float, ...] = ()
  eta: float = 0.2
  scale: float = 2.0
  weight: float = 100.0
  beta: float = 100.0
  mixing_logit: float = 4.0
  mean_scale: float = 1.0
  mean_scale_top: float = 0.8
  perceptual: reconstructions.Distance | None = None
  perceptual_weight: float = 100.0
  clip_x0: bool = False
  label: str = ""
  uses_prior = True

  def __post_init__(self):
    arrays.check_choice("variant", self.variant, core.VARIANTS)
    if self.num_levels not in variational.EDM_SIGMAS and not self.sigmas:
      raise ValueError(
          f"num_levels must be one of {tuple(variational.EDM_SIGMAS)} without "
          f"sigmas, got {self.num_levels}")
    if self.sigmas and len(self.sigmas) != self.num_levels:
      raise ValueError(
          f"sigmas must have num_levels={self.num_levels} entries, got "
          f"{self.sigmas}")
    for name in ("num_iterations", "num_samples"):
      value = getattr(self, name)
      if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")

  @property
  def title(self) -> str:
    """What tables call it."""
    steps = "all" if self.num_steps is None else self.num_steps
    return self.label or (
        f"VIPaint-{self.num_levels}, {self.variant} "
        f"({self.num_iterations} updates, {steps} steps)")

  def steps(self, schedule: schedules.Schedule) -> samplers.Steps:
    """`vipaint_steps`, with the plan of the fit beside them."""
    sigmas = self.sigmas or variational.EDM_SIGMAS[self.num_levels]
    plan = variational.vipaint_plan(
        schedule, variational.levels_at_sigmas(schedule, sigmas),
        eta=self.eta, variant=self.variant)
    steps = variational.vipaint_steps(
        schedule, plan, self.num_steps, scale=self.scale)
    return variational.with_plan(steps, plan)

  def sampler(
      self,
      denoise: denoisers.Denoiser,
      noise: noises.Noise,
      problem: tasks.Problem,
  ) -> samplers.Sampler:
    """`fitted_sampler` with the reconstruction that the task asks for."""
    if self.clip_x0:
      denoise = denoisers.clip_x0(denoise)
    energy = self._reconstruction(problem)

    def fit(plan: variational.Plan) -> variational.Posterior:
      loss = variational.negative_elbo(
          plan, denoise, noise, energy, num_samples=self.num_samples,
          beta_diffusion=self.beta, beta_hierarchy=self.beta)
      context = variational.encodings(
          problem.degraded(), noise, plan.num_levels)
      start = variational.initialise(
          plan, context, noise, mixing_logit=self.mixing_logit,
          mean_scale=self.mean_scale, mean_scale_top=self.mean_scale_top)
      return variational.fit(
          loss, start, num_iterations=self.num_iterations,
          variant=self.variant).posterior

    return variational.fitted_sampler(
        fit, lambda plan, posterior: variational.vipaint(
            plan, posterior, denoise, noise, energy))

  def _reconstruction(self, problem: tasks.Problem) -> energies.Energy:
    y, operator, _ = problem.observation
    if isinstance(problem.task, tasks.Inpainting):
      return variational.masked_reconstruction(
          y, problem.inputs["mask"], weight=self.weight,
          perceptual=self.perceptual,
          perceptual_weight=self.perceptual_weight)
    return variational.measured_reconstruction(
        y, operator, weight=self.weight)
