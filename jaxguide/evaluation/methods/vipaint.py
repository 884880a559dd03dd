"""VIPaint as a method of an experiment, on pixel and latent priors."""

from collections.abc import Mapping
import dataclasses
import math
from typing import Any, Literal

import jax.numpy as jnp

from jaxguide import arrays
from jaxguide import denoisers
from jaxguide import energies
from jaxguide import noises
from jaxguide import samplers
from jaxguide import schedules
from jaxguide import variational
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks
from jaxguide.evaluation.methods import base
from jaxguide.samplers import core
from jaxguide.variational import reconstructions

PERCEPTUAL = "perceptual"


@dataclasses.dataclass(frozen=True)
class Vipaint(base.Method):
  """A posterior fitted to every image, then samples of it.

  All samples of an image are drawn from one fit. It is made with the image's
  own key, a sample with that of the sample.

  Attributes:
    num_levels: K, where neither `levels` nor `sigmas` says it: 1, 2 or 4, for
      VIPaint-1, -2 and -4; 2 when None.
    num_steps: number of steps of the refinement below T_s; all levels when
      None.
    num_iterations: updates of the fit.
    num_samples: Monte-Carlo samples per update.
    variant: "paper" or "released"; see `variational`.
    levels: levels of the schedule, decreasing, such as `variational.LEVELS[2]`
      for latents of unit variance; by noise scale when empty.
    sigmas: noise over signal of the levels, decreasing; when empty
      `variational.EDM_SIGMAS`, which are meant for pixels with a standard
      deviation near 0.5.
    eta: share of the transition's variance, see `variational.vipaint_plan`.
    eta_refinement: the same share below T_s, 0 to 1; that of the levels when
      None. 0 adds no noise there.
    scale: scale of the gradient in the refinement, over a group of samples.
    group_size: samples in that group; see `variational.vipaint_steps`.
    fit_guidance: scale of classifier-free guidance in the fit.
    guidance: the same in the sampling.
    weight: weight of the absolute error of the reconstruction.
    beta: weight of the diffusion term.
    beta_hierarchy: weight of the hierarchical term; that of the diffusion
      term when None.
    marginal: average the diffusion term over z_0 given z_t, in the paper's
      variant; see `variational.negative_elbo`.
    rates: Adam's learning rates for mu, logvar and gamma.
    std_scale: scale of the first standard deviations, see
      `variational.initialise`.
    mixing_logit: logit that the mixing weights start from.
    mean_scale: noise on the means that a fit starts from, levels 1..K-1.
    mean_scale_top: the same noise at T_e.
    fill: what missing pixels are in the picture that a fit starts from, in
      [-1, 1]: 0 as published. The mean of the pictures that the prior was
      trained on saves the updates that lead there.
    encoding_noise: noise on the encoded observation that a fit starts from,
      times the scale factor of the latents; for latent priors alone.
    perceptual: distance of two batches of pictures for inpainting, `[R]`, or
      where its network comes from; none when None.
    perceptual_weight: weight of that distance.
    clip_x0: clip the prior's x0 to [-1, 1]; neither variant does.
    remat: compute activations again in backward passes, instead of holding
      them; it saves nothing on CPU. See `variational.negative_elbo`.
    label: what tables call it; made from the fields when empty.

  Example:
    >>> from jaxguide import evaluation, schedules
    >>> method = evaluation.Vipaint(num_levels=2, num_iterations=50)
    >>> method.title, method.fits
    ('VIPaint-2, paper (50 updates, all steps)', True)
  """

  num_levels: int | None = None
  num_steps: int | None = None
  num_iterations: int = 50
  num_samples: int = 5
  variant: Literal["paper", "released"] = "paper"
  levels: tuple[int, ...] = ()
  sigmas: tuple[float, ...] = ()
  eta: float = 0.2
  eta_refinement: float | None = None
  scale: float = 2.0
  group_size: int = 5
  fit_guidance: float = 1.0
  guidance: float = 1.0
  weight: float = 100.0
  beta: float = 100.0
  beta_hierarchy: float | None = None
  marginal: bool = True
  rates: tuple[float, float, float] = (0.1, 0.001, 0.01)
  std_scale: float = 0.7
  mixing_logit: float = 4.0
  mean_scale: float = 1.0
  mean_scale_top: float = 0.8
  fill: float = 0.0
  encoding_noise: float = 1.0
  perceptual: (
      sources.NetworkSource | reconstructions.Distance | None) = None
  perceptual_weight: float = 100.0
  clip_x0: bool = False
  remat: bool = True
  label: str = ""
  fits = True

  def __post_init__(self):
    arrays.check_choice("variant", self.variant, core.VARIANTS)
    if self.levels and self.sigmas:
      raise ValueError(
          f"levels or sigmas must be empty, got {self.levels} and "
          f"{self.sigmas}")
    given = len(self.levels or self.sigmas)
    if given and self.num_levels not in (None, given):
      raise ValueError(
          f"num_levels must be None or {given}, as many as there are levels "
          f"or sigmas, got {self.num_levels}")
    if not given and self.depth not in variational.EDM_SIGMAS:
      raise ValueError(
          f"num_levels must be one of {tuple(variational.EDM_SIGMAS)} without "
          f"levels or sigmas, got {self.num_levels}")
    if len(self.rates) != 3 or not all(
        math.isfinite(rate) and rate >= 0 for rate in self.rates):
      raise ValueError(
          "rates must be three learning rates >= 0, of mu, logvar and gamma, "
          f"got {self.rates}")
    numbers = {
        f.name: getattr(self, f.name) for f in dataclasses.fields(self)
        if isinstance(getattr(self, f.name), float)}
    for name, value in numbers.items():
      if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value}")
    if not 0 <= (self.eta_refinement or 0) <= 1:
      raise ValueError(
          f"eta_refinement must be in [0, 1], got {self.eta_refinement}")
    if self.std_scale <= 0:
      raise ValueError(f"std_scale must be positive, got {self.std_scale}")
    base.check_at_least(
        self, 1, "num_iterations", "num_samples", "group_size", "num_steps")

  @property
  def depth(self) -> int:
    """K, wherever it is said."""
    given = len(self.levels or self.sigmas)
    return given or (2 if self.num_levels is None else self.num_levels)

  @property
  def title(self) -> str:
    """What tables call it."""
    steps = "all" if self.num_steps is None else self.num_steps
    distance = "" if self.perceptual is None else ", perceptual"
    return self.label or (
        f"VIPaint-{self.depth}, {self.variant} "
        f"({self.num_iterations} updates, {steps} steps{distance})")

  @property
  def on_latents(self) -> bool:
    """Latents have no range to be clipped to."""
    return not self.clip_x0

  @property
  def guidance_scales(self) -> tuple[float, float]:
    """Of the fit and of the sampling."""
    return self.fit_guidance, self.guidance

  @property
  def networks(self) -> Mapping[str, sources.NetworkSource]:
    """That of the perceptual distance, if it has one."""
    if isinstance(self.perceptual, sources.NetworkSource):
      return {PERCEPTUAL: self.perceptual}
    return {}

  def plan(self, schedule: schedules.Schedule) -> variational.Plan:
    """`vipaint_plan`."""
    levels = self.levels or variational.levels_at_sigmas(
        schedule, self.sigmas or variational.EDM_SIGMAS[self.depth])
    return variational.vipaint_plan(
        schedule, levels, eta=self.eta, variant=self.variant)

  def steps(self, schedule: schedules.Schedule) -> samplers.Steps:
    """`vipaint_steps`."""
    return variational.vipaint_steps(
        schedule, self.plan(schedule), self.num_steps, scale=self.scale,
        group_size=self.group_size, eta=self.eta_refinement)

  def network_evaluations(
      self, schedule: schedules.Schedule
  ) -> dict[str, dict[str, int]]:
    """Rows that pass the prior's network, for one image and one sample.

    Args:
      schedule: noise levels of the prior.

    Returns:
      {"fit_per_image", "sampling_per_sample"}, of either how many with a
      backward pass and how many without. Guidance takes two networks.
    """
    kinds = self.steps(schedule).kind
    down = int((kinds == core.DENOISE).sum())
    fits, samples = (1 if s == 1 else 2 for s in self.guidance_scales)
    calls = self.num_iterations * self.num_samples * (self.depth + 1)
    return {
        "fit_per_image": {
            "forward_and_backward": fits * calls, "forward": 0},
        "sampling_per_sample": {
            "forward_and_backward": samples * (kinds.size - down),
            "forward": samples * down},
    }

  def fit(
      self,
      plan: variational.Plan,
      noise: noises.Noise,
      problem: tasks.Problem,
  ) -> variational.Posterior:
    """The posterior of every image, with guidance scale `fit_guidance`."""
    return self.fit_with_history(plan, noise, problem).posterior

  def start(
      self,
      plan: variational.Plan,
      noise: noises.Noise,
      problem: tasks.Problem,
  ) -> variational.Posterior:
    """The posterior that a fit starts from; arguments as of `fit`."""
    codec, prior = problem.prior.codec, problem.prior.model
    # The released programs without masks encode y once for all levels.
    shared = self.variant == "released" and problem.mask is None
    context = variational.encodings(
        codec.encode(self._shown(problem)), noise, plan.num_levels,
        num_samples=1 if shared or not prior.is_latent else self.num_samples,
        std=self.encoding_noise * prior.latent_scale * prior.is_latent)
    return variational.initialise(
        plan, context, noise, std_scale=self.std_scale,
        mixing_logit=self.mixing_logit,
        mean_scale=self.mean_scale, mean_scale_top=self.mean_scale_top)

  def fit_with_history(
      self,
      plan: variational.Plan,
      noise: noises.Noise,
      problem: tasks.Problem,
      keep_every: int | None = None,
  ) -> variational.Fit:
    """`fit`, with all that `variational.fit` returns.

    Args:
      plan: result of `plan`.
      noise: one row per image, of the image's own key.
      problem: one row per image.
      keep_every: number of updates between kept posteriors, see
        `variational.fit`.
    """
    start = self.start(plan, noise, problem)
    loss = variational.negative_elbo(
        plan, self._denoiser(problem, self.fit_guidance, self.num_samples),
        noise, self._energy(problem), num_samples=self.num_samples,
        beta_diffusion=self.beta,
        beta_hierarchy=(self.beta if self.beta_hierarchy is None
                        else self.beta_hierarchy),
        marginal=self.marginal, remat=self.remat)
    mu, logvar, gamma = self.rates
    return variational.fit(
        loss, start, num_iterations=self.num_iterations,
        transformation=variational.optimizer(
            mu=mu, logvar=logvar, gamma=gamma),
        keep_every=keep_every)

  def sampler(
      self,
      denoise: denoisers.Denoiser,
      noise: noises.Noise,
      problem: tasks.Problem,
  ) -> samplers.Sampler:
    """`vipaint` of the posterior in `problem.fitted`.

    The denoiser is that of `problem.prior` with guidance scale `guidance`.
    """
    del denoise
    plan, posterior = problem.fitted
    return variational.vipaint(
        plan, posterior, self._denoiser(problem, self.guidance), noise,
        self._energy(problem))

  def _denoiser(
      self, problem: tasks.Problem, scale: float, repeats: int = 1
  ) -> denoisers.Denoiser:
    denoise = problem.prior.denoiser(guidance_scale=scale, repeats=repeats)
    return denoisers.clip_x0(denoise) if self.clip_x0 else denoise

  def _shown(self, problem: tasks.Problem) -> arrays.Images:
    """The observation as a picture, which a fit starts from."""
    y = problem.observation.y
    if self.variant == "released" and y.shape[1:3] != problem.shape:
      for axis, side in enumerate(problem.shape, start=1):
        y = jnp.repeat(y, side // y.shape[axis], axis=axis)
      return y
    shown = problem.picture()
    if self.fill and problem.mask is not None:
      shown += self.fill * (1 - problem.mask)
    return shown

  def _energy(self, problem: tasks.Problem) -> energies.Energy:
    """The reconstruction that the task asks for, of states."""
    y, operator, _ = problem.observation
    if problem.mask is not None:
      energy = variational.masked_reconstruction(
          y, problem.mask, weight=self.weight,
          perceptual=problem.networks.get(PERCEPTUAL, self._own_distance()),
          perceptual_weight=self.perceptual_weight, remat=self.remat)
    else:
      energy = variational.measured_reconstruction(
          y, operator, weight=self.weight)
    if not problem.prior.model.is_latent:
      return energy
    return variational.decoded(
        energy, problem.prior.codec.decode, remat=self.remat)

  def _own_distance(self) -> Any:
    return None if self.networks else self.perceptual

  def tiny(self, size: int) -> base.Method:
    """See `Method`."""
    perceptual = (
        self.perceptual.tiny(size)
        if isinstance(self.perceptual, sources.NetworkSource) else None)
    return dataclasses.replace(
        self, num_steps=2, num_iterations=2, num_samples=2,
        perceptual=perceptual)


def vipaint_imagenet256(num_levels: int = 2, inpaints: bool = True) -> Vipaint:
  """The released settings for the class-conditional ImageNet model.

  VIPaint-1 has twice the updates and the weight, as its block in the released
  file has.

  Args:
    num_levels: 1, 2 or 4.
    inpaints: False for super-resolution and deblurring, which have no
      perceptual term and start with more of mu.

  Example:
    >>> from jaxguide import evaluation
    >>> method = evaluation.vipaint_imagenet256(2)
    >>> method.levels, method.num_iterations
    ((551, 401), 50)
  """
  single = num_levels == 1
  return Vipaint(
      levels=variational.LEVELS[num_levels],
      variant="released", num_iterations=100 if single else 50,
      beta=200.0 if single else 100.0, guidance=3.0,
      weight=100.0 * variational.VQ_WEIGHT,
      mixing_logit=5.0 if inpaints else 4.0,
      perceptual=sources.InstalledLpips() if inpaints else None)


def vipaint_lsun256(num_levels: int = 2, inpaints: bool = True) -> Vipaint:
  """The released settings for the LSUN churches model, without classes.

  Args:
    num_levels: 2 or 4.
    inpaints: whether the task has masks, as in `vipaint_imagenet256`; the
      released program cannot do without.

  Example:
    >>> from jaxguide import evaluation
    >>> method = evaluation.vipaint_lsun256(4)
    >>> method.depth, method.num_samples
    (4, 10)
  """
  return Vipaint(
      levels=variational.LEVELS[num_levels],
      variant="released", num_samples=10, group_size=10, mean_scale_top=0.1,
      perceptual=sources.InstalledLpips() if inpaints else None)


def vipaint_edm(num_levels: int = 2) -> Vipaint:
  """The settings for pixel priors in EDM's preconditioning.

  The paper's own, for ImageNet-64, are lost. Of an older revision of the
  program remains how a fit starts there, which is what this is: mu from the
  observation with next to no noise (0.01, and 0.01 sigma below T_e), tau_k at
  the standard deviation of the prior's transition, mixing weights of a half.
  The diffusion loss is averaged over z_0 (`marginal`), which the paper's is
  not. On a prior of emoji other settings did better: docs/systems/vipaint.

  Args:
    num_levels: 1, 2 or 4.

  Example:
    >>> from jaxguide import evaluation
    >>> method = evaluation.vipaint_edm(2)
    >>> method.depth, method.eta
    (2, 0.2)
  """
  eta = 0.2
  return Vipaint(
      num_levels=num_levels, eta=eta, std_scale=eta**0.5, mixing_logit=0.0,
      mean_scale=0.01, mean_scale_top=0.01)
