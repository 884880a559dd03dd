"""Sampling a fitted posterior: down the hierarchy, then on to clean data.

The plan has K - 1 steps (kind DENOISE) that draw z_k from the posterior given
z_{k-1}, and then steps (kind OPTIMISE) from T_s towards level 0 in the
manner of DPS:

  z_s = alpha_s x0 + sqrt(sigma_s^2 - v) eps [+ sqrt(v) n] - scale grad R,

R the reconstruction energy of x0(z_t), differentiated through the network.

  what           paper                        released
  v              eta times the variance of    eta^2 times that variance
                 z_s given z_t and x0
  noise n        added                        left out
  last level     0                            1 (its index 0)
"""

from collections.abc import Callable
import dataclasses
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import arrays
from jaxguide import denoisers
from jaxguide import energies
from jaxguide import guidance as guidances
from jaxguide import noises
from jaxguide import schedules
from jaxguide.samplers import core
from jaxguide.variational import hierarchy
from jaxguide.variational import plans
from jaxguide.variational import posteriors


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Origin:
  """What steps share with the plan they were made from, in their structure.

  Attributes:
    levels: levels of the plan, T_e first.
    variant: variant of the plan.
  """

  levels: tuple[int, ...]
  variant: str


class VipaintCoefficients(NamedTuple):
  """The numbers of one step.

  Attributes:
    position: number k of the level that a step of the hierarchy draws,
      else 0.
    x0_scale: factor of x0.
    eps_scale: factor of eps.
    noise_std: standard deviation of the fresh noise below T_s; in the
      hierarchy, where it is 0, the posterior has it.
    context_scale: factor of mu_k in a step of the hierarchy.
    gradient_scale: factor of the gradient of the reconstruction energy.
    origin: levels and variant of the plan that the step belongs to.
  """

  position: arrays.Array
  x0_scale: arrays.Array
  eps_scale: arrays.Array
  noise_std: arrays.Array
  context_scale: arrays.Array
  gradient_scale: arrays.Array
  origin: Origin | None = None


class VipaintState(NamedTuple):
  """The state of `vipaint`, leaves `[R, ...]`.

  Attributes:
    z: the latent.
    x0: the prior's estimate in the last step.
    energy: reconstruction energy of that estimate, `[R]`; 0 in the hierarchy.
  """

  z: arrays.Batch
  x0: arrays.Batch
  energy: arrays.PerImage


_Branch = Callable[[VipaintState, core.Step], VipaintState]


def vipaint_steps(
    schedule: schedules.Schedule,
    plan: plans.Plan,
    num_steps: int | None = None,
    *,
    scale: float = 2.0,
    group_size: int = 5,
    eta: float | None = None,
) -> core.Steps:
  """The plan of sampling: K - 1 levels, then `num_steps` from T_s down.

  Args:
    schedule: schedule that `plan` was made from, concrete.
    plan: plan of the posterior: its levels and its variant.
    num_steps: number of steps below T_s; every level when left out. With
      fewer steps the gradients add up to less: raise `scale` in proportion
      where that is not wanted.
    scale: factor of the gradient of the energy's mean over a group of
      samples, 2 in the released program.
    group_size: number of samples of one image in that mean (5 for ImageNet,
      10 for LSUN): a sample's own gradient is weighed by scale / group_size.
    eta: share of the noise in the steps below T_s, in [0, 1], in the formulas
      of the module's text; the plan's own when left out.

  Returns:
    K - 1 + num_steps steps.

  Raises:
    ValueError: naming the argument that is out of range.

  Example:
    >>> from jaxguide import schedules, variational
    >>> schedule = schedules.linear(1000)
    >>> plan = variational.vipaint_plan(schedule, (551, 401))
    >>> steps = variational.vipaint_steps(schedule, plan, num_steps=3)
    >>> steps.next_level.level
    array([401, 201,   1,   0], dtype=int32)
  """
  schedules.check_concrete(schedule)
  if group_size < 1:
    raise ValueError(f"group_size must be at least 1, got {group_size}")
  if not math.isfinite(scale):
    raise ValueError(f"scale must be finite, got {scale}")
  eta = float(plan.eta) if eta is None else eta
  if not 0 <= eta <= 1:
    raise ValueError(f"eta must be in [0, 1], got {eta}")
  levels = _refined_levels(schedule, plan, num_steps)
  refine = _released if plan.variant == "released" else _paper
  now, then, c = refine(schedule, levels, eta)
  c = c._replace(
      gradient_scale=np.full(c.x0_scale.shape, scale / group_size))
  upper = _hierarchy_steps(plan)
  parts = [upper, (now, then, c)] if plan.num_levels > 1 else [(now, then, c)]
  now, then, c = jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
  down = plan.num_levels - 1
  count = down + levels.size - 1
  kinds = [core.DENOISE] * down + [core.OPTIMISE] * (count - down)
  coefficients = VipaintCoefficients(
      np.int32(c.position), *(np.float32(leaf) for leaf in c[1:-1]),
      _origin(plan))
  return core.Step(
      index=np.arange(count, dtype=np.int32), level=now, next_level=then,
      kind=np.asarray(kinds, np.int32), coefficients=coefficients,
  )


