"""From numbers per image to a number per set, the same in any order.

Sums are kept as exact fractions: a mean is rounded once, at the end, so it
has the same bits however the images were divided over devices, processes and
interrupted runs.
"""

from collections.abc import Iterable
import dataclasses
import fractions
import math
from typing import Any

import numpy as np

_COUNTS = ("count", "num_nan", "num_positive_inf", "num_negative_inf")


@dataclasses.dataclass(frozen=True)
class SetSummary:
  """A metric over a set of images.

  Mean and deviation are over the finite values alone. A PSNR of +inf (equal
  images) and a NaN (a failed image) are counted, never averaged in, never
  capped: they show in `signature_with_count`.

  Attributes:
    signature: signature of the metric.
    count: number of finite values.
    total: exact sum of the finite values.
    total_of_squares: exact sum of their squares.
    num_nan: number of values that are NaN.
    num_positive_inf: number of values that are +inf.
    num_negative_inf: number of values that are -inf.
  """

  signature: str
  count: int = 0
  total: fractions.Fraction = fractions.Fraction(0)
  total_of_squares: fractions.Fraction = fractions.Fraction(0)
  num_nan: int = 0
  num_positive_inf: int = 0
  num_negative_inf: int = 0

  @property
  def num_images(self) -> int:
    """The number of all values, finite or not."""
    return sum(getattr(self, name) for name in _COUNTS)

  @property
  def mean(self) -> float:
    """The mean of the finite values, correctly rounded; NaN without any."""
    return float(self.total / self.count) if self.count else math.nan

  @property
  def std(self) -> float:
    """The sample standard deviation with n - 1; NaN below two values."""
    if self.count < 2:
      return math.nan
    spread = self.total_of_squares - self.total**2 / self.count
    return math.sqrt(spread / (self.count - 1))

  @property
  def standard_error(self) -> float:
    """std / sqrt(count): how far the mean may be from that of the law."""
    return self.std / math.sqrt(self.count) if self.count else math.nan

  @property
  def signature_with_count(self) -> str:
    """The signature, "N=..." and, if there are any, "inf=..." and "nan=..."."""
    parts = [self.signature, f"N={self.num_images}"]
    for label, number in [
        ("inf", self.num_positive_inf),
        ("-inf", self.num_negative_inf),
        ("nan", self.num_nan),
    ]:
      parts += [f"{label}={number}"] if number else []
    return "|".join(parts)

  def merge(self, other: "SetSummary") -> "SetSummary":
    """The summary of both sets of images; neither may be in the other.

    Args:
      other: summary of the same metric over other images.

    Raises:
      ValueError: if the signatures differ.
    """
    if self.signature != other.signature:
      raise ValueError(
          f"other must be of the same metric, {self.signature}, got one of "
          f"{other.signature}"
      )
    sums = {
        name: getattr(self, name) + getattr(other, name)
        for name in (*_COUNTS, "total", "total_of_squares")
    }
    return SetSummary(self.signature, **sums)

  def to_json(self) -> dict[str, Any]:
    """The summary as JSON types, exact, for the file of a shard."""
    record = dataclasses.asdict(self)
    for name in ("total", "total_of_squares"):
      record[name] = str(record[name])
    return record


def from_json(record: dict[str, Any]) -> SetSummary:
  """Reads what `SetSummary.to_json` gave.

  Args:
    record: dictionary from `SetSummary.to_json`.

  Raises:
    ValueError: if an entry is missing, unknown or no number.

  Example:
    >>> from jaxguide import metrics
    >>> summary = metrics.summarise(metrics.PSNR_SIGNATURE, [30.0, 32.0])
    >>> metrics.from_json(summary.to_json()) == summary
    True
  """
  names = {field.name for field in dataclasses.fields(SetSummary)}
  if set(record) != names:
    raise ValueError(
        f"record must have the entries {sorted(names)}, got {sorted(record)}"
    )
  sums = {
      name: fractions.Fraction(record[name])
      for name in ("total", "total_of_squares")
  }
  return SetSummary(**{**record, **sums})


def summarise(
    signature: str,
    values: Iterable[float] | np.ndarray,
    valid: Iterable[bool] | np.ndarray | None = None,
) -> SetSummary:
  """Sums up one metric over images.

  Args:
    signature: signature of the metric.
    values: numbers `[N]`, one per image.
    valid: flags `[N]`, False for the padding of a batch; all count when left
      out.

  Returns:
    The summary, in which values that are not finite are counted apart.

  Raises:
    ValueError: if the lengths differ.

  Example:
    >>> import math
    >>> from jaxguide import metrics
    >>> summary = metrics.summarise(
    ...     metrics.PSNR_SIGNATURE, [30.0, 32.0, math.inf])
    >>> summary.mean, summary.count, summary.num_positive_inf
    (31.0, 2, 1)
  """
  array = np.asarray(values, np.float64)
  if array.ndim != 1:
    raise ValueError(f"values must have shape [N], got {array.shape}")
  if valid is not None:
    valid = np.asarray(valid, bool)
    if valid.shape != array.shape:
      raise ValueError(
          f"valid must have shape {array.shape}, got {valid.shape}"
      )
    array = array[valid]
  exact = [fractions.Fraction(v) for v in array[np.isfinite(array)].tolist()]
  return SetSummary(
      signature,
      count=len(exact),
      total=sum(exact, fractions.Fraction(0)),
      total_of_squares=sum((v * v for v in exact), fractions.Fraction(0)),
      num_nan=int(np.isnan(array).sum()),
      num_positive_inf=int(np.isposinf(array).sum()),
      num_negative_inf=int(np.isneginf(array).sum()),
  )
