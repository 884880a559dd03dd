"""A tiny extractor from start to export: resume, accuracy, use, errors."""

import dataclasses
import shutil

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image
import pytest

from jaxguide import convert
from jaxguide import energies
from jaxguide import models
from jaxguide import schedules
from jaxguide import training
from jaxguide.convert.networks import families
from jaxguide.data import training_images
from jaxguide.training import run_folders
from jaxguide.training import trainer

ACCURACY_FILE, PICTURE_FILE = "accuracy.csv", "accuracy.png"

MODULE = dict(
    in_channels=3, out_channels=2, image_size=8, model_channels=16,
    channel_mult=(1,), num_res_blocks=1, num_head_channels=16,
    pool="attention", head_name="I2Iout", num_groups=4)

TINY = training.ClassifierTraining(
    name="tiny", module=MODULE, image_size=8, batch_size=8, num_steps=24,
    learning_rate=1e-2, log_every=6, checkpoint_every=8, accuracy_every=12,
    accuracy_levels=(1, 500, 1000),
    images=training_images.Domains(
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
  state = training.train(TINY, root / "data", root / "run")
  return root, state


def rows(path):
  lines = path.read_text().splitlines()
  names = lines[0].split(",")
  return [dict(zip(names, line.split(","), strict=True)) for line in lines[1:]]


def test_the_loss_falls_and_accuracy_falls_with_noise(finished):
  root, state = finished
  assert int(state.step) == 24
  log = rows(root / "run" / run_folders.LOG_FILE)
  assert [row["step"] for row in log] == ["6", "12", "18", "24"]
  assert float(log[-1]["train_loss"]) < float(log[0]["train_loss"])
  table = rows(root / "run" / ACCURACY_FILE)
  assert [(r["step"], r["level"]) for r in table] == [
      (step, level) for step in ("12", "24") for level in ("1", "500", "1000")]
  last = [float(r["accuracy"]) for r in table[-3:]]
  assert last[0] >= 0.9 and last[0] > last[-1]
  with Image.open(root / "run" / PICTURE_FILE) as picture:
    assert picture.size == (640, 400)


@pytest.mark.slow
def test_resumed_equals_uninterrupted_to_the_byte(finished, tmp_path):
  root, whole = finished
  run = tmp_path / "run"
  shutil.copytree(root / "run", run)
  for step in ("16", "24"):
    shutil.rmtree(run / "checkpoints" / step)
  resumed = training.train(TINY, root / "data", run)
  jax.tree.map(np.testing.assert_array_equal, resumed, whole)
  for name in (ACCURACY_FILE, PICTURE_FILE,
               run_folders.RUN_FILE):
    assert (run / name).read_bytes() == (root / "run" / name).read_bytes()
  for folder, model in ((root / "run", "first"), (run, "second")):
    assert training.export(TINY, folder, tmp_path / model) == 24
  for file in ("params.safetensors", "config.json"):
    first, second = (tmp_path / m / file for m in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()


def test_the_export_is_a_model_whose_features_make_an_energy(
    finished, tmp_path):
  root, state = finished
  out = tmp_path / "model"
  assert training.export(TINY, root / "run", out) == 24
  model = convert.load_model(out)
  assert model.config.family == "adm_classifier"
  assert model.config.licence == "test"
  assert model.config.source["updates"] == 24
  jax.tree.map(
      lambda a, b: np.testing.assert_array_equal(
          a, np.float16(b).astype(np.float32)), model.params,
      jax.tree.map(np.asarray, state.params))
  for name in (run_folders.LOG_FILE, ACCURACY_FILE):
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
  other = dataclasses.replace(TINY, learning_rate=0.1)
  with pytest.raises(ValueError, match="training.learning_rate: 0.01 -> 0.1"):
    training.train(other, root / "data", run)
  turned = dataclasses.replace(TINY, images=dataclasses.replace(
      TINY.images, train=TINY.images.train[::-1],
      held_out=TINY.images.held_out[::-1]))
  with pytest.raises(ValueError, match="images.train"):
    training.train(turned, root / "data", run)


def test_skipped_images_are_named(finished, tmp_path, capsys):
  root, _ = finished
  shutil.copytree(root / "run", tmp_path / "run")
  training.train(TINY, root / "data", tmp_path / "run")
  text = capsys.readouterr().err
  assert "skipped train/dark/bad.png: cannot be read" in text
  assert "training images: 12, 12" in text


def test_exports_that_cannot_be(finished, tmp_path):
  root, _ = finished
  (tmp_path / "there").mkdir()
  with pytest.raises(ValueError, match="exists already"):
    training.export(TINY, root / "run", tmp_path / "there")
  with pytest.raises(ValueError, match="has no run.json"):
    training.export(TINY, tmp_path / "there", tmp_path / "model")
  wider = dataclasses.replace(
      TINY, module={**MODULE, "model_channels": 32})
  with pytest.raises(ValueError, match="does not fit"):
    training.export(wider, root / "run", tmp_path / "model")
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


def _from(path):
  return dataclasses.replace(TINY, classifier=path and str(path))


def test_a_classifier_that_cannot_be_spoils_no_folder(finished, tmp_path):
  root, _ = finished
  data, run = root / "data", tmp_path / "run"
  with pytest.raises(ValueError, match="classifier is .*nope; there is no"):
    training.train(_from(tmp_path / "nope"), data, run)
  save_classifier(tmp_path / "wider", model_channels=64)
  with pytest.raises(ValueError, match="trunk is not the extractor's"):
    training.train(_from(tmp_path / "wider"), data, run)
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
  monkeypatch.setattr(trainer.checkpoints, "Checkpoints", stop)
  for name in ("one", "copy"):
    with pytest.raises(Claimed):
      training.train(_from(tmp_path / name), data, run)
  for name in ("two", None):
    with pytest.raises(ValueError, match="another run: models.classifier: "):
      training.train(_from(name and tmp_path / name), data, run)


def test_other_held_out_images_are_another_run(finished, tmp_path):
  root, _ = finished
  shutil.copytree(root / "data", tmp_path / "data")
  Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(
      tmp_path / "data" / "val" / "dark" / "0.png")
  with pytest.raises(ValueError, match="another run: images.held_out.sha256"):
    training.train(TINY, tmp_path / "data", root / "run")


@pytest.mark.slow
def test_the_trunk_may_start_from_a_classifier(tmp_path, capsys):
  params = save_classifier(tmp_path / "classifier")
  config = _from(tmp_path / "classifier")
  start = config.init_params(config.read_models())
  fresh = TINY.init_params({})
  for name, entries in start.items():
    origin = fresh if name.startswith("I2Iout") else params
    jax.tree.map(np.testing.assert_array_equal, entries, origin[name])
  text = capsys.readouterr().err
  assert "fresh: I2Iout.0.bias" in text
  assert "dropped: out.0.bias" in text
  logits = models.AdmClassifier(**MODULE).apply(
      {"params": start}, jnp.zeros((2, 8, 8, 3)), jnp.zeros(2))
  assert logits.shape == (2, 2)


def test_what_is_left_out_is_the_released_recipe():
  recipe = training.ClassifierTraining(
      name="x", module=MODULE, image_size=8, images=TINY.images)
  assert (recipe.batch_size, recipe.num_steps, recipe.learning_rate) == (
      32, 5000, 3e-4)
  assert (recipe.weight_decay, recipe.flip, recipe.order) == (
      0.05, 0.5, "independent")
  assert recipe.num_levels == 1000


@pytest.mark.parametrize("change, message", [
    ({"batch_size": 0}, "batch_size is 0"),
    ({"num_steps": 1.5}, "num_steps is 1.5"),
    ({"learning_rate": 0.0}, "learning_rate is 0.0"),
    ({"flip": 1.5}, "flip is 1.5"),
    ({"order": "sorted"}, "order must be one of"),
    ({"accuracy_levels": (5, 3)}, "accuracy_levels"),
    ({"accuracy_levels": ()}, "accuracy_levels"),
    ({"num_levels": 100}, "at most num_levels .100"),
])
def test_what_does_not_fit_is_named(change, message):
  with pytest.raises(ValueError, match=message):
    dataclasses.replace(TINY, **change)


def test_the_network_follows_the_number_of_domains():
  changed = TINY.changed(
      domains=("a", "b", "c"), held_out=("d", "e", "f"), num_steps=2)
  assert changed.module == {**MODULE, "out_channels": 3}
  assert (changed.num_steps, changed.images.classes) == (2, ("a", "b", "c"))


def test_a_stranger_s_folder_is_refused(finished, tmp_path):
  root, _ = finished
  (tmp_path / "thesis.tex").write_text("precious")
  with pytest.raises(ValueError, match="not empty.*thesis.tex"):
    training.train(TINY, root / "data", tmp_path)
  (tmp_path / "run.json").write_text("{")
  with pytest.raises(ValueError, match="run.json is damaged"):
    training.train(TINY, root / "data", tmp_path)


def test_a_run_is_not_exported_by_another_configuration(finished, tmp_path):
  root, _ = finished
  other = dataclasses.replace(TINY, weight_decay=0.5)
  with pytest.raises(ValueError, match="training.weight_decay: 0.05 -> 0.5"):
    training.export(other, root / "run", tmp_path / "model")
  # How often something is written is no part of what was trained.
  seldom = dataclasses.replace(TINY, log_every=12)
  assert training.export(seldom, root / "run", tmp_path / "model") == 24
  log = tmp_path / "model" / run_folders.LOG_FILE
  assert len(rows(log)) == 4
