"""Methods: how a picture is made from what was observed.

A method is a frozen dataclass: it names itself for tables, makes a plan
outside jit, and makes a sampler inside. Presets of the published settings
are functions that return one.
"""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from jaxguide import arrays
from jaxguide import convert
from jaxguide import denoisers
from jaxguide import noises
from jaxguide import samplers
from jaxguide import schedules
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks
from jaxguide.evaluation.tasks import bound_prior


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
  def networks(self) -> Mapping[str, sources.NetworkSource]:
    """Where they come from, by name."""


def load_networks(method: Method) -> dict[str, sources.Network]:
  """The networks of a method beside the prior; none of most.

  Raises:
    FileNotFoundError: if one is not there, saying where to get it.
  """
  if not isinstance(method, NetworkMethod):
    return {}
  return {name: source.load() for name, source in method.networks.items()}


def check_prior(
    method: Method, prior: convert.Prior, has_labels: bool
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
