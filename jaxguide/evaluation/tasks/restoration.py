"""Restoration: inpainting, colorization, super-resolution, deblurring."""

import dataclasses
from typing import Literal

import numpy as np

from jaxguide import arrays
from jaxguide import data
from jaxguide import operators
from jaxguide import samplers
from jaxguide.evaluation.tasks import base
from jaxguide.operators import lifts
from jaxguide.samplers import constraints


@dataclasses.dataclass(frozen=True)
class Inpainting:
  """y = mask * x.

  Attributes:
    masks: one mask per image.
    noise_std: of the observation.
  """

  masks: data.MaskSource
  noise_std: float = 0.0
  baseline = base.BASELINE

  def inputs(
      self, index: int, name: str, shape: tuple[int, int]
  ) -> dict[str, np.ndarray]:
    """{"mask": `[H, W, 1]`}."""
    mask = np.asarray(self.masks.mask(index, name, shape), np.float32)
    arrays.check_shape("mask", mask, (*shape, 1))
    return {"mask": mask}

  def operator(
      self, shape: tuple[int, int], inputs: base.Inputs
  ) -> operators.Operator:
    """The product with the mask."""
    del shape
    return operators.inpainting(inputs["mask"])

  def degraded(
      self, shape: tuple[int, int], y: arrays.Images, inputs: base.Inputs
  ) -> arrays.Images:
    """What is missing is 0, mid-grey."""
    del shape
    # Noise of the observation lies on all of y.
    return inputs["mask"] * y

  def constraint(
      self,
      shape: tuple[int, int],
      y: arrays.Images,
      inputs: base.Inputs,
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
  baseline = base.BASELINE

  def inputs(
      self, index: int, name: str, shape: tuple[int, int]
  ) -> dict[str, np.ndarray]:
    """Nothing."""
    del index, name, shape
    return {}

  def operator(
      self, shape: tuple[int, int], inputs: base.Inputs
  ) -> operators.Operator:
    """0.299 R + 0.587 G + 0.114 B."""
    del shape, inputs
    return operators.colorization()

  def degraded(
      self, shape: tuple[int, int], y: arrays.Images, inputs: base.Inputs
  ) -> arrays.Images:
    """The luma on three channels."""
    del shape, inputs
    return lifts.replicate(3)(y)

  def constraint(
      self,
      shape: tuple[int, int],
      y: arrays.Images,
      inputs: base.Inputs,
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
  baseline = base.BASELINE

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
      self, shape: tuple[int, int], inputs: base.Inputs
  ) -> operators.Operator:
    """Bicubic with antialiasing, or the mean of blocks."""
    del inputs
    if self.kind == "average_pool":
      return operators.average_pool(shape, self.factor)
    return constraints.super_resolution_operator(
        shape, self.factor, self._resizing
    )

  def degraded(
      self, shape: tuple[int, int], y: arrays.Images, inputs: base.Inputs
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
      inputs: base.Inputs,
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


@dataclasses.dataclass(frozen=True)
class GaussianDeblurring:
  """y = x blurred, with noise; the setting of DPS and VIPaint.

  Attributes:
    std: of the blur, pixels.
    kernel_size: taps of its window, odd.
    noise_std: of the observation, 0.05 in both papers.
  """

  std: float = 3.0
  kernel_size: int = 61
  noise_std: float = 0.05
  baseline = base.BASELINE

  def inputs(
      self, index: int, name: str, shape: tuple[int, int]
  ) -> dict[str, np.ndarray]:
    """Nothing."""
    del index, name, shape
    return {}

  def operator(
      self, shape: tuple[int, int], inputs: base.Inputs
  ) -> operators.Operator:
    """`operators.gaussian_blur`."""
    del inputs
    return operators.gaussian_blur(
        shape, kernel_size=self.kernel_size, std=self.std)

  def degraded(
      self, shape: tuple[int, int], y: arrays.Images, inputs: base.Inputs
  ) -> arrays.Images:
    """y itself."""
    del shape, inputs
    return y

  def constraint(
      self,
      shape: tuple[int, int],
      y: arrays.Images,
      inputs: base.Inputs,
      variant: str,
  ) -> samplers.Constraint:
    """A^+ (y - A x0), in both variants."""
    del variant
    return constraints.linear(
        operators.Observation(y, self.operator(shape, inputs)))
