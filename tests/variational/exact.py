"""A Gaussian prior, and everything about VIPaint's chain in closed form.

Plain numpy in float64, independent of the library: with an exact denoiser
every network call is affine, so the bound is a sum of Gaussian expectations
and the chain's own evidence a Gaussian density.

`proper` chains have, in every step, the variance that x has left given z:
their means are the same, and their evidence is the prior's. The others are
those that VIPaint samples from.
"""

from typing import NamedTuple

import numpy as np

DIM = 16


class Prior(NamedTuple):
  """N(mean, covariance)."""

  mean: np.ndarray
  covariance: np.ndarray

  def estimate(self, alpha, sigma):
    """E[x0 | z] = gain z + offset."""
    total = alpha**2 * self.covariance + sigma**2 * np.eye(DIM)
    gain = alpha * self.covariance @ np.linalg.inv(total)
    return gain, self.mean - alpha * gain @ self.mean


def prior(correlation: float = 0.0) -> Prior:
  position = np.arange(DIM)
  spread = 0.5 + 0.3 * np.cos(position)
  mixing = correlation ** np.abs(position[:, None] - position)
  return Prior(0.5 * np.sin(position), spread[:, None] * mixing * spread)


class Problem(NamedTuple):
  """y = mask (x + noise_std n), and a schedule's tables."""

  prior: Prior
  mask: np.ndarray
  noise_std: float
  alpha: np.ndarray
  sigma: np.ndarray


def log_density(y, mean, covariance):
  """Of a Gaussian, in nats."""
  shift = y - mean
  _, log_det = np.linalg.slogdet(2 * np.pi * covariance)
  return -0.5 * (log_det + shift @ np.linalg.solve(covariance, shift))


def evidence(p: Problem, y: np.ndarray) -> float:
  """log p(y) of the observed coordinates under the prior itself."""
  a = np.eye(DIM)[p.mask > 0]
  cov = a @ p.prior.covariance @ a.T + p.noise_std**2 * np.eye(len(a))
  return log_density(a @ y, a @ p.prior.mean, cov)


def conditional(p: Problem, y: np.ndarray):
  """Mean and covariance of x given the observed coordinates."""
  a, c = np.eye(DIM)[p.mask > 0], p.prior.covariance
  gain = c @ a.T @ np.linalg.inv(
      a @ c @ a.T + p.noise_std**2 * np.eye(len(a)))
  return p.prior.mean + gain @ (a @ (y - p.prior.mean)), c - gain @ a @ c


def reverse_step(p: Problem, t: int):
  """p(z_{t-1} | z_t) = N(matrix z_t + offset, variance)."""
  s = t - 1
  ratio = p.alpha[t] / p.alpha[s]
  step = p.sigma[t] ** 2 - ratio**2 * p.sigma[s] ** 2
  gain, offset = p.prior.estimate(p.alpha[t], p.sigma[t])
  on_x0 = p.alpha[s] * step / p.sigma[t] ** 2
  matrix = (ratio * p.sigma[s] ** 2 / p.sigma[t] ** 2 * np.eye(DIM)
            + on_x0 * gain)
  variance = step * p.sigma[s] ** 2 / p.sigma[t] ** 2
  if s == 0:
    variance = (p.sigma[1] / p.alpha[1]) ** 2
  return matrix, on_x0 * offset, variance


def transition(p: Problem, above: int, below: int, eta: float):
  """The prior's DDIM transition between two levels of the hierarchy."""
  a, b = p.alpha[[above, below]], p.sigma[[above, below]]
  ratio = a[0] / a[1]
  full = (b[0] ** 2 - ratio**2 * b[1] ** 2) * b[1] ** 2 / b[0] ** 2
  gain, offset = p.prior.estimate(a[0], b[0])
  on_eps = np.sqrt(b[1] ** 2 - eta * full)
  matrix = a[1] * gain + on_eps * (np.eye(DIM) - a[0] * gain) / b[0]
  return matrix, (a[1] - on_eps * a[0] / b[0]) * offset, eta * full


def final_estimate(p: Problem, level: int):
  if level == 0:
    return np.eye(DIM), np.zeros(DIM)
  return p.prior.estimate(p.alpha[level], p.sigma[level])


def remainder(p: Problem, level: int):
  """Covariance of x given z; 0 on clean data."""
  gain, _ = final_estimate(p, level)
  if level == 0:
    return np.zeros((DIM, DIM))
  return p.prior.covariance - p.alpha[level] * gain @ p.prior.covariance


def _of_x(p: Problem, above: int, below: int, variance: float):
  """What x adds to the covariance of a step of the given own variance.

  x itself takes the place of its estimate in alpha x + sqrt(sigma^2 -
  variance) eps with eps = (z - alpha x) / sigma of the level above.
  """
  a, b = p.alpha[[above, below]], p.sigma[[above, below]]
  share = a[1] - np.sqrt(b[1] ** 2 - variance) * a[0] / b[0]
  return share**2 * remainder(p, above)


