"""Steered Diffusion as a method of an experiment."""

from collections.abc import Mapping
import dataclasses
import functools
from typing import Literal

from jaxguide import arrays
from jaxguide import denoisers
from jaxguide import energies as energy_terms
from jaxguide import guidance as guidances
from jaxguide import noises
from jaxguide import samplers
from jaxguide import schedules
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks
from jaxguide.evaluation.methods import base
from jaxguide.evaluation.methods import steering
from jaxguide.samplers import constraints
from jaxguide.samplers import core

# Inner iterations of Table 1 of the Steered Diffusion paper.
PAPER_NUM_INNER = {
    tasks.Inpainting: 3, tasks.Colorization: 3, tasks.SuperResolution: 1,
}


@dataclasses.dataclass(frozen=True)
class Steered(base.Method):
  """Steered Diffusion by the task's linear constraint, by energies, or both.

  Attributes:
    num_steps: levels visited, 100 in the paper.
    num_inner: N, iterations per level.
    variant: "paper" or "released"; see `samplers.steered`.
    eta: 1 in both variants.
    constraint_scale: multiplies k(t) of Eq. 16.
    constraint_schedule: k(t): "constant" (1, as in both variants), or
      "time_varying", sqrt(1 - alpha_bar); see `samplers.steered_steps`.
    energies: sources of the energies that x0 is steered by (Eq. 15), summed
      with their weights.
    guidance_scale: factor of k(t) in Eq. 15.
    use_constraint: whether the task's constraint is used (Eq. 16); without
      one the task's operator need not be linear.
    lift: way back from the observation to the image: the "published" one of
      the task, or the "pseudo_inverse" of its operator, under which the
      observation is met exactly.
    clip_x0: clip the prior's x0 to [-1, 1]; neither variant does.
    label: what tables call it; made from the fields when empty.

  Example:
    >>> from jaxguide import evaluation, schedules
    >>> method = evaluation.Steered(num_steps=50, num_inner=3)
    >>> len(method.steps(schedules.linear(1000)).index)
    150
  """

  num_steps: int = 100
  num_inner: int = 1
  variant: Literal["paper", "released"] = "paper"
  eta: float = 1.0
  constraint_scale: float = 1.0
  constraint_schedule: Literal["constant", "time_varying"] = "constant"
  energies: tuple[steering.EnergySource, ...] = ()
  guidance_scale: float = 1.0
  use_constraint: bool = True
  lift: Literal["published", "pseudo_inverse"] = "published"
  clip_x0: bool = False
  label: str = ""

  def __post_init__(self):
    arrays.check_choice("variant", self.variant, core.VARIANTS)
    arrays.check_choice(
        "constraint_schedule", self.constraint_schedule,
        ("constant", "time_varying"))
    arrays.check_choice("lift", self.lift, ("published", "pseudo_inverse"))
    base.check_at_least(self, 1, "num_steps", "num_inner")
    keys = [source.key for source in self.energies]
    if len(set(keys)) < len(keys):
      raise ValueError(f"energies must have keys of their own, got {keys}")
    if not keys and not self.use_constraint:
      raise ValueError("energies must be given where use_constraint is False")

  @property
  def title(self) -> str:
    """What tables call it."""
    varying = self.constraint_schedule == "time_varying"
    return self.label or (
        f"Steered Diffusion, {self.variant} (N={self.num_inner}, "
        f"{self.num_steps} steps{', time-varying k' if varying else ''}"
        f"{self._by_energies()})"
    )

  def _by_energies(self) -> str:
    names = "".join(f", {source.key}" for source in self.energies)
    return names + ("" if self.use_constraint else ", no constraint")

  @property
  def networks(self) -> Mapping[str, sources.NetworkSource]:
    """Those of the energies."""
    return {name: network for source in self.energies
            for name, network in source.networks.items()}

  def steps(self, schedule: schedules.Schedule) -> samplers.Steps:
    """`steered_steps`."""
    return samplers.steered_steps(
        schedule, self.num_steps, num_inner=self.num_inner,
        variant=self.variant, eta=self.eta,
        constraint_schedule=self.constraint_schedule,
    )

  def sampler(
      self,
      denoise: denoisers.Denoiser,
      noise: noises.Noise,
      problem: tasks.Problem,
  ) -> samplers.Sampler:
    """`steered` with the task's constraint and the energies."""
    if self.clip_x0:
      denoise = denoisers.clip_x0(denoise)
    guidance = None
    if self.energies:
      guidance = guidances.through_denoiser(energy_terms.weighted_sum([
          energy_terms.Term(source.energy(problem), source.weight, source.key)
          for source in self.energies]))
    return samplers.steered(
        denoise, noise, guidance=guidance,
        constraint=self.constraint(problem) if self.use_constraint else None,
        guidance_scale=self.guidance_scale,
        constraint_scale=self.constraint_scale,
    )

  def tiny(self, size: int) -> base.Method:
    """See `Method`."""
    tiny = (source.tiny(size) for source in self.energies)
    return dataclasses.replace(
        self, num_steps=2,
        energies=tuple(source for source in tiny if source is not None))

  def constraint(self, problem: tasks.Problem) -> samplers.Constraint:
    """`x0 -> D(y) - D(x0)` of the task, with the lift that was chosen."""
    if self.lift == "published":
      return published_constraint(problem.task, problem, self.variant)
    return constraints.linear(problem.observation)


