"""SDEdit (Meng et al. 2022, arXiv:2108.01073): noise a guide, denoise it.

Its plan and its step are those of `egsde` without energies: one program, so
that EGSDE with weights of zero is SDEdit to the bit.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxguide import arrays
from jaxguide import denoisers
from jaxguide import noises
from jaxguide import schedules
from jaxguide.samplers import _egsde
from jaxguide.samplers import _egsde_plan
from jaxguide.samplers import core


def sdedit_steps(
    schedule: schedules.Schedule,
    num_steps: int | None = None,
    *,
    first_level: int | None = None,
    **options: Any,
) -> core.Steps:
  """The plan of SDEdit; see `egsde_steps`, whose options it takes.

  Args:
    schedule: schedule of any kind, concrete.
    num_steps: number of levels visited in a repeat; all up to `first_level`
      when left out.
    first_level: level that the guide is noised to; half of the schedule's
      levels when left out. The released program has 400 of 1000 and 3 repeats.
    **options: options solver, variant, variance, num_repeats, source_noise.

  Example:
    >>> from jaxguide import samplers, schedules
    >>> steps = samplers.sdedit_steps(
    ...     schedules.linear(1000), 4, first_level=400)
    >>> print(steps.level.level)
    [400 267 134   1]
  """
  return _egsde_plan.egsde_steps(
      schedule, num_steps, first_level=first_level, **options)


def sdedit(
    denoise: denoisers.Denoiser,
    noise: noises.Noise,
    *,
    source: arrays.Batch,
    mask: arrays.Batch | None = None,
    initial: arrays.Batch | None = None,
) -> core.Sampler:
  """The SDEdit sampler, of the variant that its plan is of.

  With a mask, the kept region is put back after every step: at the level
  arrived at, clean in the end ("paper"), or at the level of the step with the
  noise of the start, which leaves it with that of level 1 ("released"). In a
  further repeat it starts from the guide itself, the rest from the result.

  Draws: slot "step" once per step, also where noise_std is 0; slot "restart"
  once per step, used at restarts alone; with a mask and fresh noise, slot
  "source" once per step.

  Not exact for any prior: the noised guide is no draw from the prior. Tests
  hold, for a Gaussian in 16 dimensions, the gap of the mean to the target's,
  in prior standard deviations (root mean square, over guides too), and the
  variance divided by the target's:

    plan                                       gap  variance
    no mask, 100 of 500 levels                 0.0      0.95
    no mask, all of 500 levels                 0.0      0.99
    mask, K = 2, 100 of 500 levels            0.23      1.26
    mask, K = 3, all of 400 levels, released  0.20      1.61

  Without a mask the target is p(x0 | x_M) averaged over the noise of x_M,
  what an exact reverse process makes of the noised guide. With one, which
  keeps half of the coordinates, it is the exact posterior given those, and
  the figures are those of the other half.

  Args:
    denoise: denoiser of x_t `[B, ...]`; the released program clips no x0.
    noise: random draws, of one row per image; of others it raises ValueError
      when run.
    source: guide, clean, `[B, ...]`.
    mask: mask, 1 where the guide is kept, broadcastable to it.
    initial: signals that are noised for the start, `[B, ...]`; the guide when
      left out.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import denoisers, noises, samplers, schedules
    >>> prior = denoisers.gaussian(jnp.zeros(16), jnp.eye(16))
    >>> noise = noises.prng_noise(noises.image_keys(0, jnp.arange(2)))
    >>> mask = (jnp.arange(16) < 8)[None].astype(jnp.float32)
    >>> sampler = samplers.sdedit(
    ...     prior, noise, source=jnp.ones((2, 16)), mask=mask)
    >>> steps = samplers.sdedit_steps(schedules.linear(1000), 10)
    >>> x = samplers.sample(sampler, noise(-1, "start", (16,)), steps).x
    >>> bool(jnp.allclose(x[:, :8], 1, atol=1e-5))  # These are kept.
    True
  """
  return _egsde.egsde(
      denoise, noise, source=source, mask=mask, initial=initial)


def from_source(
    sampler: core.Sampler, source: arrays.Batch
) -> core.Sampler:
  """Another sampler, started from a noised source: SDEdit by any solver.

  The source is noised to the first level of the plan, so give the plan a
  `first_level` of about half the levels.

  Args:
    sampler: sampler whose start is z scaled to the first level, as it is for
      `ddim` and `ddpm`.
    source: clean signals, `[B, ...]`.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import denoisers, noises, samplers, schedules
    >>> prior = denoisers.gaussian(jnp.zeros(16), jnp.eye(16))
    >>> noise = noises.prng_noise(noises.image_keys(0, jnp.arange(1)))
    >>> ddim = samplers.ddim(prior, noise)
    >>> sampler = samplers.from_source(ddim, jnp.ones((1, 16)))
    >>> steps = samplers.ddim_steps(
    ...     schedules.linear(1000), 100, first_level=200)
    >>> x = samplers.sample(sampler, jnp.zeros((1, 16)), steps).x
    >>> f"{x.mean():.1f}, from {steps.level.alpha[0]:.1f}"
    '0.8, from 0.8'
  """

  def init(z: arrays.Batch, first: core.Step) -> core.State:
    level = first.level
    x = level.alpha * source + level.sigma * z
    # The sampler multiplies by hypot(alpha, sigma).
    inverse = 1 / jnp.hypot(level.alpha, level.sigma)
    return sampler.init((x * inverse).astype(z.dtype), first)

  return sampler._replace(init=init)


def sdedit_draw_order(steps: core.Steps) -> dict[str, np.ndarray]:
  """Where a released program's draws lie, as `egsde_draw_order` has it.

  Args:
    steps: plan of the sampler.

  Example:
    >>> from jaxguide import samplers, schedules
    >>> steps = samplers.sdedit_steps(schedules.linear(1000), 2)
    >>> samplers.sdedit_draw_order(steps)["step"].tolist()
    [[2], [4]]
  """
  return _egsde_plan.egsde_draw_order(steps)
