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
# (prior, y [16], draws {slot: [index, inner, ...]}, num_steps) -> x [16].
Reference = Callable[
    [gaussians.Prior, np.ndarray, Mapping[str, np.ndarray], int], np.ndarray
]
Shape = tuple[int, ...]


def _same(shape: Shape) -> Shape:
  return shape


class Slot(NamedTuple):
  """One kind of draw that a sampler makes.

  Attributes:
    name: the draw's slot.
    num_inner: draws in each step, told apart by `inner` = 0, 1, ...
    shape: function from the trailing shape of x to that of a draw.
    law: "normal" or "uniform".
    matters: False where its factor is 0 in the case's plan.
  """

  name: str
  num_inner: int = 1
  shape: Callable[[Shape], Shape] = _same
  law: str = "normal"
  matters: bool = True


class Setting(NamedTuple):
  """What a sampler is given.

  Attributes:
    denoise: prior, as a denoiser.
    noise: draws, a row per image.
    y: a clean signal, `[B, ...]`; what is observed of it is up to the case.
    mask: 1 on every second coordinate, `[1, ...]`.
    scalars: values of `Case.scalars`, traced; scalars or `[B]`.
  """

  denoise: denoisers.Denoiser
  noise: noises.Noise
  y: Any
  mask: Any
  scalars: Mapping[str, Any]


class Exact(NamedTuple):
  """The Gaussian that many steps have to come to.

  Attributes:
    moments: function `(prior, y [16]) -> (mean [16], covariance [16, 16])`.
    num_steps: steps after which the bias is small beside the errors.
    count: samples that are drawn.
    standard_errors: bound on each score of `gaussians.scores`.
  """

  moments: Callable[
      [gaussians.Prior, np.ndarray], tuple[np.ndarray, np.ndarray]]
  num_steps: int = 200
  count: int = 5_000
  standard_errors: float = 3.0


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
  """A sampler with settings.

  A name, a plan and a factory are all that a sampler needs: what is said by
  the other attributes is tested where it is said.

  Attributes:
    name: identifier in the tests' names.
    plan: function `(schedule, num_steps, **plan_scalars) -> Steps`.
    make: function `Setting -> Sampler`.
    slots: draws of every step: names, or `Slot`s where a step draws more
      than once, or something else than normal numbers of x's shape.
    scalars: traced arguments of the factory and their values, each of which
      may differ from image to image.
    sweep: three other values that each of the scalars may have.
    plan_scalars: arguments of the plan, with values that are not the default.
    recursion: function `(prior, y [8], num_steps) -> (start scale, maps)`, of
      a sampler that is affine in its draws: its moments are then known.
    limit: True where it samples the prior in the limit of many steps; needs
      a recursion.
    exact: Gaussian that it samples in the limit of many steps.
    reference: another program for the same numbers, in float64, of one image
      with given draws: for samplers that are not affine in them.
    cheap_draws: True where bits may be compared with draws that compile
      faster than users' own.
    tolerance: distance between two programs that differ by rounding, of the
      largest number; more than 1e-5 where a sampler magnifies rounding.
    half_error: mean distance of the results with a state in half precision.
  """

  name: str
  plan: Callable[..., samplers.Steps]
  make: Callable[[Setting], samplers.Sampler]
  slots: tuple[str | Slot, ...] = ()
  scalars: Mapping[str, float] = dataclasses.field(default_factory=dict)
  sweep: tuple[float, float, float] = (0.0, 0.2, 0.5)
  plan_scalars: Mapping[str, float] = dataclasses.field(default_factory=dict)
  recursion: Recursion | None = None
  limit: bool = False
  exact: Exact | None = None
  reference: Reference | None = None
  cheap_draws: bool = False
  tolerance: float = 1e-5
  half_error: float = 0.02

  @property
  def draws(self) -> tuple[Slot, ...]:
    """The slots in full, that of the start first."""
    return tuple(
        slot if isinstance(slot, Slot) else Slot(slot)
        for slot in ("start", *self.slots))


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
