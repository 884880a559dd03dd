"""DDIM (Song et al. 2021, arXiv:2010.02502), on any schedule."""

from typing import NamedTuple

import numpy as np

from jaxguide import arrays
from jaxguide import denoisers
from jaxguide import noises
from jaxguide import schedules
from jaxguide.samplers import core


class DdimCoefficients(NamedTuple):
  """x_s = x0_scale x0 + eps_scale eps + noise_std z.

  Attributes:
    x0_scale: factor of the estimate.
    eps_scale: factor of its noise.
    noise_std: standard deviation of the fresh noise.
  """

  x0_scale: arrays.Array
  eps_scale: arrays.Array
  noise_std: arrays.Array


class DdimState(NamedTuple):
  """The state of `ddim`.

  Attributes:
    x: state x_t, `[B, ...]`.
  """

  x: arrays.Batch


def ddim_steps(
    schedule: schedules.Schedule,
    num_steps: int,
    *,
    eta: float = 0.0,
    first_level: int | None = None,
) -> core.Steps:
  """The plan of DDIM: levels thinned by `schedules.space_levels`.

  noise_std = eta sqrt(Var[z_s | z_t, x0]) (Eq. 16), eps_scale =
  sqrt(sigma_s^2 - noise_std^2), x0_scale = alpha_s (Eq. 12).

  Args:
    schedule: schedule of any kind, concrete.
    num_steps: number of steps, from 1 to the first level.
    eta: share of the noise, in [0, 1]: 0 is deterministic, 1 has the variance
      of DDPM.
    first_level: level to start from; N when left out.

  Raises:
    ValueError: eta or num_steps out of range.

  Example:
    >>> from jaxguide import samplers, schedules
    >>> steps = samplers.ddim_steps(schedules.linear(1000), 4, eta=1.0)
    >>> print(steps.level.level, steps.coefficients.noise_std)
    [1000  667  334    1] [0.9927 0.8156 0.01   0.    ]
  """
  if not 0 <= eta <= 1:
    raise ValueError(f"eta must be in [0, 1], got {eta}")
  grid = schedules.space_levels(schedule, num_steps, first_level)
  levels, nexts = grid[:-1], grid[1:]
  variance = eta**2 * core.conditional_variance(schedule, levels, nexts)
  sigma = schedule.sigma[nexts]
  coefficients = DdimCoefficients(
      x0_scale=schedule.alpha[nexts],
      eps_scale=np.sqrt(np.maximum(sigma**2 - variance, 0)),
      noise_std=np.sqrt(variance),
  )
  return core.plan(schedule, levels, nexts, coefficients)


def ddim(denoise: denoisers.Denoiser, noise: noises.Noise) -> core.Sampler:
  """The DDIM sampler.

  Draws: slot "step", once per step, also where noise_std is 0.

  Exact for a Gaussian prior in the limit of many steps: with eta = 0 it is
  the probability-flow ODE by Euler's rule, with eta = 1 ancestral sampling.

  Args:
    denoise: denoiser of x_t `[B, ...]`.
    noise: random draws, of one row per image; of others it raises ValueError
      when run.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import denoisers, noises, samplers, schedules
    >>> prior = denoisers.gaussian(jnp.full(16, 0.5), jnp.zeros((16, 16)))
    >>> noise = noises.prng_noise(noises.image_keys(0, jnp.arange(2)))
    >>> steps = samplers.ddim_steps(schedules.linear(1000), 10)
    >>> z = noise(-1, "start", (16,))
    >>> x = samplers.sample(samplers.ddim(prior, noise), z, steps).x
    >>> bool(jnp.allclose(x, 0.5))  # All that this prior knows.
    True
  """

  def step(state: DdimState, step: core.Step) -> DdimState:
    prediction = denoise(state.x, step.level)
    c = step.coefficients
    rows, *shape = state.x.shape
    z = noises.checked_rows(noise, rows)(step.index, "step", shape)
    x = (c.x0_scale * prediction.x0 + c.eps_scale * prediction.eps
         + c.noise_std * z)
    return DdimState(x.astype(state.x.dtype))

  return core.Sampler(
      init=lambda z, first: DdimState(core.start(z, first)),
      step=step,
      output=lambda state: state.x,
  )