def reverse_kernel(p: Problem, t: int, proper: bool):
  """`reverse_step` with a covariance matrix."""
  matrix, offset, variance = reverse_step(p, t)
  if not proper:
    return matrix, offset, variance * np.eye(DIM)
  own = variance if p.sigma[t - 1] > 0 else 0.0
  return matrix, offset, own * np.eye(DIM) + _of_x(p, t, t - 1, own)


def kernel(p: Problem, above: int, below: int, eta: float, proper: bool):
  """`transition` with a covariance matrix."""
  matrix, offset, variance = transition(p, above, below, eta)
  covariance = variance * np.eye(DIM)
  if proper:
    covariance += _of_x(p, above, below, variance)
  return matrix, offset, covariance


def top(p: Problem, proper: bool):
  """Mean and covariance of p(z_T)."""
  a, b, eye = p.alpha[-1], p.sigma[-1], np.eye(DIM)
  if proper:
    return a * p.prior.mean, a**2 * p.prior.covariance + b**2 * eye
  return np.zeros(DIM), (a**2 + b**2) * eye


def chain(p: Problem, levels, eta: float, proper: bool = False):
  """Mean and covariance of z_{K-1} in the chain."""
  mean, cov = top(p, proper)
  kernels = [reverse_kernel(p, t, proper)
             for t in range(len(p.alpha) - 1, levels[0], -1)]
  kernels += [kernel(p, *pair, eta, proper)
              for pair in zip(levels[:-1], levels[1:], strict=True)]
  for matrix, offset, own in kernels:
    mean = matrix @ mean + offset
    cov = matrix @ cov @ matrix.T + own
  return mean, cov


def noise_of_y(p: Problem, level: int, proper: bool):
  """Covariance of the observed part of y given z at the last level."""
  a = np.eye(DIM)[p.mask > 0]
  noise = p.noise_std**2 * np.eye(len(a))
  return noise + a @ remainder(p, level) @ a.T if proper else noise


def seen(p: Problem, levels, eta: float, y: np.ndarray, proper: bool):
  """y given z_{K-1}: matrix, what is left of y, and its noise; the chain."""
  gain, offset = final_estimate(p, levels[-1])
  a = np.eye(DIM)[p.mask > 0]
  return (a @ gain, a @ (y - offset), noise_of_y(p, levels[-1], proper),
          *chain(p, levels, eta, proper))


def chain_evidence(p, levels, eta, y, proper: bool = False) -> float:
  """log p(y) of that chain, Gaussian throughout."""
  a, left, noise, mean, cov = seen(p, levels, eta, y, proper)
  return log_density(left, a @ mean, a @ cov @ a.T + noise)


def chain_conditional(p, levels, eta, y, proper: bool = False):
  """Mean and covariance of z_{K-1} given y in that chain."""
  a, left, noise, mean, cov = seen(p, levels, eta, y, proper)
  gain = cov @ a.T @ np.linalg.inv(a @ cov @ a.T + noise)
  return mean + gain @ (left - a @ mean), cov - gain @ a @ cov


def optimum(p: Problem, levels, eta: float, y: np.ndarray):
  """mu, tau and g `[K, 16]` of z given y in the proper chain.

  For a diagonal prior, whose elements do not mix. What y says of z_k, a
  Gaussian of precision `sure` and mean `pull` / `sure`, is passed upwards.
  """
  gain, offset = final_estimate(p, levels[-1])
  gain, own = np.diag(gain), np.diag(remainder(p, levels[-1]))
  weight = p.mask * gain / (p.noise_std**2 + own)
  sure, pull = weight * gain, weight * (y - offset)
  rows = []
  for pair in zip(levels[-2::-1], levels[:0:-1], strict=True):
    matrix, offset, own = kernel(p, *pair, eta, proper=True)
    matrix, own = np.diag(matrix), np.diag(own)
    mixing = 1 / (1 + own * sure)
    rows.append((pull / np.where(sure > 0, sure, 1), np.sqrt(own * mixing),
                 mixing))
    pull = matrix * (pull - sure * offset) * mixing
    sure = matrix**2 * sure * mixing
  a, b = p.alpha[levels[0]], p.sigma[levels[0]]
  own = a**2 * np.diag(p.prior.covariance) + b**2
  variance = 1 / (1 / own + sure)
  start = variance * (a * p.prior.mean / own + pull)
  rows.append((start, np.sqrt(variance), np.ones(DIM)))
  return tuple(np.stack(leaf) for leaf in zip(*rows[::-1], strict=True))


