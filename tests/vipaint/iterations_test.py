"""Quality over the updates of the fit, from finished runs."""

import csv
import dataclasses
import io
import json
import shutil

import jax
import numpy as np
import pytest

from experiments.vipaint import iterations
from jaxguide import data
from jaxguide import noises
from jaxguide.evaluation import methods
from jaxguide.evaluation import pictures
from jaxguide.evaluation import runner
from jaxguide.evaluation import sources
from jaxguide.evaluation import tables
from jaxguide.evaluation import tasks
from jaxguide.training import curves
from tests import draws
from tests.evaluation import support
from tests.evaluation.conftest import compiled_programs  # noqa: F401

METHOD = methods.Vipaint(
    num_levels=1, num_steps=3, num_iterations=2, num_samples=2)


def _experiment(method=METHOD):
  return support.experiment(
      task=tasks.Inpainting(data.masks.RotatedWindow()), method=method,
      data=sources.DrawnImages(count=2, size=16),
      prior=support.GaussianPrior(size=16), batch_size=2)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
  """Finished runs, in no order."""
  folder = tmp_path_factory.mktemp("runs")
  hashed = lambda keys: draws.hashed_noise(jax.random.key_data(keys)[:, -1])
  made = {
      "many": dataclasses.replace(METHOD, num_iterations=9),
      "two_levels": dataclasses.replace(METHOD, num_levels=2),
      "few": METHOD}
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(noises, "prng_noise", hashed)
    for name, method in made.items():
      runner.evaluate(_experiment(method), folder / name, devices=1,
                      stream=io.StringIO())
  runner.evaluate(_experiment(methods.Baseline()), folder / "degraded",
                  devices=1, stream=io.StringIO())
  return folder


def _metric():
  return _experiment().chosen_metrics[0].name


def test_runs_are_sorted_and_written_with_their_seconds(runs, tmp_path):
  names = ["many", "two_levels", "few"]
  points = iterations.write(
      _experiment(), [runs / n for n in names], tmp_path, _metric())
  assert [p[:3] for p in points] == [
      (1, "paper", 2), (1, "paper", 9), (2, "paper", 2)]
  for point, name in zip(points, ("few", "many", "two_levels"), strict=True):
    (session,) = json.loads(
        (runs / name / "timing.json").read_text())["sessions"]
    assert point.seconds == session["fit_seconds"] / 2
  with open(tmp_path / "iterations.csv", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
  assert [row["num_iterations"] for row in rows] == ["2", "9", "2"]
  for row, point in zip(rows, points, strict=True):
    assert float(row["mean"]) == pytest.approx(point.value.mean, rel=1e-5)
    assert float(row["seconds_per_image"]) == pytest.approx(
        point.seconds, rel=1e-3)
  assert "VIPaint-1, paper, 9 updates" in (tmp_path / "table.md").read_text()
  assert pictures.decode(tmp_path / "iterations.png").shape == (360, 720, 3)


def test_untimed_runs_have_no_seconds(runs, tmp_path):
  (runs / "few" / "timing.json").rename(tmp_path / "timing.json")
  try:
    (point,) = iterations.write(
        _experiment(), [runs / "few"], tmp_path / "out", _metric())
  finally:
    (tmp_path / "timing.json").rename(runs / "few" / "timing.json")
  assert point.seconds is None


@pytest.mark.parametrize("names, metric, message", [
    ([], None, "at least one folder, got none"),
    (["few", "few/../few"], None, "must differ in K, variant or updates"),
    (["degraded"], None, "must be a run of Vipaint, got Baseline"),
    (["few"], "lpips_of_others", "metric lpips_of_others is none of"),
])
def test_runs_that_do_not_fit_are_named(runs, tmp_path, names, metric, message):
  with pytest.raises(ValueError, match=message):
    iterations.write(
        _experiment(), [runs / n for n in names], tmp_path,
        metric or _metric())


def test_runs_of_other_settings_are_not_mixed(runs, tmp_path):
  other = tmp_path / "other"
  shutil.copytree(runs / "many", other)
  path = other / "summary.json"
  path.write_text(path.read_text().replace('"scale": 2.0', '"scale": 3.0'))
  with pytest.raises(ValueError, match=r"method\.scale is 2\.0 in .* and 3\.0"):
    iterations.write(
        _experiment(), [runs / "few", other], tmp_path / "out", _metric())


def test_the_weight_of_the_divergences_may_depend_on_the_depth(runs, tmp_path):
  """As in the published settings: 200 for VIPaint-1, 100 for the others."""
  def weighed(name: str):
    folder = tmp_path / name
    shutil.copytree(runs / name, folder)
    path = folder / "summary.json"
    text = path.read_text()
    assert text.count('"beta": 100.0') == 1
    path.write_text(text.replace('"beta": 100.0', '"beta": 200.0'))
    return folder

  few, many = weighed("few"), weighed("many")
  points = iterations.write(
      _experiment(), [few, many, runs / "two_levels"], tmp_path / "out",
      _metric())
  assert [p.num_levels for p in points] == [1, 1, 2]
  with pytest.raises(ValueError, match=r"method\.beta is 200\.0 in .* and 100"):
    iterations.write(
        _experiment(), [few, runs / "two_levels", runs / "many"],
        tmp_path / "mixed", _metric())


def test_an_unfinished_run_is_named(runs, tmp_path):
  with pytest.raises(FileNotFoundError, match="holds no finished run"):
    iterations.write(_experiment(), [runs / "nothing"], tmp_path, _metric())


@pytest.mark.skipif(not curves.installed(), reason="needs matplotlib")
def test_a_lower_curve_is_drawn_lower():
  """The first of two K, in matplotlib's first two colours."""
  points = [
      iterations.Point(k, "paper", n, float(n), tables.Estimate(value, 0.01))
      for k, value in ((1, 0.2), (2, 0.8)) for n in (10, 20)]
  page = iterations.draw(points, "lpips").astype(int)
  heights = []
  for colour in ((31, 119, 180), (255, 127, 14)):
    rows, columns = np.nonzero(
        np.abs(page[:, 80:700] - colour).max(axis=-1) < 3)
    assert columns.max() > 400  # In the second panel too.
    heights.append(np.median(rows))
  assert heights[0] > heights[1]
