"""The levels of a hierarchical posterior, and every constant that follows.

A `Plan` is made outside jit in float64 numpy and rounded once. Its arrays may
be arguments of a jitted function, while its levels and its variant stay
static. With `variant="released"` the tables follow the float32 operations of
the published program.
"""

from collections.abc import Sequence
import dataclasses
import functools
import math

import jax
import numpy as np

from jaxguide import arrays
from jaxguide import schedules
from jaxguide.samplers import core

# The levels of VIPaint-1, -2 and -4, and the six that the released program
# also knows. A level is the program's 0-based index (550, 500, ...) plus one.
LEVELS = {
    1: (401,),
    2: (551, 401),
    4: (551, 501, 451, 401),
    6: (651, 601, 551, 501, 451, 401),
}
# Noise scales of the same levels for an EDM prior, matched by signal-to-noise
# ratio for data with standard deviation 0.5.
EDM_SIGMAS = {
    1: (0.90,),
    2: (1.75, 0.90),
    4: (1.75, 1.39, 1.11, 0.90),
}


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=(
        "eta", "rows", "prior_std", "eps_scale", "context_scale", "grid",
        "weight",
    ),
    meta_fields=("levels", "variant", "preserves_variance"),
)
@dataclasses.dataclass(frozen=True)
class Plan:
  """The hierarchy z_0 (noisiest) .. z_{K-1} of one kind of posterior.

  Attributes:
    levels: K decreasing levels, T_e first, T_s last; static.
    variant: "paper" or "released"; static.
    preserves_variance: whether alpha^2 + sigma^2 = 1; static.
    eta: h_k^2 over the variance of z_k given z_{k-1} and x0.
    rows: points of the schedule at the levels, leaves `[K]`.
    prior_std: h_k, `[K]`: sigma at T_e, then the standard deviation of the
      prior's DDIM transition, sqrt(eta) times the posterior one.
    eps_scale: sqrt(sigma_k^2 - h_k^2), the factor of eps in the mean of the
      prior's transition, `[K]`; entry 0 is not used.
    context_scale: factor of mu_k in the mean of z_k, `[K]`; entry 0 is not
      used.
    grid: points of the schedule that the diffusion loss draws from, leaves
      `[G]`, with increasing noise.
    weight: factor of the diffusion loss, (T - T_e) / 2.
  """

  levels: tuple[int, ...]
  variant: str
  preserves_variance: bool
  eta: np.ndarray
  rows: schedules.NoiseLevel
  prior_std: np.ndarray
  eps_scale: np.ndarray
  context_scale: np.ndarray
  grid: schedules.NoiseLevel
  weight: np.ndarray

  @property
  def num_levels(self) -> int:
    """K, the number of levels."""
    return len(self.levels)

  def row(self, k: int) -> schedules.NoiseLevel:
    """The point of the schedule at the k-th level, scalars.

    Args:
      k: number of the level from 0, the noisiest; -1 is the last.
    """
    return jax.tree.map(lambda table: table[k], self.rows)


def vipaint_plan(
    schedule: schedules.Schedule,
    levels: Sequence[int],
    *,
    eta: float = 0.2,
    rho: float = 7.0,
    variant: str = "paper",
) -> Plan:
  """The plan of VIPaint-K.

  Args:
    schedule: a concrete schedule that is variance-preserving, or has alpha =
      1 (EDM); its own rows are then the grid of the diffusion loss.
    levels: decreasing levels, T_e first (`LEVELS` for schedules of 1000
      levels); a released 0-based index i is level i + 1. Level 0, clean data,
      is possible alone: the posterior of RED-diff.
    eta: h_k^2 over the variance of z_k given z_{k-1} and x0, in (0, 1].
    rho: curvature of the grid of times on variance-preserving schedules,
      positive.
    variant: "paper", or "released" for the tables of the published program.

  Returns:
    The plan, whose arrays may be arguments of a compiled function.

  Raises:
    ValueError: naming the argument that is out of range.

  Example:
    >>> from jaxguide import schedules, variational
    >>> schedule = schedules.scaled_linear()
    >>> plan = variational.vipaint_plan(schedule, variational.LEVELS[2])
    >>> plan.levels, plan.num_levels
    ((551, 401), 2)
    >>> plan.prior_std
    array([0.9616, 0.3353], dtype=float32)
  """
  schedules.check_concrete(schedule)
  arrays.check_choice("variant", variant, core.VARIANTS)
  preserves = _preserves_variance(schedule)
  if variant == "released" and not preserves:
    raise ValueError(
        "variant='released' needs a schedule that preserves the variance, got "
        "one with alpha = 1")
  if not 0 < rho < math.inf:
    raise ValueError(f"rho must be positive and finite, got {rho}")
  if not 0 < eta <= 1:
    raise ValueError(f"eta must be in (0, 1], got {eta}")
  levels = _checked_levels(schedule, levels)
  grid = _grid(schedule, rho, variant) if preserves else np.arange(
      1, schedule.num_levels + 1)
  _check_grid(grid, levels)
  if variant == "released":
    rows, std, scale = _released_hierarchy(schedule, levels, eta)
    context, grid_rows = rows.alpha, _released_rows(schedule, grid)
    count = schedule.num_levels + 1 - levels[0]
  else:
    rows, std, scale = _paper_hierarchy(schedule, levels, eta)
    context, grid_rows = np.ones_like(std), _rows(schedule, grid)
    count = schedule.num_levels - levels[0]
  return Plan(
      levels=tuple(int(level) for level in levels),
      variant=variant,
      preserves_variance=preserves,
      eta=np.float32(eta),
      rows=rows,
      prior_std=std,
      eps_scale=scale,
      context_scale=context,
      grid=grid_rows,
      weight=np.float32(count / 2),
  )