def fitted_marginal(p: Problem, levels, eta: float, mu, std, g):
  """Mean and covariance of z_{K-1} under parameters `[K, 16]`."""
  mean, cov = mu[0], np.diag(std[0] ** 2)
  pairs = zip(levels[:-1], levels[1:], strict=True)
  for k, pair in enumerate(pairs, start=1):
    matrix, offset, _ = transition(p, *pair, eta)
    slope = g[k][:, None] * matrix
    mean = slope @ mean + g[k] * offset + (1 - g[k]) * mu[k]
    cov = slope @ cov @ slope.T + np.diag(std[k] ** 2)
  return mean, cov


def clean(p: Problem, level: int, y: np.ndarray, mean, cov):
  """Mean and covariance of x given y, for z ~ N(mean, cov) at the level.

  x given z and y, averaged over z.
  """
  gain, offset = final_estimate(p, level)
  a, left = np.eye(DIM)[p.mask > 0], remainder(p, level)
  pull = left @ a.T @ np.linalg.inv(noise_of_y(p, level, proper=True))
  keep = np.eye(DIM) - pull @ a
  on_z = keep @ gain
  return (on_z @ mean + keep @ offset + pull @ a @ y,
          on_z @ cov @ on_z.T + keep @ left)


def bound(
    p: Problem, levels, eta, y, mu, std, g, proper: bool = False
) -> dict[str, float]:
  """The three terms of minus the bound for parameters `[K, 16]`, exactly."""
  cov = np.diag(std[0] ** 2)
  above = _above(p, levels[0], mu[0], cov, proper)
  above -= 0.5 * np.sum(np.log(2 * np.pi * np.e * std[0] ** 2))
  between, mean = 0.0, mu[0]
  pairs = zip(levels[:-1], levels[1:], strict=True)
  for k, pair in enumerate(pairs, start=1):
    matrix, offset, own = kernel(p, *pair, eta, proper)
    m = matrix @ mean + offset
    m_cov = matrix @ cov @ matrix.T
    scaled = (1 - g[k])[:, None] * m_cov * (1 - g[k])
    between += divergence(
        (1 - g[k]) * (mu[k] - m), scaled, np.diag(std[k] ** 2), own)
    mean = g[k] * m + (1 - g[k]) * mu[k]
    cov = g[k][:, None] * m_cov * g[k] + np.diag(std[k] ** 2)
  gain, offset = final_estimate(p, levels[-1])
  a, noise = np.eye(DIM)[p.mask > 0], noise_of_y(p, levels[-1], proper)
  miss, gain = a @ (y - gain @ mean - offset), a @ gain
  nll = -log_density(miss, 0, noise) + 0.5 * np.trace(
      np.linalg.solve(noise, gain @ cov @ gain.T))
  return {"reconstruction": nll, "hierarchy": between, "diffusion": above}


def divergence(gap, gap_cov, own, other) -> float:
  """E KL(N(u, own) || N(0, other)) over u ~ N(gap, gap_cov)."""
  share = np.linalg.solve(other, own)
  return 0.5 * (
      gap @ np.linalg.solve(other, gap)
      + np.trace(np.linalg.solve(other, gap_cov))
      + np.trace(share) - DIM - np.linalg.slogdet(share)[1])


def _above(p, e, mean, cov, proper):
  """Everything above T_e except the entropy of z_0."""
  last, eye, total = len(p.alpha) - 1, np.eye(DIM), 0.0
  for t in range(e + 1, last + 1):
    a, v = _jump(p, e, t)
    matrix, offset, covariance = reverse_kernel(p, t, proper)
    if t == e + 1:
      on_start, on_t = eye, 0 * eye
    else:
      a_s, v_s = _jump(p, e, t - 1)
      ratio = p.alpha[t] / p.alpha[t - 1]
      # z_s and z_t given z_0: a 2 x 2 Gaussian, conditioned on z_t.
      pull = ratio * v_s / v
      on_start, on_t = (a_s - pull * a) * eye, pull * eye
      own = v_s - pull * ratio * v_s
    on_start = on_start + (on_t - matrix) * a
    gap = on_start @ mean - offset
    gap_cov = (on_start @ cov @ on_start.T
               + v * (on_t - matrix) @ (on_t - matrix).T)
    if t == e + 1:
      total -= log_density(gap, 0, covariance)
      total += 0.5 * np.trace(np.linalg.solve(covariance, gap_cov))
    else:
      total += divergence(gap, gap_cov, own * eye, covariance)
  a, v = _jump(p, e, last)
  start, spread = top(p, proper)
  return total + divergence(a * mean - start, a * a * cov, v * eye, spread)


def _jump(p, e, t):
  a = p.alpha[t] / p.alpha[e]
  return a, p.sigma[t] ** 2 - a**2 * p.sigma[e] ** 2
