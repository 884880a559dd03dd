"""Restoration: inpainting, colorization, super-resolution, deblurring."""

import dataclasses
from typing import Literal

import numpy as np

from jaxguide import arrays
from jaxguide import data
from jaxguide import metrics
from jaxguide import operators
from jaxguide.evaluation import sources
from jaxguide.evaluation.tasks import base
from jaxguide.operators import lifts
from jaxguide.samplers import constraints


@dataclasses.dataclass(frozen=True)
class Inpainting(base.Task):
  """y = mask * x.

  Attributes:
    masks: one mask per image.
    noise_std: standard deviation of the observation's noise, [-1, 1] scale.

  Example:
    >>> from jaxguide import data, evaluation
    >>> task = evaluation.Inpainting(data.EmbeddedMasks("box"))
    >>> name = evaluation.EmbeddedImages().open().names[0]
    >>> inputs = task.inputs(0, name, (32, 32))
    >>> {key: value.shape for key, value in inputs.items()}
    {'mask': (32, 32, 1)}
  """

  masks: data.MaskSource
  noise_std: float = 0.0

  @property
  def title(self) -> str:
    """The task and the kind of its masks."""
    return f"inpainting ({_kind(self.masks)})"

  @property
  def default_metrics(self) -> tuple[metrics.Metric, ...]:
    """PSNR, SSIM, and consistency where the mask is 1."""
    return base.PSNR, base.SSIM, base.CONSISTENCY_SEEN

  def inputs(
      self, index: int, name: str, shape: tuple[int, int]
  ) -> dict[str, np.ndarray]:
    """{"mask": `[H, W, 1]`}."""
    mask = np.asarray(self.masks.mask(index, name, shape), np.float32)
    arrays.check_shape("mask", mask, (*shape, 1))
    return {"mask": mask}

  def operator(
      self, shape: tuple[int, int], inputs: base.Inputs
  ) -> operators.LinearOperator:
    """The product with the mask."""
    del shape
    return operators.inpainting(inputs["mask"])

  def picture(self, problem: base.Problem) -> arrays.Images:
    """What is missing is 0, mid-grey."""
    # Noise of the observation lies on all of y.
    return problem.mask * problem.observation.y


@dataclasses.dataclass(frozen=True)
class Colorization(base.Task):
  """y = luma of x.

  Attributes:
    noise_std: standard deviation of the observation's noise, [-1, 1] scale.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import evaluation
    >>> operator = evaluation.Colorization().operator((32, 32), {})
    >>> operator.apply(jnp.ones((1, 32, 32, 3))).shape
    (1, 32, 32, 1)
  """

  noise_std: float = 0.0

  def operator(
      self, shape: tuple[int, int], inputs: base.Inputs
  ) -> operators.LinearOperator:
    """0.299 R + 0.587 G + 0.114 B."""
    del shape, inputs
    return operators.colorization()

  def picture(self, problem: base.Problem) -> arrays.Images:
    """The luma on three channels."""
    return lifts.replicate(3)(problem.observation.y)


@dataclasses.dataclass(frozen=True)
class SuperResolution(base.Task):
  """y = x at a lower resolution.

  Attributes:
    factor: large pixels per small pixel.
    kind: "bicubic" or "average_pool".
    axes: "both", or "width": what the released Steered Diffusion does, with
      zeros around the image (bicubic only).
    noise_std: standard deviation of the observation's noise, [-1, 1] scale.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import evaluation
    >>> operator = evaluation.SuperResolution(4).operator((32, 32), {})
    >>> operator.apply(jnp.ones((1, 32, 32, 3))).shape
    (1, 8, 8, 3)
  """

  factor: int = 4
  kind: Literal["bicubic", "average_pool"] = "bicubic"
  axes: Literal["both", "width"] = "both"
  noise_std: float = 0.0

  def __post_init__(self):
    if self.factor < 2:
      raise ValueError(f"factor must be at least 2, got {self.factor}")
    arrays.check_choice("kind", self.kind, ("bicubic", "average_pool"))
    arrays.check_choice("axes", self.axes, ("both", "width"))
    if self.kind == "average_pool" and self.axes != "both":
      raise ValueError("axes='width' needs kind='bicubic'")

  @property
  def title(self) -> str:
    """The task and its factor."""
    only = ", width only" if self.axes == "width" else ""
    return f"super-resolution x{self.factor}{only}"

  @property
  def resizing(self) -> str:
    """The variant of `constraints` that has these axes."""
    return "released" if self.axes == "width" else "paper"

  def operator(
      self, shape: tuple[int, int], inputs: base.Inputs
  ) -> operators.LinearOperator:
    """Bicubic with antialiasing, or the mean of blocks."""
    del inputs
    if self.kind == "average_pool":
      return operators.average_pool(shape, self.factor)
    return constraints.super_resolution_operator(
        shape, self.factor, self.resizing
    )

  def picture(self, problem: base.Problem) -> arrays.Images:
    """y enlarged: bicubic, or replicated for averages."""
    y, operator, _ = problem.observation
    if self.kind == "average_pool":
      return operator.pseudo_inverse(y)
    return constraints.super_resolution_lift(
        problem.shape, self.factor, self.resizing)(y)


@dataclasses.dataclass(frozen=True)
class GaussianDeblurring(base.Task):
  """y = x blurred, with noise; the setting of DPS and VIPaint.

  Attributes:
    std: standard deviation of the blur, pixels.
    kernel_size: taps of its window, odd.
    noise_std: standard deviation of the observation's noise, [-1, 1] scale,
      0.05 in both papers.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import evaluation
    >>> task = evaluation.GaussianDeblurring(std=1.0, kernel_size=9)
    >>> operator = task.operator((16, 16), {})
    >>> task.noise_std, operator.apply(jnp.ones((1, 16, 16, 3))).shape
    (0.05, (1, 16, 16, 3))
  """

  std: float = 3.0
  kernel_size: int = 61
  noise_std: float = 0.05

  @property
  def title(self) -> str:
    """The task in a word."""
    return "deblurring"

  def operator(
      self, shape: tuple[int, int], inputs: base.Inputs
  ) -> operators.LinearOperator:
    """`operators.gaussian_blur`."""
    del inputs
    return operators.gaussian_blur(
        shape, kernel_size=self.kernel_size, std=self.std)

  def tiny(self, images: sources.DataSource) -> base.Task:
    """See `Task`: a window that fits into small images."""
    del images
    return dataclasses.replace(self, std=1.0, kernel_size=9)


def _kind(masks: data.MaskSource) -> str:
  """What masks show, in a word or two."""
  if isinstance(masks, sources.Masks):
    return "a folder's masks" if masks.folder else _kind(masks.drawn)
  if isinstance(masks, data.EmbeddedMasks):
    return masks.kind.replace("_", " ")
  return base.in_words(type(masks).__name__)
