"""Energy guidance of point clouds `[B, atoms, 3]`: what molecules need.

An energy that is unchanged by rotations has gradients that rotate with the
cloud; with projections on clouds of mean zero the whole sampler does.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import denoisers
from jaxguide import energies
from jaxguide import guidance
from jaxguide import samplers
from jaxguide import schedules
from tests import draws
from tests import programs

SHAPE = (5, 3)
NOISE = draws.hashed_noise(np.arange(2))
RNG = np.random.default_rng(0)
SOURCE = RNG.normal(size=(2, *SHAPE)).astype(np.float32)
SOURCE -= SOURCE.mean(axis=1, keepdims=True)
SCHEDULE = schedules.linear(40)


def _rotations(count):
  """Orthogonal matrices, reflections among them."""
  rng = np.random.default_rng(4)
  return [np.float32(np.linalg.qr(rng.normal(size=(3, 3)))[0])
          for _ in range(count)]


def _centred(x):
  return x - x.mean(axis=1, keepdims=True)


def _distances(x):
  """Squared distances of all pairs, `[B, atoms, atoms]`."""
  return jnp.sum((x[:, :, None] - x[:, None]) ** 2, axis=-1)


def _spread(x, level, draw):
  """(mean squared distance - 6)^2: a property with a target."""
  return (_distances(x).mean(axis=(1, 2)) - 6) ** 2


def _flatten(x, level, draw):
  """No invariant: it has an axis."""
  return (x[..., 2] ** 2).sum(axis=1)


def _lift(x, level, draw):
  """Moves the whole cloud, which the projection undoes."""
  return -x[..., 2].sum(axis=1)


def _denoise(x_t, level):
  """Any function of invariants times the cloud is equivariant."""
  size = jnp.tanh(_distances(x_t).mean(axis=(1, 2)))[:, None, None]
  return denoisers.from_x0(level.alpha * size * x_t, x_t, level)


@functools.cache
def _compiled(energy, keep):
  """`(rotation, source, steps)`, with all noise and the source rotated."""

  @programs.jit
  def run(rotation, source, steps):
    def noise(index, slot, shape, law="normal", inner=0):
      return NOISE(index, slot, shape, law, inner) @ rotation

    sampler = samplers.egsde(
        _denoise, noise, guidance=guidance.at_state(energy),
        source=source @ rotation, project=_centred, guidance_scale=0.05)
    return samplers.sample(
        sampler, noise(-1, "start", SHAPE), steps,
        keep_every=1 if keep else None)

  return run


def _run(rotation, energy, source, *, num_repeats=1, keep=False):
  steps = samplers.egsde_steps(SCHEDULE, 6, num_repeats=num_repeats)
  return _compiled(energy, keep)(rotation, source, steps)


def test_an_invariant_energy_has_a_gradient_that_rotates():
  @programs.jit
  def slope(x):
    return jax.grad(lambda x: _spread(x, None, None).sum())(x)

  for rotation in _rotations(5):
    np.testing.assert_allclose(
        slope(SOURCE @ rotation), slope(SOURCE) @ rotation,
        rtol=1e-4, atol=1e-4)


def test_samples_rotate_with_the_cloud_and_its_noise():
  eye = np.eye(3, dtype=np.float32)
  plain = _run(eye, _spread, SOURCE, num_repeats=2).x
  for rotation in _rotations(3):
    turned = _run(rotation, _spread, SOURCE, num_repeats=2).x
    np.testing.assert_allclose(turned, plain @ rotation, rtol=1e-3, atol=1e-4)
  off = _run(_rotations(1)[0], _flatten, SOURCE).x
  straight = _run(eye, _flatten, SOURCE).x
  assert np.abs(off - straight @ _rotations(1)[0]).max() > 0.01


def test_clouds_keep_their_mean_at_zero():
  """Gradient and every noise are projected, the source's among them."""

  def pushed(x, level, draw):
    e = draw("source", SHAPE)
    return _lift(x, level, draw) + 0.1 * (x * e).sum(axis=(1, 2))

  out = _run(np.eye(3, dtype=np.float32), pushed, SOURCE, num_repeats=2,
             keep=True)
  assert np.abs(out.trajectory.mean(axis=2)).max() < 1e-5
  assert np.abs(out.x).max() > 0.1


@pytest.mark.parametrize("num_draws", (1, 3))
def test_the_noise_of_the_source_is_projected(num_draws):
  seen = []

  def energy(x, level, draw):
    seen.extend(energies.noisy_sources(
        SOURCE, level, draw, num_draws=num_draws))
    return jnp.zeros(2)

  sampler = samplers.egsde(
      _denoise, NOISE, guidance=guidance.at_state(energy), source=SOURCE,
      project=_centred)
  steps = samplers.egsde_steps(SCHEDULE, 2)
  first = jax.tree.map(lambda leaf: leaf[0], steps)
  state = sampler.init(NOISE(-1, "start", SHAPE), first)
  with jax.disable_jit():
    sampler.step(state, first)
  assert len(seen) == num_draws
  for noisy in seen:
    assert np.abs(noisy.mean(axis=1)).max() < 1e-6
    assert np.abs(noisy - first.level.alpha * SOURCE).max() > 0.1


def test_score_shift_projects_too():
  pull = guidance.at_state(_lift)
  level = SCHEDULE.at_level(10)
  shifted = samplers.score_shift(_denoise, pull, NOISE, project=_centred)
  plain = _denoise(SOURCE, level)
  np.testing.assert_allclose(
      shifted(SOURCE, level).eps, plain.eps, atol=1e-6)
  free = samplers.score_shift(_denoise, pull, NOISE)(SOURCE, level)
  assert np.abs(free.eps - plain.eps).max() > 0.01
