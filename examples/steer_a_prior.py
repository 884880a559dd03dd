"""Fill in half of a picture with a pretrained prior, inside your own jit.

Run: python examples/steer_a_prior.py [out.png]
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from jaxguide import convert
from jaxguide import data
from jaxguide import noises
from jaxguide import pixels
from jaxguide import samplers

prior = convert.load_prior("noto32")  # Or a folder made by jaxguide convert.
steps = samplers.steered_steps(prior.schedule, 50, num_inner=2)


@jax.jit
def complete(params, keys, images, mask):
  draws = noises.prng_noise(keys)
  sampler = samplers.steered(
      prior.denoiser(params),
      draws,
      constraint=samplers.constraints.inpainting(images, mask),
  )
  z = draws(-1, "start", images.shape[1:])
  return samplers.sample(sampler, z, steps).x


def main(out: str = "completed.png") -> np.ndarray:
  """Completes four held-out pictures whose right half is hidden."""
  images = data.embedded_images("noto32")[:4]
  mask = jnp.ones_like(images[..., :1]).at[:, :, 16:].set(0)
  keys = noises.image_keys(0, jnp.arange(4))
  x = np.asarray(complete(prior.params, keys, images, mask))
  rows = [np.concatenate(list(a), 1) for a in (images * mask, x, images)]
  picture = pixels.to_uint8(np.concatenate(rows))
  Image.fromarray(picture).save(out)
  return x


if __name__ == "__main__":
  main(*sys.argv[1:])
