"""The plan and the chain of EGSDE and SDEdit: from a noised source.

One program for both, so that EGSDE with weights of zero is SDEdit to the bit.
`egsde` states the step and how the variants differ.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import arrays
from jaxguide import denoisers
from jaxguide import guidance as guidances
from jaxguide import noise as noises
from jaxguide import schedules
from jaxguide.samplers import core
from jaxguide.samplers import shifting

SOLVERS = ("ancestral", "em")
VARIANCES = ("fixed_small", "fixed_large")
SHIFTS = ("score", "mean")
SOURCE_NOISES = ("fresh", "shared")


class ChainCoefficients(NamedTuple):
  """x_s = x_scale x_t - eps_scale eps - energy_scale grad E + noise_std z.

  Attributes:
    x_scale: of x_t.
    eps_scale: of the prior's eps.
    energy_scale: of the gradient.
    noise_std: 0 in the step that arrives at clean data.
    restart_alpha: of the result in the start of the next repeat.
    restart_sigma: of the noise there.
  """

  x_scale: arrays.Array
  eps_scale: arrays.Array
  energy_scale: arrays.Array
  noise_std: arrays.Array
  restart_alpha: arrays.Array
  restart_sigma: arrays.Array


class ChainState(NamedTuple):
  """The state of the chain, every leaf `[B, ...]`.

  Attributes:
    x: where the next step starts.
    result: x_s of the last step, before any restart: after the last step of
      a repeat, that repeat's image.
    start_noise: what the source was noised with at the start of the repeat.
  """

  x: arrays.Batch
  result: arrays.Batch
  start_noise: arrays.Batch


def chain_steps(
    schedule: schedules.Schedule,
    num_steps: int | None = None,
    *,
    first_level: int | None = None,
    solver: str = "ancestral",
    variant: str = "paper",
    variance: str = "fixed_small",
    shift: str = "score",
    num_repeats: int = 1,
) -> core.Steps:
  """The plan; `egsde_steps` says what the arguments are."""
  arrays.check_choice("solver", solver, SOLVERS)
  arrays.check_choice("variant", variant, core.VARIANTS)
  arrays.check_choice("variance", variance, VARIANCES)
  arrays.check_choice("shift", shift, SHIFTS)
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
  rows = ChainCoefficients(*(np.tile(c, num_repeats) for c in scales),
                           schedule.alpha[top], schedule.sigma[top])
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
    schedule: variance-preserving, concrete.

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


def chain(
    denoise: denoisers.Denoiser,
    noise: noises.Noise,
    *,
    source: arrays.Batch | None,
    guidance: guidances.Guidance | None = None,
    guidance_scale: arrays.Array | float = 1.0,
    mask: arrays.Batch | None = None,
    initial: arrays.Batch | None = None,
    variant: str = "paper",
    source_noise: str | None = None,
    project: shifting.Projection | None = None,
) -> core.Sampler:
  """The sampler; `egsde` says what the arguments are."""
  arrays.check_choice("variant", variant, core.VARIANTS)
  implied = "shared" if variant == "released" else "fresh"
  source_noise = implied if source_noise is None else source_noise
  arrays.check_choice("source_noise", source_noise, SOURCE_NOISES)
  if mask is not None and source is None:
    raise ValueError("mask needs a source, got source=None")
  guidance = guidance or guidances.none()
  project = project or _unchanged
  first_image = source if initial is None else initial

  def init(z, first):
    e = project(z)
    x = core.start(e, first)
    if first_image is not None:
      x = first.level.alpha * first_image + first.level.sigma * e
    return _like(z, ChainState(x, x, e))

  def step(state, step):
    c, shape = step.coefficients, state.x.shape[1:]
    shared = state.start_noise if source_noise == "shared" else None
    draw = shifting.source_draws(
        noise, step.index, shape, shared=shared, project=project)
    guided = guidance(denoise, state.x, step.level, draw)
    z = project(noise(step.index, "step", shape))
    move = _times(guidance_scale, project(guided.gradient))
    result = (c.x_scale * state.x - c.eps_scale * guided.prediction.eps
              - c.energy_scale * move + c.noise_std * z)
    again = result
    if mask is not None:
      level = step.level if variant == "released" else step.next_level
      kept = level.alpha * source + level.sigma * draw("source", shape)
      again = jnp.where(mask == 1, source, result)
      result = jnp.where(mask == 1, kept, result)
    e = project(noise(step.index, "restart", shape))
    begins = step.kind == core.RESTART
    x = jnp.where(
        begins, c.restart_alpha * again + c.restart_sigma * e, result)
    e = jnp.where(begins, e, state.start_noise)
    return _like(state.x, ChainState(x, result, e))

  return core.Sampler(
      init=init, step=step, output=lambda state: state.result)


def _unchanged(x: arrays.Batch) -> arrays.Batch:
  return x


def _times(scale, move):
  return arrays.bcast(jnp.asarray(scale, jnp.float32), move) * move


def _like(x: arrays.Batch, state: Any) -> Any:
  return jax.tree.map(lambda leaf: leaf.astype(x.dtype), state)


def chain_draw_order(
    steps: core.Steps, source_noise: str = "shared"
) -> dict[str, np.ndarray]:
  """Positions in a flat recording; see `egsde_draw_order`."""
  arrays.check_choice("source_noise", source_noise, SOURCE_NOISES)
  count, each = steps.index.size, 1 + (source_noise == "fresh")
  restarts = np.asarray(steps.kind) == core.RESTART
  # One draw at the start of every repeat up to and with this step's.
  begun = 1 + np.cumsum(restarts) - restarts
  at = begun + each * np.arange(count)
  order = {
      "start": np.zeros((1, 1), np.int64),
      "step": (at + each - 1)[:, None],
      "restart": np.where(restarts, at + each, 0)[:, None],
  }
  if source_noise == "fresh":
    order["source"] = at[:, None]
  return order
