"""Steered Diffusion (Nair et al., ICCV 2023), zero-shot conditioning.

Each step moves the prior's estimate of x0 before it is used:

  x0_feas = x0 - k(t) grad_{x_t} V1(x0(x_t))                 (Eq. 15)
  x0_feas = x0 + k(t) (D(y) - D(x0))                         (Eq. 16)
  x_s     = alpha_s x0_feas + eps_scale e + noise_std z      (Eq. 13)

with e the noise that agrees with x0_feas. Both moves may be made in one
step, the gradient first. With N inner iterations every level is visited N
times: x_s is noised back to level t and denoised again.

`variant="paper"` is the mathematics of the paper, `variant="released"` what
the published program does; the two differ in

  what            paper                 released
  start           z                     (alpha_T + sigma_T) z
  renoising       sqrt(1-b) x + sqrt(b) z   sqrt(1-b) x + b z
  k(t)            sigma_t               sigma of the next noisier level, 1 first
  N               3 colour, inpainting  1
  coefficients    float64, rounded      float32 products of rounded tables
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import arrays
from jaxguide import denoisers
from jaxguide import guidance as guidances
from jaxguide import noises
from jaxguide import schedule_tables
from jaxguide import schedules
from jaxguide.samplers import core

LOOK_AHEADS = ("none", "printed", "bayes")


class SteeredCoefficients(NamedTuple):
  """The numbers of one step.

  Attributes:
    start_scale: factor of z, for the state before the step; used by the first.
    recip: reciprocal 1 / alpha_t.
    recip_m1: ratio sigma_t / alpha_t; e = (recip x - x0_feas) / recip_m1.
    x0_scale: factor of x0_feas in Eq. 13.
    eps_scale: factor of e in Eq. 13.
    noise_std: standard deviation of the fresh noise in Eq. 13.
    keep: factor of x_s in what the next iteration starts from; 1 on the last
      inner iteration.
    renoise: factor of the renoising draw; 0 on the last inner iteration.
    gradient_scale: factor k(t) of Eq. 15.
    constraint_scale: factor k(t) of Eq. 16.
  """

  start_scale: arrays.Array
  recip: arrays.Array
  recip_m1: arrays.Array
  x0_scale: arrays.Array
  eps_scale: arrays.Array
  noise_std: arrays.Array
  keep: arrays.Array
  renoise: arrays.Array
  gradient_scale: arrays.Array
  constraint_scale: arrays.Array


class SteeredState(NamedTuple):
  """The state of `steered`, every leaf `[B, ...]`.

  Attributes:
    x: state that the next iteration starts from.
    x0: estimate of the prior in the last iteration, before steering.
    x0_steered: estimate after steering.
    x_next: state x_s of the last iteration, before renoising.
  """

  x: arrays.Batch
  x0: arrays.Batch
  x0_steered: arrays.Batch
  x_next: arrays.Batch


def steered_steps(
    schedule: schedules.Schedule,
    num_steps: int,
    *,
    num_inner: int = 1,
    variant: str = "paper",
    eta: float = 1.0,
    gradient_schedule: str = "time_varying",
    constraint_schedule: str = "constant",
) -> core.Steps:
  """The plan of Steered Diffusion: num_steps x num_inner iterations.

  Args:
    schedule: schedule, concrete; variance-preserving for
      `variant="released"`.
    num_steps: number of levels visited, thinned by `schedules.space_levels`.
    num_inner: number N of iterations at a level; the paper has 3 for
      colorization and inpainting and 1 elsewhere, the released drivers 1.
    variant: name, "paper" or "released".
    eta: share of the noise, 1 in both; 0 is the deterministic limit.
    gradient_schedule: rule for k(t) of Eq. 15, "time_varying" or "constant"
      (1); on a schedule that does not preserve the variance it is multiplied
      by hypot(alpha_t, sigma_t), so that equivalent schedules sample alike.
    constraint_schedule: rule for k(t) of Eq. 16, likewise; 1 in both variants.
      It moves x0 itself and needs no such factor.

  Raises:
    ValueError: naming the argument out of range.

  Example:
    >>> from jaxguide import samplers, schedules
    >>> steps = samplers.steered_steps(schedules.linear(1000), 2, num_inner=3)
    >>> print(steps.level.level)
    [1000 1000 1000    1    1    1]
  """
  arrays.check_choice("variant", variant, core.VARIANTS)
  schedule_tables.check_count("num_inner", num_inner)
  if not 0 <= eta <= 1:
    raise ValueError(f"eta must be in [0, 1], got {eta}")
  grid = schedules.space_levels(schedule, num_steps)
  levels, nexts = grid[:-1], grid[1:]
  if variant == "released":
    schedules.check_preserves_variance(schedule, "variant='released'")
  transition = (_released_transition if variant == "released"
                else _paper_transition)
  x0_scale, eps_scale, noise_std = transition(schedule, levels, nexts, eta)
  ratio = schedule.alpha[levels] / schedule.alpha[nexts]
  beta = schedule.sigma[levels] ** 2 - (ratio * schedule.sigma[nexts]) ** 2
  k = _time_varying(schedule, levels, variant)
  # Gradients are with respect to x_t: hypot(alpha, sigma), 1 where the
  # variance is preserved, keeps the move of x0 independent of x_t's scale.
  norm = np.hypot(schedule.alpha[levels], schedule.sigma[levels])
  per_level = SteeredCoefficients(
      start_scale=(schedule.alpha[levels] + schedule.sigma[levels]
                   if variant == "released" else norm),
      recip=1 / schedule.alpha[levels],
      recip_m1=schedule.sigma[levels] / schedule.alpha[levels],
      x0_scale=x0_scale,
      eps_scale=eps_scale,
      noise_std=noise_std,
      keep=ratio,
      renoise=beta if variant == "released" else np.sqrt(beta),
      gradient_scale=norm * _scale("gradient_schedule", gradient_schedule, k),
      constraint_scale=_scale("constraint_schedule", constraint_schedule, k),
  )
  repeated = jax.tree.map(lambda c: np.repeat(c, num_inner), per_level)
  last = np.arange(num_steps * num_inner) % num_inner == num_inner - 1
  coefficients = repeated._replace(
      keep=np.where(last, 1.0, repeated.keep),
      renoise=np.where(last, 0.0, repeated.renoise),
  )
  return core.plan(
      schedule, np.repeat(levels, num_inner), np.repeat(nexts, num_inner),
      coefficients, np.where(last, core.DENOISE, core.RENOISE),
  )


def _paper_transition(schedule, levels, nexts, eta):
  variance = eta**2 * core.conditional_variance(schedule, levels, nexts)
  left = np.maximum(schedule.sigma[nexts] ** 2 - variance, 0)
  return schedule.alpha[nexts], np.sqrt(left), np.sqrt(variance)


def _released_transition(schedule, levels, nexts, eta):
  """The same numbers, rounded where the released program rounds them."""
  now = np.float32(schedule.alpha_bar[levels])
  then = np.float32(schedule.alpha_bar[nexts])
  one = np.float32(1)
  spread = (np.float32(eta) * np.sqrt((one - then) / (one - now))
            * np.sqrt(one - now / then))
  left = np.maximum(one - then - spread**2, np.float32(0))
  return np.sqrt(then), np.sqrt(left), spread


def _time_varying(schedule, levels, variant):
  """sqrt(1 - alpha_bar), or that of the next noisier level."""
  sigma = schedule.sigma[levels]
  if variant == "released":
    return np.concatenate([[1.0], sigma[:-1]])
  return sigma / np.hypot(schedule.alpha[levels], sigma)


def _scale(name: str, rule: str, k: np.ndarray) -> np.ndarray:
  arrays.check_choice(name, rule, ("time_varying", "constant"))
  return k if rule == "time_varying" else np.ones_like(k)


def steered(
    denoise: denoisers.Denoiser,
    noise: noises.Noise,
    *,
    constraint: core.Constraint | None = None,
    guidance: guidances.Guidance | None = None,
    guidance_scale: arrays.Array | float = 1.0,
    constraint_scale: arrays.Array | float = 1.0,
    look_ahead: str = "none",
) -> core.Sampler:
  """The Steered Diffusion sampler, of the variant that its plan is of.

  Draws: slot "step" (the z of Eq. 13) and slot "renoise" once per iteration;
  energies draw from slots of their own.

  Not exact for any prior: the constraint is met by the returned x0 (for a
  right inverse as lift, exactly), and its unobserved part follows the
  estimate E[x0 | x_t] rather than a draw from the posterior. Tests hold, for
  the unobserved half of a Gaussian in 16 dimensions, the other half observed
  without noise, the gap of the mean to the exact posterior's, in prior
  standard deviations (root mean square, over observations too), and the
  variance divided by the exact one:

    steered by, steps (scales)                            gap  variance
    constraint, N = 1, 100 (1)                           0.24      1.34
    constraint, N = 1, 1000 (1)                          0.23      1.49
    constraint, N = 3, 100 (1)                          0.094      0.85
    gradient, N = 1, 100 (0.4)                           0.45      2.00
    both, N = 2, 100 (0.6, 0.3)                          0.16      1.05
    both, N = 2, 100 (0.7, 0.3), released                0.15      0.58
    gradient, N = 1, 100 (0.4), look-ahead "printed"     0.87      3.99
    gradient, N = 1, 100 (0.4), look-ahead "bayes"       0.87      3.83

  More inner iterations narrow the gap, more steps hardly. A gradient alone
  does not meet the observation. A look-ahead leaves a Gaussian prior's mean
  where it is: x0(x_s) is x0(x_t) but for the noise of the step, and nothing
  of the two terms is left that depends on the observation.

  Args:
    denoise: denoiser of x_t `[B, ...]`; x0 is not clipped unless it clips.
    noise: random draws, of one row per image; of others it raises ValueError
      when run.
    constraint: function `x0 -> D(y) - D(x0)`, the correction of Eq. 16, such
      as those of `samplers.constraints`.
    guidance: energies V1. With `guidance.through_denoiser` the gradient is
      with respect to x_t, network included, as in Eq. 15.
    guidance_scale: factor of k(t) of Eq. 15; scalar or `[B]`, may be traced.
    constraint_scale: factor of k(t) of Eq. 16, likewise.
    look_ahead: rule for the second term of Eq. 10 and 15, V2 = V at x0(x_s).
      "none" leaves it out, as the released program does and as the paper itself
      reads it (the inner loop takes its place). "printed" has the printed
      sign, x0 - k grad (V1 - V2), under which two like terms nearly cancel.
      "bayes" has the sign that follows from Eq. 7, x0 - k grad (V2 - V1).
      Costs a second network evaluation, forward and backward.

  Raises:
    ValueError: an unknown option, a look-ahead without terms through
      the denoiser, or (when run) the plan of another sampler.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import denoisers, noises, samplers, schedules
    >>> prior = denoisers.gaussian(jnp.zeros(16), jnp.eye(16))
    >>> noise = noises.prng_noise(noises.image_keys(0, jnp.arange(2)))
    >>> mask = (jnp.arange(16) < 8)[None].astype(jnp.float32)
    >>> constraint = samplers.constraints.inpainting(jnp.ones((2, 16)), mask)
    >>> steps = samplers.steered_steps(schedules.linear(1000), 10)
    >>> sampler = samplers.steered(prior, noise, constraint=constraint)
    >>> x = samplers.sample(sampler, noise(-1, "start", (16,)), steps).x
    >>> bool(jnp.allclose(x[:, :8], 1, atol=1e-5))  # What was seen is kept.
    True
  """
  arrays.check_choice("look_ahead", look_ahead, LOOK_AHEADS)
  guidance = guidance or guidances.none()
  if look_ahead != "none":
    _check_look_ahead(guidance)

  def init(z: arrays.Batch, first: core.Step) -> SteeredState:
    _check_plan(first.coefficients)
    x = (first.coefficients.start_scale * z).astype(z.dtype)
    return SteeredState(x, *(jnp.zeros_like(x) for _ in range(3)))

  def steer(
      x: arrays.Batch, step: core.Step, z: arrays.Batch
  ) -> tuple[arrays.Batch, arrays.Batch]:
    draw = _bind(noises.checked_rows(noise, x.shape[0]), step.index)
    if look_ahead == "none":
      guided = guidance(denoise, x, step.level, draw)
    else:
      sign = 1.0 if look_ahead == "printed" else -1.0
      guided = _look_ahead(guidance, denoise, x, step, draw, z, sign)
    x0 = guided.prediction.x0
    moved = x0 - _times(
        step.coefficients.gradient_scale, guidance_scale, guided.gradient)
    if constraint is not None:
      moved = moved + _times(
          step.coefficients.constraint_scale, constraint_scale,
          constraint(moved))
    return x0, moved

  def step(state: SteeredState, step: core.Step) -> SteeredState:
    c, (rows, *shape) = step.coefficients, state.x.shape
    draws = noises.checked_rows(noise, rows)
    z = draws(step.index, "step", shape)
    x0, moved = steer(state.x, step, z)
    x_next = _transition(c, state.x, moved, z)
    again = draws(step.index, "renoise", shape)
    x = c.keep * x_next + c.renoise * again
    new = SteeredState(x, x0, moved, x_next)
    return jax.tree.map(lambda leaf: leaf.astype(state.x.dtype), new)

  return core.Sampler(init=init, step=step, output=lambda state: state.x)


def _transition(c, x, x0, z):
  """Eq. 13 with the noise that agrees with x0."""
  # As in `denoisers`, no array is divided by a scalar.
  e = (c.recip * x - x0) * (1 / c.recip_m1)
  return c.x0_scale * x0 + c.eps_scale * e + c.noise_std * z


def _times(k, scale, move):
  return arrays.bcast(k * jnp.asarray(scale, jnp.float32), move) * move


def _bind(noise: noises.Noise, index: arrays.Array) -> Any:
  return lambda slot, shape, law="normal": noise(index, slot, shape, law)


def _check_plan(coefficients: Any) -> None:
  if not isinstance(coefficients, SteeredCoefficients):
    raise ValueError(
        "steps must be a plan of steered_steps, with SteeredCoefficients, "
        f"got coefficients of type {type(coefficients).__name__}")


def _check_look_ahead(guidance: guidances.Guidance) -> None:
  if not guidance.through or guidance.estimate or guidance.state:
    found = ", ".join(
        f"{len(getattr(guidance, kind))} {kind}"
        for kind in ("through", "estimate", "state"))
    raise ValueError(
        "look_ahead needs guidance made of terms through the denoiser only, "
        f"at least one; got {found}")


def _look_ahead(guidance, denoise, x, step, draw, z, sign):
  """Gradient of sign (V1 - V2), V2 the energy one step further (Eq. 10)."""

  def difference(
      x_t: arrays.Batch,
  ) -> tuple[arrays.PerImage, denoisers.Prediction]:
    now = denoise(x_t, step.level)
    x_s = _transition(step.coefficients, x_t, now.x0, z).astype(x_t.dtype)
    # The network is never asked about clean data: there x0 is x_s itself.
    ahead = jax.lax.cond(
        step.next_level.sigma > 0,
        lambda at: denoise(at, step.next_level),
        lambda at: now._replace(x0=at.astype(now.x0.dtype)),
        x_s,
    )
    v1 = guidance.through_value(now, step.level, draw)
    v2 = guidance.through_value(ahead, step.next_level, draw)
    return sign * (v1 - v2), now

  value, pull_back, prediction = jax.vjp(difference, x, has_aux=True)
  (gradient,) = pull_back(jnp.ones_like(value))
  return guidances.Guided(prediction, value, gradient)


def steered_draw_order(
    steps: core.Steps, extra: np.ndarray | None = None
) -> dict[str, np.ndarray]:
  """Where the released program's draws lie in a flat recording.

  It draws z first, then in every iteration an unused one, a further unused
  one while the text-editing window is open, the renoising draw and the
  sampling draw, also where their factors are zero.

  Args:
    steps: plan of the sampler.
    extra: iterations with the further draw, bool `[S]`; none when left out.

  Returns:
    Positions, int `[index, 1]`, for slots "start", "unused", "renoise" and
    "step": what `noises.from_recording` takes.

  Example:
    >>> from jaxguide import samplers, schedules
    >>> steps = samplers.steered_steps(schedules.linear(1000), 2)
    >>> order = samplers.steered_draw_order(steps)
    >>> order["renoise"].tolist(), order["step"].tolist()
    ([[2], [5]], [[3], [6]])
  """
  count = steps.index.shape[0]
  extra = np.zeros(count, bool) if extra is None else np.asarray(extra, bool)
  arrays.check_shape("extra", extra, (count,))
  before = 1 + 3 * np.arange(count) + np.cumsum(extra) - extra
  return {
      "start": np.zeros((1, 1), np.int64),
      "unused": before[:, None],
      "renoise": (before + extra + 1)[:, None],
      "step": (before + extra + 2)[:, None],
  }
