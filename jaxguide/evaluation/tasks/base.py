"""Tasks: what is observed of an image, and how that is shown.

A task is a frozen, hashable dataclass. It makes an operator from the inputs
of a batch (the masks, say), the observation of reference images, the degraded
picture that tables call the baseline, and the constraint that Steered
Diffusion steers by.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from jaxguide import arrays
from jaxguide import operators
from jaxguide import samplers

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
