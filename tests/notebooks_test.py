"""The notebooks run from the first cell to the last and show what they say."""

import importlib.util
import json
import pathlib

import numpy as np
import pytest

NOTEBOOKS = pathlib.Path(__file__).parent.parent / "notebooks"
NAMES = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))


def _runner():
  spec = importlib.util.spec_from_file_location("run", NOTEBOOKS / "run.py")
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


run = _runner()


def _run(name, monkeypatch, folder):
  """The notebook's names, run where nothing of the repository lies."""
  monkeypatch.chdir(folder)
  notebook = run.read(NOTEBOOKS / f"{name}.ipynb")
  return run.run(notebook), notebook


def test_there_are_three():
  assert NAMES == [
      "evaluate_and_compare", "steer_a_prior", "vipaint_step_by_step"]


@pytest.mark.parametrize("name", NAMES)
def test_saved_outputs_are_those_of_every_cell_and_small(name):
  path = NOTEBOOKS / f"{name}.ipynb"
  cells = run.read(path)["cells"]
  assert path.stat().st_size < 300_000
  shown = [cell for cell in cells
           if cell["cell_type"] == "code" and cell["outputs"]]
  assert len(shown) >= 5
  for cell in shown:
    for output in cell["outputs"]:
      assert output["output_type"] in ("stream", "execute_result")


@pytest.mark.slow
def test_steering_keeps_what_was_observed(monkeypatch, tmp_path):
  names, _ = _run("steer_a_prior", monkeypatch, tmp_path)
  hidden = np.abs(names["completed"][:, :, 16:])
  assert names["error"] < 1e-5
  assert np.mean(hidden) > 0.2  # Not left at the grey of the observation.
  np.testing.assert_array_equal(names["alone"], names["drawn"][2:4])
  target = np.asarray(names["green"])
  errors = [np.sum((row.mean(axis=(1, 2)) - target) ** 2)
            for row in names["rows"]]
  assert errors[0] > errors[1] > errors[2]


@pytest.mark.slow
def test_vipaint_fits_and_its_samples_differ_where_hidden(
    monkeypatch, tmp_path):
  names, _ = _run("vipaint_step_by_step", monkeypatch, tmp_path)
  assert np.all(names["found"].is_finite)
  reconstruction = np.asarray(names["found"].history.reconstruction)
  assert np.all(reconstruction[-1] < reconstruction[0])
  assert names["error"] < 0.1
  spread, mask = names["spread"], names["mask"]
  observed = np.sum(spread * mask) / np.sum(mask)
  missing = np.sum(spread * (1 - mask)) / np.sum(1 - mask)
  assert missing > 2 * observed


@pytest.mark.slow
def test_an_evaluation_is_continued_and_compared(monkeypatch, tmp_path):
  names, notebook = _run("evaluate_and_compare", monkeypatch, tmp_path)
  printed = json.dumps([c.get("outputs") for c in notebook["cells"]])
  assert "same bytes: True" in printed
  assert "FOLDER/steered holds another run" in printed
  folder = names["folder"]
  assert "steered" in (folder / "both" / "table.md").read_text()
  assert len(names["lines"]) == 4


def test_a_cell_that_fails_is_named(tmp_path):
  broken = {"cells": [
      {"cell_type": "markdown", "source": ["text"]},
      {"cell_type": "code", "source": ["a = 1\n", "b = a / 0"]}]}
  with pytest.raises(ZeroDivisionError) as raised:
    run.run(broken)
  assert str(raised.traceback[-1].path) == "cell 1"


def test_outputs_are_what_jupyter_would_show():
  cells = [{"cell_type": "code", "source": [text]} for text in (
      "print('a')\n1 + 1", "x = 3", "print('b')", "None")]
  run.run({"cells": cells})
  kinds = [[o["output_type"] for o in cell["outputs"]] for cell in cells]
  assert kinds == [["stream", "execute_result"], [], ["stream"], []]
  assert cells[0]["outputs"][1]["data"] == {"text/plain": ["2"]}
