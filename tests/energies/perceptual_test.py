"""LPIPS as an energy: one network, two ways to the same number."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import schedules
from jaxguide.energies import perceptual
from jaxguide.models import lpips
from tests import programs

LEVEL = schedules.linear().at_level(3)
RNG = np.random.default_rng(7)
X, R = RNG.uniform(-1, 1, (2, 2, 32, 32, 3)).astype(np.float32)
MASK = (RNG.random((2, 32, 32, 1)) > 0.5).astype(np.float32)
SMALL = dict(net="alex", width_divisor=16)


def _random_params():
  """Weights of a size that keeps features alive, drawn by numpy."""
  shapes = jax.eval_shape(
      lpips.Lpips(**SMALL).init, jax.random.key(0), X, X)["params"]
  return jax.tree.map(
      lambda s: np.float32(
          np.abs(RNG.normal(size=s.shape)) if s.shape[-1] == 1 else
          RNG.normal(size=s.shape) / np.sqrt(np.prod(s.shape[:-1]) / 2)),
      shapes)


PARAMS = _random_params()


def lpips_error(**options):
  return perceptual.perceptual_distance(
      perceptual.lpips_distance(PARAMS, **SMALL), R, **options)


def distance(x, reference):
  """Of a closed form: sum (x - r)^4 / 4."""
  return ((x - reference) ** 4).sum((1, 2, 3)) / 4


def values_and_slopes(energy):
  def total(x):
    values = energy(x, LEVEL, None)
    return values.sum(), values

  slope, values = programs.jit(jax.grad(total, has_aux=True))(jnp.asarray(X))
  return np.asarray(values), np.asarray(slope)


@pytest.mark.parametrize("remat", [False, True])
@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "masked"])
def test_any_distance_of_the_seen_part(mask, remat):
  energy = perceptual.perceptual_distance(
      distance, R, mask=mask, remat=remat)
  values, slope = values_and_slopes(energy)
  seen = 1.0 if mask is None else mask
  gap = seen * (np.float64(X) - R)
  np.testing.assert_allclose(values, (gap**4).sum((1, 2, 3)) / 4, rtol=1e-5)
  np.testing.assert_allclose(slope, seen * gap**3, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_lpips_by_one_pass_and_by_two():
  module = lpips.Lpips(**SMALL)
  two = perceptual.perceptual_distance(
      lambda x, r: module.apply({"params": PARAMS}, x, r), R, mask=MASK,
      remat=False)
  one = lpips_error(mask=MASK)
  (first, slope), (second, other) = map(values_and_slopes, (two, one))
  assert np.all(first > 0) and np.all(np.abs(slope).max((1, 2, 3)) > 0)
  np.testing.assert_allclose(second, first, rtol=1e-5)
  np.testing.assert_allclose(other, slope, atol=1e-4 * np.abs(slope).max())
  np.testing.assert_array_equal(other * (1 - MASK), 0)


def test_equal_images_cost_nothing():
  energy = lpips_error()
  value = programs.jit(lambda x: energy(x, LEVEL, None))(jnp.asarray(R))
  # The target was computed by another program, and rounds differently.
  assert np.all(np.abs(value) < 1e-11)


def test_remat_calls_the_network_again_in_the_backward_pass():
  def count(remat):
    energy = lpips_error(remat=remat)
    slope = jax.grad(lambda x: energy(x, LEVEL, None).sum())
    return str(jax.make_jaxpr(slope)(X)).count("remat")

  assert count(True) > 0 and count(False) == 0


def test_another_number_of_images_is_named():
  energy = lpips_error()
  with pytest.raises(ValueError, match="x must have shape"):
    energy(X[:1], LEVEL, None)
