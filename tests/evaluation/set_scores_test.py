"""Metrics of whole runs: values, resuming, references, what goes wrong."""

import dataclasses
import functools
import io
import json

import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import metrics
from jaxguide import pixels
from jaxguide.evaluation import methods
from jaxguide.evaluation import overrides
from jaxguide.evaluation import pictures
from jaxguide.evaluation import runner
from jaxguide.evaluation import set_scores
from jaxguide.evaluation import sources
from jaxguide.metrics import preprocessing
from tests.evaluation import support


@functools.cache
def features():
  """Means of the channels: a network without weights."""
  return metrics.FeatureSet(
      "means", "features=means|weights=none", 3, preprocessing.AS_IS,
      lambda x: jnp.mean(x, (1, 2)), "frechet_means", "kernel_means")


@functools.cache
def chosen():
  return (metrics.frechet_metric(features()),
          metrics.kernel_metric(features(), num_subsets=3, subset_size=2))


def experiment(**changes):
  """Greys the drawn images; nothing is sampled."""
  return support.experiment(**{
      "prior": None, "method": methods.Baseline(), "set_metrics": chosen(),
      "metrics": (metrics.mse_metric(),), **changes})


def run(out, limit=None, **changes):
  return runner.evaluate(
      experiment(**changes), out, limit=limit, devices=1,
      stream=io.StringIO())


def by_hand(folder):
  made = [pictures.decode(p) for p in sorted((folder / "images").iterdir())]
  dataset = experiment().data.open()
  true = [pixels.to_uint8(dataset.load(n)) for n in range(len(made))]
  return [np.stack([p.mean((0, 1)) / 127.5 - 1 for p in part])
          for part in (made, true)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
  out = tmp_path_factory.mktemp("whole") / "run"
  return out, run(out)


def test_values_are_those_of_the_saved_pictures(whole):
  out, report = whole
  made, true = by_hand(out)
  laws = [metrics.Gaussian(f.mean(0), np.cov(f, rowvar=False))
          for f in (made, true)]
  found = json.loads((out / "summary.json").read_text())["set_results"]
  assert found["frechet_means"]["value"] == pytest.approx(
      metrics.frechet_distance(*laws), rel=1e-4)
  kernel = metrics.kernel_distance(made, true, num_subsets=3, subset_size=2)
  assert found["kernel_means"]["value"] == pytest.approx(
      kernel.mean, rel=1e-3, abs=1e-5)
  assert found["kernel_means"]["spread"] == pytest.approx(
      kernel.std, rel=1e-3, abs=1e-5)
  for score in found.values():
    assert score["num_pictures"] == score["num_references"] == 5
    assert score["signature"].endswith("|references=5|N=5")
  row = report.rows[-1]
  assert row.values["frechet_means"].mean == found["frechet_means"]["value"]
  assert row.values["frechet_means"].standard_error is None
  table = (out / "table.md").read_text()
  assert "frechet_means" in table and "features=means|weights=none" in table


def test_features_are_kept_and_shards_of_them_merge(whole):
  out, _ = whole
  sample = metrics.load_sample(out / "features" / "frechet_means.npz")
  np.testing.assert_array_equal(sample.numbers, range(5))
  np.testing.assert_allclose(sample.features, by_hand(out)[0], atol=1e-6)
  halves = [
      metrics.feature_sample(
          sample.signature, sample.numbers[k::2], sample.features[k::2])
      for k in (1, 0)]
  merged = halves[0].merge(halves[1])
  np.testing.assert_array_equal(merged.features, sample.features)


def test_an_interrupted_run_ends_with_the_same_bytes(whole, tmp_path):
  run(tmp_path / "run", limit=3)
  assert metrics.load_sample(
      tmp_path / "run" / "features" / "frechet_means.npz").numbers.size == 3
  run(tmp_path / "run", batch_size=3)
  assert support.files(tmp_path / "run") == support.files(whole[0])


def test_without_them_a_folder_holds_nothing_new(tmp_path):
  run(tmp_path / "run", set_metrics=(), limit=1)
  assert not (tmp_path / "run" / "features").exists()
  said = json.loads((tmp_path / "run" / "run.json").read_text())
  assert not {"set_metrics", "set_reference"} & set(said["experiment"])
  summary = json.loads((tmp_path / "run" / "summary.json").read_text())
  assert "set_results" not in summary


def test_one_picture_is_no_set(tmp_path):
  run(tmp_path / "run", limit=1)
  found = json.loads((tmp_path / "run" / "summary.json").read_text())
  assert found["set_results"]["frechet_means"]["value"] == "nan"


def test_folders_and_published_statistics(whole, tmp_path):
  out, _ = whole
  folder = set_scores.FolderPictures(str(out / "images"))
  report = run(tmp_path / "a", set_reference=folder)
  assert report.rows[-1].values["frechet_means"].mean < 1e-9
  sample = metrics.load_sample(out / "features" / "frechet_means.npz")
  law = sample.moments().gaussian()
  metrics.save_gaussian(tmp_path / "law.npz", law)
  report = run(
      tmp_path / "b", set_metrics=chosen()[:1],
      set_reference=set_scores.StatisticsFile(str(tmp_path / "law.npz")))
  assert report.rows[-1].values["frechet_means"].mean < 1e-9
  assert "references=unknown|N=5" in (tmp_path / "b/table.md").read_text()
  said = json.loads((tmp_path / "a" / "run.json").read_text())
  reference = said["experiment"]["set_reference"]
  assert reference["pictures"] == 5 and len(reference["sha256"]) == 64


def test_images_of_another_source(whole, tmp_path):
  same = set_scores.SourceImages(sources.DrawnImages(5, 16))
  more = set_scores.SourceImages(sources.DrawnImages(7, 16))
  found = run(tmp_path / "a", set_reference=same).rows[-1].values
  assert found == whole[1].rows[-1].values
  found = run(tmp_path / "b", set_reference=more).summary["set_results"]
  assert found["frechet_means"]["num_references"] == 7
  assert same.fingerprint() != more.fingerprint()


def test_repeats_count_every_image_as_often(whole):
  dataset = experiment().data.open()
  once, thrice = (
      set_scores.RunImages(k).features(features(), dataset, range(5))
      for k in (1, 3))
  assert len(thrice) == 15
  np.testing.assert_array_equal(thrice.features[5:10], once.features)


def test_a_missing_reference_is_found_out_before_anything_is_made(tmp_path):
  for reference, word in (
      (set_scores.FolderPictures(str(tmp_path / "no")), "no folder with"),
      (set_scores.StatisticsFile(str(tmp_path / "no.npz")), "no.npz does")):
    with pytest.raises(FileNotFoundError, match=word):
      run(tmp_path / "run", set_reference=reference)
    assert not (tmp_path / "run").exists()


def test_names_must_differ_and_the_reference_can_be_set():
  twice = dataclasses.replace(chosen()[0], name="mse")
  with pytest.raises(ValueError, match="names of their own"):
    experiment(set_metrics=(twice,))
  changed = overrides.override(
      experiment(set_reference=set_scores.FolderPictures("a")),
      ["set_reference.path=b"])
  assert changed.set_reference.path == "b"


def test_a_tiny_run_needs_no_files():
  tiny = experiment(
      set_reference=set_scores.FolderPictures("nowhere"),
      method=methods.Ddim(), prior=support.GaussianPrior()).tiny()
  assert tiny.set_metrics == ()
  assert tiny.set_reference == set_scores.RunImages()
  assert tiny.metrics
