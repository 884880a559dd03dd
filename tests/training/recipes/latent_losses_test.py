"""The losses of latent diffusion against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import schedules
from jaxguide.models import autoencoders
from jaxguide.training import diffusion
from jaxguide.training.recipes import autoencoder
from jaxguide.training.recipes import latent_prior

SCHEDULE = schedules.scaled_linear(1000, 0.0015, 0.0195)


def _autoencoder(params, x0, key):
  """Adds `params` to every value; its latents do not depend on the image."""
  noise = 0.0 if key is None else jax.random.normal(key, x0.shape)
  shape = (x0.shape[0], 2, 2, 4)
  latents = autoencoders.Gaussian(
      jnp.full(shape, 0.5), jnp.full(shape, jnp.log(0.25)))
  return x0 + params + 0.1 * noise, latents


@pytest.mark.parametrize("key", [None, jax.random.key(4)])
def test_the_autoencoders_loss_is_its_three_terms(key):
  x0 = jax.random.normal(jax.random.key(0), (3, 8, 8, 3))
  distance = lambda x, reference: jnp.mean(x - reference, axis=(1, 2, 3))
  found = autoencoder.autoencoder_loss(
      _autoencoder, kl_weight=0.3, distance=distance, distance_weight=0.7)(
          0.2, x0, key)
  noise = np.zeros(x0.shape) if key is None else np.asarray(
      jax.random.normal(key, x0.shape), np.float64)
  error = 0.2 + 0.1 * noise
  # Of a N(1/2, 1/4) from the standard normal, per number.
  divergence = 0.5 * (0.25 + 0.25 - 1 - np.log(0.25))
  expected = (
      np.abs(error).mean((1, 2, 3)) + 0.7 * error.mean((1, 2, 3))
      + 0.3 * divergence)
  np.testing.assert_allclose(found, expected, rtol=2e-5)


def test_a_term_that_is_left_out_is_not_evaluated():
  x0 = jnp.zeros((2, 8, 8, 3))
  found = autoencoder.autoencoder_loss(
      _autoencoder, kl_weight=0.0)(0.2, x0, None)
  np.testing.assert_allclose(found, 0.2, rtol=1e-6)


@pytest.mark.parametrize("drop_rate", [0.0, 0.5, 1.0])
def test_latents_are_sampled_and_labels_withheld(drop_rate):
  batch = latent_prior.Latents(
      jax.random.normal(jax.random.key(0), (64, 2, 2, 4)),
      jnp.full((64, 2, 2, 4), 0.1), jnp.arange(64) % 3)
  seen = {}

  def apply(params, z_t, time, label, key):
    seen["label"] = np.asarray(label)
    return params * z_t

  key = jax.random.key(9)
  found = latent_prior.latent_eps_loss(
      apply, SCHEDULE, null_label=7, drop_rate=drop_rate, weight_limit=5.0)(
          0.5, batch, key)
  withheld = seen["label"] == 7
  np.testing.assert_array_equal(
      seen["label"][~withheld], np.asarray(batch.label)[~withheld])
  # 64 coins: four standard deviations.
  assert abs(withheld.mean() - drop_rate) <= 4 * np.sqrt(
      drop_rate * (1 - drop_rate) / 64)
  draw, _, rest = jax.random.split(key, 3)
  z0 = batch.mean + 0.1 * jax.random.normal(draw, batch.mean.shape)
  expected = diffusion.eps_training_loss(
      lambda params, z_t, time, key: params * z_t, SCHEDULE, 5.0)(
          0.5, z0, rest)
  np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_values_out_of_range_are_named():
  with pytest.raises(ValueError, match="kl_weight is -1"):
    autoencoder.autoencoder_loss(_autoencoder, kl_weight=-1.0)
  with pytest.raises(ValueError, match="distance_weight is -2"):
    autoencoder.autoencoder_loss(
        _autoencoder, kl_weight=0.0, distance_weight=-2.0)
  with pytest.raises(ValueError, match="drop_rate is 1.5"):
    latent_prior.latent_eps_loss(None, SCHEDULE, null_label=0, drop_rate=1.5)
