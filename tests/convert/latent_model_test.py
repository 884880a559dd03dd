"""Converted latent models in use: sampled, fitted through, refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import convert
from jaxguide import noises
from jaxguide import variational
from jaxguide.convert import errors
from jaxguide.convert import latent_checkpoints
from jaxguide.convert import latent_model
from jaxguide.convert import latent_store
from jaxguide.convert import model_store
from tests import programs
from tests.convert import small_latent


@pytest.fixture(scope="module", name="model")
def _model(tmp_path_factory):
  path = tmp_path_factory.mktemp("latent") / "model"
  taken = latent_checkpoints.take(
      small_latent.state_dict(), small_latent.CARD, weights="ema")
  latent_store.save(path, taken.parts, taken.scale_factor, null_label=4)
  return latent_model.load(path)


def test_a_loaded_model_is_a_prior_with_classes(model):
  """Its denoiser is the UNet, fed with the embedding of the class."""
  assert model.null_label == 4 and model.scale_factor == 0.5
  z = np.random.default_rng(2).normal(size=(3, 8, 8, 2)).astype(np.float32)
  level, options = model.schedule.at_level(600), {"conv_impl": "lax"}
  unet = model_store.build_module(model.unet.config, **options)

  @programs.jit
  def run(params, own, z, labels, tokens):
    named = model.denoiser(params, {"label": labels}, **options)
    # The same tokens as a context.
    token = model.denoiser(params, {"context": tokens}, **options)
    eps = unet.apply({"params": own}, z, jnp.full(3, level.time), tokens)
    return eps, named(z, level), token(z, level)

  # Only the UNet is averaged.
  labels = np.array([3, 0, model.null_label])
  table = small_latent.RAW["cond_stage_model.embedding.weight"]
  eps, found, token = run(
      model.params, model.unet.params, z, labels, table[labels][:, None])
  np.testing.assert_allclose(found.eps, eps, rtol=1e-5, atol=1e-5)
  np.testing.assert_allclose(found.x0, token.x0, rtol=1e-5, atol=1e-5)
  # Guidance by the null class: its row is another one.
  alike = run(model.params, model.unet.params, z[[0] * 3], labels,
              table[labels][:, None])[1].eps
  assert np.abs(alike[2] - alike[0]).max() > 1e-3


def test_a_loaded_model_is_fitted_through_its_decoder(model):
  """What VIPaint differentiates; the scale divides what is decoded."""
  x = jnp.asarray(
      np.random.default_rng(3).uniform(-1, 1, (1, 16, 16, 3)), jnp.float32)
  assert model.codec().latent_shape((16, 16, 3)) == (8, 8, 2)
  assert model.codec().latent_shape((32, 16, 3)) == (16, 8, 2)

  module = model_store.build_module(
      model.first_stage.config, conv_impl="lax")

  @programs.jit
  def run(params, own, x):
    codec = model.codec(params, conv_impl="lax")
    z = codec.encode(x)
    energy = variational.decoded(
        variational.gaussian_likelihood(x, 1.0), codec.decode)
    gradient = jax.grad(lambda z: energy(z, None, None).sum())(z)
    by_hand = (0.5 * module.apply({"params": own}, x, method="encode"),
               module.apply({"params": own}, z / 0.5, method="decode"))
    return (z, codec.decode(z)), by_hand, gradient

  (z, image), by_hand, gradient = run(
      model.params, model.first_stage.params, x)
  np.testing.assert_allclose(z, by_hand[0], rtol=1e-4, atol=1e-4)
  np.testing.assert_allclose(image, by_hand[1], rtol=1e-3, atol=1e-3)
  assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0


@pytest.mark.parametrize("text, message", [
    ("[", "not valid JSON"), ("{}", "scale_factor is None"),
    ('{"scale_factor": 1, "null_label": "x"}', "null_label is"),
])
def test_damaged_directories(tmp_path, text, message):
  (tmp_path / latent_store.FILE).write_text(text)
  with pytest.raises(errors.ConversionError, match=message):
    latent_model.load(tmp_path)


def test_a_latent_model_without_its_parts_is_no_prior(tmp_path):
  (tmp_path / latent_store.FILE).write_text('{"scale_factor": 1.0}')
  with pytest.raises(errors.ConversionError, match="first_stage"):
    convert.load_prior(tmp_path)


@pytest.mark.slow
def test_vipaint_is_fitted_to_a_loaded_model(model):
  """Class-conditional, through the decoder, a row of labels per sample."""
  random = np.random.default_rng(4)
  x = jnp.asarray(random.uniform(-1, 1, (2, 16, 16, 3)), jnp.float32)
  mask = jnp.ones((2, 16, 16, 1)).at[:, 4:12, 4:12].set(0.0)
  plan = variational.vipaint_plan(
      model.schedule, variational.levels_at_sigmas(model.schedule, (0.9,)))
  draws = noises.prng_noise(noises.image_keys(0, np.arange(2)))

  @programs.jit
  def run(params):
    codec = model.codec(params, conv_impl="lax")
    energy = variational.decoded(
        variational.masked_reconstruction(x, mask), codec.decode)
    loss = variational.negative_elbo(
        plan, model.denoiser(
            params, {"label": jnp.array([3, 3, 0, 0])}, conv_impl="lax"),
        draws, energy, num_samples=2)
    start = variational.initialise(
        plan, variational.encodings(codec.encode(mask * x), draws, 1), draws)
    return start, variational.fit(loss, start, num_iterations=2)

  start, fitted = run(model.params)
  assert fitted.posterior.mu.shape == (2, 1, 8, 8, 2)
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(fitted))
  moved = np.abs(fitted.posterior.mu - start.mu).reshape(2, -1).max(axis=1)
  assert (moved > 0).all()
