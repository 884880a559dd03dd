"""A Gaussian prior, and everything about VIPaint's chain in closed form.

Plain numpy in float64, independent of the library: with an exact denoiser
every network call is affine, so the bound is a sum of Gaussian expectations
and the chain's own evidence a Gaussian density.
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


def chain(p: Problem, levels, eta: float):
  """Mean and covariance of z_{K-1} in the chain that VIPaint samples from."""
  top = len(p.alpha) - 1
  mean = np.zeros(DIM)
  cov = (p.alpha[top] ** 2 + p.sigma[top] ** 2) * np.eye(DIM)
  maps = [reverse_step(p, t) for t in range(top, levels[0], -1)]
  maps += [transition(p, *pair, eta)
           for pair in zip(levels[:-1], levels[1:], strict=True)]
  for matrix, offset, variance in maps:
    mean = matrix @ mean + offset
    cov = matrix @ cov @ matrix.T + variance * np.eye(DIM)
  return mean, cov


def seen(p: Problem, levels, eta: float, y: np.ndarray):
  """y given z_{K-1}: matrix, what is left of y, and its noise; the chain."""
  gain, offset = final_estimate(p, levels[-1])
  a = np.eye(DIM)[p.mask > 0]
  return (a @ gain, a @ (y - offset), p.noise_std**2 * np.eye(len(a)),
          *chain(p, levels, eta))


def chain_evidence(p: Problem, levels, eta: float, y: np.ndarray) -> float:
  """log p(y) of that chain, Gaussian throughout."""
  a, left, noise, mean, cov = seen(p, levels, eta, y)
  return log_density(left, a @ mean, a @ cov @ a.T + noise)


def chain_conditional(p: Problem, levels, eta: float, y: np.ndarray):
  """Mean and covariance of z_{K-1} given y in that chain."""
  a, left, noise, mean, cov = seen(p, levels, eta, y)
  gain = cov @ a.T @ np.linalg.inv(a @ cov @ a.T + noise)
  return mean + gain @ (left - a @ mean), cov - gain @ a @ cov


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


def squared(mean, cov):
  """E |u|^2, element by element."""
  return mean**2 + np.diag(cov)


def bound(p: Problem, levels, eta, y, mu, std, g) -> dict[str, float]:
  """The three terms of minus the bound for parameters `[K, 16]`, exactly."""
  cov = np.diag(std[0] ** 2)
  above = _above(p, levels[0], mu[0], cov)
  above -= 0.5 * np.sum(np.log(2 * np.pi * np.e * std[0] ** 2))
  between, mean = 0.0, mu[0]
  pairs = zip(levels[:-1], levels[1:], strict=True)
  for k, pair in enumerate(pairs, start=1):
    matrix, offset, variance = transition(p, *pair, eta)
    m = matrix @ mean + offset
    m_cov = matrix @ cov @ matrix.T
    scaled = (1 - g[k])[:, None] * m_cov * (1 - g[k])
    gap = squared((1 - g[k]) * (mu[k] - m), scaled)
    ratio = std[k] ** 2 / variance
    between += 0.5 * np.sum(gap / variance + ratio - 1 - np.log(ratio))
    mean = g[k] * m + (1 - g[k]) * mu[k]
    cov = g[k][:, None] * m_cov * g[k] + np.diag(std[k] ** 2)
  gain, offset = final_estimate(p, levels[-1])
  miss = squared(y - gain @ mean - offset, gain @ cov @ gain.T)
  noise = p.noise_std**2
  nll = 0.5 * np.sum(p.mask * (miss / noise + np.log(2 * np.pi * noise)))
  return {"reconstruction": nll, "hierarchy": between, "diffusion": above}


def _above(p, e, mean, cov):
  """Everything above T_e except the entropy of z_0."""
  top, eye, total = len(p.alpha) - 1, np.eye(DIM), 0.0
  for t in range(e + 1, top + 1):
    a, v = _jump(p, e, t)
    matrix, offset, variance = reverse_step(p, t)
    if t == e + 1:
      on_start, on_t, own = eye, 0 * eye, 0.0
      total += 0.5 * DIM * np.log(2 * np.pi * variance)
    else:
      a_s, v_s = _jump(p, e, t - 1)
      ratio = p.alpha[t] / p.alpha[t - 1]
      # z_s and z_t given z_0: a 2 x 2 Gaussian, conditioned on z_t.
      pull = ratio * v_s / v
      on_start, on_t = (a_s - pull * a) * eye, pull * eye
      own = v_s - pull * ratio * v_s
      total += 0.5 * DIM * (
          own / variance - 1 - np.log(own / variance))
    on_start = on_start + (on_t - matrix) * a
    gap = squared(
        on_start @ mean - offset,
        on_start @ cov @ on_start.T + v * (on_t - matrix) @ (on_t - matrix).T)
    total += np.sum(gap) / (2 * variance)
  a, v = _jump(p, e, top)
  scale = p.alpha[top] ** 2 + p.sigma[top] ** 2
  last = squared(a * mean, a * a * cov) + v
  return total + 0.5 * np.sum(last / scale - 1 - np.log(v / scale))


def _jump(p, e, t):
  a = p.alpha[t] / p.alpha[e]
  return a, p.sigma[t] ** 2 - a**2 * p.sigma[e] ** 2
