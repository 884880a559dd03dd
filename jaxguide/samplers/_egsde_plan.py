"""The plan of EGSDE and SDEdit; `egsde` states the step and the variants."""

import enum
from typing import NamedTuple

import jax
import numpy as np

from jaxguide import arrays
from jaxguide import schedules
from jaxguide.samplers import core

SOLVERS = ("ancestral", "em")
VARIANCES = ("fixed_small", "fixed_large")
SHIFTS = ("score", "mean")


@jax.tree_util.register_static
class SourceNoise(enum.Enum):
  """What the source is noised with in a step.

  It belongs to the structure of a plan, not to its numbers: where it is
  fresh, the program has one more draw.
  """

  FRESH = "fresh"
  SHARED = "shared"


SOURCE_NOISES = tuple(kind.value for kind in SourceNoise)


class EgsdeCoefficients(NamedTuple):
  """x_s = x_scale x_t - eps_scale eps - energy_scale grad E + noise_std z.

  Attributes:
    x_scale: factor of x_t.
    eps_scale: factor of the prior's eps.
    energy_scale: factor of the gradient.
    noise_std: standard deviation of the fresh noise, 0 in the step that
      arrives at clean data.
    kept_alpha: factor of the source in the region that is kept.
    kept_sigma: factor of the source's noise there.
    restart_alpha: factor of the result in the start of the next repeat.
    restart_sigma: factor of the noise there.
    source_noise: noise of the source, the same kind in all steps.
  """

  x_scale: arrays.Array
  eps_scale: arrays.Array
  energy_scale: arrays.Array
  noise_std: arrays.Array
  kept_alpha: arrays.Array
  kept_sigma: arrays.Array
  restart_alpha: arrays.Array
  restart_sigma: arrays.Array
  source_noise: SourceNoise


