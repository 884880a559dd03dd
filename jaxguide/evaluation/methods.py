"""Methods: how a picture is made from what was observed.

A method is a frozen dataclass: it names itself for tables, makes a plan
outside jit, and makes a sampler inside. Presets of the published settings
are functions that return one.
"""

from collections.abc import Mapping
import dataclasses
from typing import Any, Literal, Protocol, runtime_checkable

from jaxguide import arrays
from jaxguide import denoisers
from jaxguide import noise as noises
from jaxguide import samplers
from jaxguide import schedules
from jaxguide.convert import pretrained
from jaxguide.evaluation import bound_prior
from jaxguide.evaluation import networks as network_sources
from jaxguide.evaluation import tasks
from jaxguide.samplers import core

# Inner iterations of Table 1 of the Steered Diffusion paper.
PAPER_NUM_INNER = {
    tasks.Inpainting: 3, tasks.Colorization: 3, tasks.SuperResolution: 1,
}


class Method(Protocol):
  """See the module's text.

  Attributes:
    uses_prior: False for a method that samples nothing; `steps` and
      `sampler` are not called then.

  A method may have `unchanged`: names of those fields which runs of an earlier
  version do not have and which, as they are set, do what that version did.
  The identity of a run leaves them out.
  """

  uses_prior: bool

  @property
  def title(self) -> str:
    """What tables call it."""

  def steps(self, schedule: schedules.Schedule) -> samplers.Steps:
    """The plan, made once outside jit."""

  def sampler(
      self,
      denoise: denoisers.Denoiser,
      noise: noises.Noise,
      problem: tasks.Problem,
  ) -> samplers.Sampler:
    """The sampler for one batch, made inside jit."""


@runtime_checkable
class FittingMethod(Method, Protocol):
  """A method that fits something to every image, once for all its samples.

  Its `sampler` finds the plan and what was fitted, one row per sample, as
  the pair `Problem.fitted`.
  """

  def plan(self, schedule: schedules.Schedule) -> Any:
    """What fit and samples share, made once outside jit."""

  def fit(
      self, plan: Any, noise: noises.Noise, problem: tasks.Problem
  ) -> arrays.PyTree:
    """What is fitted, leaves `[N, ...]`; made inside jit.

    Args:
      plan: of `plan`.
      noise: one row per image, of the image's own key.
      problem: one row per image.
    """


@runtime_checkable
class NetworkMethod(Method, Protocol):
  """A method that needs more networks than the prior.

  They are loaded before any work, and `Problem.networks` holds them.
  """

  @property
  def networks(self) -> Mapping[str, network_sources.NetworkSource]:
    """Where they come from, by name."""


def load_networks(method: Method) -> dict[str, network_sources.Network]:
  """The networks of a method beside the prior; none of most.

  Raises:
    FileNotFoundError: if one is not there, saying where to get it.
  """
  if not isinstance(method, NetworkMethod):
    return {}
  return {name: source.load() for name, source in method.networks.items()}


def check_prior(
    method: Method, prior: pretrained.Prior, has_labels: bool
) -> None:
  """Refuses a prior that a method cannot sample.

  A method that works on latents says so by `on_latents`; one with
  classifier-free guidance names its scales by `guidance_scales`.

  Args:
    method: of the run.
    prior: of the run.
    has_labels: whether the images have classes.

  Raises:
    ValueError: naming both.
  """
  if prior.is_latent and not getattr(method, "on_latents", False):
    raise ValueError(
        f"method {method.title!r} works on pixels, and prior {prior.name} is a "
        "latent model; Ddim and Vipaint without clip_x0 work on latents")
  bound_prior.check_guidance(
      prior, has_labels, getattr(method, "guidance_scales", ()))


def check_at_least(owner: Any, least: int, *names: str) -> None:
  """Refuses numbers that are too small, for `__post_init__`.

  Args:
    owner: of the fields.
    least: the smallest allowed value.
    *names: of the fields; one that is None is left to its default.

  Raises:
    ValueError: naming the first field that is smaller.
  """
  for name in names:
    value = getattr(owner, name)
    if value is not None and value < least:
      raise ValueError(f"{name} must be at least {least}, got {value}")