def _origin(plan):
  return Origin(plan.levels, plan.variant)


def _refined_levels(schedule, plan, num_steps):
  """Decreasing levels from T_s, one more than steps."""
  top = plan.levels[-1]
  last = 1 if plan.variant == "released" else 0
  most = top - last
  if most < 1:
    raise ValueError(
        f"plan must end above level {last}, below which there is nothing to "
        f"refine, got levels {plan.levels}")
  count = most if num_steps is None else num_steps
  if not 1 <= count <= most:
    raise ValueError(f"num_steps must be in 1..{most}, got {num_steps}")
  if last == 0:
    return schedules.space_levels(schedule, count, top)
  return schedules.space_timesteps(top, count + 1)[::-1] + 1


def _hierarchy_steps(plan):
  """The steps that arrive at levels 1..K-1."""
  cut = lambda part: jax.tree.map(lambda table: table[part], plan.rows)
  zero = np.zeros(plan.num_levels - 1)
  coefficients = VipaintCoefficients(
      position=np.arange(1, plan.num_levels),
      x0_scale=plan.rows.alpha[1:],
      eps_scale=plan.eps_scale[1:],
      noise_std=zero,
      context_scale=plan.context_scale[1:],
      gradient_scale=zero,
  )
  return cut(slice(None, -1)), cut(slice(1, None)), coefficients


def _paper(schedule, levels, eta):
  now, then = levels[:-1], levels[1:]
  variance = eta * core.conditional_variance(schedule, now, then)
  left = np.maximum(schedule.sigma[then] ** 2 - variance, 0)
  return (_rows(schedule, now), _rows(schedule, then), _coefficients(
      schedule.alpha[then], np.sqrt(left), np.sqrt(variance)))


def _released(schedule, levels, eta):
  """The steps of `_paper`, rounded where the released program rounds."""
  rows, one = _rows(schedule, levels), np.float32(1)
  alpha_bar = np.float32(schedule.alpha_bar[levels])
  rows = rows._replace(
      alpha=np.sqrt(alpha_bar), sigma=np.sqrt(one - alpha_bar))
  now, then = alpha_bar[:-1], alpha_bar[1:]
  std = np.float32(eta) * np.sqrt(
      (one - then) / (one - now) * (one - now / then))
  left = np.sqrt(np.maximum(one - then - std**2, 0))
  cut = lambda part: jax.tree.map(lambda table: table[part], rows)
  return cut(slice(None, -1)), cut(slice(1, None)), _coefficients(
      np.sqrt(then), left, np.zeros_like(std))


def _rows(schedule, levels):
  tables = (np.asarray(t[levels], np.float32) for t in schedule)
  return schedules.NoiseLevel(*tables, level=levels.astype(np.int32))


def _coefficients(x0_scale, eps_scale, noise_std):
  zero = np.zeros_like(x0_scale)
  return VipaintCoefficients(zero, x0_scale, eps_scale, noise_std, zero, zero)


