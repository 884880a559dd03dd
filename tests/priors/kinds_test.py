"""Every kind of training, from emoji to a model that can be loaded."""

import dataclasses
import json
import pathlib

import jax
import numpy as np
import pytest

from experiments.priors import autoencoder
from experiments.priors import emoji
from experiments.priors import export
from experiments.priors import kinds
from experiments.priors import latent
from experiments.priors import runs
from jaxguide import convert
from jaxguide import schedules
from jaxguide.convert import latent as latent_models
from jaxguide.data import images
from jaxguide.training import config as training_config

SHORT = dict(
    batch_size=4, num_steps=4, warmup_steps=1, decay_steps=2, log_every=2,
    checkpoint_every=2, picture_every=4)
EDM = training_config.EdmTraining(
    name="tiny_edm", image_size=8, sigma_data=0.6, **SHORT,
    module=dict(
        img_resolution=8, model_channels=16, channel_mult=(1,), num_blocks=1,
        attn_resolutions=()))
KL = training_config.AutoencoderTraining(
    name="tiny_kl", image_size=8, perceptual=None, **SHORT,
    module=dict(
        model_channels=8, channel_mult=(1, 1), num_res_blocks=1,
        mid_attention=False, num_groups=4))
LDM = training_config.LatentTraining(
    name="tiny_ldm", image_size=8, first_stage="", **SHORT,
    module=dict(
        in_channels=4, out_channels=4, model_channels=16, channel_mult=(1.0,),
        num_res_blocks=1, attention_factors=(1,), num_head_channels=16,
        transformer_depth=1, context_width=8, num_groups=8))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
  """24 emoji of every category, 16 of them for training."""
  folder = tmp_path_factory.mktemp("emoji")
  rng = np.random.default_rng(0)
  np.savez(
      folder / "noto64.npz",
      image=rng.integers(0, 256, (24, 64, 64, 3), dtype=np.uint8))
  index = [
      {"split": "valid" if i % 3 == 0 else "train",
       "category": emoji.CATEGORIES[i % len(emoji.CATEGORIES)]}
      for i in range(24)]
  (folder / "emoji_index.json").write_text(json.dumps(index))
  return str(folder)


@pytest.fixture(scope="module")
def first_stage(data, tmp_path_factory):
  """A trained autoencoder, exported."""
  folder = tmp_path_factory.mktemp("kl")
  state = runs.train(KL, data, folder / "run")
  assert export.export(KL, folder / "run", folder / "model", data) == 4
  return folder / "model", state


def _rows(folder):
  return (folder / "training_log.csv").read_text().splitlines()


def test_an_autoencoder_becomes_a_first_stage_of_unit_latents(
    data, first_stage):
  folder, state = first_stage
  model = convert.load_latent_model(folder)
  assert model.unet is None and model.cond_stage is None
  jax.tree.map(
      lambda a, b: np.testing.assert_array_equal(a, np.float16(b)),
      model.first_stage.params, state.ema)
  codec = model.codec()
  x = emoji.load(data, "train", 8).images
  z = np.asarray(codec.encode(x))
  assert z.shape == (16, 4, 4, 4)
  mean, std = autoencoder.encode(
      KL.module, model.first_stage.params, x)
  np.testing.assert_allclose(z, model.scale_factor * mean, rtol=1e-5)
  sampled = mean + std * np.random.default_rng(0).standard_normal(
      (200, *std.shape))
  # 200 x 1024 draws around means that are the data's.
  np.testing.assert_allclose(
      model.scale_factor * sampled.std(), 1.0, rtol=2e-2)
  assert codec.decode(z).shape == x.shape


def test_an_autoencoder_needs_its_data_to_be_exported(first_stage, tmp_path):
  folder, _ = first_stage
  with pytest.raises(ValueError, match="data is missing"):
    export.export(KL, folder.parent / "run", tmp_path / "model")
  assert not (tmp_path / "model").exists()


