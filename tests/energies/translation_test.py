"""Tests of the energies of EGSDE and of `class_log_prob`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import energies
from jaxguide import schedules
from jaxguide.energies import similarities
from jaxguide.energies import sources
from jaxguide.operators import _lowpass

RNG = np.random.default_rng(8)
X = RNG.normal(size=(2, 8, 8, 3)).astype(np.float32)
SOURCE = RNG.normal(size=(2, 8, 8, 3)).astype(np.float32)
E = RNG.normal(size=(2, 8, 8, 3)).astype(np.float32)
LEVEL = schedules.linear().at_level(500)
NOISY = np.float64(LEVEL.alpha) * SOURCE + np.float64(LEVEL.sigma) * E


def _draw(slot, shape, law="normal"):
  assert slot.rsplit("/", 1)[-1] == "source" and law == "normal"
  assert tuple(shape) == E.shape[1:]
  return jnp.asarray(E)


def _evaluate(energy, x=X, draw=_draw, level=LEVEL):
  value, pull = jax.vjp(lambda x: energy(x, level, draw), jnp.asarray(x))
  assert value.shape == (len(x),)
  return value, pull(jnp.ones_like(value))[0]


def _identity(x, time):
  return x


# The low-pass distance.


@pytest.mark.parametrize("kernel", ("linear", "cubic"))
def test_lowpass_distance_and_its_closed_form_gradient(kernel):
  energy = energies.lowpass_distance(SOURCE, 4, kernel=kernel)
  value, slope = _evaluate(energy)
  a = _lowpass.axis_matrix(8, 4, kernel)
  filtered = np.einsum("hk,bklc,wl->bhwc", a, X - NOISY, a)
  np.testing.assert_allclose(
      value, np.sum(filtered**2, axis=(1, 2, 3)), rtol=1e-5)
  # 2 A^2 r (A^2)^T along both axes, as A is symmetric.
  want = 2 * np.einsum("hk,bklc,wl->bhwc", a @ a, X - NOISY, a @ a)
  np.testing.assert_allclose(slope, want, atol=1e-5)


def test_lowpass_gradient_is_that_of_plain_differentiation():
  a = jnp.asarray(_lowpass.axis_matrix(8, 4), jnp.float32)

  def plain(x, level, draw):
    r = jnp.einsum("hk,bklc,wl->bhwc", a, x - np.float32(NOISY), a)
    return jnp.sum(r * r, axis=(1, 2, 3))

  _, want = _evaluate(plain)
  _, slope = _evaluate(energies.lowpass_distance(SOURCE, 4))
  np.testing.assert_allclose(slope, want, atol=1e-5)


def test_lowpass_distance_ignores_what_the_filter_removes():
  a = _lowpass.axis_matrix(8, 4)
  values, vectors = np.linalg.eigh(a)
  null = vectors[:, np.argmin(np.abs(values))]
  assert np.abs(a @ null).max() < 1e-12
  energy = energies.lowpass_distance(SOURCE, 4)
  value, slope = _evaluate(energy)
  moved = X + 3 * np.float32(null)[:, None, None]
  value_2, slope_2 = _evaluate(energy, moved)
  np.testing.assert_allclose(value_2, value, rtol=1e-4)
  np.testing.assert_allclose(slope_2, slope, atol=1e-5)


def test_lowpass_cosine():
  energy = energies.lowpass_distance(SOURCE, 4, distance="cosine")
  value, _ = _evaluate(energy)
  a = _lowpass.axis_matrix(8, 4)
  mine, theirs = (np.einsum("hk,bklc,wl->bhwc", a, v, a) for v in (X, NOISY))
  dots = np.sum(mine * theirs, axis=-1)
  dots /= np.linalg.norm(mine, axis=-1) * np.linalg.norm(theirs, axis=-1)
  np.testing.assert_allclose(value, -dots.mean(axis=(1, 2)), atol=1e-5)


# The similarity of features.


def test_cosine_and_its_closed_form_gradient():
  value, slope = _evaluate(energies.domain_similarity(_identity, SOURCE))
  length = np.linalg.norm(X, axis=-1, keepdims=True)
  mine = np.float64(X) / length
  theirs = NOISY / np.linalg.norm(NOISY, axis=-1, keepdims=True)
  dots = np.sum(mine * theirs, axis=-1, keepdims=True)
  np.testing.assert_allclose(value, dots.mean(axis=(1, 2, 3)), atol=1e-5)
  want = (theirs - dots * mine) / length / 64
  np.testing.assert_allclose(slope, want, atol=1e-5)


def test_negative_distance_and_its_closed_form_gradient():
  energy = energies.domain_similarity(_identity, SOURCE, similarity="neg_l2")
  value, slope = _evaluate(energy)
  np.testing.assert_allclose(
      value, -np.sum((X - NOISY) ** 2, axis=(1, 2, 3)), rtol=1e-5)
  np.testing.assert_allclose(slope, -2 * (X - NOISY), atol=1e-5)


def test_cosine_does_not_see_the_length_of_features():
  lengths = np.float32(RNG.uniform(0.1, 9, size=(1, 8, 8, 1)))
  plain, _ = _evaluate(energies.domain_similarity(_identity, SOURCE))
  scaled, _ = _evaluate(
      energies.domain_similarity(lambda x, time: lengths * x, SOURCE))
  np.testing.assert_allclose(scaled, plain, atol=1e-6)


def test_zero_features_have_no_gradient_and_no_nan():
  def features(x, time):
    return x * jnp.float32(np.arange(8) > 3)[:, None, None]

  value, slope = _evaluate(energies.domain_similarity(features, SOURCE))
  assert np.all(np.isfinite(value)) and np.all(np.isfinite(slope))
  assert not np.any(slope[:, :4]) and np.any(slope[:, 4:])
  unit = similarities.unit(jnp.zeros((1, 3)))
  assert not np.any(unit)


def test_the_network_is_fed_like_a_denoiser():
  """On a schedule that does not preserve the variance: x / hypot, its time."""
  seen = []

  def features(x, time):
    seen.append((x, time))
    return x

  level = schedules.NoiseLevel(
      jnp.float32(1), jnp.float32(3), jnp.float32(41.5), jnp.int32(7))
  energies.domain_similarity(features, SOURCE)(X, level, _draw)
  root = np.sqrt(10)
  for (x, time), want in zip(seen, (X, SOURCE + 3 * E), strict=True):
    np.testing.assert_allclose(x, want / root, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(time, np.float32([41.5, 41.5]))


def test_an_estimate_is_compared_with_the_clean_source():
  times = []

  def features(x, time):
    times.append(time)
    return x

  energy = energies.domain_similarity(
      features, SOURCE, similarity="neg_l2", at="estimate")
  value = energy(X, LEVEL, None)
  np.testing.assert_allclose(
      value, -np.sum((X - SOURCE) ** 2, axis=(1, 2, 3)), rtol=1e-5)
  assert not np.any(times)
  np.testing.assert_allclose(
      energies.lowpass_distance(SOURCE, 4, at="estimate")(SOURCE, LEVEL, None),
      0)


# Several draws of the source.


def test_several_draws_are_averaged():
  many = RNG.normal(size=(2, 3, 8, 8, 3)).astype(np.float32)

  def draw(slot, shape, law="normal"):
    assert tuple(shape) == many.shape[1:]
    return jnp.asarray(many)

  for make in (
      lambda **kw: energies.domain_similarity(_identity, SOURCE, **kw),
      lambda **kw: energies.lowpass_distance(SOURCE, 4, **kw)):
    value, slope = _evaluate(make(num_draws=3), draw=draw)
    parts = [_evaluate(make(), draw=lambda *a, i=i, **kw: many[:, i])
             for i in range(3)]
    np.testing.assert_allclose(
        value, np.mean([p[0] for p in parts], axis=0), rtol=1e-5)
    np.testing.assert_allclose(
        slope, np.mean([p[1] for p in parts], axis=0), atol=1e-6)


@pytest.mark.parametrize("at, num_draws", (
    ("state", 0), ("estimate", 2), ("nowhere", 1)))
def test_draws_are_checked(at, num_draws):
  with pytest.raises(ValueError, match="num_draws|at must be"):
    sources.noisy_sources(SOURCE, LEVEL, _draw, at=at, num_draws=num_draws)


# Both together.


def test_translation_is_the_weighted_sum_over_one_noisy_source():
  slots = []

  def draw(slot, shape, law="normal"):
    slots.append(slot)
    return jnp.asarray(E)

  both = energies.translation(_identity, SOURCE, factor=4)
  value, slope = _evaluate(both, draw=draw)
  assert len(set(slots)) == 1
  s = _evaluate(energies.domain_similarity(_identity, SOURCE))
  i = _evaluate(energies.lowpass_distance(SOURCE, 4))
  np.testing.assert_allclose(value, 500 * s[0] + 2 * i[0], rtol=1e-5)
  np.testing.assert_allclose(
      slope, 500 * s[1] + 2 * i[1], rtol=1e-4, atol=1e-4)


def test_a_weight_of_zero_does_not_trace_the_extractor():
  calls = []

  def features(x, time):
    calls.append(x.shape)
    return x

  def program(**weights):
    energy = energies.translation(features, SOURCE, factor=4, **weights)
    return jax.make_jaxpr(
        jax.grad(lambda x: energy(x, LEVEL, _draw).sum()))(X)

  for zero in (0, 0.0, np.float64(0)):
    program(domain_weight=zero)
    assert not calls
  program(domain_weight=1.0)
  assert calls
  assert energies.translation(
      None, SOURCE, domain_weight=0, lowpass_weight=0) is None
  with pytest.raises(ValueError, match="features must be given"):
    energies.translation(None, SOURCE)


def test_traced_weights_sweep_without_a_new_trace():
  traces = []

  @jax.jit
  def run(weight):
    traces.append(1)
    energy = energies.translation(
        _identity, SOURCE, domain_weight=weight, lowpass_weight=0)
    return energy(X, LEVEL, _draw)

  one, two = run(jnp.float32(1)), run(jnp.float32(2))
  assert len(traces) == 1
  np.testing.assert_allclose(two, 2 * one, rtol=1e-6)
  assert not np.any(run(jnp.float32(0)))


# A classifier.


W = RNG.normal(size=(192, 4)).astype(np.float32) / 8


def _logits(x, time):
  return x.reshape(x.shape[0], -1) @ W


def test_class_log_prob_and_its_gradient():
  labels = np.array([3, 1])
  value, slope = _evaluate(
      energies.class_log_prob(_logits, labels), draw=None)
  logits = np.float64(X).reshape(2, -1) @ W
  p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
  np.testing.assert_allclose(value, -np.log(p[[0, 1], labels]), rtol=1e-5)
  want = (p - np.eye(4)[labels]) @ W.T
  np.testing.assert_allclose(slope.reshape(2, -1), want, atol=1e-5)


def test_large_logits_stay_finite():
  energy = energies.class_log_prob(
      lambda x, time: 1e4 * _logits(x, time), np.array([0, 0]))
  value, slope = _evaluate(energy, draw=None)
  assert np.all(np.isfinite(value)) and np.all(np.isfinite(slope))


def test_labels_are_checked():
  with pytest.raises(ValueError, match="labels"):
    energies.class_log_prob(_logits, np.array([[1]]))
  with pytest.raises(ValueError, match="labels"):
    energies.class_log_prob(_logits, np.array([1]))(X, LEVEL, None)
  for label in (-1, 4):
    energy = energies.class_log_prob(_logits, np.array([label, 0]))
    value = energy(X, LEVEL, None)
    assert np.isnan(value[0]) and np.isfinite(value[1])
