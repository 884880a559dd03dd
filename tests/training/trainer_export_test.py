"""Exporting a training run as a model directory."""

import dataclasses
import json

import jax
import numpy as np
import pytest

from jaxguide import convert
from jaxguide import training
from jaxguide.data import images
from jaxguide.data import training_images
from jaxguide.training import checkpoints
from jaxguide.training import curves
from jaxguide.training import run_folders

TINY = training.EpsPriorTraining(
    name="tiny",
    image_size=8,
    images=training_images.ImageFolders(licence="free"),
    module=dict(
        in_channels=3, out_channels=3, model_channels=32, channel_mult=(1.0,),
        num_res_blocks=1, attention_factors=(), num_head_channels=32,
        resblock_updown=False, conv_resample=False),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  """A run with one checkpoint whose average differs from its parameters."""
  rng = np.random.default_rng(0)
  state = jax.tree.map(
      lambda a: np.asarray(rng.standard_normal(a.shape), a.dtype),
      jax.eval_shape(lambda: TINY.init_state({})))
  state, ema = state._replace(step=np.int32(7)), state.ema
  folder = tmp_path_factory.mktemp("run")
  run_folders.claim(folder, {
      "training": TINY.identity(), "models": {},
      "images": {"train": {"count": [5]}}})
  store = checkpoints.Checkpoints(folder / "checkpoints")
  store.save(state)
  store.close()
  (folder / "training_log.csv").write_text("step,train_loss\n7,0.5\n")
  return folder, ema


def test_the_average_is_written_in_float16_and_loads_as_a_prior(run, tmp_path):
  folder, ema = run
  out = tmp_path / "model"
  assert training.export(TINY, folder, out) == 7
  prior = convert.load_prior(out)
  jax.tree.map(
      lambda a, b: np.testing.assert_array_equal(
          a, np.float16(b).astype(np.float32)), prior.params, ema)
  assert prior.image_shape == (8, 8, 3)
  assert prior.schedule.num_levels == TINY.num_levels
  assert prior.prediction == "eps"
  config = json.loads((out / "config.json").read_text())
  assert config["source"]["updates"] == 7
  assert config["source"]["images"] == {"train": {"count": [5]}}
  assert config["licence"] == "free"
  assert (out / "training_log.csv").read_text().endswith("7,0.5\n")
  np.testing.assert_array_equal(
      images.read_picture(out / "loss.png"),
      curves.draw_log(out / "training_log.csv"))


def test_nothing_is_overwritten(run, tmp_path):
  folder, _ = run
  out = tmp_path / "model"
  out.mkdir()
  with pytest.raises(ValueError, match="exists already"):
    training.export(TINY, folder, out)
  assert not list(out.iterdir())


def test_a_run_without_checkpoints_is_named(tmp_path):
  (tmp_path / "empty").mkdir()
  with pytest.raises(ValueError, match="empty is not the folder of a training"):
    training.export(TINY, tmp_path / "empty", tmp_path / "model")
  assert not (tmp_path / "model").exists()


def test_another_configuration_does_not_fit(run, tmp_path):
  folder, _ = run
  wider = dataclasses.replace(
      TINY, module={**TINY.module, "model_channels": 64})
  with pytest.raises(ValueError, match="does not fit"):
    training.export(wider, folder, tmp_path / "model")
  assert not (tmp_path / "model").exists()
