"""Mean and covariance of a stream of feature vectors, in float64.

Moments are sums of what was seen: those of two shards merge, and what was
saved half-way goes on. Sums of centred products are kept, never
E[f f^T] - E[f] E[f]^T, which loses digits where means are large.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

# Vectors that are summed at once. With a fixed number the same stream has the
# same bits however its parts were cut.
CHUNK = 64


class Gaussian(NamedTuple):
  """The normal law that stands for a set in a Frechet distance.

  Attributes:
    mean: mean of the vectors, float64 `[D]`.
    covariance: covariance of the vectors, float64 `[D, D]`.
    count: number of vectors, which bounds the rank by count - 1; None if
      unknown.
  """

  mean: np.ndarray
  covariance: np.ndarray
  # Tuples have a method of this name.
  count: int | None = None  # type: ignore[assignment]


@dataclasses.dataclass(frozen=True, eq=False)
class Moments:
  """The first two moments of the vectors seen so far.

  Attributes:
    signature: signature of the features; only equal ones merge.
    folded: number of vectors in the sums below.
    centre: mean of those vectors, float64 `[D]`.
    scatter: sum of (f - centre)(f - centre)^T over them, float64 `[D, D]`.
    pending: vectors that wait for a whole chunk, `[n, D]`, n < CHUNK.
  """

  signature: str
  folded: int
  centre: np.ndarray
  scatter: np.ndarray
  pending: np.ndarray

  @property
  def count(self) -> int:
    """The number of all vectors."""
    return self.folded + len(self.pending)

  @property
  def num_features(self) -> int:
    """D, the number of features of a vector."""
    return len(self.centre)

  @property
  def mean(self) -> np.ndarray:
    """The mean of all vectors, float64 `[D]`; zeros before the first."""
    return self._whole().centre

  def covariance(self, ddof: int = 1) -> np.ndarray:
    """The covariance `[D, D]`, float64, exactly symmetric.

    Args:
      ddof: number taken off the count of vectors: 1 for the unbiased
        covariance that FID uses, or 0.

    Raises:
      ValueError: if there are no more than `ddof` vectors.
    """
    if self.count <= ddof:
      raise ValueError(
          f"a covariance needs at least {ddof + 1} vectors, got {self.count}")
    scatter = self._whole().scatter
    return (scatter + scatter.T) / (2 * (self.count - ddof))

  def gaussian(self) -> Gaussian:
    """Mean and unbiased covariance, for `frechet_distance`."""
    return Gaussian(self.mean, self.covariance(), self.count)

  def update(self, features: np.ndarray) -> Moments:
    """These moments with more vectors.

    However a stream is cut into calls, the bits are the same.

    Args:
      features: vectors `[N, D]`, of any float type; N may be 0.

    Raises:
      ValueError: if the shape is wrong, or a vector is not finite.
    """
    features = _checked(features, self.num_features)
    waiting = np.concatenate([self.pending, features])
    moments = self
    whole = len(waiting) // CHUNK * CHUNK
    for first in range(0, whole, CHUNK):
      moments = moments._fold(waiting[first:first + CHUNK])
    return dataclasses.replace(moments, pending=waiting[whole:].copy())

  def merge(self, other: Moments) -> Moments:
    """The moments of both sets; no vector may be in both.

    They equal those of the whole up to float64 rounding, in any order.

    Args:
      other: moments of the same features.

    Raises:
      ValueError: if signatures or sizes differ.
    """
    if self.signature != other.signature:
      raise ValueError(
          f"other must be of the same features, {self.signature}, got "
          f"moments of {other.signature}")
    if self.num_features != other.num_features:
      raise ValueError(
          f"other must have {self.num_features} features, as these moments "
          f"have, got {other.num_features}")
    return _joined(self._whole(), other._whole())

  def _fold(self, chunk: np.ndarray) -> Moments:
    centre = chunk.mean(axis=0)
    rest = chunk - centre
    part = Moments(
        self.signature, len(chunk), centre, rest.T @ rest, chunk[:0])
    return _joined(dataclasses.replace(self, pending=chunk[:0]), part)

  def _whole(self) -> Moments:
    """The same moments with nothing pending."""
    return self._fold(self.pending) if len(self.pending) else self


def empty_moments(signature: str, num_features: int) -> Moments:
  """Moments of no vectors.

  Args:
    signature: signature of the features.
    num_features: D, the number of features of a vector.

  Raises:
    ValueError: if D is not positive.

  Example:
    >>> import numpy as np
    >>> from jaxguide import metrics
    >>> empty = metrics.empty_moments("features=mean", 2)
    >>> moments = empty.update(np.array([[0.0, 1.0], [2.0, 1.0]]))
    >>> moments.mean, moments.count
    (array([1., 1.]), 2)
  """
  if num_features < 1:
    raise ValueError(f"num_features must be at least 1, got {num_features}")
  return Moments(
      signature, 0, np.zeros(num_features),
      np.zeros((num_features, num_features)), np.zeros((0, num_features)))


def _joined(a: Moments, b: Moments) -> Moments:
  """The moments of both: Chan, Golub and LeVeque, 1979, Eq. 2.1."""
  if not a.folded or not b.folded:
    return b if not a.folded else a
  count = a.folded + b.folded
  step = b.centre - a.centre
  return Moments(
      signature=a.signature,
      folded=count,
      centre=a.centre + step * (b.folded / count),
      scatter=a.scatter + b.scatter + np.outer(
          step, step * (a.folded * b.folded / count)),
      pending=a.pending)


def _checked(features: np.ndarray, size: int) -> np.ndarray:
  features = np.asarray(features, np.float64)
  if features.ndim != 2 or features.shape[1] != size:
    raise ValueError(
        f"features must have shape [N, {size}], got {features.shape}")
  bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
  if len(bad):
    raise ValueError(
        f"features must be finite, got a NaN or an infinity in row {bad[0]}")
  return features
