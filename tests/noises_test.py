"""Tests of noise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import noises

SHAPE = (3, 5)


def _keys(*images, seed=0):
  return noises.image_keys(seed, np.asarray(images))


def test_image_keys_are_folded_from_the_seed():
  keys = _keys(4, 9, seed=3)
  for key, n in zip(keys, (4, 9), strict=True):
    want = jax.random.fold_in(jax.random.key(3), n)
    assert jnp.array_equal(jax.random.key_data(key), jax.random.key_data(want))


@pytest.mark.parametrize("seed", [3, np.int64(3), jax.random.key(3)])
def test_a_seed_may_be_an_integer_or_a_key(seed):
  got = jax.random.key_data(noises.image_keys(seed, np.arange(2)))
  np.testing.assert_array_equal(got, jax.random.key_data(_keys(0, 1, seed=3)))


@pytest.mark.parametrize("law", noises.LAWS)
def test_a_draw_belongs_to_its_image_alone(law):
  many = noises.prng_noise(_keys(*range(7)))
  whole = many(2, "step", SHAPE, law)
  assert whole.shape == (7, *SHAPE) and whole.dtype == jnp.float32
  for images in ([3], [6, 3, 1]):
    some = noises.prng_noise(_keys(*images))(2, "step", SHAPE, law)
    np.testing.assert_array_equal(some, whole[jnp.asarray(images)])


def test_every_address_has_its_own_draw():
  draw = noises.prng_noise(_keys(0, 1))
  seen = []
  for index in (-1, 0, 1, 255):
    for slot in ("step", "renoise", "0/step"):
      for inner in (0, 1, 2):
        seen.append(np.asarray(draw(index, slot, (4,), inner=inner)).ravel())
  seen.append(np.asarray(draw(0, "step", (4,), law="uniform")).ravel())
  values = np.concatenate(seen)
  assert np.unique(values).size == values.size


def test_index_and_inner_may_be_traced():
  draw = noises.prng_noise(_keys(0, 1))
  traced = jax.jit(lambda i, n: draw(i, "step", SHAPE, inner=n))
  for index, inner in ((-1, 0), (0, 0), (7, 3)):
    np.testing.assert_array_equal(
        traced(index, inner), draw(index, "step", SHAPE, inner=inner))


def test_draws_do_not_depend_on_their_order():
  draw = noises.prng_noise(_keys(0))
  first = draw(0, "step", SHAPE)
  draw(1, "step", SHAPE)
  np.testing.assert_array_equal(draw(0, "step", SHAPE), first)


def test_moments_of_the_laws():
  draw = noises.prng_noise(_keys(*range(400)))
  normal = np.asarray(draw(0, "step", (500,)), np.float64)
  uniform = np.asarray(draw(0, "step", (500,), law="uniform"), np.float64)
  n = normal.size
  assert abs(normal.mean()) < 4 / np.sqrt(n)
  assert abs(normal.var() - 1) < 4 * np.sqrt(2 / n)
  assert abs((normal**4).mean() - 3) < 4 * np.sqrt(96 / n)
  assert uniform.min() >= 0 and uniform.max() < 1
  assert abs(uniform.mean() - 0.5) < 4 * np.sqrt(1 / 12 / n)
  assert abs(uniform.var() - 1 / 12) < 4 * np.sqrt(1 / 180 / n)
  # Images are not correlated with each other, nor steps of one image.
  later = np.asarray(draw(1, "step", (500,)), np.float64)
  assert abs((normal * later).mean()) < 4 / np.sqrt(n)
  assert abs((normal[:-1] * normal[1:]).mean()) < 4 / np.sqrt(n)


def test_bad_arguments_are_named():
  with pytest.raises(ValueError, match="keys must have 1 axes"):
    noises.prng_noise(jax.random.key(0))
  with pytest.raises(ValueError, match="law must be one of"):
    noises.prng_noise(_keys(0))(0, "step", SHAPE, law="cauchy")


def _table(indices, inner, batch, seed=0):
  rng = np.random.default_rng(seed)
  return rng.normal(size=(indices, inner, batch, *SHAPE)).astype(np.float32)


def test_recorded_draws_are_replayed():
  tables = {"step": _table(4, 2, 3), "start": _table(1, 1, 3, seed=1)}
  draw = noises.recorded_noise(tables)
  np.testing.assert_array_equal(
      draw(-1, "start", SHAPE), tables["start"][0, 0])
  traced = jax.jit(lambda i, n: draw(i, "step", SHAPE, inner=n))
  for index in range(4):
    for inner in range(2):
      want = tables["step"][index, inner]
      np.testing.assert_array_equal(
          draw(index, "step", SHAPE, inner=inner), want)
      np.testing.assert_array_equal(traced(index, inner), want)


def test_beyond_the_recording_is_nan():
  draw = noises.recorded_noise({"step": _table(4, 2, 3)})
  assert np.all(np.isnan(draw(4, "step", SHAPE)))
  assert np.all(np.isnan(draw(0, "step", SHAPE, inner=2)))


def test_a_missing_slot_or_another_shape_is_named():
  draw = noises.recorded_noise({"step": _table(4, 2, 3), "a": _table(1, 1, 3)})
  with pytest.raises(ValueError, match="slot 'renoise', only for a, step"):
    draw(0, "renoise", SHAPE)
  with pytest.raises(ValueError, match="slot 'step'.*shape"):
    draw(0, "step", (5, 3))


def test_a_flat_recording_is_placed_by_its_order():
  draws = np.arange(6, dtype=np.float32).reshape(6, 1, 1)
  order = {"start": np.array([[0]]), "step": np.array([[2, 3], [5, 4]])}
  draw = noises.from_recording(draws, order)
  assert draw(-1, "start", (1,)) == 0
  got = [[float(draw(i, "step", (1,), inner=n)[0, 0]) for n in range(2)]
         for i in range(2)]
  assert got == [[2, 3], [5, 4]]
