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
    signature: of the metric.
    count: of finite values.
    total: exact sum of the finite values.
    total_of_squares: exact sum of their squares.
    num_nan: of values that are NaN.
    num_positive_inf: of values that are +inf.
    num_negative_inf: of values that are -inf.
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
    """Of all values, finite or not."""
    return sum(getattr(self, name) for name in _COUNTS)

  @property
  def mean(self) -> float:
    """Of the finite values, correctly rounded; NaN if there is none."""
    return float(self.total / self.count) if self.count else math.nan

  @property
  def std(self) -> float:
    """Sample standard deviation, n - 1; NaN for fewer than two values."""
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
      other: of the same metric.

    Raises:
      ValueError: if the signatures differ.
    """
    if self.signature != other.signature:
      raise ValueError(
          f"summaries of different metrics cannot be merged: {self.signature}"
          f" and {other.signature}"
      )
    sums = {
        name: getattr(self, name) + getattr(other, name)
        for name in (*_COUNTS, "total", "total_of_squares")
    }
    return SetSummary(self.signature, **sums)

  def to_json(self) -> dict[str, Any]:
    """For a shard's file; exact."""
    record = dataclasses.asdict(self)
    for name in ("total", "total_of_squares"):
      record[name] = str(record[name])
    return record


def from_json(record: dict[str, Any]) -> SetSummary:
  """Reads what `SetSummary.to_json` gave.

  Args:
    record: the dictionary.

  Raises:
    ValueError: if an entry is missing, unknown or no number.
  """
  names = {field.name for field in dataclasses.fields(SetSummary)}
  if set(record) != names:
    raise ValueError(
        f"summary must have the entries {sorted(names)}, got {sorted(record)}"
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
    signature: of the metric.
    values: `[N]`, one per image.
    valid: `[N]`, False for the padding of a batch; all count when left out.

  Raises:
    ValueError: if the lengths differ.
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
