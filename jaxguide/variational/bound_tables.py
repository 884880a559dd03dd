"""Constants of the bound proper, per level above T_e, in float64.

Above T_e the posterior is continued by the forward chain of the schedule and
the prior is the chain of Ho et al. 2020, p(z_s | z_t) = N(E[z_s | z_t,
x0(z_t)], posterior variance), from N(0, alpha_T^2 + sigma_T^2) at the top.
With a and v of the transition from T_e to t, z_t = a z_e + sqrt(v) n, every
mean difference is a multiple of rho eps(z_t) - n, rho = sqrt(v) / sigma_t,
so a step costs lambda_t |rho eps(z_t) - n|^2 and a constant.

Where the prior's own variance takes the place of the chain's
(`moments.Moments`), it is a multiple 1 + r of it, r = share + slope V, V =
Var[x | z_t]. That divides |rho eps - n|^2 and adds, per element,
(log(1 + r) - f r / (1 + r)) / 2, f the variance of q over the chain's.
"""

from typing import NamedTuple

import numpy as np

from jaxguide import arrays
from jaxguide import schedules

# Share of the drawn levels that is uniform: it bounds the weights.
_UNIFORM = 0.1


class BoundTables(NamedTuple):
  """Tables over the levels t = T_e + 1 .. N, leading axis M.

  The first row is the step onto z_e itself, a log-likelihood and not a KL
  divergence; it is always evaluated, the others are drawn.

  Attributes:
    rows: the schedule at t.
    scale: a.
    std: sqrt(v).
    eps_ratio: sqrt(v) / sigma_t.
    weight: lambda_t.
    inverse_probability: 1 / p_t of the drawn levels; entry 0 is 0.
    cumulative: sums of p_t over the drawn levels, `[M - 1]`.
    constant: the sum of all constants, per element.
    terminal: (a^2 / s^2, v / s^2) at N, s^2 the variance of p(z_T), `[2]`.
    share: 0; -1 in the step onto clean data, which has no variance of its
      own.
    slope: c^2 over the chain's variance, c the share of x in the mean.
    fraction: f; 0 in the first row.
  """

  rows: schedules.NoiseLevel
  scale: arrays.Array
  std: arrays.Array
  eps_ratio: arrays.Array
  weight: arrays.Array
  inverse_probability: arrays.Array
  cumulative: arrays.Array
  constant: arrays.Array
  terminal: arrays.Array
  share: arrays.Array
  slope: arrays.Array
  fraction: arrays.Array


def tables(schedule: schedules.Schedule, level: int) -> BoundTables:
  """The tables for T_e = `level`, which may be 0.

  Args:
    schedule: concrete.
    level: at most N - 2.
  """
  alpha_e, sigma_e = schedule.alpha[level], schedule.sigma[level]
  t = np.arange(level + 1, schedule.num_levels + 1)
  alpha, sigma = schedule.alpha[t], schedule.sigma[t]
  a = alpha / alpha_e
  v = sigma**2 - (a * sigma_e) ** 2
  weight, constant, share, slope, fraction = _steps(schedule, t, a, v)
  probability = weight[1:] / weight[1:].sum()
  probability = (1 - _UNIFORM) * probability + _UNIFORM / probability.size
  top = alpha[-1] ** 2 + sigma[-1] ** 2
  return BoundTables(
      rows=schedules.NoiseLevel(
          *(np.float32(table[t]) for table in schedule), level=np.int32(t)),
      scale=np.float32(a),
      std=np.float32(np.sqrt(v)),
      eps_ratio=np.float32(np.sqrt(v) / sigma),
      weight=np.float32(weight),
      inverse_probability=np.float32(np.concatenate([[0], 1 / probability])),
      cumulative=np.float32(np.cumsum(probability)),
      constant=np.float32(constant.sum()),
      terminal=np.float32([a[-1] ** 2 / top, v[-1] / top]),
      share=np.float32(share),
      slope=np.float32(slope),
      fraction=np.float32(fraction),
  )


def _steps(schedule, t, a, v):
  """lambda, constant, share, slope and f of every step to s = t - 1."""
  s = t - 1
  ratio = schedule.alpha[t] / schedule.alpha[s]
  step = schedule.sigma[t] ** 2 - (ratio * schedule.sigma[s]) ** 2
  prior = step * (schedule.sigma[s] / schedule.sigma[t]) ** 2
  share = np.zeros_like(v)
  if schedule.sigma[s[0]] == 0:
    share[0] = -1
    # z_1 determines clean data up to this variance, whatever the prior.
    prior[0] = (schedule.sigma[t[0]] / schedule.alpha[t[0]]) ** 2
  v_s = np.concatenate([[0.0], v[:-1]])
  a_s = np.concatenate([[1.0], a[:-1]])
  posterior = step * v_s / v
  # The mean of z_s moves with z_e by a_s step / v, z_e - E[z_e] is
  # sqrt(v) / a times (rho eps - n).
  move = a_s * step / v * np.sqrt(v) / a
  weight = move**2 / (2 * prior)
  constant = np.empty_like(v)
  constant[0] = 0.5 * np.log(2 * np.pi * prior[0])
  fraction = posterior / prior
  constant[1:] = 0.5 * (fraction[1:] - 1 - np.log(fraction[1:]))
  slope = (schedule.alpha[s] * step / schedule.sigma[t] ** 2) ** 2 / prior
  return weight, constant, share, slope, fraction
