"""One contract for every energy of the catalogue."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import energies
from jaxguide import noises
from jaxguide import schedules
from tests import draws
from tests import programs
from tests import public_names
from tests.energies import catalogue

EVERY = pytest.mark.parametrize("name", sorted(catalogue.CASES))
COUNT = 5


def _images(salt):
  """Image i depends on i alone."""
  return np.stack([
      np.random.default_rng([salt, i]).uniform(-1, 1, catalogue.SHAPE)
      for i in range(COUNT)]).astype(np.float32)


def _evaluate(name, x, y, numbers, as_users=False):
  """Values `[B]` and their gradient."""
  fn = (jax.jit if as_users else programs.jit)(_values_of(name))
  return [np.asarray(leaf) for leaf in fn(x, y, numbers)]


@functools.cache
def _values_of(name):
  level = schedules.linear().at_level(400)

  def values(x, y, numbers):
    noise = noises.checked_rows(draws.hashed_noise(numbers), x.shape[0])
    energy = catalogue.CASES[name](y)
    value, pull = jax.vjp(
        lambda x: energy(x, level, functools.partial(noise, 3)), x)
    return value, pull(jnp.ones_like(value))[0]

  return values


def test_every_energy_has_a_case():
  """A public function of the package that returns an `Energy` is one."""
  found = public_names.returning(energies, (energies.Energy,))
  assert sorted(found) == sorted(catalogue.CASES)


@EVERY
def test_one_finite_number_per_image_with_a_gradient(name):
  value, gradient = _evaluate(name, _images(0), _images(1), np.arange(COUNT))
  assert value.shape == (COUNT,) and value.dtype == np.float32
  assert np.all(np.isfinite(value)) and np.all(np.isfinite(gradient))
  assert np.all(np.abs(gradient).max(axis=(1, 2, 3)) > 0)
  assert len(np.unique(value)) == COUNT


@EVERY
def test_it_falls_along_minus_its_gradient(name):
  x, y, numbers = _images(0), _images(1), np.arange(COUNT)
  value, gradient = _evaluate(name, x, y, numbers)
  size = (gradient**2).sum(axis=(1, 2, 3), keepdims=True)
  # By a thousandth, if it were linear.
  scale = 1e-3 * np.abs(value).reshape(-1, 1, 1, 1) / size
  moved, _ = _evaluate(name, x - scale * gradient, y, numbers)
  np.testing.assert_allclose(
      (value - moved) / np.abs(value), 1e-3, rtol=0.1)


@EVERY
def test_images_never_mix(name):
  """Another image, reference or draw, or a NaN, changes one row alone."""
  inputs = {"x": _images(0), "y": _images(1), "numbers": np.arange(COUNT)}
  first = _evaluate(name, **inputs)
  rest = np.arange(COUNT) != 2
  others = {"x": _images(2)[2], "y": np.nan, "numbers": 99}
  for key, value in others.items():
    leaf = inputs[key].copy()
    leaf[2] = value
    got = _evaluate(name, **{**inputs, key: leaf})
    for have, want in zip(got, first, strict=True):
      np.testing.assert_array_equal(have[rest], want[rest])


@EVERY
def test_an_image_has_the_same_bits_in_any_batch(name):
  inputs = (_images(0), _images(1), np.arange(COUNT))
  whole = _evaluate(name, *inputs, as_users=True)
  for part in (slice(0, 2), slice(2, 5)):
    few = _evaluate(name, *(leaf[part] for leaf in inputs), as_users=True)
    for have, want in zip(few, whole, strict=True):
      np.testing.assert_array_equal(have, want[part])
