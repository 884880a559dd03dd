"""Tests of energies.core: sums, weights, slots."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import denoisers
from jaxguide import energies
from jaxguide import guidance
from jaxguide import noises
from jaxguide import schedules

X = jnp.asarray(np.random.default_rng(1).normal(size=(3, 4, 2)), jnp.float32)


def _at(level):
  return schedules.linear().at_level(level)


def _square(x, level, draw):
  return energies.sum_per_image(x**2)


def _linear(x, level, draw):
  return energies.sum_per_image(x)


def _nothing(slot, shape, law="normal"):
  raise AssertionError("nothing is drawn here")


def test_reductions_stop_at_the_batch():
  np.testing.assert_allclose(
      energies.sum_per_image(X), np.asarray(X).sum((1, 2)), rtol=1e-5)
  np.testing.assert_allclose(
      energies.mean_per_image(X), np.asarray(X).mean((1, 2)), rtol=1e-5)


def test_weighted_sum():
  total = energies.weighted_sum(
      [_linear, (_square, 2.0), energies.Term(_linear, weight=-0.5)])
  want = 0.5 * energies.sum_per_image(X) + 2 * energies.sum_per_image(X**2)
  np.testing.assert_allclose(
      total(X, _at(3), _nothing), want, rtol=1e-5, atol=1e-5)


def test_weights_may_be_traced_and_differ_per_image():
  def value(weight):
    return energies.weighted_sum([(_square, weight)])(X, _at(3), _nothing)

  one = energies.sum_per_image(X**2)
  np.testing.assert_allclose(jax.jit(value)(0.3), 0.3 * one, rtol=1e-5)
  weight = jnp.array([0.0, 1.0, 2.0])
  np.testing.assert_allclose(jax.jit(value)(weight), weight * one, rtol=1e-5)


@pytest.mark.parametrize("terms", (
    [], [(_square, 0.0)], [(_square, energies.window(5, 9))]))
def test_nothing_in_the_sum_is_no_guidance(terms):
  energy = energies.weighted_sum(terms)
  got = guidance.at_state(energy)(_identity, X, _at(3), _nothing)
  assert got.value.shape == (3,)
  assert not np.any(got.value) and not np.any(got.gradient)


def _identity(x_t, level):
  return denoisers.from_x0(x_t, x_t, level)


def test_window_includes_both_ends():
  weigh = energies.window(3, 5, weight=2.5)
  got = [float(weigh(_at(level))) for level in range(8)]
  assert got == [0, 0, 0, 2.5, 2.5, 2.5, 0, 0]
  per_image = weigh(_at(jnp.array([2, 3, 6])))
  np.testing.assert_array_equal(per_image, [0, 2.5, 0])
  with pytest.raises(ValueError, match="first <= last, got 5 > 3"):
    energies.window(5, 3)


def test_a_released_window_is_shifted_by_one():
  """Index i of a released program is level i + 1: 0..7 becomes 1..8."""
  weigh = energies.window(1, 8)
  s = schedules.respace(schedules.linear(), "10")
  open_at = [i for i in range(10) if float(weigh(s.at_level(i + 1)))]
  assert open_at == list(range(8))


def test_table():
  values = np.linspace(0, 1, 11)
  weigh = energies.table(values)
  for level in (0, 4, 10):
    np.testing.assert_allclose(weigh(_at(level)), values[level], rtol=1e-6)
  np.testing.assert_allclose(
      jax.jit(lambda rows: weigh(_at(rows)))(jnp.array([1, 9])),
      values[[1, 9]], rtol=1e-6)
  with pytest.raises(ValueError, match="values must have 1 axes"):
    energies.table(np.zeros((2, 2)))


def test_a_level_without_a_row_weighs_nan():
  weigh = energies.table(np.ones(4))
  between = schedules.NoiseLevel(jnp.float32(1), jnp.float32(1), jnp.float32(0))
  assert np.isnan(weigh(between))
  assert np.isnan(weigh(_at(4)))
  assert float(weigh(_at(3))) == 1


def _drawing(slots, law="normal"):
  def energy(x, level, draw):
    return sum(energies.sum_per_image(draw(s, x.shape[1:], law)) for s in slots)

  return energy


def test_terms_have_their_own_draws():
  """Two like terms differ, a named one does not depend on its position."""
  prng = noises.prng_noise(noises.image_keys(0, np.arange(3)))

  def draw(slot, shape, law="normal"):
    return prng(4, slot, shape, law)

  term = _drawing(["source"])

  def value(terms):
    return np.asarray(energies.weighted_sum(terms)(X, _at(3), draw))

  first, both = value([term]), value([term, term])
  assert np.abs(both - 2 * first).min() > 1e-3
  named = energies.Term(term, name="mine")
  alone, after = value([named]), value([(_square, 0.0), named])
  np.testing.assert_allclose(alone, after, rtol=1e-6)


def test_draws_pass_through_nested_sums():
  seen = []

  def draw(slot, shape, law="normal"):
    seen.append((slot, law))
    return jnp.zeros((3, *shape))

  inner = energies.weighted_sum(
      [_drawing(["a"]), _drawing(["a", "b"], law="uniform")])
  outer = energies.weighted_sum(
      [inner, energies.Term(_drawing(["a"]), name="named")])
  outer(X, _at(3), draw)
  assert seen == [("0/0/a", "normal"), ("0/1/a", "uniform"),
                  ("0/1/b", "uniform"), ("named/a", "normal")]
