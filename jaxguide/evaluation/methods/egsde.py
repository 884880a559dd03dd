"""EGSDE, SDEdit and ILVR as methods of an experiment.

Their source is the observation as a picture: of a translation the source
image itself, of colorization the grey one. Each counts levels as
`samplers` does: the published M = 0.5T is level 500 of 1000.
"""

from collections.abc import Mapping
import dataclasses
from typing import Any, Literal

from jaxguide import arrays
from jaxguide import denoisers
from jaxguide import energies
from jaxguide import guidance as guidances
from jaxguide import noises
from jaxguide import operators
from jaxguide import samplers
from jaxguide import schedules
from jaxguide.energies import lowpass
from jaxguide.energies import similarities
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks
from jaxguide.evaluation.methods import base
from jaxguide.samplers import _egsde_plan
from jaxguide.samplers import core

EXTRACTOR = "extractor"


@dataclasses.dataclass(frozen=True)
class Egsde(base.Method):
  """EGSDE (arXiv:2207.06635): see `samplers.egsde`, `energies.translation`.

  Attributes:
    extractor: network of the domain's features; None only if its weight is 0,
      for which it is not even loaded.
    domain_weight: lambda_s.
    lowpass_weight: lambda_i.
    first_level: M, where the source is noised to; half of the levels when
      None.
    num_steps: number of steps from M to clean data; all M levels when None,
      which "released" demands.
    factor: factor of the low-pass filter; 32 for 256 pixels.
    similarity: measure of how alike features are: "cosine" or "neg_l2".
    distance: distance of filtered images: "squared" or "cosine".
    num_repeats: K; each repeat starts from the noised result before it.
    num_draws: noisy sources averaged over per step.
    variant: "paper" or "released".
    solver: "ancestral" or "em", Euler-Maruyama ("paper" alone).
    variance: variance of the ancestral step: "fixed_small" or "fixed_large".
    source_noise: "fresh" or "shared"; implied by the variant when None.
    label: what tables call it; made from the fields when empty.

  Example:
    >>> from jaxguide import evaluation, schedules
    >>> method = evaluation.Egsde(
    ...     evaluation.EmbeddedExtractor(), num_steps=50, factor=4)
    >>> steps = method.steps(schedules.linear(1000))
    >>> steps.level.level[0].item(), len(steps.index)
    (500, 50)
  """

  extractor: sources.NetworkSource | None = None
  domain_weight: float = 500.0
  lowpass_weight: float = 2.0
  first_level: int | None = None
  num_steps: int | None = None
  factor: int = 32
  similarity: Literal["cosine", "neg_l2"] = "cosine"
  distance: Literal["squared", "cosine"] = "squared"
  num_repeats: int = 1
  num_draws: int = 1
  variant: Literal["paper", "released"] = "paper"
  solver: Literal["ancestral", "em"] = "ancestral"
  variance: Literal["fixed_small", "fixed_large"] = "fixed_small"
  source_noise: Literal["fresh", "shared"] | None = None
  label: str = ""

  def __post_init__(self):
    _check_chain(self)
    arrays.check_choice(
        "similarity", self.similarity, tuple(similarities.SIMILARITIES))
    arrays.check_choice("distance", self.distance, lowpass.DISTANCES)
    base.check_at_least(self, 2, "factor")
    base.check_at_least(self, 1, "num_draws")
    if self.extractor is None and self.domain_weight != 0:
      raise ValueError("extractor must be given unless domain_weight is 0")

  @property
  def title(self) -> str:
    """What tables call it."""
    return self.label or (
        f"EGSDE, {self.variant} (weights {self.domain_weight:g} and "
        f"{self.lowpass_weight:g}, {_start(self)}{_further(self)})")

  @property
  def networks(self) -> Mapping[str, sources.NetworkSource]:
    """The extractor, if its weight is not 0."""
    return {EXTRACTOR: self.extractor} if self.domain_weight != 0 else {}

  def steps(self, schedule: schedules.Schedule) -> samplers.Steps:
    """`egsde_steps`."""
    return samplers.egsde_steps(schedule, **_chain_plan(self))

  def sampler(
      self,
      denoise: denoisers.Denoiser,
      noise: noises.Noise,
      problem: tasks.Problem,
  ) -> samplers.Sampler:
    """`egsde` with both experts; without any its program is SDEdit's."""
    source = problem.picture()
    energy = energies.translation(
        problem.networks.get(EXTRACTOR), source,
        domain_weight=self.domain_weight, lowpass_weight=self.lowpass_weight,
        factor=self.factor, similarity=self.similarity,
        distance=self.distance, num_draws=self.num_draws)
    guidance = None if energy is None else guidances.at_state(energy)
    return samplers.egsde(denoise, noise, source=source, guidance=guidance)

  def tiny(self, size: int) -> base.Method:
    """See `Method`."""
    extractor = self.extractor and self.extractor.tiny(size)
    # A random prior has no learned variance.
    return dataclasses.replace(
        self, num_steps=2, first_level=2, factor=4, extractor=extractor,
        variance="fixed_small")


