"""The task of removing a Gaussian blur."""

import dataclasses

import numpy as np

from jaxguide import arrays
from jaxguide import operators
from jaxguide import samplers
from jaxguide.evaluation import tasks
from jaxguide.samplers import constraints


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
  baseline = tasks.BASELINE

  def inputs(
      self, index: int, name: str, shape: tuple[int, int]
  ) -> dict[str, np.ndarray]:
    """Nothing."""
    del index, name, shape
    return {}

  def operator(
      self, shape: tuple[int, int], inputs: tasks.Inputs
  ) -> operators.Operator:
    """`operators.gaussian_blur`."""
    del inputs
    return operators.gaussian_blur(
        shape, kernel_size=self.kernel_size, std=self.std)

  def degraded(
      self, shape: tuple[int, int], y: arrays.Images, inputs: tasks.Inputs
  ) -> arrays.Images:
    """y itself."""
    del shape, inputs
    return y

  def constraint(
      self,
      shape: tuple[int, int],
      y: arrays.Images,
      inputs: tasks.Inputs,
      variant: str,
  ) -> samplers.Constraint:
    """A^+ (y - A x0), in both variants."""
    del variant
    return constraints.linear(
        operators.Observation(y, self.operator(shape, inputs)))