@dataclasses.dataclass(frozen=True)
class Degraded:
  """No sampler: the degraded picture itself, the baseline of the tables."""

  uses_prior = False

  @property
  def title(self) -> str:
    """What tables call it."""
    return tasks.BASELINE


@dataclasses.dataclass(frozen=True)
class External:
  """Another program made the pictures.

  Attributes:
    title: what tables call it.
  """

  title: str
  uses_prior = False


@dataclasses.dataclass(frozen=True)
class Ddim:
  """DDIM without any guidance: what the prior makes by itself.

  Attributes:
    num_steps: levels visited.
    eta: 0 is deterministic, 1 has the variance of DDPM.
    clip_x0: clip the prior's x0 to [-1, 1].
    label: what tables call it; made from the fields when empty.
  """

  num_steps: int = 50
  eta: float = 0.0
  clip_x0: bool = False
  label: str = ""
  uses_prior = True

  @property
  def title(self) -> str:
    """What tables call it."""
    return self.label or f"DDIM, no guidance ({self.num_steps} steps)"

  @property
  def on_latents(self) -> bool:
    """Latents have no range to be clipped to."""
    return not self.clip_x0

  def steps(self, schedule: schedules.Schedule) -> samplers.Steps:
    """`ddim_steps`."""
    return samplers.ddim_steps(schedule, self.num_steps, eta=self.eta)

  def sampler(
      self,
      denoise: denoisers.Denoiser,
      noise: noises.Noise,
      problem: tasks.Problem,
  ) -> samplers.Sampler:
    """`ddim`; the problem is not looked at."""
    del problem
    if self.clip_x0:
      denoise = denoisers.clip_x0(denoise)
    return samplers.ddim(denoise, noise)


@dataclasses.dataclass(frozen=True)
class Steered:
  """Steered Diffusion by the task's linear constraint.

  Attributes:
    num_steps: levels visited, 100 in the paper.
    num_inner: N, iterations per level.
    variant: "paper" or "released"; see `samplers.steered`.
    eta: 1 in both variants.
    constraint_scale: multiplies k(t) of Eq. 16.
    constraint_schedule: k(t): "constant" (1, as in both variants), or
      "time_varying", sqrt(1 - alpha_bar); see `samplers.steered_steps`.
    clip_x0: clip the prior's x0 to [-1, 1]; neither variant does.
    label: what tables call it; made from the fields when empty.
  """

  num_steps: int = 100
  num_inner: int = 1
  variant: Literal["paper", "released"] = "paper"
  eta: float = 1.0
  constraint_scale: float = 1.0
  constraint_schedule: Literal["constant", "time_varying"] = "constant"
  clip_x0: bool = False
  label: str = ""
  uses_prior = True

  def __post_init__(self):
    arrays.check_choice("variant", self.variant, core.VARIANTS)
    arrays.check_choice(
        "constraint_schedule", self.constraint_schedule,
        ("constant", "time_varying"))
    check_at_least(self, 1, "num_steps", "num_inner")

  @property
  def title(self) -> str:
    """What tables call it."""
    varying = self.constraint_schedule == "time_varying"
    return self.label or (
        f"Steered Diffusion, {self.variant} (N={self.num_inner}, "
        f"{self.num_steps} steps{', time-varying k' if varying else ''})"
    )

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
    """`steered` with the task's constraint and no energy."""
    if self.clip_x0:
      denoise = denoisers.clip_x0(denoise)
    return samplers.steered(
        denoise, noise, constraint=problem.constraint(self.variant),
        constraint_scale=self.constraint_scale,
    )


def steered_paper(
    task: tasks.Task, num_steps: int = 100, clip_x0: bool = False
) -> Steered:
  """The paper's setting: N of Table 1, the mathematics of the paper.

  Args:
    task: decides N.
    num_steps: 100 in the paper.
    clip_x0: the paper does not say; the released program does not clip.
  """
  num_inner = PAPER_NUM_INNER.get(type(task), 1)
  return Steered(
      num_steps=num_steps, num_inner=num_inner, variant="paper",
      clip_x0=clip_x0)


def steered_released(num_steps: int = 100) -> Steered:
  """The released program's setting: N = 1 for every task."""
  return Steered(num_steps=num_steps, num_inner=1, variant="released")
