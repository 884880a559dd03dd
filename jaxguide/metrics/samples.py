"""Feature vectors of numbered pictures: shards of a set, in one order."""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses

import numpy as np

from jaxguide.metrics import moments


@dataclasses.dataclass(frozen=True, eq=False)
class FeatureSample:
  """Vectors by the number of their picture.

  What is computed from a sample depends on numbers and vectors alone, to the
  bit: not on shards, batches, interruptions or the order of merging.

  Attributes:
    signature: of the features.
    numbers: `[N]` int64, rising.
    features: `[N, D]` float32.
  """

  signature: str
  numbers: np.ndarray
  features: np.ndarray

  def __len__(self) -> int:
    return len(self.numbers)

  def merge(self, *others: FeatureSample) -> FeatureSample:
    """This sample and others, of other pictures.

    Raises:
      ValueError: for other features, or a picture that two samples have.
    """
    for other in others:
      if other.signature != self.signature:
        raise ValueError(
            "samples of different features cannot be merged: "
            f"{self.signature} and {other.signature}")
    return feature_sample(
        self.signature,
        np.concatenate([s.numbers for s in (self, *others)]),
        np.concatenate([s.features for s in (self, *others)]))

  def moments(self) -> moments.Moments:
    """Their first two moments."""
    empty = moments.empty_moments(self.signature, self.features.shape[1])
    return empty.update(self.features)


def feature_sample(
    signature: str,
    numbers: Sequence[int] | np.ndarray,
    features: np.ndarray,
) -> FeatureSample:
  """A sample from vectors in any order.

  Args:
    signature: of the features.
    numbers: `[N]`, unique, of the pictures.
    features: `[N, D]`.

  Raises:
    ValueError: if shapes do not fit, a number repeats, or a value is not
      finite.
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
    raise ValueError(f"numbers must be unique: picture {twice[0]} repeats")
  bad = numbers[~np.isfinite(features).all(axis=1)]
  if len(bad):
    raise ValueError(f"features of picture {bad[0]} are not finite")
  return FeatureSample(signature, numbers, features)
