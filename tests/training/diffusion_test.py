"""The losses of diffusion models against closed forms."""

import statistics

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import preconditioning
from jaxguide import schedules
from jaxguide.training import diffusion

SCHEDULE = schedules.linear(1000)


def test_levels_are_uniform_and_spread():
  level = jax.vmap(
      lambda k: diffusion.spread_levels(k, 16, 1000)
  )(jax.random.split(jax.random.key(0), 400))
  assert level.min() == 1 and level.max() == 1000
  # One of every batch in each sixteenth of the range.
  assert np.all(np.sort((np.asarray(level) - 1) * 16 // 1000) == np.arange(16))
  # Image 3 alone sees all levels alike: the mean has standard error 14.4.
  assert abs(float(level[:, 3].mean()) - 500.5) < 3 * 1000 / np.sqrt(12 * 400)


def test_loss_of_the_true_noise_is_zero_and_of_none_its_power():
  rng = np.random.default_rng(0)
  x0, eps = (jnp.asarray(rng.standard_normal((4, 8, 8, 3)), jnp.float32)
             for _ in range(2))
  level = jnp.asarray([1, 10, 500, 1000])

  def knows(params, x_t, time, key):
    del params, key
    row = SCHEDULE.at_level(time.astype(jnp.int32) + 1)
    alpha, sigma = (v.reshape(-1, 1, 1, 1) for v in row[:2])
    return (x_t - alpha * x0) / sigma

  loss = diffusion.eps_loss(knows, SCHEDULE, None, x0, level, eps)
  np.testing.assert_allclose(loss, 0, atol=1e-6)
  none = diffusion.eps_loss(
      lambda params, x_t, time, key: 0 * x_t, SCHEDULE, None, x0, level, eps)
  np.testing.assert_allclose(none, np.mean(eps**2, (1, 2, 3)), rtol=1e-5)


@pytest.mark.parametrize("limit", [1.0, 20.0, 1e9])
def test_the_training_loss_is_weighted_and_reads_its_own_draws(limit):
  apply = lambda params, x_t, time, key: params * jnp.ones_like(x_t)
  loss = diffusion.eps_training_loss(apply, SCHEDULE, limit)
  key = jax.random.key(3)
  found = loss(jnp.asarray(0.25), jnp.zeros((8, 4, 4, 3)), key)
  keys = jax.random.split(key, 3)
  level = np.asarray(diffusion.spread_levels(keys[0], 8, 1000))
  eps = np.asarray(jax.random.normal(keys[1], (8, 4, 4, 3)), np.float64)
  weight = np.minimum(1 / SCHEDULE.alpha_bar[level], limit)
  expected = weight * np.mean((0.25 - eps) ** 2, axis=(1, 2, 3))
  np.testing.assert_allclose(found, expected, rtol=2e-4)


def test_a_weight_limit_below_one_is_named():
  with pytest.raises(ValueError, match="weight_limit is 0.5"):
    diffusion.eps_training_loss(None, SCHEDULE, 0.5)


def test_sigmas_are_log_normal_and_spread():
  sigma = jax.vmap(lambda k: diffusion.spread_sigmas(k, 16, -1.2, 1.2))(
      jax.random.split(jax.random.key(0), 400))
  normal = (np.log(np.asarray(sigma, np.float64)) + 1.2) / 1.2
  uniform = np.vectorize(statistics.NormalDist().cdf)(normal)
  # One of every batch in each sixteenth of the distribution.
  assert np.all(np.sort((uniform * 16).astype(int)) == np.arange(16))
  # Image 3 alone sees them all: 400 draws.
  assert abs(normal[:, 3].mean()) < 3 / np.sqrt(400)
  assert abs(normal[:, 3].std() - 1) < 3 / np.sqrt(800)


@pytest.mark.parametrize("sigma_data", [0.5, 0.6])
def test_the_edm_loss_is_the_raw_networks_error(sigma_data):
  # Eq. 8: lambda c_out^2 |F(c_in (y + n); c_noise) - target|^2, lambda c_out^2
  # = 1, with the target of F that the data give.
  rng = np.random.default_rng(0)
  x0, eps = rng.standard_normal((2, 4, 8, 8, 3))
  sigma = np.array([0.01, 0.3, 2.0, 50.0])
  s = sigma[:, None, None, None]
  total = s**2 + sigma_data**2
  x = x0 + s * eps
  target = (x0 - sigma_data**2 / total * x) / (
      s * sigma_data / np.sqrt(total))
  seen = {}

  def apply(params, scaled, noise, key):
    seen.update(scaled=scaled, noise=noise, key=key)
    return params * jnp.ones_like(scaled)

  loss = diffusion.edm_loss(
      apply, preconditioning.edm(sigma_data), 0.25,
      *(jnp.asarray(a, jnp.float32) for a in (x0, sigma, eps)))
  np.testing.assert_allclose(
      loss, np.mean((0.25 - target) ** 2, (1, 2, 3)), rtol=2e-3)
  np.testing.assert_allclose(seen["scaled"], x / np.sqrt(total), rtol=1e-4,
                             atol=1e-5)
  np.testing.assert_allclose(seen["noise"], np.log(sigma) / 4, atol=1e-5)
  assert seen["key"] is None


def test_the_edm_training_loss_reads_its_own_draws():
  key, scaling = jax.random.key(5), preconditioning.edm(0.6)
  apply = lambda params, x, noise, key: params * x
  x0 = jax.random.normal(jax.random.key(1), (8, 4, 4, 3))
  found = diffusion.edm_training_loss(apply, scaling, mean=-1.0, std=0.5)(
      0.25, x0, key)
  keys = jax.random.split(key, 3)
  sigma = diffusion.spread_sigmas(keys[0], 8, -1.0, 0.5)
  eps = jax.random.normal(keys[1], x0.shape)
  expected = diffusion.edm_loss(apply, scaling, 0.25, x0, sigma, eps)
  np.testing.assert_allclose(found, expected, rtol=1e-5)
  with pytest.raises(ValueError, match="std is 0"):
    diffusion.edm_training_loss(apply, scaling, std=0.0)
