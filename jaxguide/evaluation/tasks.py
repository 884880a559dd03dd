"""Tasks: what is observed of an image, and how that is shown.

A task is a frozen, hashable dataclass. It makes an operator from the inputs
of a batch (the masks, say), the observation of reference images, the degraded
picture that tables call the baseline, and the constraint that Steered
Diffusion steers by.
"""

from collections.abc import Callable, Mapping
import dataclasses
import types
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np

from jaxguide import arrays
from jaxguide import data
from jaxguide import noise as noises
from jaxguide import operators
from jaxguide import samplers
from jaxguide.evaluation import bound_prior
from jaxguide.operators import lifts
from jaxguide.samplers import constraints

Inputs = Mapping[str, Any]

BASELINE = "Degraded input"


class Task(Protocol):
  """See the module's text.

  Attributes:
    noise_std: of the observation.
    baseline: what tables call the degraded picture.
  """

  noise_std: float
  baseline: str

  def inputs(
      self, index: int, name: str, shape: tuple[int, int]
  ) -> dict[str, np.ndarray]:
    """What belongs to the image (a mask, say), without a batch axis."""

  def operator(
      self, shape: tuple[int, int], inputs: Inputs
  ) -> operators.Operator:
    """A, for a batch of `inputs` with a leading axis."""

  def degraded(
      self, shape: tuple[int, int], y: arrays.Images, inputs: Inputs
  ) -> arrays.Images:
    """The observation as a picture `[B, H, W, C]`, the baseline of tables."""

  def constraint(
      self,
      shape: tuple[int, int],
      y: arrays.Images,
      inputs: Inputs,
      variant: str,
  ) -> samplers.Constraint:
    """`x0 -> D(y) - D(x0)` for Steered Diffusion (Eq. 16)."""


class Problem(NamedTuple):
  """A task met by a batch: what a method is given.

  Attributes:
    task: the task.
    shape: (H, W) of the images.
    inputs: the task's inputs, leading axis B.
    observation: y, A and the noise.
    networks: the method's own beside the prior, by name, parameters bound:
      `(x, time) -> features`.
    prior: the prior of the run, parameters and classes bound.
    fitted: of a method that fits: its plan, and what was fitted.
  """

  task: Task
  shape: tuple[int, int]
  inputs: Inputs
  observation: operators.Observation
  networks: Mapping[str, Callable[..., Any]] = types.MappingProxyType({})
  prior: bound_prior.BoundPrior | None = None
  fitted: tuple[Any, arrays.PyTree] | None = None

  def constraint(self, variant: str) -> samplers.Constraint:
    """The constraint of Steered Diffusion for this batch."""
    return self.task.constraint(
        self.shape, self.observation.y, self.inputs, variant
    )

  def degraded(self) -> arrays.Images:
    """The observation as a picture."""
    return self.task.degraded(self.shape, self.observation.y, self.inputs)


def observe(
    task: Task,
    reference: arrays.Images,
    inputs: Inputs,
    noise: noises.Noise,
) -> Problem:
  """Observes reference images: y = A x + noise_std n.

  Args:
    task: the task.
    reference: `[B, H, W, C]` in [-1, 1].
    inputs: of the task, leading axis B.
    noise: of the images (not of their samples, which share an observation);
      slot "observation" is drawn if the task has noise.
  """
  shape = reference.shape[1:3]
  operator = task.operator(shape, inputs)
  y = operator.apply(reference)
  if task.noise_std:
    y = y + task.noise_std * noise(-1, "observation", y.shape[1:])
  observation = operators.Observation(y, operator, task.noise_std)
  return Problem(task, shape, inputs, observation)


@dataclasses.dataclass(frozen=True)
class Inpainting:
  """y = mask * x.

  Attributes:
    masks: one mask per image.
    noise_std: of the observation.
  """

  masks: data.MaskSource
  noise_std: float = 0.0
  baseline = BASELINE

  def inputs(
      self, index: int, name: str, shape: tuple[int, int]
  ) -> dict[str, np.ndarray]:
    """{"mask": `[H, W, 1]`}."""
    mask = np.asarray(self.masks.mask(index, name, shape), np.float32)
    arrays.check_shape("mask", mask, (*shape, 1))
    return {"mask": mask}

  def operator(
      self, shape: tuple[int, int], inputs: Inputs
  ) -> operators.Operator:
    """The product with the mask."""
    del shape
    return operators.inpainting(inputs["mask"])

  def degraded(
      self, shape: tuple[int, int], y: arrays.Images, inputs: Inputs
  ) -> arrays.Images:
    """What is missing is 0, mid-grey."""
    del shape
    # Noise of the observation lies on all of y.
    return inputs["mask"] * y

  def constraint(
      self,
      shape: tuple[int, int],
      y: arrays.Images,
      inputs: Inputs,
      variant: str,
  ) -> samplers.Constraint:
    """mask y - mask x0, in both variants."""
    del shape, variant
    return constraints.inpainting(y, inputs["mask"])


