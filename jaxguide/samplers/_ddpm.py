"""Ancestral sampling (Ho et al. 2020; Nichol & Dhariwal 2021)."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxguide import arrays
from jaxguide import denoisers
from jaxguide import noises
from jaxguide import schedules
from jaxguide.samplers import core

VARIANCES = ("fixed_small", "fixed_large", "learned")


class DdpmCoefficients(NamedTuple):
  """x_s = x0_scale x0 + x_scale x_t + std z.

  Attributes:
    x0_scale: factor of x0 in the posterior mean.
    x_scale: factor of x_t in the posterior mean.
    log_small: logarithm of the posterior variance of z_s given z_t and x0.
    log_large: logarithm of beta, the variance of z_t given z_s.
    add_noise: factor of the noise, 0 for the step that arrives at clean data,
      else 1.
  """

  x0_scale: arrays.Array
  x_scale: arrays.Array
  log_small: arrays.Array
  log_large: arrays.Array
  add_noise: arrays.Array


class DdpmState(NamedTuple):
  """The state of `ddpm`.

  Attributes:
    x: state x_t, `[B, ...]`.
  """

  x: arrays.Batch


def ddpm_steps(
    schedule: schedules.Schedule,
    num_steps: int,
    *,
    first_level: int | None = None,
) -> core.Steps:
  """The plan of ancestral sampling on thinned levels.

  The mean of z_s given z_t and x0 is alpha_s v_ts / sigma_t^2 x0 +
  alpha_ts sigma_s^2 / sigma_t^2 z_t with alpha_ts = alpha_t / alpha_s and
  v_ts = sigma_t^2 - alpha_ts^2 sigma_s^2 (Ho et al., Eq. 7, any schedule).

  Args:
    schedule: schedule of any kind, concrete.
    num_steps: number of steps, from 1 to the first level.
    first_level: level to start from; N when left out.

  Example:
    >>> from jaxguide import samplers, schedules
    >>> steps = samplers.ddpm_steps(schedules.linear(1000), 4)
    >>> print(steps.level.level, steps.coefficients.add_noise)
    [1000  667  334    1] [1. 1. 1. 0.]
  """
  grid = schedules.space_levels(schedule, num_steps, first_level)
  levels, nexts = grid[:-1], grid[1:]
  alpha_t, sigma_t = schedule.alpha[levels], schedule.sigma[levels]
  alpha_s, sigma_s = schedule.alpha[nexts], schedule.sigma[nexts]
  ratio = alpha_t / alpha_s
  forward = sigma_t**2 - ratio**2 * sigma_s**2
  small = core.conditional_variance(schedule, levels, nexts)
  # The last posterior variance is 0; the released tables put the one before
  # in its place, and so does the learned interpolation.
  positive = small[small > 0]
  floor = positive[-1] if positive.size else forward[-1]
  coefficients = DdpmCoefficients(
      x0_scale=alpha_s * forward / sigma_t**2,
      x_scale=ratio * sigma_s**2 / sigma_t**2,
      log_small=np.log(np.where(small > 0, small, floor)),
      log_large=np.log(forward),
      add_noise=(nexts > 0).astype(np.float64),
  )
  return core.plan(schedule, levels, nexts, coefficients)


def ddpm(
    denoise: denoisers.Denoiser,
    noise: noises.Noise,
    *,
    variance: str = "fixed_small",
) -> core.Sampler:
  """The ancestral sampler.

  Draws: slot "step", once per step, also for the last, which adds none.

  Exact for a Gaussian prior in the limit of many steps.

  Args:
    denoise: denoiser of x_t `[B, ...]`.
    noise: random draws, of one row per image; of others it raises ValueError
      when run.
    variance: name, "fixed_small" (the posterior variance), "fixed_large"
      (beta, the variance that the forward step adds) or "learned" (their
      log-interpolation, Nichol & Dhariwal, Eq. 15). Where the scale of the
      signal does not fall (VE, EDM grids) beta is the whole difference
      sigma_t^2 - sigma_s^2: coarse grids then want "fixed_small".

  Raises:
    ValueError: an unknown variance, or "learned" with a denoiser that
      predicts none.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import denoisers, noises, samplers, schedules
    >>> prior = denoisers.gaussian(jnp.full(16, 0.5), 0.01 * jnp.eye(16))
    >>> noise = noises.prng_noise(noises.image_keys(0, jnp.arange(100)))
    >>> steps = samplers.ddpm_steps(schedules.linear(1000), 100)
    >>> z = noise(-1, "start", (16,))
    >>> x = samplers.sample(samplers.ddpm(prior, noise), z, steps).x
    >>> print(f"{x.mean():.1f} {x.std():.1f}")
    0.5 0.1
  """
  arrays.check_choice("variance", variance, VARIANCES)

  def log_variance(
      prediction: denoisers.Prediction, c: DdpmCoefficients
  ) -> arrays.Array:
    if variance == "fixed_small":
      return c.log_small
    if variance == "fixed_large":
      return c.log_large
    fraction = prediction.variance_fraction
    if fraction is None:
      raise ValueError("variance='learned' needs a denoiser with a learned "
                       "variance, this one has none")
    return fraction * c.log_large + (1 - fraction) * c.log_small

  def step(state: DdpmState, step: core.Step) -> DdpmState:
    prediction = denoise(state.x, step.level)
    c = step.coefficients
    rows, *shape = state.x.shape
    z = noises.checked_rows(noise, rows)(step.index, "step", shape)
    std = c.add_noise * jnp.exp(0.5 * log_variance(prediction, c))
    x = c.x0_scale * prediction.x0 + c.x_scale * state.x + std * z
    return DdpmState(x.astype(state.x.dtype))

  return core.Sampler(
      init=lambda z, first: DdpmState(core.start(z, first)),
      step=step,
      output=lambda state: state.x,
  )
