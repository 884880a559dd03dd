"""Metrics as values: a function of images, and what it computes in words.

Two numbers may be compared only if their signatures agree; the signature of
a metric names all that changes its value.
"""

from collections.abc import Callable, Mapping
import dataclasses
from typing import Protocol

import jax.numpy as jnp

from jaxguide import arrays
from jaxguide import operators
from jaxguide.metrics import pixelwise
from jaxguide.metrics import quantisation
from jaxguide.metrics import structural

REGIONS = ("all", "observed", "unobserved")


class MetricFunction(Protocol):
  """One number per image."""

  def __call__(
      self,
      x: arrays.Images,
      reference: arrays.Images | None = None,
      *,
      observation: operators.Observation | None = None,
      mask: arrays.Images | None = None,
  ) -> arrays.PerImage:
    """Scores a batch.

    Args:
      x: images to be judged, `[B, H, W, C]` in [-1, 1].
      reference: the true images, the same shape.
      observation: y and A, for consistency.
      mask: `[B, H, W, 1 or C]`, 1 = observed, for a region.

    Returns:
      `[B]`.

    Raises:
      ValueError: if what this metric needs is missing, or shapes differ.
    """


@dataclasses.dataclass(frozen=True)
class Metric:
  """A metric.

  Attributes:
    name: short, unique in a table.
    signature: all that changes the value, "name|key=value|...".
    function: see `MetricFunction`.
    higher_is_better: direction.
    symmetric: whether x and reference may be exchanged.
    reference: the input of a task that a run compares with in place of the
      image itself, see `against`; the image when empty.
  """

  name: str
  signature: str
  function: MetricFunction
  higher_is_better: bool
  symmetric: bool = True
  reference: str = ""


def against(metric: Metric, name: str) -> Metric:
  """The metric, in a run, of pictures and another reference.

  Args:
    metric: compares with a reference.
    name: of a task's input, such as a translation's "counterpart".

  Returns:
    The metric called "METRIC_NAME", whose signature says so.
  """
  return dataclasses.replace(
      metric, name=f"{metric.name}_{name}",
      signature=f"{metric.signature}|reference={name}", reference=name)


def psnr_metric(
    *,
    quantise: str = "uint8",
    region: str = "all",
    value_range: tuple[float, float] = (-1.0, 1.0),
    peak: float | None = None,
    epsilon: float = 0.0,
) -> Metric:
  """PSNR; see `pixelwise.psnr`.

  Args:
    quantise: a rule of `quantisation.quantise`, applied to both images.
    region: "all", or "observed" or "unobserved" pixels of the mask.
    value_range: see `pixelwise.psnr`.
    peak: see `pixelwise.psnr`.
    epsilon: see `pixelwise.psnr`.
  """
  if peak is None:
    peak = value_range[1] - value_range[0]

  def score(
      x: arrays.Images, reference: arrays.Images, weight: arrays.Images | None
  ) -> arrays.PerImage:
    return pixelwise.psnr(
        x, reference, value_range=value_range, peak=peak, epsilon=epsilon,
        weight=weight,
    )

  details = {"range": value_range, "peak": peak, "epsilon": epsilon}
  return _pixel_metric("psnr", score, True, quantise, region, details)


def mse_metric(
    *,
    quantise: str = "uint8",
    region: str = "all",
    value_range: tuple[float, float] = (-1.0, 1.0),
) -> Metric:
  """Mean squared error; see `pixelwise.mse` and `psnr_metric`.

  Args:
    quantise: see `psnr_metric`.
    region: see `psnr_metric`.
    value_range: the scale of the result.
  """

  def score(
      x: arrays.Images, reference: arrays.Images, weight: arrays.Images | None
  ) -> arrays.PerImage:
    return pixelwise.mse(
        x, reference, value_range=value_range, weight=weight
    )

  details = {"range": value_range}
  return _pixel_metric("mse", score, False, quantise, region, details)


def l1_metric(
    *,
    quantise: str = "uint8",
    region: str = "all",
    value_range: tuple[float, float] = (-1.0, 1.0),
) -> Metric:
  """Mean absolute error; see `pixelwise.l1` and `psnr_metric`.

  Args:
    quantise: see `psnr_metric`.
    region: see `psnr_metric`.
    value_range: the scale of the result.
  """

  def score(
      x: arrays.Images, reference: arrays.Images, weight: arrays.Images | None
  ) -> arrays.PerImage:
    return pixelwise.l1(x, reference, value_range=value_range, weight=weight)

  details = {"range": value_range}
  return _pixel_metric("l1", score, False, quantise, region, details)