@dataclasses.dataclass(frozen=True)
class Colorization:
  """y = luma of x.

  Attributes:
    noise_std: of the observation.
  """

  noise_std: float = 0.0
  baseline = BASELINE

  def inputs(
      self, index: int, name: str, shape: tuple[int, int]
  ) -> dict[str, np.ndarray]:
    """Nothing."""
    del index, name, shape
    return {}

  def operator(
      self, shape: tuple[int, int], inputs: Inputs
  ) -> operators.Operator:
    """0.299 R + 0.587 G + 0.114 B."""
    del shape, inputs
    return operators.colorization()

  def degraded(
      self, shape: tuple[int, int], y: arrays.Images, inputs: Inputs
  ) -> arrays.Images:
    """The luma on three channels."""
    del shape, inputs
    return lifts.replicate(3)(y)

  def constraint(
      self,
      shape: tuple[int, int],
      y: arrays.Images,
      inputs: Inputs,
      variant: str,
  ) -> samplers.Constraint:
    """Luma replaced; see `constraints.colorization` for the variants."""
    del shape, inputs
    return constraints.colorization(y, variant)


@dataclasses.dataclass(frozen=True)
class SuperResolution:
  """y = x at a lower resolution.

  Attributes:
    factor: large pixels per small pixel.
    kind: "bicubic" or "average_pool".
    axes: "both", or "width": what the released Steered Diffusion does, with
      zeros around the image (bicubic only).
    lift: for bicubic, what takes a residual back to the large image:
      "bicubic" upsampling, as published, under which the observation is met
      approximately, or the "pseudo_inverse", under which it is met exactly.
    noise_std: of the observation.
  """

  factor: int = 4
  kind: Literal["bicubic", "average_pool"] = "bicubic"
  axes: Literal["both", "width"] = "both"
  lift: Literal["bicubic", "pseudo_inverse"] = "bicubic"
  noise_std: float = 0.0
  baseline = BASELINE

  def __post_init__(self):
    if self.factor < 2:
      raise ValueError(f"factor must be at least 2, got {self.factor}")
    arrays.check_choice("kind", self.kind, ("bicubic", "average_pool"))
    arrays.check_choice("axes", self.axes, ("both", "width"))
    arrays.check_choice(
        "lift", self.lift, constraints.SUPER_RESOLUTION_LIFTS
    )
    if self.kind == "average_pool" and self.axes != "both":
      raise ValueError("axes='width' needs kind='bicubic'")

  @property
  def _resizing(self) -> str:
    """The variant of `constraints` that has these axes."""
    return "released" if self.axes == "width" else "paper"

  def inputs(
      self, index: int, name: str, shape: tuple[int, int]
  ) -> dict[str, np.ndarray]:
    """Nothing."""
    del index, name, shape
    return {}

  def operator(
      self, shape: tuple[int, int], inputs: Inputs
  ) -> operators.Operator:
    """Bicubic with antialiasing, or the mean of blocks."""
    del inputs
    if self.kind == "average_pool":
      return operators.average_pool(shape, self.factor)
    return constraints.super_resolution_operator(
        shape, self.factor, self._resizing
    )

  def degraded(
      self, shape: tuple[int, int], y: arrays.Images, inputs: Inputs
  ) -> arrays.Images:
    """y enlarged: bicubic, or replicated for averages."""
    if self.kind == "average_pool":
      return self.operator(shape, inputs).pseudo_inverse(y)
    lift = constraints.super_resolution_lift(
        shape, self.factor, self._resizing
    )
    return lift(y)

  def constraint(
      self,
      shape: tuple[int, int],
      y: arrays.Images,
      inputs: Inputs,
      variant: str,
  ) -> samplers.Constraint:
    """U(y) - U(D(x0)); the axes are the task's, whatever the variant."""
    del variant
    if self.kind == "average_pool":
      operator = self.operator(shape, inputs)
      return constraints.linear(operators.Observation(y, operator))
    return constraints.super_resolution(
        y, shape, self.factor, self._resizing, self.lift
    )