def levels_at_sigmas(
    schedule: schedules.Schedule, sigmas: Sequence[float]
) -> tuple[int, ...]:
  """The levels whose sigma / alpha is nearest in log to each of `sigmas`.

  Args:
    schedule: a concrete schedule.
    sigmas: noise on data of scale 1, positive and decreasing, such as those
      of `EDM_SIGMAS`.

  Returns:
    One level per sigma, decreasing.

  Raises:
    ValueError: unless `sigmas` are finite, positive, decreasing and far enough
      apart for a level each.

  Example:
    >>> from jaxguide import schedules, variational
    >>> variational.levels_at_sigmas(
    ...     schedules.edm(300), variational.EDM_SIGMAS[2])
    (139, 119)
  """
  schedules.check_concrete(schedule)
  found = np.asarray(sigmas, np.float64)
  if not (np.all(np.isfinite(found)) and np.all(found > 0)
          and np.all(np.diff(found) < 0)):
    raise ValueError(
        "sigmas must be finite, positive and decreasing, got "
        f"{tuple(sigmas)}")
  ratio = np.log(schedule.sigma[1:] / schedule.alpha[1:])
  levels = tuple(
      1 + int(np.argmin(np.abs(ratio - np.log(sigma)))) for sigma in sigmas
  )
  if len(set(levels)) < len(levels):
    raise ValueError(
        f"sigmas must have a level each, got {tuple(sigmas)}, which are "
        f"nearest to levels {levels}")
  return levels


def time_grid(num_levels: int = 1000, rho: float = 7.0) -> np.ndarray:
  """0-based times of the diffusion loss, increasing int64 `[num_levels]`.

  trunc(N g), g^(1/rho) evenly spaced from 0.002^(1/rho) to 0.999^(1/rho):
  the rule of Karras et al. 2022, Eq. 5, applied to the time t / N. Low times
  occur more than once.

  Args:
    num_levels: N, the number of levels, at least 2.
    rho: curvature, positive; larger values put more times near 0.

  Example:
    >>> from jaxguide import variational
    >>> variational.time_grid(1000)[:5]
    array([1, 2, 2, 2, 2])
  """
  high, low = 0.999 ** (1 / rho), 0.002 ** (1 / rho)
  fraction = np.arange(num_levels) / (num_levels - 1)
  times = (high + fraction * (low - high)) ** rho
  return np.trunc(num_levels * times[::-1]).astype(np.int64)


def _preserves_variance(schedule: schedules.Schedule) -> bool:
  power = np.asarray(schedule.alpha) ** 2 + np.asarray(schedule.sigma) ** 2
  if np.allclose(power, 1, atol=1e-6):
    return True
  if np.all(np.asarray(schedule.alpha) == 1):
    return False
  raise ValueError(
      "schedule must preserve the variance or have alpha = 1, got alpha^2 + "
      f"sigma^2 from {power.min():.3g} to {power.max():.3g}"
  )


def _checked_levels(
    schedule: schedules.Schedule, levels: Sequence[int]
) -> np.ndarray:
  found = np.asarray(levels)
  top = schedule.num_levels
  ordered = found.ndim == 1 and found.size and np.all(np.diff(found) < 0)
  lowest = 0 if found.size == 1 else 1
  if not (ordered and np.issubdtype(found.dtype, np.integer)
          and found[-1] >= lowest and found[0] <= top):
    raise ValueError(
        f"levels must be decreasing integers in {lowest}..{top}, got "
        f"{tuple(levels)}"
    )
  return found


def _check_grid(grid: np.ndarray, levels: np.ndarray) -> None:
  above = grid[grid > levels[0]]
  if above.size < 4:
    raise ValueError(
        "levels[0] must leave at least 4 levels of the grid above it, got "
        f"{levels[0]} with {above.size}"
    )
  if np.any(np.diff(above) == 0):
    raise ValueError(
        "variant='released' repeats low times in its grid: levels[0] must lie "
        f"above them, got {levels[0]}"
    )


def _grid(
    schedule: schedules.Schedule, rho: float, variant: str
) -> np.ndarray:
  """Levels of the grid; the released one keeps its repeated entries."""
  levels = time_grid(schedule.num_levels, rho) + 1
  return levels if variant == "released" else np.unique(levels)


def _rows(
    schedule: schedules.Schedule, levels: np.ndarray
) -> schedules.NoiseLevel:
  tables = (np.asarray(t[levels], np.float32) for t in schedule)
  return schedules.NoiseLevel(*tables, level=levels.astype(np.int32))


def _released_rows(
    schedule: schedules.Schedule, levels: np.ndarray
) -> schedules.NoiseLevel:
  """Rows whose alpha comes from the rounded sigma."""
  rows = _rows(schedule, levels)
  return rows._replace(alpha=np.sqrt(np.float32(1) - rows.sigma**2))


def _released_hierarchy(schedule, levels, eta):
  rows = _released_rows(schedule, levels)
  one, alpha_bar = np.float32(1), np.float32(1) - rows.sigma**2
  now, before = alpha_bar[1:], alpha_bar[:-1]
  spread = (one - now) / (one - before) * (one - before / now)
  std = np.concatenate([rows.sigma[:1], np.sqrt(np.float32(eta) * spread)])
  left = one - alpha_bar - std**2
  return rows, std, np.sqrt(np.maximum(left, 0))


def _paper_hierarchy(schedule, levels, eta):
  variance = eta * core.conditional_variance(schedule, levels[:-1], levels[1:])
  std = np.concatenate([schedule.sigma[levels[:1]], np.sqrt(variance)])
  left = np.maximum(schedule.sigma[levels] ** 2 - std**2, 0)
  return _rows(schedule, levels), np.float32(std), np.float32(np.sqrt(left))
