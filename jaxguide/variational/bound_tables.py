"""Constants of the bound proper, per level above T_e, in float64.

Above T_e the posterior is continued by the forward chain of the schedule and
the prior is the chain of Ho et al. 2020, p(z_s | z_t) = N(E[z_s | z_t,
x0(z_t)], posterior variance), from N(0, alpha_T^2 + sigma_T^2) at the top.
With a and v of the transition from T_e to t, z_t = a z_e + sqrt(v) n, every
mean difference is a multiple of rho eps(z_t) - n, rho = sqrt(v) / sigma_t,
so a step costs lambda_t |rho eps(z_t) - n|^2 and a constant.

Where the prior's own variance (`prior_moments.Moments`) takes the place of
the chain's, it is a multiple 1 + r of it, r = share + slope V, V =
Var[x | z_t]. That divides |rho eps - n|^2 and adds, per element,
(log(1 + r) - f r / (1 + r)) / 2, f the variance of q over the chain's.
"""

from typing import NamedTuple

import jax
import numpy as np

from jaxguide import arrays
from jaxguide import schedules
from jaxguide.variational import plans

# Share of the drawn levels that is uniform: it bounds the weights.
_UNIFORM = 0.1


class BoundConstants(NamedTuple):
  """Tables over the levels t = T_e + 1 .. N, leading axis M.

  The first row is the step onto z_e itself, a log-likelihood and not a KL
  divergence; it is always evaluated, the others are drawn.

  Attributes:
    rows: points of the schedule at t, leaves `[M]`.
    scale: a, the factor of z_e in z_t, `[M]`.
    std: sqrt(v), the standard deviation of z_t given z_e, `[M]`.
    eps_ratio: rho = sqrt(v) / sigma_t, `[M]`.
    weight: lambda_t, the cost of a squared mean difference, `[M]`.
    inverse_probability: 1 / p_t of the drawn levels, `[M]`; entry 0 is 0.
    cumulative: sums of p_t over the drawn levels, `[M - 1]`.
    constant: sum of all constants, per element of z.
    terminal: (a^2 / s^2, v / s^2) at N, s^2 the variance of p(z_T), `[2]`.
    share: summand of r, `[M]`: -1 in the step onto clean data, which has no
      variance of its own, and 0 elsewhere.
    slope: factor of V in r, `[M]`: c^2 over the chain's variance, c the share
      of x in the mean.
    fraction: f, the variance of q over the chain's, `[M]`; 0 in the first
      row.
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


def bound_constants(
    schedule: schedules.Schedule, plan: plans.Plan
) -> BoundConstants:
  """What `bound_loss` and `elbo` need beside the plan, made outside jit.

  Args:
    schedule: schedule that the plan was made from, concrete.
    plan: plan of the posterior; its noisiest level T_e, which may be 0,
      decides.

  Returns:
    Float32 tables, which may be arguments of a compiled function.

  Raises:
    ValueError: if the schedule is traced, or the plan was made from another
      one.

  Example:
    >>> from jaxguide import schedules, variational
    >>> schedule = schedules.linear(1000)
    >>> plan = variational.vipaint_plan(schedule, (551, 401))
    >>> constants = variational.bound_constants(schedule, plan)
    >>> constants.scale.shape  # Levels 552 to 1000.
    (449,)
  """
  level = plan.levels[0]
  _check_origin(schedule, plan)
  alpha_e, sigma_e = schedule.alpha[level], schedule.sigma[level]
  t = np.arange(level + 1, schedule.num_levels + 1)
  alpha, sigma = schedule.alpha[t], schedule.sigma[t]
  a = alpha / alpha_e
  v = sigma**2 - (a * sigma_e) ** 2
  weight, constant, share, slope, fraction = _steps(schedule, t, a, v)
  probability = weight[1:] / weight[1:].sum()
  probability = (1 - _UNIFORM) * probability + _UNIFORM / probability.size
  top = alpha[-1] ** 2 + sigma[-1] ** 2
  return BoundConstants(
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


def check_constants(constants: BoundConstants, plan: plans.Plan) -> None:
  """Raises `ValueError` where the constants are those of another T_e.

  Args:
    constants: tables from `bound_constants`; traced ones are not checked.
    plan: plan of the posterior.
  """
  lowest = constants.rows.level
  if isinstance(lowest, jax.core.Tracer):
    return
  if lowest[0] != plan.levels[0] + 1:
    raise ValueError(
        "constants must be made by bound_constants for the plan's noisiest "
        f"level {plan.levels[0]}, got those of level {lowest[0] - 1}")


def _check_origin(schedule, plan):
  schedules.check_concrete(schedule)
  top, level = schedule.num_levels, plan.levels[0]
  wanted = np.float32(schedule.sigma[level]) if level <= top else None
  if wanted is None or wanted != plan.rows.sigma[0]:
    raise ValueError(
        f"plan must be made from the schedule given: its level {level} has "
        f"sigma {plan.rows.sigma[0]:g}, the schedule of {top} levels has "
        f"{'no such level' if wanted is None else f'{wanted:g} there'}")


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
