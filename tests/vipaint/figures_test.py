"""The pictures of how VIPaint works, against a run of the same experiment."""

import dataclasses
import pathlib

import numpy as np
import pytest

from experiments.vipaint import figures
from jaxguide import pixels
from jaxguide.data import images as image_files
from jaxguide.evaluation import methods
from jaxguide.evaluation import overrides
from jaxguide.evaluation import runner
from jaxguide.evaluation import sources
from jaxguide.evaluation import table_files
from jaxguide.training import curves

TABLES = pathlib.Path(figures.__file__).parent / "tables"
CLASSES = (0, 1, 2)


def own_classes(experiment, count):
  data = experiment.data.open()
  (labels,) = experiment.conditions
  return [labels.label(n, data.name(n)) for n in range(count)]


@pytest.fixture(scope="module")
def experiment():
  """Two levels, two updates, random networks; images and labels are real."""
  tiny = table_files.load_row(
      TABLES / "emoji64.py", "rotated_vipaint2", smoke=True)
  # From the published start: nearer to the observation, random networks
  # hardly know their classes.
  return overrides.override(tiny, [
      "samples_per_image=2", "batch_size=4", "method.fill=0.0",
      "method.std_scale=0.7", "method.mean_scale_top=0.8",
      "method.encoding_noise=1.0"])


@pytest.fixture(scope="module")
def traces(experiment):
  return figures.trace(
      experiment, [0, 1], every=1, columns=2, num_samples=2, classes=CLASSES)


@pytest.mark.slow
def test_what_is_shown_is_one_story(experiment, traces):
  method = experiment.method
  count = method.depth - 1 + 2
  assert len(traces.levels) == len(traces.step_levels) == count
  assert np.all(np.diff(traces.step_levels) < 0)
  assert traces.history[0].shape == (method.num_iterations, 2)
  total, *terms = (np.asarray(term, np.float64) for term in traces.history)
  weights = (1.0, method.beta, method.beta)
  np.testing.assert_allclose(
      total, sum(w * t for w, t in zip(weights, terms, strict=True)),
      rtol=1e-4)
  # The posterior of the last update is the one that is sampled.
  np.testing.assert_allclose(
      traces.progress[-1], traces.levels[method.depth - 1], atol=1e-4)
  assert np.abs(traces.progress[-1] - traces.progress[0]).max() > 1e-4
  np.testing.assert_allclose(
      traces.levels[-1], traces.samples[0], atol=1e-4)
  assert np.abs(traces.samples[1] - traces.samples[0]).max() > 1e-2


@pytest.mark.slow
def test_samples_are_those_of_a_run(experiment, traces, tmp_path):
  runner.evaluate(experiment, tmp_path, limit=2, devices=1)
  files = sorted((tmp_path / "images").rglob("*_s[01].png"))
  assert len(files) == 4
  for n in range(2):
    for sample in range(2):
      shown = pixels.to_uint8(traces.samples[sample, n]).astype(int)
      close = [np.abs(image_files.read_picture(f) - shown).max() <= 1
               for f in files if f.stem.endswith(f"_s{sample}")]
      assert sum(close) == 1


@pytest.mark.slow
def test_another_class_completes_to_another_picture(experiment, traces):
  """Under its own class an image is its first sample."""
  own = own_classes(experiment, 2)
  assert traces.classes.shape == (3, *traces.samples[0].shape)
  assert any(label in CLASSES for label in own)
  for n, label in enumerate(own):
    for place, other in enumerate(CLASSES):
      gap = np.abs(traces.classes[place, n] - traces.samples[0, n]).max()
      if label == other:
        assert gap < 1e-4
      else:
        assert gap > 1e-3, (label, other, gap)


@pytest.mark.slow
def test_files_are_written(traces, tmp_path):
  figures.write(traces, tmp_path / "deep" / "out", every=1)
  out = tmp_path / "deep" / "out"
  rows = (out / "loss.csv").read_text().splitlines()
  assert rows[0] == "update,total,reconstruction,hierarchy,diffusion"
  assert float(rows[1].split(",")[1]) == pytest.approx(
      traces.history[0][0].mean(), rel=1e-5)
  wanted = {"progress.png", "levels.png", "diversity.png", "classes.png",
            "loss.csv"}
  wanted |= {"loss.png"} if curves.installed() else set()
  assert {path.name for path in out.iterdir()} == wanted
  for name, columns in (
      ("progress", 4), ("levels", 5), ("diversity", 4), ("classes", 5)):
    page = image_files.read_picture(out / f"{name}.png")
    assert page.shape[1] // 100 == columns


@pytest.mark.parametrize("options, message", [
    ({"images": [99]}, r"images must be in 0..\d+, got \[99\]"),
    ({"images": []}, r"images must be in 0..\d+, got none"),
    ({"columns": 99}, "columns must be in 1.."),
    ({"classes": [99]}, r"classes must be in 0..\d+, got \[99\]"),
])
def test_what_does_not_fit_is_named(experiment, options, message):
  with pytest.raises(ValueError, match=message):
    figures.trace(experiment, **{"images": [0], "columns": 1, **options})


@pytest.mark.slow
def test_one_image_without_labels_under_two_classes():
  """A class-conditional prior of pixels, whose images have no labels."""
  tiny = table_files.load_row(
      TABLES / "imagenet64.py", "rotated_vipaint2", smoke=True)
  plain = dataclasses.replace(tiny, conditions=())
  found = figures.trace(
      plain, [1], every=1, columns=1, num_samples=1, classes=[0, 1])
  assert found.classes.shape == (2, 1, *found.reference.shape[1:])
  assert len(found.reference) == len(found.observed) == 1
  assert {part.shape[1] for part in (
      found.progress, found.levels, found.samples, *found.history)} == {1}
  assert np.abs(found.classes[0] - found.classes[1]).max() > 1e-4


def test_another_method_is_named(experiment):
  other = dataclasses.replace(experiment, method=methods.Ddim(10))
  with pytest.raises(ValueError, match="must be Vipaint, got Ddim"):
    figures.trace(other, [0])


def test_classes_of_a_prior_that_has_none_are_refused(experiment):
  plain = dataclasses.replace(
      experiment, prior=sources.RandomLatentPrior(), conditions=(),
      method=dataclasses.replace(experiment.method, guidance=1.0))
  with pytest.raises(ValueError, match="need a prior with classes; random"):
    figures.trace(plain, [0], columns=1, classes=[1])
