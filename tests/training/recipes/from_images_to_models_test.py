"""Every kind of training, from emoji to a model that can be loaded."""

import dataclasses
import json
import pathlib
import shutil
from typing import NamedTuple

import jax
from jax.experimental.compilation_cache import compilation_cache
import numpy as np
import pytest

from jaxguide import convert
from jaxguide import schedules
from jaxguide import training
from jaxguide.data import embedded
from jaxguide.data import images
from jaxguide.data import training_images
from jaxguide.training import updates
from jaxguide.training.recipes import autoencoder

EMOJI = training_images.IndexedImages(
    file="noto64.npz", index="emoji_index.json", names=embedded.CATEGORIES,
    unmirrored=("Symbols", "Flags"))

SHORT = dict(
    images=EMOJI, batch_size=4, num_steps=4, warmup_steps=1, decay_steps=2,
    log_every=2, checkpoint_every=2, picture_every=4)
EDM = training.EdmPriorTraining(
    name="tiny_edm", image_size=8, sigma_data=0.6, **SHORT,
    module=dict(
        img_resolution=8, model_channels=16, channel_mult=(1,), num_blocks=1,
        attn_resolutions=()))
KL = training.AutoencoderTraining(
    name="tiny_kl", image_size=8, perceptual=None, **SHORT,
    module=dict(
        model_channels=8, channel_mult=(1, 1), num_res_blocks=1,
        mid_attention=False, num_groups=4))
LDM = training.LatentPriorTraining(
    name="tiny_ldm", image_size=8, first_stage="", **SHORT,
    module=dict(
        in_channels=4, out_channels=4, model_channels=16, channel_mult=(1.0,),
        num_res_blocks=1, attention_factors=(1,), num_head_channels=16,
        transformer_depth=1, context_width=8, num_groups=8))


@pytest.fixture(scope="module")
def data(tmp_path_factory, compiled_once):
  """24 emoji of every category, 16 of them for training."""
  folder = tmp_path_factory.mktemp("emoji")
  rng = np.random.default_rng(0)
  np.savez(
      folder / "noto64.npz",
      image=rng.integers(0, 256, (24, 64, 64, 3), dtype=np.uint8))
  index = [
      {"split": "valid" if i % 3 == 0 else "train",
       "category": embedded.CATEGORIES[i % len(embedded.CATEGORIES)]}
      for i in range(24)]
  (folder / "emoji_index.json").write_text(json.dumps(index))
  return str(folder)


@pytest.fixture(scope="module")
def compiled_once(tmp_path_factory):
  """Programs that are compiled fast, and read where they come again."""
  options = {
      "jax_compilation_cache_dir": str(tmp_path_factory.mktemp("programs")),
      "jax_persistent_cache_min_compile_time_secs": 0.0}
  before = {name: getattr(jax.config, name) for name in options}
  for name, value in options.items():
    jax.config.update(name, value)
  # The one option that cannot be read.
  jax.config.update("jax_disable_most_optimizations", True)
  compilation_cache.reset_cache()
  yield
  jax.config.update("jax_disable_most_optimizations", False)
  for name, value in before.items():
    jax.config.update(name, value)
  compilation_cache.reset_cache()
  # Programs of other tests have other last bits.
  jax.clear_caches()


class Run(NamedTuple):
  """A finished training."""

  config: training.Training
  folder: pathlib.Path
  state: updates.TrainState


def _train(config, data, folder):
  return Run(config, folder, training.train(config, data, folder))


@pytest.fixture(scope="module")
def kl(data, tmp_path_factory):
  return _train(KL, data, tmp_path_factory.mktemp("kl"))


@pytest.fixture(scope="module")
def first_stage(data, kl, tmp_path_factory):
  """The autoencoder as it is exported."""
  out = tmp_path_factory.mktemp("exported") / "model"
  assert training.export(KL, kl.folder, out, data) == 4
  return out


@pytest.fixture(scope="module")
def ldm(data, first_stage, tmp_path_factory):
  config = dataclasses.replace(LDM, first_stage=str(first_stage))
  return _train(config, data, tmp_path_factory.mktemp("ldm"))


@pytest.fixture(scope="module")
def edm(data, tmp_path_factory):
  return _train(EDM, data, tmp_path_factory.mktemp("edm"))


def _rows(folder):
  return (folder / "training_log.csv").read_text().splitlines()


@pytest.mark.slow
def test_an_autoencoder_becomes_a_first_stage_of_unit_latents(
    data, kl, first_stage):
  model = convert.load_latent_model(first_stage)
  assert model.unet is None and model.cond_stage is None
  jax.tree.map(
      lambda a, b: np.testing.assert_array_equal(a, np.float16(b)),
      model.first_stage.params, kl.state.ema)
  codec = model.codec()
  x = EMOJI.read(data, 8).images()
  z = np.asarray(codec.encode(x))
  assert z.shape == (16, 4, 4, 4)
  mean, std = autoencoder.encode(KL.module, model.first_stage.params, x)
  np.testing.assert_allclose(z, model.scale_factor * mean, rtol=1e-5, atol=1e-6)
  sampled = mean + std * np.random.default_rng(0).standard_normal(
      (200, *std.shape))
  # 200 x 1024 draws around means that are the data's.
  np.testing.assert_allclose(
      model.scale_factor * sampled.std(), 1.0, rtol=2e-2)
  assert codec.decode(z).shape == x.shape


