"""Moments of many pictures, a part at a time, on disk."""

from __future__ import annotations

from collections.abc import Callable
import os
import pathlib

import numpy as np

from jaxguide.metrics import feature_sets
from jaxguide.metrics import moments
from jaxguide.metrics import statistics_files


def stream_moments(
    features: feature_sets.FeatureSet,
    read: Callable[[int], np.ndarray],
    count: int,
    path: str | os.PathLike[str],
    *,
    save_every: int = 1024,
) -> moments.Moments:
  """The moments of pictures 0 to count - 1, kept in a file.

  Called again after an interruption it goes on behind the last part saved,
  and ends with the same bytes. Shards are files of their own, which
  `Moments.merge` joins.

  Args:
    features: features of the pictures.
    read: function of a number n that gives picture n, uint8 `[H, W, 3]`.
    count: number of pictures.
    path: npz file to write; it may hold a part, of the same pictures.
    save_every: number of pictures between two saves, at least 1.

  Returns:
    The moments that the file holds in the end.

  Raises:
    StatisticsError: if the file is damaged, of other features or of more
      pictures.
    ValueError: if `save_every` is not positive.

  Example:
    >>> import numpy as np
    >>> from jaxguide import metrics
    >>> features = metrics.FeatureSet(
    ...     "mean", "features=mean", 3, metrics.Preprocessing("as-is"),
    ...     lambda x: x.mean(axis=(1, 2)), "frechet_mean", "kernel_mean")
    >>> pictures = np.full((5, 4, 4, 3), 255, np.uint8)
    >>> found = metrics.stream_moments(
    ...     features, pictures.__getitem__, 5, "moments.npz")
    >>> found.mean, found.count
    (array([1., 1., 1.]), 5)
  """
  if save_every < 1:
    raise ValueError(f"save_every must be at least 1, got {save_every}")
  found = moments.empty_moments(features.signature, features.num_features)
  if pathlib.Path(path).is_file():
    found = statistics_files.load_moments(path)
  if found.signature != features.signature or found.count > count:
    raise statistics_files.StatisticsError(
        f"{path}: the file must hold at most {count} pictures of "
        f"{features.signature}, got {found.count} pictures of "
        f"{found.signature}")
  while found.count < count:
    until = min(found.count + save_every, count)
    for first in range(found.count, until, feature_sets.BATCH):
      part = range(first, min(first + feature_sets.BATCH, until))
      found = found.update(features([read(n) for n in part]))
    statistics_files.save_moments(path, found)
  return found
