"""What the contract tests know of a sampler."""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
from typing import Any, NamedTuple

import numpy as np

from jaxguide import denoisers
from jaxguide import noises
from jaxguide import samplers
from tests.samplers import gaussians

FRACTION = 0.3

Recursion = Callable[
    [gaussians.Prior, np.ndarray, int], tuple[float, list[gaussians.Affine]]
]


class Setting(NamedTuple):
  """What a sampler is given: y `[B, ...]`, mask `[1, ...]`, its scalars."""

  denoise: denoisers.Denoiser
  noise: noises.Noise
  y: Any
  mask: Any
  scalars: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
  """A sampler with settings.

  Attributes:
    name: for test ids.
    plan: `(schedule, num_steps, **plan_scalars) -> Steps`.
    make: `Setting -> Sampler`.
    recursion: `(prior, y [8], num_steps) -> (start scale, maps)`.
    slots: of its draws.
    scalars: traced arguments of the factory, with a value other than the
      default for the sweep.
    plan_scalars: likewise for the plan.
    limit: whether it samples the prior in the limit of many steps.
  """

  name: str
  plan: Callable[..., samplers.Steps]
  make: Callable[[Setting], samplers.Sampler]
  recursion: Recursion
  slots: tuple[str, ...]
  scalars: Mapping[str, float] = dataclasses.field(default_factory=dict)
  plan_scalars: Mapping[str, float] = dataclasses.field(default_factory=dict)
  limit: bool = False


def pairs(levels: Sequence[gaussians.Level]) -> list[tuple]:
  """Where each step starts and ends."""
  return list(zip(levels[:-1], levels[1:], strict=True))


def with_fraction(denoise: denoisers.Denoiser) -> denoisers.Denoiser:
  """A denoiser that has learned the same share of log variance everywhere."""

  def learned(x_t, level):
    prediction = denoise(x_t, level)
    share = prediction.x0 * 0 + FRACTION
    return prediction._replace(variance_fraction=share)

  return learned