def egsde_steps(
    schedule: schedules.Schedule,
    num_steps: int | None = None,
    *,
    first_level: int | None = None,
    solver: str = "ancestral",
    variant: str = "paper",
    variance: str = "fixed_small",
    shift: str = "score",
    num_repeats: int = 1,
    source_noise: str | None = None,
) -> core.Steps:
  """The plan of EGSDE and SDEdit: num_repeats times num_steps steps.

  Args:
    schedule: schedule of any kind, concrete; variance-preserving for
      `variant="released"`.
    num_steps: number N of levels visited in a repeat, from 1 to M, thinned by
      `schedules.space_levels`; all M when left out.
    first_level: level M that the source is noised to; half of the schedule's
      levels when left out. The released M = 500 is level 500.
    solver: name, "ancestral", the step of `egsde`'s text, or "em", the
      Euler-Maruyama step (1 + b/2) x_t + b (score - grad E) + sqrt(b) z with
      b the sum of the betas passed.
    variant: name, "paper" or "released".
    variance: name of std^2 of "ancestral": "fixed_small" is v sigma_s^2 /
      sigma_t^2, "fixed_large" is v.
    shift: name of energy_scale: "score" is v / r, which moves eps by sigma grad
      E; "mean" is the small variance, which with a classifier's energy is the
      condition_mean form of Dhariwal and Nichol (arXiv:2105.05233, Alg. 1).
    num_repeats: number K of repeats; each repeat but the first starts from the
      noised result of the one before.
    source_noise: name, "fresh" draws the noise of the source in each step,
      "shared" takes that of the start; implied by the variant when left out.

  Returns:
    The plan. The last step of every repeat but the last is a RESTART.

  Raises:
    ValueError: naming the argument out of range.

  Example:
    >>> from jaxguide import samplers, schedules
    >>> steps = samplers.egsde_steps(
    ...     schedules.linear(1000), 2, first_level=500, num_repeats=2)
    >>> print(steps.level.level, steps.next_level.level)
    [500   1 500   1] [1 0 1 0]
  """
  arrays.check_choice("solver", solver, SOLVERS)
  arrays.check_choice("variant", variant, core.VARIANTS)
  arrays.check_choice("variance", variance, VARIANCES)
  arrays.check_choice("shift", shift, SHIFTS)
  if source_noise is None:
    source_noise = "shared" if variant == "released" else "fresh"
  arrays.check_choice("source_noise", source_noise, SOURCE_NOISES)
  schedules.check_concrete(schedule)
  if num_repeats < 1:
    raise ValueError(f"num_repeats must be at least 1, got {num_repeats}")
  top = max(schedule.num_levels // 2, 1) if first_level is None else first_level
  count = top if num_steps is None else num_steps
  grid = schedules.space_levels(schedule, count, top)
  levels, nexts = grid[:-1], grid[1:]
  if variant == "released":
    if solver != "ancestral" or count != top:
      raise ValueError(
          "variant='released' has solver 'ancestral' and visits every level, "
          f"got {solver!r} and {count} steps from level {top}")
    schedule, betas = released_tables(schedule)
    scales = _released(schedule, betas, levels, variance)
  elif solver == "em":
    scales = _euler_maruyama(schedule, levels, nexts)
  else:
    scales = _ancestral(schedule, levels, nexts, variance)
  if shift == "mean":
    small = core.conditional_variance(schedule, levels, nexts)
    scales = (*scales[:2], small, scales[3])
  seen = levels if variant == "released" else nexts
  kept = (schedule.alpha[seen], schedule.sigma[seen])
  rows = EgsdeCoefficients(
      *(np.tile(c, num_repeats) for c in (*scales, *kept)),
      schedule.alpha[top], schedule.sigma[top], SourceNoise(source_noise))
  last = np.arange(count * num_repeats) % count == count - 1
  last[-1] = False
  return core.plan(
      schedule, np.tile(levels, num_repeats), np.tile(nexts, num_repeats),
      rows, np.where(last, core.RESTART, core.DENOISE))


def _ancestral(schedule, levels, nexts, variance):
  ratio, forward = _transition(schedule, levels, nexts)
  small = core.conditional_variance(schedule, levels, nexts)
  spread = small if variance == "fixed_small" else forward
  return (
      1 / ratio,
      forward / (ratio * schedule.sigma[levels]),
      forward / ratio,
      np.where(nexts > 0, np.sqrt(spread), 0.0),
  )


def _euler_maruyama(schedule, levels, nexts):
  every = np.arange(1, schedule.num_levels + 1)
  ratio, forward = _transition(schedule, every, every - 1)
  drift, spread = (
      np.concatenate([[0.0], np.cumsum(c)]) for c in (1 - ratio**2, forward))
  b = spread[levels] - spread[nexts]
  return (
      1 + (drift[levels] - drift[nexts]) / 2,
      b / schedule.sigma[levels],
      b,
      np.where(nexts > 0, np.sqrt(b), 0.0),
  )


def _transition(schedule, levels, nexts):
  """r and v: x_t = r x_s + sqrt(v) z."""
  ratio = schedule.alpha[levels] / schedule.alpha[nexts]
  forward = schedule.sigma[levels] ** 2 - (ratio * schedule.sigma[nexts]) ** 2
  return ratio, forward


def released_tables(
    schedule: schedules.Schedule,
) -> tuple[schedules.Schedule, np.ndarray]:
  """The float32 tables of the released program.

  Betas are rounded to float32 first; products of 1 - beta are accumulated
  wider, and every one of them is rounded. 1 - alpha_bar then cancels: its
  error is 1.7e-4 of it at level 1.

  Args:
    schedule: schedule that preserves the variance, concrete.

  Returns:
    The rounded schedule, tables float32, and betas `[N + 1]` with a 0 first.

  Raises:
    ValueError: if the schedule does not preserve the variance.
  """
  schedules.check_preserves_variance(schedule, "variant='released'")
  exact = schedule.alpha_bar
  betas = np.float32(np.concatenate([[0.0], 1 - exact[1:] / exact[:-1]]))
  alpha_bar = np.float32(np.cumprod(np.float64(np.float32(1) - betas)))
  rounded = schedules.Schedule(
      alpha=np.sqrt(alpha_bar),
      sigma=np.sqrt(np.float32(1) - alpha_bar),
      time=schedule.time,
  )
  return rounded, betas


def _released(schedule, betas, levels, variance):
  """The published program's order of float32 operations."""
  one, beta = np.float32(1), betas[levels]
  sigma = schedule.sigma[levels]
  recip = one / np.sqrt(one - beta)
  before = schedule.sigma[levels - 1] ** 2
  spread = beta
  if variance == "fixed_small":
    spread = np.maximum(beta * before / sigma**2, np.float32(1e-20))
  std = np.exp(np.float32(0.5) * np.log(spread))
  return (recip, recip * (beta / sigma), beta * recip,
          np.where(levels > 1, std, np.float32(0)))


def egsde_draw_order(steps: core.Steps) -> dict[str, np.ndarray]:
  """Where a released program's draws lie in a flat recording.

  In each repeat it draws the noise of the start, then in every step the
  source's, if that is fresh, and the step's, also in the last.

  Args:
    steps: plan of the sampler.

  Returns:
    Positions, int `[index, 1]`, for slots "start", "step", "restart" and, if
    fresh, "source": what `noises.from_recording` takes. Where nothing
    restarts, "restart" points at draw 0.

  Example:
    >>> from jaxguide import samplers, schedules
    >>> steps = samplers.egsde_steps(schedules.linear(1000), 2, first_level=500)
    >>> order = samplers.egsde_draw_order(steps)
    >>> order["source"].tolist(), order["step"].tolist()
    ([[1], [3]], [[2], [4]])
  """
  fresh = steps.coefficients.source_noise is SourceNoise.FRESH
  count, each = steps.index.size, 1 + fresh
  restarts = np.asarray(steps.kind) == core.RESTART
  # One draw at the start of every repeat up to and with this step's.
  begun = 1 + np.cumsum(restarts) - restarts
  at = begun + each * np.arange(count)
  order = {
      "start": np.zeros((1, 1), np.int64),
      "step": (at + each - 1)[:, None],
      "restart": np.where(restarts, at + each, 0)[:, None],
  }
  if fresh:
    order["source"] = at[:, None]
  return order