@functools.singledispatch
def published_constraint(
    task: tasks.Task, problem: tasks.Problem, variant: str
) -> samplers.Constraint:
  """`x0 -> D(y) - D(x0)` (Eq. 16) with the lift that was published for a task.

  A^+ (y - A x0) for tasks that the paper does not have; a task with another
  one is registered below.

  Args:
    task: decides which.
    problem: the task met by a batch.
    variant: "paper" or "released".
  """
  del task, variant
  return constraints.linear(problem.observation)


@published_constraint.register
def _(
    task: tasks.Inpainting, problem: tasks.Problem, variant: str
) -> samplers.Constraint:
  del task, variant
  return constraints.inpainting(problem.observation.y, problem.mask)


@published_constraint.register
def _(
    task: tasks.Colorization, problem: tasks.Problem, variant: str
) -> samplers.Constraint:
  del task
  return constraints.colorization(problem.observation.y, variant)


@published_constraint.register
def _(
    task: tasks.SuperResolution, problem: tasks.Problem, variant: str
) -> samplers.Constraint:
  # The axes are the task's, whatever the variant.
  del variant
  if task.kind == "average_pool":
    return constraints.linear(problem.observation)
  return constraints.super_resolution(
      problem.observation.y, problem.shape, task.factor, task.resizing)


@published_constraint.register
def _(
    task: tasks.Translation, problem: tasks.Problem, variant: str
) -> samplers.Constraint:
  raise ValueError(
      "task must have a linear constraint for Steered Diffusion, got a "
      "translation: one that met its observation would be the source itself")


def steered_paper(
    task: tasks.Task, num_steps: int = 100, clip_x0: bool = False
) -> Steered:
  """The paper's setting: N of Table 1, the mathematics of the paper.

  Args:
    task: decides N.
    num_steps: 100 in the paper.
    clip_x0: the paper does not say; the released program does not clip.

  Example:
    >>> from jaxguide import evaluation
    >>> evaluation.steered_paper(evaluation.Colorization()).num_inner
    3
    >>> evaluation.steered_paper(evaluation.SuperResolution()).num_inner
    1
  """
  num_inner = PAPER_NUM_INNER.get(type(task), 1)
  return Steered(
      num_steps=num_steps, num_inner=num_inner, variant="paper",
      clip_x0=clip_x0)


def steered_released(num_steps: int = 100) -> Steered:
  """The released program's setting: N = 1 for every task.

  Example:
    >>> from jaxguide import evaluation
    >>> method = evaluation.steered_released()
    >>> method.variant, method.num_inner
    ('released', 1)
  """
  return Steered(num_steps=num_steps, num_inner=1, variant="released")
