"""The Frechet distance between two sets of feature vectors."""

from __future__ import annotations

import numpy as np

from jaxguide.metrics import moments


def frechet_distance(a: moments.Gaussian, b: moments.Gaussian) -> float:
  """|m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)).

  Dowson and Landau, 1982; FID (Heusel et al., arXiv:1706.08500, Eq. 6) when
  the features are those of its Inception network. With S = R R^T the trace
  of the root is the sum of the singular values of R_a^T R_b: no root of a
  product is taken, nothing is added to a diagonal, and covariances of fewer
  vectors than features lose no digits.

  Fewer vectors than some thousands bias the distance upward; only numbers
  from equally large sets can be compared.

  Args:
    a: normal law of one set.
    b: normal law of the other set, with as many features.

  Returns:
    The squared distance, at least 0.

  Raises:
    ValueError: if shapes differ, a value is not finite, or a covariance is
      not symmetric.

  Example:
    >>> import numpy as np
    >>> from jaxguide import metrics
    >>> a = metrics.Gaussian(np.zeros(2), np.eye(2))
    >>> b = metrics.Gaussian(np.array([3.0, 0.0]), 4 * np.eye(2))
    >>> f"{metrics.frechet_distance(a, b):.3f}"  # 9 + 2 (1 - 2)^2.
    '11.000'
  """
  for name, law in (("a", a), ("b", b)):
    _check(name, law, a.mean.shape)
  step = np.asarray(a.mean, np.float64) - b.mean
  cross = _factor(a).T @ _factor(b)
  root = np.linalg.svd(cross, compute_uv=False).sum()
  traces = np.trace(a.covariance) + np.trace(b.covariance)
  # For equal sets rounding may leave a number below 0.
  return max(float(step @ step + traces - 2.0 * root), 0.0)


def _factor(law: moments.Gaussian) -> np.ndarray:
  """R `[D, r]` with R R^T = S, r the rank.

  What is beyond the rank is rounding, and its root would not be small.
  """
  values, vectors = np.linalg.eigh(np.asarray(law.covariance, np.float64))
  size = len(values)
  rounding = size * np.finfo(np.float64).eps * max(values[-1], 0.0)
  kept = values > rounding
  if law.count is not None:
    kept[:max(size - (law.count - 1), 0)] = False
  return vectors[:, kept] * np.sqrt(values[kept])


def _check(
    name: str, law: moments.Gaussian, shape: tuple[int, ...]
) -> None:
  if law.mean.ndim != 1 or law.mean.shape != shape:
    raise ValueError(
        f"{name} must have a mean of shape {shape}, got {law.mean.shape}")
  if law.covariance.shape != shape * 2:
    raise ValueError(
        f"{name} must have a covariance of shape {shape * 2}, got "
        f"{law.covariance.shape}")
  if not (np.isfinite(law.mean).all() and np.isfinite(law.covariance).all()):
    raise ValueError(
        f"{name} must have finite values, got a mean or a covariance with a "
        "NaN or an infinity")
  uneven = np.abs(law.covariance - law.covariance.T).max()
  if uneven > 1e-6 * np.abs(law.covariance).max():
    raise ValueError(
        f"{name} must have a symmetric covariance, got one whose halves differ "
        f"by up to {uneven:.3g}")
