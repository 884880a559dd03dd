"""A sampler of your own: DPS, and an overexposed picture brought back.

Diffusion posterior sampling (Chung et al. 2023, arXiv:2209.14687, Algorithm
1) is ancestral sampling, moved in every step down the gradient of how far the
estimate is from what was observed:

  x_s = alpha_s x0 + eps_scale eps + noise_std z - scale grad_{x_t} |y - A(x0)|

The norm is over each image by itself, so that no image's step depends on its
neighbours. A may be any operator, linear or not. Published scales are 0.3 to 1
in the released program's units, which are these; the paper's zeta is half of
them. That program has a learned variance where this one has noise_std.

Run: python examples/your_own_sampler.py [out.png]
"""

import functools
import sys
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from jaxguide import arrays
from jaxguide import convert
from jaxguide import data
from jaxguide import denoisers
from jaxguide import energies
from jaxguide import guidance
from jaxguide import noises
from jaxguide import operators
from jaxguide import pixels
from jaxguide import samplers
from jaxguide import schedules

# The plan: numpy, made once, outside jit. It says all that differs from step
# to step, so that another plan is other data for the same program.


class DpsCoefficients(NamedTuple):
  """x_s = x0_scale x0 + eps_scale eps + noise_std z."""

  x0_scale: arrays.Array
  eps_scale: arrays.Array
  noise_std: arrays.Array


def dps_steps(schedule: schedules.Schedule, num_steps: int) -> samplers.Steps:
  """DPS visits the levels of any sampler, thinned to `num_steps`."""
  grid = schedules.space_levels(schedule, num_steps)
  levels, nexts = grid[:-1], grid[1:]
  variance = samplers.conditional_variance(schedule, levels, nexts)
  return samplers.plan(schedule, levels, nexts, DpsCoefficients(
      x0_scale=schedule.alpha[nexts],
      eps_scale=np.sqrt(schedule.sigma[nexts] ** 2 - variance),
      noise_std=np.sqrt(variance)))


# The factory: it returns three pure functions; here the state is x itself.


def dps(denoise, noise, *, observation, scale) -> samplers.Sampler:
  """Draws: slot "step", once per step. `scale` may differ by image, `[B]`."""

  def distance(x0, level, draw):
    squared = (observation.y - observation.operator.apply(x0)) ** 2
    total = energies.sum_per_image(squared)
    return jnp.sqrt(jnp.maximum(total, 1e-12))  # The slope at 0 is infinite.

  guide = guidance.through_denoiser(distance)

  def step(x, step):
    draws = functools.partial(
        noises.checked_rows(noise, x.shape[0]), step.index)
    guided = guide(denoise, x, step.level, draws)
    x0, eps, *_ = guided.prediction
    z, c = draws("step", x.shape[1:]), step.coefficients
    x_s = c.x0_scale * x0 + c.eps_scale * eps + c.noise_std * z
    move = arrays.bcast(jnp.asarray(scale), x) * guided.gradient
    return (x_s - move).astype(x.dtype)

  return samplers.Sampler(
      init=samplers.start, step=step, output=lambda x: x)


# Its use is that of any sampler.

prior = convert.load_prior("noto32")
steps = dps_steps(prior.schedule, 100)
scale = 1.0  # Fewer steps need a larger one.
camera = operators.high_dynamic_range(exposure=2.0)


@jax.jit
def restore(params, keys, y, scale):
  draws = noises.prng_noise(keys)
  sampler = dps(
      denoisers.clip_x0(prior.denoiser(params)), draws,
      observation=operators.Observation(y, camera), scale=scale)
  z = draws(-1, "start", y.shape[1:])
  return samplers.sample(sampler, z, steps).x


def main(out: str = "restored.png") -> np.ndarray:
  """Four guesses at one held-out picture; `[4, 32, 32, 3]`.

  A guess may fail, and tells by itself: its camera image is not y.
  """
  picture = jnp.asarray(data.embedded_images("noto32")[1:2])
  y = jnp.repeat(camera.apply(picture), 4, axis=0)
  keys = noises.image_keys(0, jnp.arange(4))
  x = np.asarray(restore(prior.params, keys, y, scale))
  row = np.concatenate([picture[0], y[0], *x], axis=1)
  Image.fromarray(pixels.to_uint8(row)).save(out)
  return x


if __name__ == "__main__":
  main(*sys.argv[1:])
