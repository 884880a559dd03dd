"""The kernel distance (KID) between two sets of feature vectors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_BLOCK = 1024


class KernelDistance(NamedTuple):
  """An estimate over random subsets.

  Attributes:
    mean: mean of the subsets' unbiased estimates; it may be negative.
    std: standard deviation of these estimates, n in the denominator as in
      published codes; 0 for a single one.
    num_subsets: number of subsets that were drawn.
    subset_size: number of vectors of each set in a subset; None for whole
      sets.
  """

  mean: float
  std: float
  num_subsets: int
  subset_size: int | None


def kernel_distance(
    x: np.ndarray,
    y: np.ndarray,
    *,
    num_subsets: int | None = 100,
    subset_size: int = 1000,
    seed: int = 0,
) -> KernelDistance:
  """KID: the mean of `squared_mmd` over random subsets.

  Binkowski et al., arXiv:1801.01401, section 4. Its kernel
  (f . g / D + 1)^3 is that of clean-fid and torchmetrics, and so is drawing
  without replacement within a subset. A subset has at most as many vectors
  as the smaller set; where it has all of both, one says everything.

  Args:
    x: feature vectors of one set, `[N, D]`, N >= 2.
    y: feature vectors of the other set, `[M, D]`, M >= 2.
    num_subsets: number of subsets, at least 1; None compares the whole sets
      once, without randomness (any N and M).
    subset_size: number of vectors of each set in a subset, at least 2.
    seed: seed of the subsets; subset k depends on (seed, k) and on N and M.

  Returns:
    The estimate and its spread over the subsets.

  Raises:
    ValueError: if shapes are wrong, vectors are not finite, a set has fewer
      than two, or a count is too small.

  Example:
    >>> import numpy as np
    >>> from jaxguide import metrics
    >>> x = np.array([[1.0], [-1.0]])
    >>> metrics.kernel_distance(x, x, num_subsets=None).mean
    -8.0
  """
  x, y = _checked("x", x), _checked("y", y)
  if x.shape[1] != y.shape[1]:
    raise ValueError(
        f"x and y must have equally many features, got {x.shape[1]} and "
        f"{y.shape[1]}")
  if num_subsets is None:
    return KernelDistance(squared_mmd(x, y), 0.0, 1, None)
  if num_subsets < 1 or subset_size < 2:
    raise ValueError(
        "num_subsets must be at least 1 and subset_size at least 2, got "
        f"{num_subsets} and {subset_size}")
  size = min(len(x), len(y), subset_size)
  if len(x) == len(y) == size:
    num_subsets = 1
  values = [
      squared_mmd(x[i], y[j])
      for i, j in (subset(len(x), len(y), size, seed, k)
                   for k in range(num_subsets))]
  return KernelDistance(
      float(np.mean(values)), float(np.std(values)), num_subsets, size)


def subset(
    num_x: int, num_y: int, size: int, seed: int, number: int
) -> tuple[np.ndarray, np.ndarray]:
  """The indices of one random subset.

  Args:
    num_x: number of vectors in the first set.
    num_y: number of vectors in the second set.
    size: number of vectors drawn from each, without replacement.
    seed: seed of all subsets.
    number: number of this subset.

  Returns:
    Sorted indices into the first and into the second set, `[size]` each.
  """
  random = np.random.default_rng([seed, number])
  chosen_x, chosen_y = (
      np.sort(random.choice(count, size, replace=False))
      for count in (num_x, num_y))
  return chosen_x, chosen_y


def squared_mmd(x: np.ndarray, y: np.ndarray) -> float:
  """The unbiased estimate of MMD^2 for the kernel (f . g / D + 1)^3.

  sum_(i != j) k(x_i, x_j) / N(N - 1) + the same of y
  - 2 sum_ij k(x_i, y_j) / N M: Gretton et al., JMLR 13, 2012, Eq. 3.

  Args:
    x: feature vectors, float64 `[N, D]`, N >= 2.
    y: feature vectors, float64 `[M, D]`, M >= 2.
  """
  n, m = len(x), len(y)
  within = (
      _kernel_sum(x, x, diagonal=False) / (n * (n - 1))
      + _kernel_sum(y, y, diagonal=False) / (m * (m - 1)))
  return within - 2.0 * _kernel_sum(x, y) / (n * m)


def _kernel_sum(
    x: np.ndarray, y: np.ndarray, diagonal: bool = True
) -> float:
  """The sum over all pairs.

  It goes block by block: the matrix of two whole sets may not fit into memory.
  """
  total = 0.0
  for first in range(0, len(x), _BLOCK):
    rows = x[first:first + _BLOCK]
    kernel = (rows @ y.T / x.shape[1] + 1.0) ** 3
    total += kernel.sum()
    if not diagonal:
      total -= np.trace(kernel, offset=first)
  return float(total)


def _checked(name: str, features: np.ndarray) -> np.ndarray:
  features = np.asarray(features, np.float64)
  if features.ndim != 2 or len(features) < 2:
    raise ValueError(
        f"{name} must have shape [N, D] with N >= 2, got {features.shape}")
  if not np.isfinite(features).all():
    raise ValueError(
        f"{name} must have finite values, got a NaN or an infinity")
  return features