@dataclasses.dataclass(frozen=True)
class SdEdit(base.Method):
  """SDEdit (arXiv:2108.01073): see `samplers.sdedit`.

  Where the task has a mask (inpainting), what it observes is kept.

  Attributes:
    first_level: level that the source is noised to; half of the levels when
      None.
    num_steps: number of steps, as in `Egsde`.
    num_repeats: number of repeats, as in `Egsde`.
    variant: "paper" or "released".
    solver: solver of `Egsde`.
    variance: variance, as in `Egsde`.
    source_noise: noise of the source, as in `Egsde`; it matters with a mask
      alone.
    label: what tables call it; made from the fields when empty.

  Example:
    >>> from jaxguide import evaluation, schedules
    >>> method = evaluation.SdEdit(first_level=400, num_steps=20, num_repeats=3)
    >>> len(method.steps(schedules.linear(1000)).index)
    60
  """

  first_level: int | None = None
  num_steps: int | None = None
  num_repeats: int = 1
  variant: Literal["paper", "released"] = "paper"
  solver: Literal["ancestral", "em"] = "ancestral"
  variance: Literal["fixed_small", "fixed_large"] = "fixed_small"
  source_noise: Literal["fresh", "shared"] | None = None
  label: str = ""

  def __post_init__(self):
    _check_chain(self)

  @property
  def title(self) -> str:
    """What tables call it."""
    return self.label or (
        f"SDEdit, {self.variant} ({_start(self)}{_further(self)})")

  def steps(self, schedule: schedules.Schedule) -> samplers.Steps:
    """`sdedit_steps`."""
    return samplers.sdedit_steps(schedule, **_chain_plan(self))

  def sampler(
      self,
      denoise: denoisers.Denoiser,
      noise: noises.Noise,
      problem: tasks.Problem,
  ) -> samplers.Sampler:
    """`sdedit`."""
    return samplers.sdedit(
        denoise, noise, source=problem.picture(),
        mask=problem.mask)

  def tiny(self, size: int) -> base.Method:
    """See `Method`."""
    del size
    return dataclasses.replace(
        self, num_steps=2, first_level=2, variance="fixed_small")


@dataclasses.dataclass(frozen=True)
class Ilvr(base.Method):
  """ILVR (arXiv:2108.02938) with the cubic low-pass filter.

  Attributes:
    num_steps: levels of the respaced schedule, all of them visited.
    factor: factor of the low-pass filter; 32 in the comparison of EGSDE.
    refine_above: level down to which the source refines, see
      `samplers.ilvr_steps`; a published range_t is level range_t + 1. Implied
      by the variant when None.
    variant: "paper" or "released".
    variance: variance of the ancestral step: "learned" for the published ADM
      networks, "fixed_small" or "fixed_large" for others.
    start: "noise", or "reference" for the noised source.
    clip_x0: clip the prior's x0 to [-1, 1], as published.
    label: what tables call it; made from the fields when empty.

  Example:
    >>> from jaxguide import evaluation, schedules
    >>> method = evaluation.Ilvr(num_steps=100, factor=4)
    >>> len(method.steps(schedules.linear(1000)).index)
    100
  """

  num_steps: int = 100
  factor: int = 32
  refine_above: int | None = None
  variant: Literal["paper", "released"] = "paper"
  variance: Literal["fixed_small", "fixed_large", "learned"] = "fixed_small"
  start: Literal["noise", "reference"] = "noise"
  clip_x0: bool = True
  label: str = ""

  def __post_init__(self):
    arrays.check_choice("variant", self.variant, core.VARIANTS)
    base.check_at_least(self, 1, "num_steps")
    base.check_at_least(self, 2, "factor")
    base.check_at_least(self, 0, "refine_above")

  @property
  def title(self) -> str:
    """What tables call it."""
    return self.label or (
        f"ILVR, {self.variant} (factor {self.factor}, {self.num_steps} steps"
        f"{_further(self, 'factor')})")

  def steps(self, schedule: schedules.Schedule) -> samplers.Steps:
    """`ilvr_steps` on the respaced schedule."""
    return samplers.ilvr_steps(
        schedules.respace(schedule, self.num_steps), self.num_steps,
        refine_above=self.refine_above, variant=self.variant)

  def sampler(
      self,
      denoise: denoisers.Denoiser,
      noise: noises.Noise,
      problem: tasks.Problem,
  ) -> samplers.Sampler:
    """`ilvr` with the source as its reference."""
    if self.clip_x0:
      denoise = denoisers.clip_x0(denoise)
    return samplers.ilvr(
        denoise, noise, reference=problem.picture(),
        operator=operators.lowpass(problem.shape, self.factor, "cubic"),
        start=self.start, variance=self.variance)

  def tiny(self, size: int) -> base.Method:
    """See `Method`."""
    del size
    return dataclasses.replace(
        self, num_steps=2, factor=4, variance="fixed_small")


