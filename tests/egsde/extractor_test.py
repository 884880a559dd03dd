"""A tiny extractor from start to export: resume, accuracy, use, errors."""

import dataclasses
import shutil

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image
import pytest

from experiments.egsde import domains
from experiments.egsde import extractor
from jaxguide import convert
from jaxguide import energies
from jaxguide import models
from jaxguide import schedules
from jaxguide.convert.networks import families
from jaxguide.training import config

MODULE = dict(
    in_channels=3, out_channels=2, image_size=8, model_channels=16,
    channel_mult=(1,), num_res_blocks=1, num_head_channels=16,
    pool="attention", head_name="I2Iout", num_groups=4)

TINY = domains.ExtractorTraining(
    recipe=config.ClassifierTraining(
        name="tiny", module=MODULE, image_size=8, batch_size=8, num_steps=24,
        learning_rate=1e-2, log_every=6, checkpoint_every=8,
        accuracy_every=12, accuracy_levels=(1, 500, 1000)),
    domains=domains.Domains(
        train=("train/dark", "train/light"), held_out=("val/dark", "val/light"),
        licence="test"))


def write_images(root):
  rng = np.random.default_rng(0)
  for split, number in (("train", 12), ("val", 6)):
    for name, value in (("dark", 70), ("light", 180)):
      folder = root / split / name
      folder.mkdir(parents=True)
      for i in range(number):
        pixels = value + rng.integers(-30, 30, (8, 8, 3))
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{i}.png")
  (root / "train" / "dark" / "bad.png").write_bytes(b"no picture")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
  """Data and a finished run, not to be changed."""
  root = tmp_path_factory.mktemp("extractor")
  write_images(root / "data")
  state = extractor.train(TINY, root / "data", root / "run")
  return root, state


def rows(path):
  lines = path.read_text().splitlines()
  names = lines[0].split(",")
  return [dict(zip(names, line.split(","), strict=True)) for line in lines[1:]]


def test_the_loss_falls_and_accuracy_falls_with_noise(finished):
  root, state = finished
  assert int(state.step) == 24
  log = rows(root / "run" / extractor.LOG_FILE)
  assert [row["step"] for row in log] == ["6", "12", "18", "24"]
  assert float(log[-1]["train_loss"]) < float(log[0]["train_loss"])
  table = rows(root / "run" / extractor.ACCURACY_FILE)
  assert [(r["step"], r["level"]) for r in table] == [
      (step, level) for step in ("12", "24") for level in ("1", "500", "1000")]
  last = [float(r["accuracy"]) for r in table[-3:]]
  assert last[0] >= 0.9 and last[0] > last[-1]
  with Image.open(root / "run" / extractor.CURVE_FILE) as picture:
    assert picture.size == (640, 400)


