"""Every published table of EGSDE: its settings, and that its rows run."""

import io
import re

import jax
import numpy as np
from PIL import Image
import pytest

from jaxguide import convert
from jaxguide import metrics
from jaxguide.convert import cards
from jaxguide.convert import model_store
from jaxguide.convert.networks import families
from jaxguide.evaluation import methods
from jaxguide.evaluation import runner
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks
from jaxguide.evaluation.running import pipeline
from jaxguide.metrics import preprocessing
from tests import marks
from tests.experiments import support

TASKS = ("cat2dog", "wild2dog", "male2female", "afhq_multi")
SUFFIXES = ("egsde", "egsde_dagger", "sdedit", "ilvr")
ABLATIONS = ("egsde_no_domain", "egsde_no_lowpass", "egsde_m300",
             "egsde_m400", "egsde_m600", "egsde_m700")
NAMES = [f"{t}_{s}" for t in TASKS for s in SUFFIXES]
NAMES += [f"cat2dog_{s}" for s in ABLATIONS]
GANS = ("CycleGAN", "MUNIT", "DRIT", "Distance", "SelfDistance", "GCGAN",
        "LSeSim", "ITTR (CUT)", "StarGAN v2", "CUT")


def _row(name, smoke=False):
  """An experiment by table and row in one word: cat2dog_egsde_dagger."""
  return support.row("egsde/{}/{}".format(*_split(name)), smoke=smoke)


def _split(name):
  task = next(t for t in TASKS if name.startswith(t))
  return task, name[len(task) + 1:]


def test_these_are_all_rows():
  assert sorted(NAMES) == sorted(
      f"{task}_{row}" for task in TASKS
      for row in support.table(f"egsde/{task}").names)


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_measured_as_published(name):
  experiment = _row(name)
  assert experiment.name == name
  assert experiment.spread == "seeds" and experiment.samples_per_image == 5
  assert experiment.task == tasks.Translation()
  assert [m.name for m in experiment.metrics] == [
      "l2_egsde", "psnr_egsde", "ssim"]


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_the_published_ones(name):
  task, suffix = _split(name)
  method = _row(name).method
  assert method.variant == "released"
  if suffix == "ilvr":
    assert (method.num_steps, method.factor, method.clip_x0) == (100, 32, True)
    learned = "fixed_small" if task == "male2female" else "learned"
    assert method.variance == learned
    return
  level = {"egsde_dagger": 600}.get(suffix, 500)
  level = int(suffix[7:]) if re.fullmatch(r"egsde_m\d+", suffix) else level
  assert method.first_level == level and method.num_repeats == 1
  assert method.num_steps is None and method.variance == "fixed_small"
  if suffix == "sdedit":
    assert isinstance(method, methods.SdEdit)
    return
  weights = {"egsde_dagger": (700, 0.5), "egsde_no_domain": (0, 2),
             "egsde_no_lowpass": (500, 0)}.get(suffix, (500, 2))
  assert (method.domain_weight, method.lowpass_weight) == weights
  assert method.factor == 32 and method.similarity == "cosine"


@pytest.mark.parametrize("task", TASKS[:3])
def test_the_measured_methods_are_the_last_published_rows(task):
  whole = [row.method for row in _row(f"{task}_egsde").published
           if len(row.values) > 1]
  assert whole[-4:] == ["ILVR", "SDEdit", "EGSDE", "EGSDE-dagger"]


@pytest.mark.parametrize("name", NAMES)
def test_all_rows_of_a_task_have_the_same_published_table(name):
  task, _ = _split(name)
  published = _row(name).published
  assert published == _row(f"{task}_egsde").published
  assert bool(published) == (task != "afhq_multi")


@pytest.mark.parametrize("task", TASKS[:3])
def test_recalled_numbers_and_those_of_gans_are_marked(task):
  experiment = _row(f"{task}_egsde")
  for row in experiment.published:
    assert row.recalled == (task != "cat2dog")
    assert ("never run here" in row.note) == (row.method in GANS)
  text = support.table(f"egsde/{task}").description
  said = "published rows were written down from memory" in text
  assert said == (task != "cat2dog")


def _arrange(folder, experiment, *, images=True, prior=True):
  """The folders that are named, with two pictures or nothing in them."""
  if images:
    for name in experiment.data.folders or ("",):
      place = folder / experiment.data.path / name
      place.mkdir(parents=True)
      for n in range(2):
        pixels = np.random.default_rng(n).integers(0, 256, (9, 9, 3), np.uint8)
        Image.fromarray(pixels).save(place / f"{n}.jpg")
  if prior:
    (folder / experiment.prior.path).mkdir(parents=True)


