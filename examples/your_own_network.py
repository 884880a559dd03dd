"""Any network is a Denoiser: here one of Flax NNX, sampled with DDIM.

An Equinox or Haiku model fits in the same way: all that is asked for is a
pure function `apply(params, x, time, cond)`. The network below is untrained.

Run: python examples/your_own_network.py
"""

from flax import nnx
import jax
import jax.numpy as jnp

from jaxguide import denoisers
from jaxguide import noises
from jaxguide import samplers
from jaxguide import schedules


class Mlp(nnx.Module):
  """eps from `[B, d]` and a time, with a condition added."""

  def __init__(self, width: int, rngs: nnx.Rngs):
    self.inside = nnx.Linear(width + 1, 64, rngs=rngs)
    self.outside = nnx.Linear(64, width, rngs=rngs)

  def __call__(self, x, time, cond):
    features = jnp.concatenate([x + cond, time[:, None] / 1000], axis=-1)
    return self.outside(jax.nn.silu(self.inside(features)))


graph, params = nnx.split(Mlp(16, nnx.Rngs(0)))
steps = samplers.ddim_steps(schedules.cosine(), 20)


def apply(params, x, time, cond):
  return nnx.merge(graph, params)(x, time, cond)


@jax.jit
def generate(params, keys, cond):
  denoise = denoisers.from_apply(apply, params, prediction="eps", cond=cond)
  draws = noises.prng_noise(keys)
  z = draws(-1, "start", (16,))
  return samplers.sample(samplers.ddim(denoise, draws), z, steps).x


def main() -> jax.Array:
  """Generates eight vectors `[8, 16]`."""
  keys = noises.image_keys(0, jnp.arange(8))
  return generate(params, keys, jnp.zeros((8, 16)))


if __name__ == "__main__":
  main()