def l2_metric(
    *,
    quantise: str = "uint8",
    value_range: tuple[float, float] = (-1.0, 1.0),
) -> Metric:
  """Euclidean norm of the error; see `pixelwise.l2`.

  Args:
    quantise: see `psnr_metric`.
    value_range: the scale of the result.
  """

  def score(
      x: arrays.Images, reference: arrays.Images, weight: arrays.Images | None
  ) -> arrays.PerImage:
    del weight
    return pixelwise.l2(x, reference, value_range=value_range)

  details = {"range": value_range}
  return _pixel_metric("l2", score, False, quantise, "all", details)


def ssim_metric(
    *,
    quantise: str = "uint8",
    options: structural.SsimOptions = structural.WANG,
) -> Metric:
  """SSIM; see `structural.ssim`.

  Args:
    quantise: see `psnr_metric`.
    options: of SSIM.
  """

  def score(
      x: arrays.Images, reference: arrays.Images, weight: arrays.Images | None
  ) -> arrays.PerImage:
    del weight
    return structural.ssim(x, reference, options)

  details = {"range": (-1.0, 1.0), **options._asdict()}
  if options.window == "uniform":
    del details["std"]
  return _pixel_metric("ssim", score, True, quantise, "all", details)


def consistency_metric(
    *,
    quantise: str = "uint8",
    region: str = "all",
    decibel: bool = False,
) -> Metric:
  """How far A x is from the observation y, on the [-1, 1] scale.

  The root mean square of A x - y over y's entries, or 20 log10(2 / that).
  The reference is not used.

  Args:
    quantise: a rule of `quantisation.quantise`, applied to x before A; y is
      taken as observed.
    region: "all" entries of y, or those that the mask calls "observed" (for
      inpainting, where y is 0 by definition elsewhere).
    decibel: whether to give a PSNR.
  """
  arrays.check_choice("region", region, REGIONS[:2])
  name = "consistency_psnr" if decibel else "consistency"

  def function(
      x: arrays.Images,
      reference: arrays.Images | None = None,
      *,
      observation: operators.Observation | None = None,
      mask: arrays.Images | None = None,
  ) -> arrays.PerImage:
    del reference
    if observation is None:
      raise ValueError(f"{name} needs an observation")
    weight = _weight(name, region, mask)
    y = observation.y
    again = observation.operator.apply(quantisation.quantise(x, quantise))
    if decibel:
      return pixelwise.psnr(again, y, weight=weight)
    return jnp.sqrt(pixelwise.mse(again, y, weight=weight))

  quantity = "psnr(Ax,y)" if decibel else "rms(Ax-y)"
  details = {"of": quantity, "range": (-1.0, 1.0), "region": region}
  return Metric(
      name, sign(name, details, quantise), function, decibel, symmetric=False
  )


def sign(name: str, details: Mapping[str, object], quantise: str) -> str:
  """The signature "name|key=value|...|quantise=...|dtype=float32".

  Args:
    name: of the metric.
    details: settings by name, in their order.
    quantise: the rule.

  Raises:
    ValueError: if the rule is unknown.
  """
  arrays.check_choice("quantise", quantise, quantisation.RULES)
  parts = [f"{key}={_shown(value)}" for key, value in details.items()]
  return "|".join([name, *parts, f"quantise={quantise}", "dtype=float32"])


def _shown(value: object) -> str:
  if isinstance(value, tuple):
    return f"[{','.join(_shown(v) for v in value)}]"
  return f"{value:g}" if isinstance(value, float) else str(value)


def _weight(
    name: str, region: str, mask: arrays.Images | None
) -> arrays.Images | None:
  if region == "all":
    return None
  if mask is None:
    raise ValueError(f"{name} of region {region!r} needs a mask")
  return mask if region == "observed" else 1 - mask


def _pixel_metric(
    name: str,
    score: Callable[..., arrays.PerImage],
    higher_is_better: bool,
    quantise: str,
    region: str,
    details: Mapping[str, object],
) -> Metric:
  """A metric of x and reference after quantisation."""
  arrays.check_choice("region", region, REGIONS)
  shown = name if region == "all" else f"{name}_{region}"

  def function(
      x: arrays.Images,
      reference: arrays.Images | None = None,
      *,
      observation: operators.Observation | None = None,
      mask: arrays.Images | None = None,
  ) -> arrays.PerImage:
    del observation
    if reference is None:
      raise ValueError(f"{shown} needs a reference")
    x = quantisation.quantise(x, quantise)
    reference = quantisation.quantise(reference, quantise)
    return score(x, reference, _weight(shown, region, mask))

  if name not in ("ssim", "l2"):
    details = {**details, "region": region}
  return Metric(
      shown, sign(name, details, quantise), function, higher_is_better
  )