def vipaint(
    plan: plans.Plan,
    posterior: posteriors.Posterior,
    denoise: denoisers.Denoiser,
    noise: noises.Noise,
    reconstruction: energies.Energy,
    *,
    decode: Callable[[arrays.Batch], arrays.Images] | None = None,
    guidance_scale: arrays.Array | float = 1.0,
) -> core.Sampler:
  """The sampler of a fitted posterior; every row is a sample of its own.

  Its start is the `z` of `samplers.sample`, the noise of z_0. Draws: slot
  "step" once per step of the hierarchy, and in the paper's variant once per
  later step. The result is the estimate x0 of the last step, before that
  step's gradient, decoded; values are not clipped.

  Args:
    plan: plan of the posterior; the steps must come from the same one.
    posterior: fitted posterior, leaves `[N, K, ...]`, or with one row per
      sample. Where z has S rows per image, they follow each other.
    denoise: the prior, which sees rows of z; its guidance may differ from the
      fit's.
    noise: source of draws with one row per sample.
    reconstruction: an energy of x0, `decoded(...)` for latents.
    decode: decoder of x0 to images; the identity when left out.
    guidance_scale: factor of the gradient, a scalar or `[R]`; it may be
      traced.

  Returns:
    A sampler for `samplers.sample`.

  Raises:
    ValueError: if the posterior has another number of levels than the plan,
      or (once it runs) the steps have other levels or another variant, or the
      noise has no row per sample.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import denoisers, noises, samplers, schedules
    >>> from jaxguide import variational
    >>> schedule = schedules.linear(1000)
    >>> plan = variational.vipaint_plan(schedule, (401,))
    >>> noise = noises.prng_noise(noises.image_keys(0, jnp.arange(1)))
    >>> y = jnp.ones((1, 4))
    >>> posterior = variational.initialise(plan, y[:, None], noise)
    >>> sampler = variational.vipaint(
    ...     plan, posterior, denoisers.gaussian(jnp.zeros(4), jnp.eye(4)),
    ...     noise, variational.gaussian_likelihood(y, 0.1))
    >>> steps = variational.vipaint_steps(schedule, plan, num_steps=3)
    >>> samplers.sample(sampler, noise(-1, "start", (4,)), steps).x.shape
    (1, 4)
  """
  posteriors.check_levels(posterior, plan)
  refine = guidances.through_denoiser(reconstruction)

  def init(z: arrays.Batch, first: core.Step) -> VipaintState:
    _check_origin(first.coefficients, plan)
    rows = posteriors.repeat_to(posterior, z.shape[0])
    z = hierarchy.start(plan, rows, z)[0].astype(z.dtype)
    return VipaintState(z, jnp.zeros_like(z), jnp.zeros(z.shape[0], z.dtype))

  def descend(state: VipaintState, step: core.Step) -> VipaintState:
    c, n = step.coefficients, _standard(noise, state, step)
    rows = posteriors.repeat_to(posterior, state.z.shape[0])
    found = denoise(state.z, step.level)
    prior_mean = (arrays.product(c.x0_scale, found.x0)
                  + arrays.product(c.eps_scale, found.eps))
    mean = hierarchy.level_mean(
        rows, c.position, prior_mean, c.context_scale)
    z = mean + arrays.product(hierarchy.level_std(rows, c.position), n)
    return VipaintState(z, found.x0, jnp.zeros_like(state.energy))

  def refined(state: VipaintState, step: core.Step) -> VipaintState:
    c = step.coefficients
    draws = noises.checked_rows(noise, state.z.shape[0])
    draw = lambda slot, shape, law="normal": draws(
        step.index, slot, shape, law)
    guided = refine(denoise, state.z, step.level, draw)
    x0, eps, _ = guided.prediction
    z = (arrays.product(c.x0_scale, x0)
         + arrays.product(c.eps_scale, eps))
    if plan.variant == "paper":
      z += arrays.product(c.noise_std, _standard(noise, state, step))
    weight = c.gradient_scale * jnp.asarray(guidance_scale, jnp.float32)
    z -= arrays.product(arrays.bcast(weight, z), guided.gradient)
    return VipaintState(z, x0, guided.value)

  def step(state: VipaintState, step: core.Step) -> VipaintState:
    if plan.num_levels == 1:
      return _kept(refined)(state, step)
    return jax.lax.cond(
        step.kind == core.DENOISE, _kept(descend), _kept(refined), state, step)

  def output(state: VipaintState) -> arrays.Batch:
    return state.x0 if decode is None else decode(state.x0)

  return core.Sampler(init=init, step=step, output=output)


def _standard(noise, state, step):
  """The step's standard normal draw, `[R, ...]`."""
  count, *shape = state.z.shape
  return noises.checked_rows(noise, count)(step.index, "step", shape)


def _kept(branch: _Branch) -> _Branch:
  """The branch with the dtypes of the state: a `cond` needs equal ones."""
  return lambda state, step: jax.tree.map(
      lambda a, b: a.astype(b.dtype), branch(state, step), state)


def _check_origin(coefficients, plan):
  """Refuses the steps of another plan.

  What lies beyond an array's end is read without an error in jax.
  """
  is_own = isinstance(coefficients, VipaintCoefficients)
  found = coefficients.origin if is_own else None
  if found != _origin(plan):
    made = f"levels {found.levels}, {found.variant}" if found else "no plan"
    raise ValueError(
        "steps must be made by vipaint_steps from the posterior's plan (levels "
        f"{plan.levels}, {plan.variant}), got those of {made}")


def vipaint_draw_order(num_levels: int) -> dict[str, np.ndarray]:
  """Where the released sampling's draws lie in a flat recording.

  Args:
    num_levels: K, the number of levels.

  Returns:
    Positions by slot, int `[index, 1]`, for `noises.from_recording`: "start"
    and, where K > 1, "step".

  Example:
    >>> from jaxguide import variational
    >>> variational.vipaint_draw_order(3)["step"].tolist()
    [[1], [2]]
  """
  order = {"start": np.zeros((1, 1), np.int64)}
  if num_levels > 1:
    order["step"] = np.arange(1, num_levels)[:, None]
  return order
