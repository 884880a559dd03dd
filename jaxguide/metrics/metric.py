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
      observation: measurement y and operator A, for consistency.
      mask: mask `[B, H, W, 1 or C]`, 1 = observed, for a region.

    Returns:
      One number per image, `[B]`.

    Raises:
      ValueError: if an input that this metric needs is missing, or shapes
        differ.
    """


@dataclasses.dataclass(frozen=True)
class Metric:
  """A metric.

  Attributes:
    name: short name, unique in a table.
    signature: description of all that changes the value,
      "name|key=value|...".
    function: function of images that gives one number per image, a
      `MetricFunction`.
    higher_is_better: whether larger values are better.
    symmetric: whether x and reference may be exchanged.
    reference: name of the input of a task that a run compares with in place
      of the image itself, set by `against`; the image when empty.
  """

  name: str
  signature: str
  function: MetricFunction
  higher_is_better: bool
  symmetric: bool = True
  reference: str = ""


def against(metric: Metric, name: str) -> Metric:
  """The metric that a run computes with another reference than the image.

  Args:
    metric: a metric that compares with a reference.
    name: name of a task's input, such as a translation's "counterpart".

  Returns:
    The metric, named METRIC_NAME, whose signature says so as well.

  Example:
    >>> from jaxguide import metrics
    >>> metrics.against(metrics.psnr_metric(), "counterpart").name
    'psnr_counterpart'
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
  """PSNR in decibel, `metrics.psnr` of pictures with 8 bits.

  Args:
    quantise: rule of `metrics.quantise`, applied to both images: "uint8",
      "uint8_truncated" or "none".
    region: pixels that count: "all", or those that the mask calls "observed"
      or "unobserved".
    value_range: scale (low, high) on which `peak` and `epsilon` are given.
    peak: largest value of an error; the width of `value_range` when left out.
    epsilon: number added to the mean squared error, >= 0.

  Returns:
    A metric named "psnr", with the region behind it unless that is "all".

  Raises:
    ValueError: if the rule or the region is unknown.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import metrics
    >>> metric = metrics.psnr_metric()
    >>> x = jnp.zeros((1, 4, 4, 3))
    >>> metric.function(x + 1, x).shape
    (1,)
    >>> metric.signature.split("|")[0]
    'psnr'
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
  """Mean squared error, `metrics.mse` of pictures with 8 bits.

  Args:
    quantise: rule of `metrics.quantise`, applied to both images.
    region: pixels that count: "all", "observed" or "unobserved".
    value_range: scale (low, high) of the result.

  Returns:
    A metric named "mse", with the region behind it unless that is "all".

  Raises:
    ValueError: if the rule or the region is unknown.

  Example:
    >>> from jaxguide import metrics
    >>> metrics.mse_metric(region="unobserved").name
    'mse_unobserved'
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
  """Mean absolute error, `metrics.l1` of pictures with 8 bits.

  Args:
    quantise: rule of `metrics.quantise`, applied to both images.
    region: pixels that count: "all", "observed" or "unobserved".
    value_range: scale (low, high) of the result.

  Returns:
    A metric named "l1", with the region behind it unless that is "all".

  Raises:
    ValueError: if the rule or the region is unknown.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import metrics
    >>> metric = metrics.l1_metric(quantise="none")
    >>> x = jnp.zeros((1, 4, 4, 3))
    >>> metric.function(x + 0.25, x)
    Array([0.25], dtype=float32)
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
  """Euclidean norm of the error, `metrics.l2` of pictures with 8 bits.

  Args:
    quantise: rule of `metrics.quantise`, applied to both images.
    value_range: scale (low, high) of the result.

  Returns:
    A metric named "l2".

  Raises:
    ValueError: if the rule is unknown.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import metrics
    >>> metric = metrics.l2_metric(quantise="none")
    >>> x = jnp.zeros((1, 2, 2, 1))
    >>> metric.function(x + 0.5, x)  # The root of 4 times 0.25.
    Array([1.], dtype=float32)
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
  """Structural similarity, `metrics.ssim` of pictures with 8 bits.

  Args:
    quantise: rule of `metrics.quantise`, applied to both images.
    options: window, border and constants of SSIM.

  Returns:
    A metric named "ssim".

  Raises:
    ValueError: if the rule is unknown.

  Example:
    >>> from jaxguide import metrics
    >>> metric = metrics.ssim_metric()
    >>> metric.name, metric.signature == metrics.SSIM_SIGNATURE
    ('ssim', True)
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
    quantise: rule of `metrics.quantise`, applied to x before A; y is taken as
      observed.
    region: entries of y that count: "all", or those that the mask calls
      "observed" (for inpainting, where y is 0 by definition elsewhere).
    decibel: whether to give a PSNR instead of an error.

  Returns:
    A metric named "consistency", or "consistency_psnr" in decibel.

  Raises:
    ValueError: if the region is unknown.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import metrics, operators
    >>> double = operators.Operator(lambda x: 2 * x)
    >>> x = jnp.full((1, 2, 2, 1), 0.25)
    >>> observation = operators.Observation(jnp.zeros_like(x), double)
    >>> metric = metrics.consistency_metric(quantise="none")
    >>> metric.function(x, observation=observation).tolist()
    [0.5]
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
      raise ValueError(f"{name} needs an observation, got None")
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
    name: name of the metric.
    details: settings by name, in their order.
    quantise: rule of `metrics.quantise`.

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
    raise ValueError(f"{name} of region {region!r} needs a mask, got None")
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
      raise ValueError(f"{shown} needs a reference, got None")
    x = quantisation.quantise(x, quantise)
    reference = quantisation.quantise(reference, quantise)
    return score(x, reference, _weight(shown, region, mask))

  if name not in ("ssim", "l2"):
    details = {**details, "region": region}
  return Metric(
      shown, sign(name, details, quantise), function, higher_is_better
  )