@pytest.mark.slow
def test_an_autoencoder_needs_its_data_to_be_exported(kl, tmp_path):
  with pytest.raises(ValueError, match="data is missing"):
    training.export(KL, kl.folder, tmp_path / "model")
  assert not (tmp_path / "model").exists()


@pytest.mark.slow
def test_a_latent_model_is_conditional_and_ready(
    kl, ldm, first_stage, tmp_path):
  training.export(ldm.config, ldm.folder, tmp_path / "model")
  # Either stage has the log of its own training.
  assert _rows(tmp_path / "model") == _rows(ldm.folder)
  assert _rows(tmp_path / "model" / "first_stage") == _rows(kl.folder)
  model = convert.load_latent_model(tmp_path / "model")
  assert model.null_label == ldm.config.null_label == 10
  first = convert.load_latent_model(first_stage)
  assert model.scale_factor == first.scale_factor
  jax.tree.map(
      np.testing.assert_array_equal, model.first_stage.params,
      first.first_stage.params)
  expected = schedules.scaled_linear(1000, *LDM.betas)
  np.testing.assert_array_equal(model.schedule.alpha, expected.alpha)
  # What is loaded predicts as what was trained, up to float16.
  z = jax.random.normal(jax.random.key(0), (3, 4, 4, 4))
  label, level = np.array([0, 5, 10]), model.schedule.at_level(300)
  stored = jax.tree.map(
      lambda a: np.float16(a).astype(np.float32), ldm.state.ema)
  found = model.denoiser(cond={"label": label})(z, level)
  trained = ldm.config.apply()(
      stored, z, np.full(3, 299.0, np.float32), label)
  np.testing.assert_allclose(found.eps, trained, atol=1e-5)
  other = model.denoiser(cond={"label": label[::-1]})(z, level)
  assert np.abs(found.eps - other.eps)[0].max() > 0


@pytest.mark.slow
def test_an_edm_prior_is_loaded_with_its_preconditioning(edm, tmp_path):
  training.export(EDM, edm.folder, tmp_path / "model")
  prior = convert.load_prior(tmp_path / "model")
  assert (prior.prediction, prior.image_size) == ("edm", 8)
  # c_skip at sigma = sigma_data is a half.
  assert float(prior.preconditioning.coefficients(
      np.float32(0.6)).skip) == pytest.approx(0.5)
  x = jax.random.normal(jax.random.key(0), (2, 8, 8, 3))
  found = prior.denoiser()(x, prior.schedule.at_level(500))
  assert np.isfinite(found.x0).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["kl", "ldm", "edm"])
def test_an_interrupted_training_ends_as_an_uninterrupted_one(
    name, data, request, tmp_path):
  config, folder, state = request.getfixturevalue(name)
  # As it was when it was interrupted: one checkpoint, and rows behind it.
  shutil.copytree(folder / "checkpoints" / "2", tmp_path / "checkpoints" / "2")
  for file in ("training_log.csv", "run.json"):
    shutil.copy(folder / file, tmp_path)
  resumed = training.train(config, data, tmp_path)
  jax.tree.map(np.testing.assert_array_equal, resumed.params, state.params)
  jax.tree.map(np.testing.assert_array_equal, resumed.ema, state.ema)
  # Columns after the losses are seconds.
  losses = lambda folder: [row.split(",")[:3] for row in _rows(folder)]
  assert losses(tmp_path) == losses(folder)
  assert [row[0] for row in losses(folder)] == ["step", "2", "4"]
  picture = images.read_picture(tmp_path / "pictures" / "000004.png")
  assert picture.shape[1] == 16 * 8 * 2 and picture.std() > 0


def test_an_option_that_does_not_fit_is_named():
  with pytest.raises(ValueError, match="tiny_kl has no option first_stage"):
    KL.changed(first_stage="x")
  assert LDM.changed(first_stage="x") == (
      dataclasses.replace(LDM, first_stage="x"))


def test_a_class_conditional_model_needs_classes():
  with pytest.raises(ValueError, match="images have no classes"):
    dataclasses.replace(LDM, images=training_images.ImageFolders())


@pytest.mark.slow
def test_a_latent_model_knows_its_first_stage_by_the_weights(
    data, ldm, first_stage, kl, tmp_path):
  shutil.copytree(first_stage, tmp_path / "copy")
  same = dataclasses.replace(ldm.config, first_stage=str(tmp_path / "copy"))
  state = training.train(same, data, ldm.folder)
  jax.tree.map(np.testing.assert_array_equal, state.ema, ldm.state.ema)
  shutil.copytree(first_stage, tmp_path / "other")
  file = tmp_path / "other" / "first_stage" / "config.json"
  file.write_text(file.read_text().replace('"updates": 4', '"updates": 3'))
  other = dataclasses.replace(ldm.config, first_stage=str(tmp_path / "other"))
  with pytest.raises(ValueError, match="another run: models.first_stage"):
    training.train(other, data, ldm.folder)
  with pytest.raises(ValueError, match="does not fit.*models.first_stage"):
    training.export(other, ldm.folder, tmp_path / "model")
