"""The shape of a sampler, and the one loop that runs every sampler.

A sampler is three pure functions made by a factory, as in optax; its plan is
data: `Steps`, made outside jit in float64 numpy by a `*_steps` function and
scanned. A sweep over anything that a plan holds changes data, not code.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import arrays
from jaxguide import schedules

# Kinds of a step. Most samplers denoise only.
DENOISE, RENOISE, OPTIMISE, RESTART = range(4)


class Step(NamedTuple):
  """One step of a plan; `Steps` is the same with a leading axis.

  Attributes:
    index: number of the step, int32; random draws are made with it.
    level: noise level that the step starts at.
    next_level: noise level that it ends at.
    kind: kind of the step, int32, one of DENOISE, RENOISE, OPTIMISE, RESTART.
    coefficients: numbers of the sampler's own, a pytree of float32 scalars.

  Example:
    >>> from jaxguide import samplers, schedules
    >>> steps = samplers.ddim_steps(schedules.linear(1000), 4)
    >>> print(steps.level.level, steps.next_level.level)
    [1000  667  334    1] [667 334   1   0]
  """

  index: arrays.Array
  level: schedules.NoiseLevel
  next_level: schedules.NoiseLevel
  kind: arrays.Array
  coefficients: Any


Steps = Step
State = Any

# A linear constraint on the estimate: x0 -> the correction to add to it.
Constraint = Callable[[arrays.Batch], arrays.Batch]

# "paper" is the mathematics of a paper, "released" what its program does.
VARIANTS = ("paper", "released")


class Sampler(NamedTuple):
  """Three pure functions.

  Attributes:
    init: function `(z, first_step) -> State`; z `[B, ...]` is standard normal,
      and the sampler maps it to its own start.
    step: function `(State, Step) -> State`.
    output: function `State -> x`, the current estimate of the result.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import samplers, schedules
    >>> halving = samplers.Sampler(
    ...     init=lambda z, first: z,
    ...     step=lambda state, step: state / 2,
    ...     output=lambda state: state)
    >>> steps = samplers.ddim_steps(schedules.linear(1000), 3)
    >>> print(samplers.sample(halving, jnp.ones((1, 2)), steps).x)
    [[0.125 0.125]]
  """

  init: Callable[[arrays.Batch, Step], State]
  step: Callable[[State, Step], State]
  output: Callable[[State], arrays.Batch]


class Samples(NamedTuple):
  """What sampling returns.

  Attributes:
    x: samples, `[B, ...]`.
    trajectory: results of `record` after each kept step, stacked on a leading
      axis; None unless asked for.
    is_finite: flag of each image, bool `[B]`, False for an image with a NaN or
      infinity.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import samplers, schedules
    >>> spoiling = samplers.Sampler(
    ...     init=lambda z, first: z,
    ...     step=lambda state, step: jnp.log(state),
    ...     output=lambda state: state)
    >>> steps = samplers.ddim_steps(schedules.linear(1000), 1)
    >>> z = jnp.array([[1.0], [-1.0]])
    >>> print(samplers.sample(spoiling, z, steps).is_finite)
    [ True False]
  """

  x: arrays.Batch
  trajectory: Any
  is_finite: arrays.Array


def sample(
    sampler: Sampler,
    z: arrays.Batch,
    steps: Steps,
    *,
    record: Callable[[State], Any] | None = None,
    keep_every: int | None = None,
) -> Samples:
  """Runs a plan: the only `lax.scan` over steps of the program.

  Call it inside jit, with z, steps, parameters and keys as arguments. Memory
  does not grow with the number of steps unless a trajectory is asked for.

  Args:
    sampler: result of a factory, made inside the same jitted function.
    z: standard normal numbers, `[B, ...]`.
    steps: plan, leading axis S.
    record: function of the state that gives what to keep of it;
      `sampler.output` when only `keep_every` is given.
    keep_every: number of steps after each of which the trajectory is kept; 1
      when only `record` is given. Steps after the last full group are not kept.

  Returns:
    Samples.

  Raises:
    ValueError: if `keep_every` is not in 1..S.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import denoisers, noises, samplers, schedules
    >>> prior = denoisers.gaussian(jnp.full(16, 0.5), jnp.zeros((16, 16)))
    >>> noise = noises.prng_noise(noises.image_keys(0, jnp.arange(2)))
    >>> steps = samplers.ddim_steps(schedules.linear(1000), 10)
    >>> samples = samplers.sample(
    ...     samplers.ddim(prior, noise), noise(-1, "start", (16,)), steps,
    ...     keep_every=5)
    >>> samples.x.shape, samples.trajectory.shape, samples.is_finite.tolist()
    ((2, 16), (2, 2, 16), [True, True])
  """
  first = jax.tree.map(lambda leaf: leaf[0], steps)
  state = sampler.init(z, first)
  if record is None and keep_every is None:
    state = _run(sampler, state, steps)
    return _samples(sampler.output(state), None)
  every = 1 if keep_every is None else keep_every
  count = steps.index.shape[0]
  if not 1 <= every <= count:
    raise ValueError(f"keep_every must be in 1..{count}, got {keep_every}")
  whole = count - count % every
  groups = jax.tree.map(
      lambda leaf: leaf[:whole].reshape(-1, every, *leaf.shape[1:]), steps
  )
  keep = record or sampler.output

  def group(state: State, some: Steps) -> tuple[State, Any]:
    state = _run(sampler, state, some)
    return state, keep(state)

  state, trajectory = jax.lax.scan(group, state, groups)
  rest = jax.tree.map(lambda leaf: leaf[whole:], steps)
  state = _run(sampler, state, rest)
  return _samples(sampler.output(state), trajectory)


def _run(sampler: Sampler, state: State, steps: Steps) -> State:
  if steps.index.shape[0] == 0:
    return state
  state, _ = jax.lax.scan(
      lambda s, step: (sampler.step(s, step), None), state, steps
  )
  return state


def _samples(x: arrays.Batch, trajectory: Any) -> Samples:
  axes = tuple(range(1, x.ndim))
  return Samples(x, trajectory, jnp.all(jnp.isfinite(x), axis=axes))


def plan(
    schedule: schedules.Schedule,
    levels: np.ndarray,
    next_levels: np.ndarray,
    coefficients: Any,
    kind: np.ndarray | None = None,
) -> Steps:
  """Stacks a plan and rounds it to float32, once.

  Args:
    schedule: schedule with concrete (numpy) tables.
    levels: levels that the steps start at, int `[S]`.
    next_levels: levels that they end at, int `[S]`.
    coefficients: numbers of each step, a pytree of float64 `[S]`.
    kind: kind of each step, int `[S]`; all DENOISE when left out.

  Example:
    >>> import numpy as np
    >>> from jaxguide import samplers, schedules
    >>> schedule = schedules.linear(1000)
    >>> steps = samplers.plan(
    ...     schedule, levels=[1000, 500], next_levels=[500, 0],
    ...     coefficients={"scale": np.array([1.0, 0.5])})
    >>> print(steps.index, steps.level.time, steps.coefficients["scale"])
    [0 1] [999. 499.] [1.  0.5]
  """
  levels, next_levels = np.asarray(levels), np.asarray(next_levels)
  kind = np.full(levels.shape, DENOISE) if kind is None else kind
  return Step(
      index=np.arange(levels.size, dtype=np.int32),
      level=_rows(schedule, levels),
      next_level=_rows(schedule, next_levels),
      kind=np.asarray(kind, np.int32),
      coefficients=jax.tree.map(
          lambda c: np.asarray(np.broadcast_to(c, levels.shape), np.float32),
          coefficients,
      ),
  )


def _rows(
    schedule: schedules.Schedule, levels: np.ndarray
) -> schedules.NoiseLevel:
  schedules.check_concrete(schedule)
  rows = (np.asarray(t[levels], np.float32) for t in schedule)
  return schedules.NoiseLevel(*rows, level=levels.astype(np.int32))


def start(z: arrays.Batch, first: Step) -> arrays.Batch:
  """z scaled to the marginal of unit-variance data at the first level.

  hypot(alpha, sigma) z: z itself for variance-preserving schedules, and
  sigma_max z up to sigma_max^-2 / 2 for variance-exploding ones.

  Args:
    z: standard normal numbers, `[B, ...]`.
    first: first step of a plan.

  Example:
    >>> import jax
    >>> import jax.numpy as jnp
    >>> from jaxguide import samplers, schedules
    >>> steps = samplers.ddim_steps(schedules.edm(10), 10)
    >>> first = jax.tree.map(lambda leaf: leaf[0], steps)
    >>> print(samplers.start(jnp.ones((1, 3)), first).round())
    [[80. 80. 80.]]
  """
  scale = jnp.hypot(first.level.alpha, first.level.sigma)
  return scale.astype(z.dtype) * z


def conditional_variance(
    schedule: schedules.Schedule, levels: np.ndarray, next_levels: np.ndarray
) -> np.ndarray:
  """Variance of z_s given z_t and x0, for s = next_levels < t = levels.

  sigma_s^2 (1 - (alpha_t sigma_s / (alpha_s sigma_t))^2): the posterior
  variance of Ho et al. 2020, Eq. 7, for any schedule.

  Args:
    schedule: schedule with concrete tables.
    levels: levels t that steps start at, int `[S]`.
    next_levels: levels s that they end at, int `[S]`.

  Returns:
    float64 `[S]`.

  Example:
    >>> import numpy as np
    >>> from jaxguide import samplers, schedules
    >>> schedule, levels = schedules.linear(1000), np.array([1000, 500])
    >>> nexts = np.array([500, 0])
    >>> print(samplers.conditional_variance(schedule, levels, nexts))
    [0.921 0.   ]
  """
  alpha_t, sigma_t = schedule.alpha[levels], schedule.sigma[levels]
  alpha_s, sigma_s = schedule.alpha[next_levels], schedule.sigma[next_levels]
  shrink = alpha_t * sigma_s / (alpha_s * sigma_t)
  return sigma_s**2 * (1 - shrink) * (1 + shrink)
