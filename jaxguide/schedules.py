"""Noise schedules: tables of alpha and sigma, respacing, grids.

A schedule gives z_t = alpha_t x + sigma_t eps for levels 0..N: level 0 is
clean data (alpha 1, sigma 0), levels 1..N are noisy, and N is the noisiest.
A released program's 0-based index i is level i + 1 here; what its network is
fed stays i, and lies in the `time` table. This is the only module in which
that off-by-one is decided.

Tables are float64 numpy, so that plans (`*_steps` functions) can form their
coefficients in float64; they are rounded to float32 once, where they enter
a compiled function.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import arrays
from jaxguide import schedule_tables

linear_betas = schedule_tables.linear_betas
cosine_betas = schedule_tables.cosine_betas
scaled_linear_betas = schedule_tables.scaled_linear_betas
edm_sigmas = schedule_tables.edm_sigmas
space_timesteps = schedule_tables.space_timesteps
respaced_betas = schedule_tables.respaced_betas


class NoiseLevel(NamedTuple):
  """One point of a schedule; scalars, or `[B]` for one level per image.

  Attributes:
    alpha: factor of the clean signal.
    sigma: standard deviation of the noise.
    time: number that the network is fed.
    level: row of the table; -1 for a point that is no row.
  """

  alpha: arrays.Array
  sigma: arrays.Array
  time: arrays.Array
  level: arrays.Array | int = -1


class Schedule(NamedTuple):
  """Tables of a diffusion, indexed by level.

  Attributes:
    alpha: factors of the clean signal, `[N + 1]`; `alpha[0]` is 1.
    sigma: standard deviations of the noise, `[N + 1]`; `sigma[0]` is 0, and
      they increase relative to alpha.
    time: numbers that the network is fed, `[N + 1]`; entry 0 never is.

  Example:
    >>> from jaxguide import schedules
    >>> schedule = schedules.linear(1000)
    >>> schedule.num_levels, float(schedule.time[1000])
    (1000, 999.0)
    >>> level = schedule.at_level(500)
    >>> f"{level.alpha:.3f} {level.sigma:.3f}"
    '0.280 0.960'
  """

  alpha: np.ndarray
  sigma: np.ndarray
  time: np.ndarray

  @property
  def num_levels(self) -> int:
    """N, the noisiest level."""
    return self.alpha.shape[0] - 1

  @property
  def alpha_bar(self) -> np.ndarray:
    """Alpha squared, `[N + 1]`: the cumulative product of a VP schedule."""
    return self.alpha**2

  def at_level(self, level: arrays.Array | int) -> NoiseLevel:
    """The rows of the tables at integer levels.

    Args:
      level: integer level in 0..N, a scalar or `[B]`; it may be traced.

    Raises:
      ValueError: if a Python or numpy level is no integer in 0..N. Arrays
        of jax, which may be traced, are not checked.
    """
    if isinstance(level, (int, float, np.generic, np.ndarray)):
      _check_levels(np.asarray(level), self.num_levels)
    level = jnp.asarray(level, jnp.int32)
    alpha, sigma, time = (jnp.asarray(t, jnp.float32)[level] for t in self)
    return NoiseLevel(alpha, sigma, time, level)

  def at_sigma(
      self, sigma: arrays.Array | float, rule: str = "log_linear"
  ) -> NoiseLevel:
    """The point with alpha = 1 and the given sigma, between rows if need be.

    A network fed x / hypot(alpha, sigma) sees only the ratio sigma / alpha,
    so the time that belongs to a sigma is read off the table of ratios.

    Args:
      sigma: noise on data of scale 1, scalar or `[B]`, positive.
      rule: "nearest", which takes the time of the nearest row in log ratio,
        or "log_linear", which interpolates time linearly in the log ratio.
        Outside the table both take its end.

    Returns:
      Point with alpha 1 and that sigma, whose level is the nearest row.

    Raises:
      ValueError: if the rule is unknown.
    """
    arrays.check_choice("rule", rule, ("nearest", "log_linear"))
    sigma = jnp.asarray(sigma, jnp.float32)
    ratio = jnp.log(jnp.asarray(self.sigma[1:] / self.alpha[1:], jnp.float32))
    time = jnp.asarray(self.time[1:], jnp.float32)
    rows = jnp.arange(1, self.num_levels + 1, dtype=jnp.float32)
    row = jnp.interp(jnp.log(sigma), ratio, rows)
    nearest = jnp.round(row).astype(jnp.int32)
    if rule == "nearest":
      fed = time[nearest - 1]
    else:
      fed = jnp.interp(jnp.log(sigma), ratio, time)
    return NoiseLevel(jnp.ones_like(sigma), sigma, fed, nearest)


def _check_levels(level: np.ndarray, top: int) -> None:
  whole = level.dtype.kind in "iu"
  wrong = level[(level < 0) | (level > top) | (not whole)]
  if wrong.size:
    raise ValueError(f"level must be an integer in 0..{top}, got {wrong[0]}")


def from_alpha_bar(
    alpha_bar: np.ndarray, time: np.ndarray | None = None
) -> Schedule:
  """A variance-preserving schedule from its cumulative products.

  Args:
    alpha_bar: cumulative products of levels 1..N, `[N]`, decreasing, in
      (0, 1).
    time: numbers that the network is fed, `[N]`; 0..N-1 when left out.

  Returns:
    Schedule with alpha = sqrt(alpha_bar), sigma = sqrt(1 - alpha_bar).

  Raises:
    ValueError: if the table is not decreasing or leaves (0, 1), or `time`
      has another shape.

  Example:
    >>> import numpy as np
    >>> from jaxguide import schedules
    >>> schedules.from_alpha_bar(np.array([0.64, 0.36])).alpha
    array([1. , 0.8, 0.6])
  """
  alpha_bar = np.asarray(alpha_bar, np.float64)
  if alpha_bar.ndim != 1 or alpha_bar.size == 0:
    raise ValueError(
        f"alpha_bar must have shape [N], got {alpha_bar.shape}")
  steps = np.diff(alpha_bar, prepend=1.0)
  fine = (steps < 0) & (alpha_bar > 0)
  if not fine.all():
    at = int(np.argmin(fine))
    raise ValueError(
        "alpha_bar must decrease from below 1 to above 0, got "
        f"{alpha_bar[at]:.3g} at index {at}")
  if time is None:
    time = np.arange(alpha_bar.size)
  time = np.asarray(time, np.float64)
  arrays.check_shape("time", time, alpha_bar.shape)
  return Schedule(
      alpha=np.concatenate([[1.0], np.sqrt(alpha_bar)]),
      sigma=np.concatenate([[0.0], np.sqrt(1 - alpha_bar)]),
      time=np.concatenate([[0.0], time]),
  )


def from_betas(betas: np.ndarray, time: np.ndarray | None = None) -> Schedule:
  """A variance-preserving schedule from betas (alpha_bar = cumprod(1 - beta)).

  Args:
    betas: variances of the steps, `[N]`, each in (0, 1).
    time: numbers that the network is fed, `[N]`; 0..N-1 when left out.

  Returns:
    Schedule as of `from_alpha_bar`.

  Raises:
    ValueError: if a beta leaves (0, 1), as with too few levels, or `time`
      has another shape.

  Example:
    >>> import numpy as np
    >>> from jaxguide import schedules
    >>> schedules.from_betas(np.array([0.36, 0.75])).alpha
    array([1. , 0.8, 0.4])
  """
  betas = np.asarray(betas, np.float64)
  if betas.ndim != 1 or betas.size == 0:
    raise ValueError(f"betas must have shape [N], got {betas.shape}")
  if not (betas.min() > 0 and betas.max() < 1):
    raise ValueError(
        "betas must lie in (0, 1), got "
        f"{betas.min():.3g} to {betas.max():.3g} for {betas.size} levels"
    )
  return from_alpha_bar(np.cumprod(1.0 - betas), time)


def linear(
    num_levels: int = 1000, start: float = 1e-4, end: float = 0.02
) -> Schedule:
  """The VP schedule with linear betas (Ho et al. 2020).

  Args:
    num_levels: N, the number of noisy levels, at least 1.
    start: first beta for N = 1000, positive.
    end: last beta for N = 1000, positive.

  Returns:
    Schedule with betas scaled by 1000 / N.

  Raises:
    ValueError: naming the argument out of range, or the scaled betas if they
      reach 1: there are too few levels.

  Example:
    >>> from jaxguide import schedules
    >>> schedules.linear(1000).alpha_bar[[1, 500, 1000]]
    array([0.9999, 0.0786, 0.    ])
  """
  return from_betas(linear_betas(num_levels, start, end))


def cosine(num_levels: int = 1000, max_beta: float = 0.999) -> Schedule:
  """The VP schedule with cosine alpha_bar (Nichol & Dhariwal 2021).

  Args:
    num_levels: N, the number of noisy levels, at least 1.
    max_beta: largest beta, in (0, 1); larger ones are cut off there.

  Raises:
    ValueError: naming the argument out of range.

  Example:
    >>> from jaxguide import schedules
    >>> schedules.cosine(4).alpha_bar
    array([1.    , 0.847 , 0.4938, 0.1443, 0.0001])
  """
  return from_betas(cosine_betas(num_levels, max_beta))


def scaled_linear(
    num_levels: int = 1000, start: float = 0.0015, end: float = 0.0195
) -> Schedule:
  """The schedule of latent diffusion: linear in the square root of beta.

  Args:
    num_levels: N, the number of noisy levels, at least 1.
    start: first beta, in (0, 1).
    end: last beta, in (0, 1).

  Raises:
    ValueError: naming the argument out of range.

  Example:
    >>> from jaxguide import schedules
    >>> schedules.scaled_linear(1000, 0.00085, 0.012).num_levels
    1000
  """
  return from_betas(scaled_linear_betas(num_levels, start, end))


def respace(schedule: Schedule, respacing: str | int) -> Schedule:
  """The subsequence of a VP schedule that a respacing rule keeps.

  Cumulative products are accumulated again from the new betas, as the
  released programs do; the network is still fed the original times.

  Args:
    schedule: a variance-preserving schedule.
    respacing: rule of `space_timesteps`, such as "100" or "ddim50", or a
      count.

  Returns:
    Schedule of the kept timesteps.

  Raises:
    ValueError: if the schedule does not preserve the variance (a subsequence
      of such a one is taken by `space_levels`) or is traced, or the rule
      cannot be met.

  Example:
    >>> from jaxguide import schedules
    >>> schedules.respace(schedules.linear(1000), "4").time[1:]
    array([  0., 333., 666., 999.])
  """
  check_preserves_variance(schedule, "respace")
  kept = space_timesteps(schedule.num_levels, respacing)
  betas = respaced_betas(schedule.alpha_bar[1:], kept)
  return from_betas(betas, schedule.time[1:][kept])


def space_levels(
    schedule: Schedule, num_steps: int, first_level: int | None = None
) -> np.ndarray:
  """Levels that a sampler with `num_steps` steps visits, noisiest first.

  Args:
    schedule: schedule whose levels are thinned by the rule of
      `space_timesteps`.
    num_steps: number of steps, from 1 to the number of levels available.
    first_level: level to start from, in 1..N; N when left out.

  Returns:
    Levels, int64 `[num_steps + 1]`, decreasing, the last one 0.

  Raises:
    ValueError: naming the argument that is out of range, or a traced
      schedule: plans are made outside jit.

  Example:
    >>> from jaxguide import schedules
    >>> schedules.space_levels(schedules.linear(1000), 4)
    array([1000,  667,  334,    1,    0])
  """
  check_concrete(schedule)
  top = schedule.num_levels if first_level is None else first_level
  schedule_tables.check_count("first_level", top, schedule.num_levels)
  schedule_tables.check_count("num_steps", num_steps, top)
  if num_steps == 1:
    # A single step has to leave from the noisiest level, not arrive at it.
    return np.asarray([top, 0], np.int64)
  kept = space_timesteps(top, num_steps) + 1
  return np.concatenate([kept[::-1], [0]])


def check_concrete(schedule: Schedule) -> None:
  """Raises `ValueError` for a traced schedule: plans are made outside jit.

  Args:
    schedule: any schedule.
  """
  if any(isinstance(table, jax.core.Tracer) for table in schedule):
    raise ValueError(
        "schedule is traced, but a plan needs its numbers; make plans outside "
        "jit")


def check_preserves_variance(schedule: Schedule, what: str) -> None:
  """Raises `ValueError` unless alpha^2 + sigma^2 = 1 at every level.

  Args:
    schedule: any schedule; a traced one is refused.
    what: name of the function that needs such a schedule, for the message.
  """
  check_concrete(schedule)
  power = schedule.alpha**2 + schedule.sigma**2
  if not np.allclose(power, 1.0, atol=1e-6):
    raise ValueError(
        f"{what} needs a variance-preserving schedule, got alpha^2 + sigma^2 "
        f"in [{power.min():.3g}, {power.max():.3g}]")


def edm(
    num_levels: int,
    sigma_min: float = 0.002,
    sigma_max: float = 80.0,
    rho: float = 7.0,
) -> Schedule:
  """The grid of Karras et al. 2022: alpha 1, sigma by Eq. 5, time ln(s)/4.

  Args:
    num_levels: N, the number of noisy levels, at least 1; a single level is
      `sigma_max`.
    sigma_min: sigma of level 1, positive.
    sigma_max: sigma of level N, above `sigma_min` and finite.
    rho: curvature, positive; larger values put more levels near `sigma_min`.

  Raises:
    ValueError: naming the argument out of range.

  Example:
    >>> from jaxguide import schedules
    >>> schedules.edm(4).sigma
    array([ 0.    ,  0.002 ,  0.47  ,  9.7232, 80.    ])
  """
  sigma = edm_sigmas(num_levels, sigma_min, sigma_max, rho)
  return variance_exploding(sigma, np.log(sigma) / 4)


def variance_exploding(
    sigma: np.ndarray, time: np.ndarray | None = None
) -> Schedule:
  """A schedule with alpha = 1.

  Args:
    sigma: standard deviations of the noise, `[N]`, increasing, positive.
    time: numbers that the network is fed, `[N]`; sigma itself when left out.

  Raises:
    ValueError: if sigma is not positive, finite and increasing, or `time` has
      another shape.

  Example:
    >>> import numpy as np
    >>> from jaxguide import schedules
    >>> schedules.variance_exploding(np.array([0.1, 1.0, 10.0])).num_levels
    3
  """
  sigma = np.asarray(sigma, np.float64)
  if sigma.ndim != 1 or sigma.size == 0:
    raise ValueError(f"sigma must have shape [N], got {sigma.shape}")
  fine = (np.diff(sigma, prepend=0.0) > 0) & np.isfinite(sigma)
  if not fine.all():
    at = int(np.argmin(fine))
    raise ValueError(
        "sigma must be positive, finite and increasing, got "
        f"{sigma[at]:.3g} at index {at}")
  time = sigma if time is None else np.asarray(time, np.float64)
  arrays.check_shape("time", time, sigma.shape)
  return Schedule(
      alpha=np.ones(sigma.size + 1),
      sigma=np.concatenate([[0.0], sigma]),
      time=np.concatenate([[0.0], time]),
  )


def geometric(
    num_levels: int, sigma_min: float = 0.01, sigma_max: float = 50.0
) -> Schedule:
  """The variance-exploding schedule of Song et al. 2021: geometric sigmas.

  Args:
    num_levels: N, the number of noisy levels, at least 1; a single level is
      `sigma_max`.
    sigma_min: sigma of level 1, positive.
    sigma_max: sigma of level N, above `sigma_min` and finite.

  Raises:
    ValueError: naming the argument out of range.

  Example:
    >>> from jaxguide import schedules
    >>> schedules.geometric(3, 0.1, 10.0).sigma
    array([ 0. ,  0.1,  1. , 10. ])
  """
  sigma = schedule_tables.geometric_sigmas(num_levels, sigma_min, sigma_max)
  return variance_exploding(sigma)
