"""Images translated with both experts of EGSDE are the same in any batch."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import denoisers
from jaxguide import energies
from jaxguide import guidance
from jaxguide import noises
from jaxguide import parallel
from jaxguide import samplers
from jaxguide import schedules


def _shrink(x_t, level):
  return denoisers.from_x0(level.alpha * x_t, x_t, level)


def test_bits_do_not_depend_on_the_batch():
  """Both experts: a similarity over locations, and the low-pass distance."""
  rng = np.random.default_rng(9)
  batch = {"keys": noises.image_keys(0, np.arange(8)),
           "source": np.float32(rng.uniform(-1, 1, size=(8, 16, 16, 3)))}

  def translate(steps, batch):
    noise = noises.prng_noise(batch["keys"])
    energy = energies.translation(
        lambda x, time: jnp.tanh(x + 0.3 * x[..., ::-1]), batch["source"],
        factor=4)
    sampler = samplers.egsde(
        _shrink, noise, source=batch["source"],
        guidance=guidance.at_state(energy))
    return samplers.sample(sampler, noise(-1, "start", (16, 16, 3)), steps).x

  steps = samplers.egsde_steps(schedules.linear(100), 5)
  mapped = parallel.map_batch(translate, devices=jax.local_devices()[:1])
  want = mapped(steps, batch)
  for size in (3, 1):
    part = jax.tree.map(lambda leaf: leaf[:size], batch)  # noqa: B023
    np.testing.assert_array_equal(mapped(steps, part), want[:size])
  part = jax.tree.map(lambda leaf: leaf[5:7], batch)
  np.testing.assert_array_equal(mapped(steps, part), want[5:7])
  assert np.all(np.isfinite(want))
