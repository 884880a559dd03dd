"""Methods: how a picture is made from what was observed.

A method is a frozen dataclass: it names itself for tables, makes a plan
outside jit, and makes a sampler inside. Presets of the published settings
are functions that return one. Everything that a method need not say has its
default here.
"""

import abc
from collections.abc import Mapping
from typing import Any

from jaxguide import arrays
from jaxguide import convert
from jaxguide import denoisers
from jaxguide import noises
from jaxguide import samplers
from jaxguide import schedules
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks
from jaxguide.evaluation.tasks import bound_prior


class Method(abc.ABC):
  """How a picture is made; see the module's text.

  Attributes:
    uses_prior: False for a method that samples nothing; `steps` and `sampler`
      are not called then.
    is_baseline: whether its picture is the observation itself.
    fits: whether it fits something to every image, once for all samples:
      `plan` and `fit` are called then, and `sampler` finds the plan and what
      was fitted, one row per sample, as the pair `Problem.fitted`.
    on_latents: whether it works on the states of a latent prior too.

  Example:
    >>> from jaxguide import evaluation, samplers, schedules
    >>> class Ancestral(evaluation.Method):
    ...   title = "DDPM"
    ...   def steps(self, schedule):
    ...     return samplers.ddpm_steps(schedule, 100)
    ...   def sampler(self, denoise, noise, problem):
    ...     return samplers.ddpm(denoise, noise)
    >>> len(Ancestral().steps(schedules.linear(1000)).index)
    100
  """

  uses_prior: bool = True
  is_baseline: bool = False
  fits: bool = False
  on_latents: bool = False

  @property
  @abc.abstractmethod
  def title(self) -> str:
    """The name of the method in tables."""

  @property
  def guidance_scales(self) -> tuple[float, ...]:
    """The scales of classifier-free guidance that it asks the prior for."""
    return ()

  @property
  def networks(self) -> Mapping[str, sources.NetworkSource]:
    """Sources by name of the networks that it needs beside the prior.

    They are loaded before any work, and `Problem.networks` holds them.
    """
    return {}

  def plan(self, schedule: schedules.Schedule) -> Any:
    """What fit and samples share, made once outside jit.

    Args:
      schedule: noise levels of the prior.
    """
    del schedule

  def steps(self, schedule: schedules.Schedule) -> samplers.Steps:
    """The plan of the sampler, made once outside jit.

    Args:
      schedule: noise levels of the prior.
    """
    raise NotImplementedError(f"{self.title} samples nothing")

  def fit(
      self, plan: Any, noise: noises.Noise, problem: tasks.Problem
  ) -> arrays.PyTree:
    """What is fitted, leaves `[N, ...]`; made inside jit.

    Args:
      plan: what `plan` gave.
      noise: draws with one row per image, from the image's own key.
      problem: the task met by a batch, one row per image.
    """
    raise NotImplementedError(f"{self.title} fits nothing")

  def sampler(
      self,
      denoise: denoisers.Denoiser,
      noise: noises.Noise,
      problem: tasks.Problem,
  ) -> samplers.Sampler:
    """The sampler for one batch, made inside jit.

    Args:
      denoise: denoiser of the prior under the images' conditions.
      noise: draws with one row per sample.
      problem: the task met by a batch, one row per sample.
    """
    raise NotImplementedError(f"{self.title} samples nothing")

  def network_evaluations(
      self, schedule: schedules.Schedule
  ) -> Mapping[str, Any] | None:
    """How often rows pass the prior's network; None where it is not counted.

    Args:
      schedule: noise levels of the prior.
    """
    del schedule

  def tiny(self, size: int) -> "Method":
    """The method in two steps, with networks and filters for trial runs.

    Args:
      size: height and width of the images.
    """
    del size
    return self


def load_networks(method: Method) -> dict[str, sources.Network]:
  """The networks of a method beside the prior.

  Args:
    method: says which they are.

  Raises:
    FileNotFoundError: if one is not there, saying where to get it.
  """
  return {name: source.load() for name, source in method.networks.items()}


def check_prior(
    method: Method, prior: convert.Prior, conditions: tuple[str, ...]
) -> None:
  """Refuses a prior that a method cannot sample.

  Args:
    method: that of the run.
    prior: that of the run.
    conditions: names of the conditions that images have values of.

  Raises:
    ValueError: naming both.
  """
  if prior.is_latent and not method.on_latents:
    raise ValueError(
        f"method {method.title!r} works on pixels, and prior {prior.name} is a "
        "latent model; a method says by on_latents that it works on latents, "
        "as Ddim and Vipaint without clip_x0 do")
  bound_prior.check_guidance(prior, conditions, method.guidance_scales)


def check_at_least(owner: Any, least: int, *names: str) -> None:
  """Refuses numbers that are too small, for `__post_init__`.

  Args:
    owner: object whose fields they are.
    least: smallest allowed value.
    *names: names of the fields; one that is None is left to its default.

  Raises:
    ValueError: naming the first field that is smaller.
  """
  for name in names:
    value = getattr(owner, name)
    if value is not None and value < least:
      raise ValueError(f"{name} must be at least {least}, got {value}")
