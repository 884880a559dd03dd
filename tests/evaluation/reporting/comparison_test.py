"""Several runs in one table and one picture."""

import csv
import io
import json
import shutil

import numpy as np
import pytest

from jaxguide import data
from jaxguide import pixels
from jaxguide.evaluation import methods
from jaxguide.evaluation import pictures
from jaxguide.evaluation import runner
from jaxguide.evaluation import sources
from jaxguide.evaluation import tables
from jaxguide.evaluation import tasks
from jaxguide.evaluation.reporting import comparison
from tests.evaluation import support

METHODS = {
    "SDEdit": methods.SdEdit(num_steps=2),
    "ILVR": methods.Ilvr(num_steps=2, factor=4),
}
PUBLISHED = tables.published("P", ("ssim",), {"CUT": ((0.5, 0.01),)})


def _experiment(**changes):
  return support.experiment(**{
      "name": "both", "published": PUBLISHED, "spread": "seeds",
      "samples_per_image": 2,
      "task": tasks.Translation(sources.DrawnImages(5, 16)), **changes})


def _run(experiment, out, limit=2):
  return runner.evaluate(
      experiment, out, devices=1, limit=limit, stream=io.StringIO())


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
  """A folder per method, and the reports."""
  folder = tmp_path_factory.mktemp("runs")
  reports = {label: _run(_experiment(method=method), folder / label)
             for label, method in METHODS.items()}
  return {label: folder / label for label in METHODS}, reports


def test_rows_are_those_of_the_runs(runs, tmp_path):
  folders, reports = runs
  rows = comparison.compare(_experiment(), folders, tmp_path / "out")
  assert [row.method for row in rows] == ["SDEdit", "ILVR", "CUT"]
  for row in rows[:2]:
    wanted = reports[row.method].rows[1].values
    assert row.values == wanted
    assert row.values["ssim"].deviation > 0
  text = (tmp_path / "out" / "table.md").read_text()
  assert "over seeds (SDEdit 2, ILVR 2)" in text
  assert "CUT (published)" in text and "0.5 ± 0.01" in text
  assert "|reference=counterpart|N=2" in text


def test_differences_are_taken_image_by_image(runs, tmp_path):
  """To the first run, over the images that both have a number for."""
  folders, _ = runs
  third = tmp_path / "third"
  shutil.copytree(folders["ILVR"], third)
  lines = (third / "per_image.csv").read_text().splitlines()
  at = lines[0].split(",").index("ssim")
  # Every number of image 0 is lost, and one of the samples of image 1.
  cells = [line.split(",") for line in lines[1:]]
  for row in cells:
    if row[:2] in (["0", "0"], ["0", "1"], ["1", "0"]):
      row[at] = "inf"
  (third / "per_image.csv").write_text(
      "\n".join([lines[0], *(",".join(row) for row in cells)]) + "\n")
  several = {**folders, "third": third}
  comparison.compare(_experiment(), several, tmp_path / "out")
  notes = [line for line in
           (tmp_path / "out" / "table.md").read_text().splitlines()
           if "image by image" in line]
  assert [note.partition(" image")[0] for note in notes] == [
      "- ILVR less SDEdit,", "- third less SDEdit,"]
  gaps = []
  for image in ("0", "1"):
    means = []
    for label in METHODS:
      rows = csv.DictReader(io.StringIO(
          (folders[label] / "per_image.csv").read_text()))
      means.append(np.mean([
          float(row["ssim"]) for row in rows if row["index"] == image]))
    gaps.append(means[1] - means[0])
  error = abs(gaps[0] - gaps[1]) / 2
  assert f"SSIM {np.mean(gaps):+.4f} ± {error:.4f} (2)" in notes[0]
  # A single image has no error.
  assert "SSIM" not in notes[1] and "PSNR" in notes[1]


def test_grid_has_the_pictures_of_every_run_in_order(runs, tmp_path):
  folders, _ = runs
  comparison.compare(
      _experiment(), folders, tmp_path, names=["drawn001.png"])
  dataset = sources.DrawnImages(5, 16).open()
  source = pixels.to_uint8(dataset.load(1))
  made = [pictures.decode(folders[label] / "images" / "drawn001_s0.png")
          for label in METHODS]
  wanted = pictures.draw_grid(
      [[pictures.Cell(p) for p in (source, *made, source)]],
      column_labels=["source", *METHODS, "counterpart"],
      row_labels=["drawn001.png"])
  np.testing.assert_array_equal(pictures.decode(tmp_path / "grid.png"), wanted)


def test_other_tasks_show_what_was_observed(tmp_path):
  experiment = support.experiment(prior=None, method=methods.Baseline())
  _run(experiment, tmp_path / "run", limit=1)
  rows = comparison.compare(
      experiment, {"grey": tmp_path / "run"}, tmp_path / "out")
  assert [row.method for row in rows] == ["grey"]
  assert (tmp_path / "out" / "grid.png").is_file()


def test_runs_over_other_images_are_refused(runs, tmp_path):
  folders, _ = runs
  _run(_experiment(method=METHODS["SDEdit"]), tmp_path / "one", limit=1)
  with pytest.raises(ValueError, match="SDEdit and one differ in images"):
    comparison.compare(
        _experiment(), {**folders, "one": tmp_path / "one"},
        tmp_path / "out")
  assert not (tmp_path / "out").exists()


def test_runs_over_other_masks_are_refused(tmp_path):
  for label, seed in (("one", 1), ("other", 2)):
    masks = sources.Masks(data.masks.RotatedWindow(seed=seed))
    experiment = support.experiment(
        task=tasks.Inpainting(masks), method=methods.Baseline())
    _run(experiment, tmp_path / label)
  folders = {name: tmp_path / name for name in ("one", "other")}
  with pytest.raises(ValueError, match=(
      "one and other differ in what was observed .*'Degraded input' is")):
    comparison.compare(experiment, folders, tmp_path / "out")
  assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("other, fits", [
    ("frechet|N=2|seeds=4", True), ("frechet|N=3|seeds=2", False)])
def test_sets_of_one_size_may_have_other_numbers_of_seeds(
    runs, tmp_path, other, fits):
  """A distance depends on how many pictures it is over, not on how often."""
  found = {}
  for label, signature in (("SDEdit", "frechet|N=2|seeds=2"), ("ILVR", other)):
    found[label] = tmp_path / label
    shutil.copytree(runs[0][label], found[label])
    path = found[label] / "summary.json"
    summary = json.loads(path.read_text())
    summary["set_results"] = {"frechet": {
        "value": 3.0, "spread": 0.5, "num_pictures": 2, "num_references": 2,
        "signature": signature}}
    path.write_text(json.dumps(summary))
  if not fits:
    with pytest.raises(ValueError, match="SDEdit and ILVR differ in frechet"):
      comparison.compare(_experiment(), found, tmp_path / "out")
    return
  rows = comparison.compare(_experiment(), found, tmp_path / "out")
  assert [r.values["frechet"].deviation for r in rows[:2]] == [0.5, 0.5]


def test_what_is_missing_is_named(runs, tmp_path):
  folders, _ = runs
  with pytest.raises(FileNotFoundError, match="holds no finished run"):
    comparison.compare(_experiment(), {"a": tmp_path}, tmp_path / "out")
  with pytest.raises(ValueError, match="at least one"):
    comparison.compare(_experiment(), {}, tmp_path / "out")
  with pytest.raises(ValueError, match="'drawn004.png' has no picture"):
    comparison.compare(
        _experiment(), folders, tmp_path / "out", names=["drawn004.png"])