@pytest.mark.slow
def test_resumed_equals_uninterrupted_to_the_byte(finished, tmp_path):
  root, whole = finished
  run = tmp_path / "run"
  shutil.copytree(root / "run", run)
  for step in ("16", "24"):
    shutil.rmtree(run / "checkpoints" / step)
  resumed = extractor.train(TINY, root / "data", run)
  jax.tree.map(np.testing.assert_array_equal, resumed, whole)
  for name in (extractor.ACCURACY_FILE, extractor.CURVE_FILE,
               extractor.RUN_FILE):
    assert (run / name).read_bytes() == (root / "run" / name).read_bytes()
  for folder, model in ((root / "run", "first"), (run, "second")):
    assert extractor.export(TINY, folder, tmp_path / model) == 24
  for file in ("params.safetensors", "config.json"):
    first, second = (tmp_path / m / file for m in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()


def test_the_export_is_a_model_whose_features_make_an_energy(
    finished, tmp_path):
  root, state = finished
  out = tmp_path / "model"
  assert extractor.export(TINY, root / "run", out) == 24
  model = convert.load_model(out)
  assert model.config.family == "adm_classifier"
  assert model.config.licence == "test"
  assert model.config.source["updates"] == 24
  jax.tree.map(
      lambda a, b: np.testing.assert_array_equal(
          a, np.float16(b).astype(np.float32)), model.params,
      jax.tree.map(np.asarray, state.params))
  for name in (extractor.LOG_FILE, extractor.ACCURACY_FILE):
    assert (out / name).read_bytes() == (root / "run" / name).read_bytes()
  module = convert.build_module(model.config)
  source = jax.random.uniform(
      jax.random.key(0), (2, 8, 8, 3), minval=-1, maxval=1)
  energy = energies.domain_similarity(
      lambda x, time: module.apply(
          {"params": model.params}, x, time, method="features"),
      source, at="estimate")
  point = schedules.linear().at_level(1)
  np.testing.assert_allclose(energy(source, point, None), 1.0, atol=1e-5)
  assert np.all(np.asarray(energy(-source, point, None)) < 0.999)


def test_a_run_of_something_else_is_refused(finished):
  root, _ = finished
  run = root / "run"
  other = dataclasses.replace(
      TINY, recipe=dataclasses.replace(TINY.recipe, learning_rate=0.1))
  with pytest.raises(ValueError, match="recipe.learning_rate: 0.01 -> 0.1"):
    extractor.train(other, root / "data", run)
  turned = dataclasses.replace(TINY, domains=dataclasses.replace(
      TINY.domains, train=TINY.domains.train[::-1],
      held_out=TINY.domains.held_out[::-1]))
  with pytest.raises(ValueError, match="domains.train"):
    extractor.train(turned, root / "data", run)


def test_skipped_images_are_named(finished, tmp_path, capsys):
  root, _ = finished
  shutil.copytree(root / "run", tmp_path / "run")
  extractor.train(TINY, root / "data", tmp_path / "run")
  text = capsys.readouterr().err
  assert "skipped train/dark/bad.png: cannot be read" in text
  assert "training images by domain: 12, 12" in text


def test_exports_that_cannot_be(finished, tmp_path):
  root, _ = finished
  (tmp_path / "there").mkdir()
  with pytest.raises(ValueError, match="exists already"):
    extractor.export(TINY, root / "run", tmp_path / "there")
  with pytest.raises(ValueError, match="holds no checkpoint"):
    extractor.export(TINY, tmp_path / "there", tmp_path / "model")
  wider = dataclasses.replace(TINY, recipe=dataclasses.replace(
      TINY.recipe, module={**MODULE, "model_channels": 32}))
  with pytest.raises(ValueError, match="does not fit"):
    extractor.export(wider, root / "run", tmp_path / "model")
  assert not (tmp_path / "model").exists()


def save_classifier(path, seed=0, **changes):
  """A classifier with random weights, which are returned."""
  given = {**MODULE, "out_channels": 5, "head_name": "out", **changes}
  described = convert.ModelConfig(
      family="adm_classifier", module=given, image_size=8, prediction=None)
  rng = np.random.default_rng(seed)
  params = jax.tree.map(
      lambda leaf: rng.standard_normal(leaf.shape).astype(np.float32),
      families.abstract_params(described))
  convert.save_model(path, params, described)
  return params


def test_a_classifier_that_cannot_be_spoils_no_folder(finished, tmp_path):
  root, _ = finished
  data, run = root / "data", tmp_path / "run"
  with pytest.raises(ValueError, match="classifier is .*nope; there is no"):
    extractor.train(TINY, data, run, tmp_path / "nope")
  save_classifier(tmp_path / "wider", model_channels=64)
  with pytest.raises(ValueError, match="trunk is not the extractor's"):
    extractor.train(TINY, data, run, tmp_path / "wider")
  assert not run.exists()


def test_a_run_knows_its_classifier_by_the_weights(
    finished, tmp_path, monkeypatch):
  root, _ = finished
  data, run = root / "data", tmp_path / "run"
  save_classifier(tmp_path / "one")
  shutil.copytree(tmp_path / "one", tmp_path / "copy")
  save_classifier(tmp_path / "two", seed=1)

  class Claimed(Exception):
    pass

  def stop(*args, **kwargs):
    raise Claimed

  # Nothing after the claim is needed here.
  monkeypatch.setattr(extractor.checkpoints, "Checkpoints", stop)
  for name in ("one", "copy"):
    with pytest.raises(Claimed):
      extractor.train(TINY, data, run, tmp_path / name)
  for name in ("two", None):
    with pytest.raises(ValueError, match="another kind: classifier: "):
      extractor.train(TINY, data, run, name and tmp_path / name)


def test_other_held_out_images_are_another_run(finished, tmp_path):
  root, _ = finished
  shutil.copytree(root / "data", tmp_path / "data")
  Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(
      tmp_path / "data" / "val" / "dark" / "0.png")
  with pytest.raises(ValueError, match="another kind: held_out.sha256"):
    extractor.train(TINY, tmp_path / "data", root / "run")


@pytest.mark.slow
def test_the_trunk_may_start_from_a_classifier(tmp_path, capsys):
  params = save_classifier(tmp_path / "classifier")
  start = extractor.init_params(
      TINY.recipe,
      extractor.read_classifier(TINY.recipe, tmp_path / "classifier"))
  fresh = extractor.init_params(TINY.recipe)
  for name, entries in start.items():
    origin = fresh if name.startswith("I2Iout") else params
    jax.tree.map(np.testing.assert_array_equal, entries, origin[name])
  text = capsys.readouterr().err
  assert "fresh: I2Iout.0.bias" in text
  assert "dropped: out.0.bias" in text
  logits = models.AdmClassifier(**MODULE).apply(
      {"params": start}, jnp.zeros((2, 8, 8, 3)), jnp.zeros(2))
  assert logits.shape == (2, 2)