def egsde_published(
    extractor: sources.NetworkSource, **changes: Any
) -> Egsde:
  """EGSDE's setting for 256 pixels: weights 500 and 2, M = 500, K = 1.

  Args:
    extractor: source of the extractor of two or three domains.
    **changes: other fields; the released program is `variant="released"`.

  Example:
    >>> from jaxguide import evaluation
    >>> method = evaluation.egsde_published(evaluation.EmbeddedExtractor())
    >>> method.domain_weight, method.lowpass_weight, method.first_level
    (500.0, 2.0, 500)
  """
  return Egsde(**{"extractor": extractor, "first_level": 500, **changes})


def egsde_dagger(
    extractor: sources.NetworkSource, **changes: Any
) -> Egsde:
  """EGSDE-dagger's: weights 700 and 0.5, M = 600: realism before likeness.

  Args:
    extractor: source of the extractor of two or three domains.
    **changes: other fields.

  Example:
    >>> from jaxguide import evaluation
    >>> method = evaluation.egsde_dagger(evaluation.EmbeddedExtractor())
    >>> method.domain_weight, method.lowpass_weight, method.first_level
    (700.0, 0.5, 600)
  """
  return Egsde(**{
      "extractor": extractor, "domain_weight": 700.0, "lowpass_weight": 0.5,
      "first_level": 600, **changes})


def _check_chain(method: Egsde | SdEdit) -> None:
  """What EGSDE and SDEdit have in common."""
  arrays.check_choice("variant", method.variant, core.VARIANTS)
  arrays.check_choice("solver", method.solver, _egsde_plan.SOLVERS)
  arrays.check_choice("variance", method.variance, _egsde_plan.VARIANCES)
  if method.source_noise is not None:
    arrays.check_choice(
        "source_noise", method.source_noise, _egsde_plan.SOURCE_NOISES)
  base.check_at_least(
      method, 1, "first_level", "num_steps", "num_repeats")


def _start(method: Egsde | SdEdit) -> str:
  """M, N and K for a title."""
  level = "half" if method.first_level is None else method.first_level
  steps = "" if method.num_steps is None else f", {method.num_steps} steps"
  repeats = "" if method.num_repeats == 1 else f", K={method.num_repeats}"
  return f"M={level}{steps}{repeats}"


def _further(method: Egsde | SdEdit | Ilvr, *told: str) -> str:
  """What else differs from the defaults, for a title."""
  told += ("variant", "first_level", "num_steps", "num_repeats", "label",
          "extractor", "domain_weight", "lowpass_weight")
  changed = (
      (field.name, getattr(method, field.name))
      for field in dataclasses.fields(method)
      if field.name not in told
      and getattr(method, field.name) != field.default)
  return "".join(f", {name} {value}" for name, value in changed)


def _chain_plan(method: Egsde | SdEdit) -> dict[str, Any]:
  names = ("num_steps", "first_level", "solver", "variant", "variance",
           "num_repeats", "source_noise")
  return {name: getattr(method, name) for name in names}