def _check_refused(experiment, missing, out):
  """A line says how to get the missing network, and nothing is begun."""
  with pytest.raises(FileNotFoundError) as caught:
    runner.evaluate(experiment, out, stream=io.StringIO())
  text = str(caught.value)
  assert (f"jaxguide convert {missing.checkpoint} --card {missing.card} "
          f"--out {missing.path}") in text
  assert "\n" not in text
  assert not out.exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_prior_says_how_to_get_it(name, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  experiment = _row(name)
  _arrange(tmp_path, experiment, prior=False)
  _check_refused(experiment, experiment.prior, tmp_path / "run")


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_extractor_says_how_to_get_it(name, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  experiment = _row(name)
  method = experiment.method
  if not getattr(method, "domain_weight", 0):
    assert methods.load_networks(method) == {}
    return
  monkeypatch.setattr(
      sources.ConvertedPrior, "load", sources.RandomPrior(16).load)
  _check_refused(experiment, method.extractor, tmp_path / "run")


@pytest.mark.parametrize("name", NAMES)
def test_missing_images_say_what_is_wanted(name, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  experiment = _row(name)
  with pytest.raises(FileNotFoundError) as caught:
    experiment.data.open()
  assert experiment.data.origin in str(caught.value)
  assert "--set data.path=" in str(caught.value)
  with pytest.raises(FileNotFoundError, match="set_reference.path="):
    experiment.set_reference.fingerprint()


@pytest.mark.parametrize("name", NAMES)
def test_images_are_found_where_they_are_wanted(name, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  experiment = _row(name)
  _arrange(tmp_path, experiment, prior=False)
  dataset = experiment.data.open()
  assert len(dataset) == 2 * max(len(experiment.data.folders), 1)
  assert dataset.load(0).shape == (256, 256, 3)


@pytest.mark.parametrize("name", NAMES)
def test_cards_exist_and_fit_each_other(name):
  experiment = _row(name)
  wanted = [experiment.prior]
  wanted += getattr(experiment.method, "networks", {}).values()
  for source in wanted:
    card = cards.find(source.card)
    assert source.checkpoint in card.file_names
    assert card.image_size == experiment.data.size
    assert card.schedule == cards.find(experiment.prior.card).schedule


@pytest.mark.parametrize("name", marks.slow_but(
    ("cat2dog_egsde", "wild2dog_sdedit", "afhq_multi_ilvr"), NAMES))
def test_runs_in_its_tiny_version(name, tmp_path):
  experiment = _row(name, smoke=True)
  whole = _row(name)
  assert isinstance(experiment.method, type(whole.method))
  extractor = getattr(experiment.method, "extractor", None)
  assert extractor in (None, sources.RandomExtractor(16))
  report = runner.evaluate(
      experiment, tmp_path, devices=1, limit=1, stream=io.StringIO())
  assert report.summary["counts"] == {"images": 1, "pictures": 5, "ok": 5}
  assert report.rows[1].values["l2_egsde"].deviation > 0
  table = (tmp_path / "table.md").read_text()
  for row in whole.published:
    mark = "published, recalled" if row.recalled else "published"
    assert f"{row.method} ({mark})" in table


def _released(source):
  """The network of a card: its function, the shapes of its parameters."""
  card = cards.find(source.card).config({})
  module = model_store.build_module(card)
  schedule = convert.schedule_of(dict(card.schedule))
  return card, module, families.abstract_params(card), schedule


def _released_prior(source):
  card, module, params, schedule = _released(source)
  return convert.Prior(
      apply=lambda params, x, time, cond: module.apply(
          {"params": params}, x, time),
      params=params, schedule=schedule, prediction=card.prediction,
      learned_variance=card.learned_variance, image_size=card.image_size,
      channels=card.channels, name=source.card, sha256="")


def _released_extractor(source):
  card, module, params, schedule = _released(source)
  return sources.Network(
      lambda params, x, time: module.apply(
          {"params": params}, x, time, method="features"),
      params, schedule, card.image_size, source.card, "")


@pytest.mark.slow
@pytest.mark.parametrize("name", [
    "cat2dog_egsde", "cat2dog_ilvr", "male2female_egsde_dagger",
    "male2female_ilvr", "afhq_multi_egsde"])
def test_the_released_networks_fit_the_program(name):
  """Shapes alone, in full size: nothing is computed."""
  experiment = _row(name)
  prior = _released_prior(experiment.prior)
  own = {key: _released_extractor(source) for key, source in
         experiment.method.networks.items()}
  sources.check(own, prior)
  functions = pipeline.Pipeline(
      prior, experiment.task, experiment.method, own)
  out = jax.eval_shape(functions.sample, functions.shared(0), pipeline.Rows(
      np.zeros(2, np.int32), np.zeros((2, 256, 256, 3), np.float32), {}, {},
      samples=np.zeros(2, np.int32)))
  assert out.x.shape == (2, 256, 256, 3)
  assert out.is_finite.shape == (2,)


@pytest.mark.parametrize("name", NAMES)
def test_pictures_are_prepared_for_inception_as_published(name, monkeypatch):
  """The faces' statistics are of other pixels than the animals'."""

  def installed(path, preprocessing=preprocessing.PYTORCH_FID):
    assert path.startswith("checkpoints/")
    return (preprocessing,)

  monkeypatch.setattr(metrics, "installed_inception", installed)
  is_faces = _split(name)[0] == "male2female"
  assert _row(name).set_metrics == (
      preprocessing.EGSDE_FACES if is_faces else preprocessing.PYTORCH_FID,)
