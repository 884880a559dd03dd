"""Tests of denoisers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import denoisers
from jaxguide import schedules

SHAPE = (3, 4, 4, 2)

# Variance-preserving, variance-exploding and neither; scalars and per image.
LEVELS = {
    "vp": (0.6, 0.8),
    "ve": (1.0, 7.0),
    "neither": (0.3, 0.2),
    "per image": ([0.6, 1.0, 0.05], [0.8, 40.0, 1.3]),
}

each_level = pytest.mark.parametrize("level", LEVELS)
each_prediction = pytest.mark.parametrize("prediction", denoisers.PREDICTIONS)


def _level(name, time=17.0):
  alpha, sigma = (np.asarray(v, np.float32) for v in LEVELS[name])
  return schedules.NoiseLevel(
      jnp.asarray(alpha), jnp.asarray(sigma), jnp.float32(time))


def _column(value):
  return np.reshape(np.asarray(value), (-1, 1, 1, 1))


def _x(seed=0):
  return jnp.asarray(
      np.random.default_rng(seed).normal(size=SHAPE).astype(np.float32))


def _network(params, x, time, cond):
  """Any function of everything that a network is given."""
  out = jnp.tanh(params * x) + 0.01 * time[:, None, None, None]
  return out if cond is None else out + cond


@each_level
@each_prediction
def test_x0_and_eps_give_x_t(prediction, level):
  denoise = denoisers.from_apply(
      _network, jnp.float32(0.7), prediction=prediction)
  x_t, at = _x(), _level(level)
  got = denoise(x_t, at)
  again = _column(at.alpha) * got.x0 + _column(at.sigma) * got.eps
  np.testing.assert_allclose(again, x_t, atol=2e-5, rtol=1e-5)
  assert got.variance_fraction is None


@each_level
def test_networks_are_fed_unit_power(level):
  """A network of eps sees x_t / hypot(alpha, sigma) and `level.time`."""
  seen = {}

  def apply(params, x, time, cond):
    seen.update(params=params, x=x, time=time, cond=cond)
    return x

  x_t, at = _x(), _level(level)
  denoisers.from_apply(apply, "p", cond="c")(x_t, at)
  norm = np.hypot(_column(at.alpha), _column(at.sigma))
  np.testing.assert_allclose(seen["x"], x_t / norm, rtol=1e-6)
  np.testing.assert_array_equal(seen["time"], [17, 17, 17])
  assert seen["time"].dtype == jnp.float32
  assert seen["params"] == "p" and seen["cond"] == "c"


@pytest.mark.parametrize("prediction", ("eps", "x0", "v"))
def test_only_the_ratio_matters(prediction):
  """x_t scaled with alpha and sigma together has the same x0 and eps."""
  denoise = denoisers.from_apply(
      _network, jnp.float32(0.7), prediction=prediction)
  x_t, at = _x(), _level("vp")
  scaled = at._replace(alpha=at.alpha * 2.5, sigma=at.sigma * 2.5)
  want, got = denoise(x_t, at), denoise(2.5 * x_t, scaled)
  np.testing.assert_allclose(got.x0, want.x0, rtol=1e-4, atol=1e-5)
  np.testing.assert_allclose(got.eps, want.eps, rtol=1e-4, atol=1e-5)


def _oracle(alpha, sigma, variance, x_t):
  """E[x0 | x_t] and E[eps | x_t] under N(0, variance), in float64."""
  total = alpha**2 * variance + sigma**2
  return alpha * variance * x_t / total, sigma * x_t / total


@each_level
@each_prediction
def test_every_prediction_of_the_same_prior_agrees(prediction, level):
  """A network that predicts the exact conditional mean, in each way."""
  variance, x_t, at = 0.49, _x(), _level(level)
  # The ratio tells the level, whatever the scale; alpha and sigma of unit
  # power are what the network knows.
  ratio = _column(at.sigma) / _column(at.alpha)
  a, s = 1 / np.hypot(1, ratio), ratio / np.hypot(1, ratio)

  def apply(params, x, time, cond):
    x0, eps = _oracle(a, s, variance, x)
    if prediction == "edm":
      # x is c_in x_t / alpha; F = (D - c_skip x) / c_out, Table 1.
      power = np.sqrt(ratio**2 + 0.25)
      clean = variance * (x * power) / (variance + ratio**2)
      skip = 0.25 / power**2
      return (clean - skip * x * power) / (ratio * 0.5 / power)
    return {"x0": x0, "eps": eps, "v": a * eps - s * x0}[prediction]

  got = denoisers.from_apply(apply, None, prediction=prediction)(x_t, at)
  x0, eps = _oracle(_column(at.alpha), _column(at.sigma), variance, x_t)
  np.testing.assert_allclose(got.x0, x0, rtol=1e-4, atol=1e-5)
  np.testing.assert_allclose(got.eps, eps, rtol=1e-4, atol=1e-5)


def test_edm_feeds_log_sigma_and_keeps_unit_variance():
  """c_in normalises data of standard deviation sigma_data."""
  seen = {}

  def apply(params, x, time, cond):
    seen.update(x=x, time=time)
    return jnp.zeros_like(x)

  at = _level("per image")
  x_t = _x()
  got = denoisers.from_apply(
      apply, None, prediction="edm", sigma_data=0.5)(x_t, at)
  ratio = np.asarray(at.sigma / at.alpha)
  np.testing.assert_allclose(seen["time"], np.log(ratio) / 4, rtol=1e-5)
  scale = _column(np.sqrt(ratio**2 + 0.25) * np.asarray(at.alpha))
  np.testing.assert_allclose(seen["x"], x_t / scale, rtol=1e-5)
  # F = 0: x0 = c_skip x_t / alpha.
  skip = _column(0.25 / (ratio**2 + 0.25)) / _column(at.alpha)
  np.testing.assert_allclose(got.x0, skip * x_t, rtol=1e-4)


# Learned variance.


def test_learned_variance_is_split_off():
  def apply(params, x, time, cond):
    return jnp.concatenate([2 * x, jnp.full_like(x, 0.5)], axis=-1)

  x_t, at = _x(), _level("vp")
  got = denoisers.from_apply(apply, None, learned_variance=True)(x_t, at)
  np.testing.assert_allclose(got.eps, 2 * x_t, rtol=1e-6)
  np.testing.assert_allclose(got.variance_fraction, 0.75)
  clipped = denoisers.clip_x0(
      denoisers.from_apply(apply, None, learned_variance=True))
  np.testing.assert_allclose(clipped(x_t, at).variance_fraction, 0.75)


@pytest.mark.parametrize("learned", (False, True))
def test_an_output_of_the_wrong_width_is_refused(learned):
  def apply(params, x, time, cond):
    return x if learned else jnp.concatenate([x, x], axis=-1)

  denoise = denoisers.from_apply(apply, None, learned_variance=learned)
  with pytest.raises(ValueError, match="network output must have shape"):
    denoise(_x(), _level("vp"))


def test_bad_options_are_named():
  with pytest.raises(ValueError, match="prediction must be one of"):
    denoisers.from_apply(_network, None, prediction="score")
  with pytest.raises(ValueError, match="learned_variance"):
    denoisers.from_apply(
        _network, None, prediction="edm", learned_variance=True)


# Wrappers.


@each_level
def test_clipped_predictions_agree(level):
  denoise = denoisers.from_apply(_network, jnp.float32(3.0))
  x_t, at = 2 * _x(), _level(level)
  raw, got = denoise(x_t, at), denoisers.clip_x0(denoise)(x_t, at)
  np.testing.assert_array_equal(got.x0, np.clip(raw.x0, -1, 1))
  again = _column(at.alpha) * got.x0 + _column(at.sigma) * got.eps
  np.testing.assert_allclose(again, x_t, rtol=1e-5, atol=1e-5)
  narrow = denoisers.clip_x0(denoise, -0.1, 0.2)(x_t, at).x0
  assert narrow.min() == np.float32(-0.1) and narrow.max() == np.float32(0.2)


def test_clipping_stops_the_gradient_outside():
  def apply(params, x, time, cond):
    return 0 * x

  denoise = denoisers.clip_x0(denoisers.from_apply(apply, None))
  at = schedules.NoiseLevel(*(jnp.float32(v) for v in (0.5, 0.8, 0.0)))
  slope = jax.grad(lambda x: denoise(x, at).x0.sum())(
      jnp.array([[0.1, 3.0, -0.2, -3.0]]))
  np.testing.assert_allclose(slope, [[2.0, 0.0, 2.0, 0.0]])


def test_classifier_free_identities():
  one = denoisers.from_apply(_network, jnp.float32(0.7), cond=0.5)
  null = denoisers.from_apply(_network, jnp.float32(0.7))
  x_t, at = _x(), _level("vp")
  c, u = one(x_t, at), null(x_t, at)
  for scale, want in ((0.0, u), (1.0, c)):
    got = denoisers.classifier_free(one, null, scale)(x_t, at)
    np.testing.assert_allclose(got.x0, want.x0, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(got.eps, want.eps, rtol=1e-5, atol=1e-6)
  scale = jnp.array([0.0, 1.0, 4.0])
  got = jax.jit(
      lambda w: denoisers.classifier_free(one, null, w)(x_t, at))(scale)
  np.testing.assert_allclose(
      got.eps, u.eps + _column(scale) * (c.eps - u.eps), rtol=1e-5, atol=1e-6)
  again = at.alpha * got.x0 + at.sigma * got.eps
  np.testing.assert_allclose(again, x_t, atol=1e-4)


def test_stop_gradient_keeps_values():
  denoise = denoisers.from_apply(_network, jnp.float32(0.7))
  frozen = denoisers.stop_gradient(denoise)
  x_t, at = _x(), _level("vp")
  np.testing.assert_array_equal(frozen(x_t, at).x0, denoise(x_t, at).x0)
  assert not np.any(jax.grad(lambda x: frozen(x, at).x0.sum())(x_t))
  assert np.any(jax.grad(lambda x: denoise(x, at).x0.sum())(x_t))


# The Gaussian oracle.


@pytest.mark.parametrize("alpha, sigma", [
    (0.6, 0.8), (1.0, 5.0), (0.00635, 0.99998), (0.99995, 0.01)])
def test_gaussian_is_the_conditional_mean(alpha, sigma):
  rng = np.random.default_rng(2)
  root = rng.normal(size=(6, 6))
  mean, covariance = rng.normal(size=6), root @ root.T / 6
  x_t = rng.normal(size=(5, 6))
  joint = alpha**2 * covariance + sigma**2 * np.eye(6)
  want = mean + (x_t - alpha * mean) @ np.linalg.solve(
      joint, alpha * covariance)
  got = denoisers.gaussian(np.float32(mean), np.float32(covariance))(
      np.float32(x_t), schedules.NoiseLevel(
          jnp.float32(alpha), jnp.float32(sigma), jnp.float32(0)))
  np.testing.assert_allclose(got.x0, want, rtol=1e-4, atol=1e-4)
  again = alpha * got.x0 + sigma * got.eps
  np.testing.assert_allclose(again, x_t, atol=1e-4)


def test_gaussian_takes_a_singular_covariance():
  """A prior on a line: estimates stay on it."""
  line = np.float32([1.0, 2.0, -1.0])
  denoise = denoisers.gaussian(np.zeros(3, np.float32), np.outer(line, line))
  got = denoise(_x().reshape(-1, 3)[:8], schedules.linear().at_level(300))
  along = np.asarray(got.x0) @ line / (line @ line)
  np.testing.assert_allclose(got.x0, along[:, None] * line, atol=1e-5)


def test_gaussian_takes_a_level_per_image():
  denoise = denoisers.gaussian(np.float32([0.1, 0.2]), np.eye(2) * 0.3)
  s, x_t = schedules.linear(), _x().reshape(-1, 2)[:3]
  together = denoise(x_t, s.at_level(jnp.array([10, 500, 900]))).x0
  for i, level in enumerate((10, 500, 900)):
    alone = denoise(x_t[i:i + 1], s.at_level(level)).x0
    np.testing.assert_allclose(together[i:i + 1], alone, rtol=1e-5)


# Dtypes.


@each_prediction
def test_half_precision_states_are_denoised_in_float32(prediction):
  """At the noisiest level x_t - sigma eps would lose everything."""
  denoise = denoisers.from_apply(
      _network, jnp.float32(0.7), prediction=prediction)
  x_t = _x().astype(jnp.bfloat16)
  at = schedules.linear().at_level(1000)
  half, full = denoise(x_t, at), denoise(x_t.astype(jnp.float32), at)
  assert half.x0.dtype == half.eps.dtype == jnp.float32
  np.testing.assert_array_equal(half.x0, full.x0)


def test_a_half_precision_network_gives_float32():
  def apply(params, x, time, cond):
    return jnp.concatenate([x, x], axis=-1).astype(jnp.bfloat16)

  got = denoisers.from_apply(apply, None, learned_variance=True)(
      _x(), _level("vp"))
  assert {leaf.dtype for leaf in got} == {np.dtype(np.float32)}
