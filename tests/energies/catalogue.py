"""Every energy of the package, for the contract test.

`CASES` has an entry for every public function of `jaxguide.energies` that
returns an `Energy`.
"""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np

from jaxguide import arrays
from jaxguide import energies
from jaxguide import operators
from tests import discovered

SHAPE = (8, 8, 3)


def _features(x, time):
  scale = 1 + 0.001 * arrays.bcast(time, x)
  return jnp.tanh(scale * (x - 0.5 * jnp.roll(x, 1, axis=1)))


def _logits(x, time):
  flat = _features(x, time).reshape(x.shape[0], -1)
  return jnp.stack([flat[:, :96].sum(1), flat[:, 96:].sum(1)], axis=1) / 10


def _squared(y):
  camera = operators.high_dynamic_range()
  return energies.squared_error(
      operators.Observation(camera.apply(y), camera))


# A batch of images y `[B, 8, 8, 3]`, one per row, to the energy.
CASES: dict[str, Callable[[np.ndarray], energies.Energy]] = {
    "class_log_prob": lambda y: energies.class_log_prob(
        _logits, (y[:, 0, 0, 0] > 0).astype(jnp.int32)),
    "domain_similarity": lambda y: energies.domain_similarity(_features, y),
    "feature_error": lambda y: energies.feature_error(
        lambda x: x[:, ::2] ** 3, y[:, ::2]),
    "lowpass_distance": lambda y: energies.lowpass_distance(y, 4),
    "perceptual_distance": lambda y: energies.perceptual_distance(
        energies.FeatureDistance(lambda x: [x**3, x[:, ::2]]), y),
    "squared_error": _squared,
    "translation": lambda y: energies.translation(_features, y, factor=4),
    "weighted_sum": lambda y: energies.weighted_sum([
        energies.Term(_squared(y), energies.window(1, 900, 0.3)),
        energies.Term(energies.lowpass_distance(y, 4), 2.0)]),
}

# Files beside this one that are called `foo_cases.py` have a `CASES` too.
for _module in discovered.modules(__file__, "*_cases.py"):
  CASES |= _module.CASES
