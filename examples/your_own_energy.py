"""Steer a prior with an energy of your own: pictures of a wanted colour.

An energy is `(x, level, draw) -> [B]`, one number per image, lower is better.
It is differentiated through the network. Here: the squared distance of each
picture's mean colour to a target, together with a linear constraint.

Run: python examples/your_own_energy.py [out.png]
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from jaxguide import convert
from jaxguide import denoisers
from jaxguide import guidance
from jaxguide import noises
from jaxguide import pixels
from jaxguide import samplers

prior = convert.load_prior("noto32")
steps = samplers.steered_steps(prior.schedule, 30)


def mean_colour(target):
  def energy(x, level, draw):
    del level, draw
    return jnp.sum((jnp.mean(x, axis=(1, 2)) - target) ** 2, axis=-1)

  return energy


@jax.jit
def generate(params, keys, target, scale):
  draws = noises.prng_noise(keys)
  sampler = samplers.steered(
      denoisers.clip_x0(prior.denoiser(params)),
      draws,
      guidance=guidance.through_denoiser(mean_colour(target)),
      guidance_scale=scale,  # Traced: a sweep does not compile again.
  )
  z = draws(-1, "start", (32, 32, 3))
  return samplers.sample(sampler, z, steps).x


def main(out: str = "coloured.png") -> np.ndarray:
  """Four pictures each at three strengths, toward green; `[3, 4, ...]`."""
  keys = noises.image_keys(7, jnp.arange(4))
  target = jnp.asarray([-0.2, 0.6, -0.2])
  rows = [
      np.asarray(generate(prior.params, keys, target, scale))
      for scale in (0.0, 10.0, 100.0)
  ]
  grid = np.concatenate([np.concatenate(list(row), 1) for row in rows])
  picture = pixels.to_uint8(grid)
  Image.fromarray(picture).save(out)
  return np.stack(rows)


if __name__ == "__main__":
  main(*sys.argv[1:])
