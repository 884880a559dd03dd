"""Feature vectors of numbered pictures: shards of a set, in one order."""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses

import numpy as np

from jaxguide.metrics import moments


@dataclasses.dataclass(frozen=True, eq=False)
class FeatureSample:
  """Vectors by the number of their picture.

  A value computed from a sample depends on numbers and vectors alone, to the
  bit: not on shards, batches, interruptions or the order of merging.

  Attributes:
    signature: signature of the features.
    numbers: numbers of the pictures, int64 `[N]`, rising.
    features: vectors of the pictures, float32 `[N, D]`.
  """

  signature: str
  numbers: np.ndarray
  features: np.ndarray

  def __len__(self) -> int:
    return len(self.numbers)

  def merge(self, *others: FeatureSample) -> FeatureSample:
    """This sample and others, of other pictures, as one.

    Args:
      *others: samples of the same features.

    Raises:
      ValueError: if a sample has other features, or two have one picture.
    """
    for other in others:
      if other.signature != self.signature:
        raise ValueError(
            f"others must be of the same features, {self.signature}, got a "
            f"sample of {other.signature}")
    return feature_sample(
        self.signature,
        np.concatenate([s.numbers for s in (self, *others)]),
        np.concatenate([s.features for s in (self, *others)]))

  def moments(self) -> moments.Moments:
    """The first two moments of the vectors."""
    empty = moments.empty_moments(self.signature, self.features.shape[1])
    return empty.update(self.features)


def feature_sample(
    signature: str,
    numbers: Sequence[int] | np.ndarray,
    features: np.ndarray,
) -> FeatureSample:
  """A sample from vectors in any order.

  Args:
    signature: signature of the features.
    numbers: numbers of the pictures, `[N]`, unique.
    features: vectors of the pictures, `[N, D]`.

  Returns:
    The sample, in the order of the numbers.

  Raises:
    ValueError: if shapes do not fit, a number repeats, or a value is not
      finite.

  Example:
    >>> import numpy as np
    >>> from jaxguide import metrics
    >>> sample = metrics.feature_sample(
    ...     "features=mean", [7, 2], np.array([[0.7], [0.2]]))
    >>> sample.numbers
    array([2, 7])
  """
  numbers = np.asarray(numbers, np.int64)
  features = np.asarray(features, np.float32)
  if features.ndim != 2 or numbers.shape != features.shape[:1]:
    raise ValueError(
        "numbers must have shape [N] and features [N, D], got "
        f"{numbers.shape} and {features.shape}")
  order = np.argsort(numbers, kind="stable")
  numbers, features = numbers[order], features[order]
  twice = numbers[1:][numbers[1:] == numbers[:-1]]
  if len(twice):
    raise ValueError(f"numbers must be unique, got {twice[0]} twice")
  bad = numbers[~np.isfinite(features).all(axis=1)]
  if len(bad):
    raise ValueError(
        "features must be finite, got a NaN or an infinity for picture "
        f"{bad[0]}")
  return FeatureSample(signature, numbers, features)
