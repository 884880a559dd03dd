"""The models that ship with the package do what they were trained for.

On the 64 embedded emoji, which no training has seen. The bounds are a good
deal below what was measured when the models were exported.
"""

import csv

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import convert
from jaxguide import data
from jaxguide.convert import model_directories
from tests import programs

LATENT, EDM = "emoji64_ldm", "emoji32_edm"
COUNT = 16


@pytest.fixture(scope="module", name="images")
def _images():
  return {size: data.embedded_images(f"noto{size}")[:COUNT]
          for size in (32, 64)}


def psnr(x, y):
  """Of values in [-1, 1], per image."""
  return -10 * np.log10(np.mean((x - y) ** 2, axis=(1, 2, 3)) / 4)


def test_they_are_small():
  files = [f for name in (LATENT, EDM)
           for f in (model_directories.EMBEDDED / name).rglob("*")
           if f.is_file()]
  assert sum(f.stat().st_size for f in files) < 16e6


@pytest.mark.parametrize("folder", [LATENT, f"{LATENT}/first_stage", EDM])
def test_the_log_of_a_training_is_that_of_the_model(folder):
  place = model_directories.EMBEDDED / folder
  with open(place / "training_log.csv", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
  losses = [float(row["valid_loss"]) for row in rows]
  assert np.isfinite(losses).all() and losses[-1] < 0.7 * losses[0]
  assert losses[-1] < 1.05 * min(losses)  # It does not overfit.
  config = place / "unet" if folder == LATENT else place
  source = convert.read_config(config).source
  assert int(rows[-1]["step"]) == source["updates"]
  assert (place / "loss.png").stat().st_size > 1000


def test_the_autoencoder_keeps_what_is_seen(images):
  prior = convert.load_prior(LATENT)
  codec, x = prior.codec(prior.params), images[64]
  z = programs.jit(codec.encode)(x)
  assert z.shape == (COUNT, 16, 16, 4)
  # The scale factor was measured on the train split.
  assert 0.8 < np.std(z) < 1.2
  again = psnr(np.asarray(programs.jit(codec.decode)(z)), x)
  assert again.mean() > 20 and again.min() > 15


def test_the_latent_model_denoises_and_knows_the_classes(images):
  prior = convert.load_prior(LATENT)
  z0 = prior.codec(prior.params).encode(images[64])
  labels = jnp.asarray([
      data.embedded_label(n, "") for n in range(COUNT)])
  noise = jax.random.normal(jax.random.key(0), z0.shape)

  @programs.jit
  def errors(z0, labels):
    """Of x0, at a low and at a high level, with classes and without."""
    found = []
    for level in (200, 700):
      row = prior.schedule.at_level(level)
      z = row.alpha * z0 + row.sigma * noise
      null = jnp.full_like(labels, prior.conditions[0].null)
      for given in (labels, null):
        x0 = prior.denoiser(cond={"label": given})(z, row).x0
        found.append(jnp.mean((x0 - z0) ** 2))
    return jnp.stack(found)

  low, low_null, high, high_null = np.asarray(errors(z0, labels))
  # What the noise alone leaves of latents of unit variance.
  row = prior.schedule.at_level(200)
  assert low < 0.5 * row.sigma**2 / (row.alpha**2 + row.sigma**2)
  assert high < high_null and low < 1.1 * low_null


def test_the_edm_prior_denoises(images):
  prior = convert.load_prior(EDM)
  assert prior.prediction == "edm" and prior.image_shape == (32, 32, 3)
  x = jnp.asarray(images[32])
  noise = jax.random.normal(jax.random.key(0), x.shape)

  @programs.jit
  def errors(x):
    levels = (prior.schedule.at_sigma(s) for s in (0.2, 1.0))
    return [jnp.mean(
        (prior.denoiser()(x + row.sigma * noise, row).x0 - x) ** 2)
            for row in levels]

  for error, sigma in zip(errors(x), (0.2, 1.0), strict=True):
    linear = 0.6**2 * sigma**2 / (0.6**2 + sigma**2)  # Independent pixels.
    assert error < 0.5 * linear