def test_a_latent_model_is_conditional_and_ready(data, first_stage, tmp_path):
  config = dataclasses.replace(LDM, first_stage=str(first_stage[0]))
  state = runs.train(config, data, tmp_path / "run")
  export.export(config, tmp_path / "run", tmp_path / "model")
  model = convert.load_latent_model(tmp_path / "model")
  assert model.null_label == latent.NULL_LABEL == 10
  assert model.scale_factor == convert.load_latent_model(
      first_stage[0]).scale_factor
  jax.tree.map(
      np.testing.assert_array_equal, model.first_stage.params,
      convert.load_latent_model(first_stage[0]).first_stage.params)
  expected = schedules.scaled_linear(1000, *config.betas)
  np.testing.assert_array_equal(model.schedule.alpha, expected.alpha)
  # What is loaded predicts as what was trained, up to float16.
  z = jax.random.normal(jax.random.key(0), (3, 4, 4, 4))
  label, level = np.array([0, 5, 10]), model.schedule.at_level(300)
  stored = jax.tree.map(
      lambda a: np.float16(a).astype(np.float32), state.ema)
  found = model.denoiser(labels=label)(z, level)
  trained = latent.make_apply(config)(
      stored, z, np.full(3, 299.0, np.float32), label)
  np.testing.assert_allclose(found.eps, trained, atol=1e-5)
  other = model.denoiser(labels=label[::-1])(z, level)
  assert np.abs(found.eps - other.eps)[0].max() > 0


def test_an_edm_prior_is_loaded_with_its_preconditioning(data, tmp_path):
  runs.train(EDM, data, tmp_path / "run")
  export.export(EDM, tmp_path / "run", tmp_path / "model")
  prior = convert.load_prior(tmp_path / "model")
  assert (prior.prediction, prior.image_size) == ("edm", 8)
  # c_skip at sigma = sigma_data is a half.
  assert float(prior.preconditioning.coefficients(
      np.float32(0.6)).skip) == pytest.approx(0.5)
  x = jax.random.normal(jax.random.key(0), (2, 8, 8, 3))
  found = prior.denoiser()(x, prior.schedule.at_level(500))
  assert np.isfinite(found.x0).all()


@pytest.mark.parametrize("config", [EDM, KL, LDM], ids=lambda c: c.name)
def test_an_interrupted_training_ends_as_an_uninterrupted_one(
    config, data, first_stage, tmp_path):
  if config is LDM:
    config = dataclasses.replace(config, first_stage=str(first_stage[0]))
  # In the trunk of the learning rate, which its end does not change.
  config = dataclasses.replace(config, num_steps=6)
  whole = runs.train(config, data, tmp_path / "whole")
  runs.train(dataclasses.replace(config, num_steps=4), data,
             tmp_path / "parts")
  # A state after the fall began: go on from the one before.
  for folder in (tmp_path / "parts" / "checkpoints").iterdir():
    if folder.name == "4":
      folder.rename(tmp_path / "left_out")
  resumed = runs.train(config, data, tmp_path / "parts")
  jax.tree.map(
      np.testing.assert_array_equal, resumed.params, whole.params)
  # Columns after the losses are seconds.
  losses = lambda folder: [row.split(",")[:3] for row in _rows(folder)]
  assert losses(tmp_path / "parts") == losses(tmp_path / "whole")
  picture = images.read_picture(tmp_path / "whole" / "pictures" / "000004.png")
  assert picture.shape[1] == 16 * 8 * 2 and picture.std() > 0


def test_a_flag_that_does_not_fit_is_named():
  with pytest.raises(ValueError, match="tiny_kl has no first_stage"):
    runs.changed(KL, first_stage="x")
  assert runs.changed(LDM, first_stage="x", num_steps=None) == (
      dataclasses.replace(LDM, first_stage="x"))


@pytest.mark.parametrize(
    "name", ["noto32", "noto32_edm", "emoji64_kl", "emoji64_ldm"])
def test_the_shipped_configurations_make_networks(name, tmp_path):
  config = _load(name)
  assert config.name == name
  if name == "emoji64_ldm":
    config = dataclasses.replace(
        config, first_stage=_untrained(_load("emoji64_kl"), tmp_path))
  shapes = jax.eval_shape(lambda: kinds.module_of(config).init_params(config))
  # Together the new ones may take 16 MB in float16.
  assert 1e6 < sum(leaf.size for leaf in jax.tree.leaves(shapes)) < 5e6


def _load(name):
  folder = pathlib.Path(runs.__file__).parent / "configs"
  return training_config.load(folder / f"{name}.py", tuple(kinds.KINDS))


def _untrained(config, folder):
  """The directory of a first stage whose parameters are zeros."""
  shapes = jax.eval_shape(lambda: autoencoder.init_params(config))
  params = jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), shapes)
  path = folder / "model"
  latent_models.save(
      path, {"first_stage": (params, convert.ModelConfig(
          "kl_autoencoder", config.module, 64, prediction=None))}, 1.0)
  return str(path)
