"""A Gaussian prior in 16 dimensions, and exact moments in float64.

Everything here is numpy and independent of the library: its own schedule,
its own grid of levels, its own conditional expectations. A sampler that is
affine in its draws is a list of `Affine` maps; `moments` carries a mean and a
covariance through them exactly.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

DIM = 16
NUM_LEVELS = 1000


class Prior(NamedTuple):
  """N(mean, covariance), and which coordinates are observed."""

  mean: np.ndarray
  covariance: np.ndarray
  mask: np.ndarray

  @property
  def observed(self) -> np.ndarray:
    """A, `[8, 16]`: picks the observed coordinates."""
    return np.eye(DIM)[self.mask > 0]


def prior() -> Prior:
  """Correlated neighbours, unequal spreads, every second one observed."""
  position = np.arange(DIM)
  spread = 0.6 + 0.3 * np.cos(position)
  correlation = 0.8 ** np.abs(position[:, None] - position)
  return Prior(
      mean=0.4 * np.sin(position),
      covariance=spread[:, None] * correlation * spread,
      mask=np.float64(position % 2 == 0),
  )


def posterior(p: Prior, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Mean and covariance given the observed coordinates `[8]`."""
  a = p.observed
  c = p.covariance
  gain = c @ a.T @ np.linalg.inv(a @ c @ a.T)
  return p.mean + gain @ (y - a @ p.mean), c - gain @ a @ c


class Level(NamedTuple):
  """alpha_bar and what the exact denoiser does: E[x0 | x] = gain x + offset."""

  alpha_bar: float
  gain: np.ndarray
  offset: np.ndarray

  @property
  def alpha(self) -> float:
    return np.sqrt(self.alpha_bar)

  @property
  def sigma(self) -> float:
    return np.sqrt(1 - self.alpha_bar)


def visited(
    p: Prior, num_steps: int, first_level: int = NUM_LEVELS
) -> list[Level]:
  """The levels of the linear schedule, noisiest first, clean data last."""
  alpha_bar = np.cumprod(1 - np.linspace(1e-4, 0.02, NUM_LEVELS))
  index = np.round(np.linspace(0, first_level - 1, num_steps)).astype(int)
  if num_steps == 1:
    index = np.array([first_level - 1])
  return [_level(p, alpha_bar[i]) for i in index[::-1]] + [_level(p, 1.0)]


def _level(p: Prior, alpha_bar: float) -> Level:
  a = np.sqrt(alpha_bar)
  total = alpha_bar * p.covariance + (1 - alpha_bar) * np.eye(DIM)
  gain = a * p.covariance @ np.linalg.inv(total)
  return Level(alpha_bar, gain, p.mean - a * gain @ p.mean)


class Affine(NamedTuple):
  """x -> matrix x + offset + sum_i noises[i] z_i, z_i standard normal.

  Not square where a chain remembers more than x.
  """

  matrix: np.ndarray
  offset: np.ndarray
  noises: tuple[np.ndarray, ...] = ()


def moments(
    start_scale: float, maps: Sequence[Affine]
) -> tuple[np.ndarray, np.ndarray]:
  """Mean and covariance of the maps applied to start_scale z."""
  mean, covariance = np.zeros(DIM), start_scale**2 * np.eye(DIM)
  for m in maps:
    mean = m.matrix @ mean + m.offset
    covariance = m.matrix @ covariance @ m.matrix.T
    for n in m.noises:
      covariance = covariance + n @ n.T
  return mean, covariance


def divergence(
    mean: np.ndarray, covariance: np.ndarray, p: Prior
) -> float:
  """KL divergence of N(mean, covariance) from the prior, in nats."""
  inverse = np.linalg.inv(p.covariance)
  shift = mean - p.mean
  ratio = inverse @ covariance
  _, log_det = np.linalg.slogdet(ratio)
  return 0.5 * (np.trace(ratio) - DIM - log_det + shift @ inverse @ shift)


def scores(
    samples: np.ndarray, mean: np.ndarray, covariance: np.ndarray
) -> dict[str, float]:
  """How many standard errors the samples' moments are from those given.

  Along the directions in which the covariance vanishes the samples have to
  agree with the mean to rounding. In the others, k of them, whitened samples
  w have n |mean w|^2 ~ chi2(k) and n/2 |cov w - I|^2 ~ chi2(k (k + 1) / 2);
  each is returned in standard deviations from its expectation.

  Args:
    samples: `[n, d]`.
    mean: `[d]`, of the null hypothesis.
    covariance: `[d, d]`, likewise.
  """
  variance, basis = np.linalg.eigh(covariance)
  alive = variance > 1e-8 * variance.max()
  centred = (samples - mean) @ basis
  white = centred[:, alive] / np.sqrt(variance[alive])
  n, k = white.shape
  average = white.mean(axis=0)
  spread = (white - average).T @ (white - average) / (n - 1)
  pairs = k * (k + 1) / 2
  off = n / 2 * np.sum((spread - np.eye(k)) ** 2)
  return {
      "mean": (n * average @ average - k) / np.sqrt(2 * k),
      "covariance": (off - pairs) / np.sqrt(2 * pairs),
      "degenerate": float(np.abs(centred[:, ~alive]).max(initial=0.0)),
  }
