"""The effect of M and of each expert, drawn from finished runs."""

import dataclasses
import io

from matplotlib import colors
import numpy as np
import pytest

from experiments.egsde import effects
from jaxguide.evaluation import methods
from jaxguide.evaluation import pictures
from jaxguide.evaluation import runner
from jaxguide.evaluation import sources
from jaxguide.evaluation import tables
from jaxguide.evaluation import tasks
from tests.evaluation import support
from tests.evaluation.conftest import compiled_programs  # noqa: F401

EGSDE = methods.Egsde(
    support.Tint(), domain_weight=2.0, first_level=500,
    num_steps=2, factor=4)


def _experiment(method=EGSDE):
  return support.experiment(
      method=method, spread="seeds", samples_per_image=2,
      task=tasks.Translation(sources.DrawnImages(5, 16)))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
  """Finished runs by label, written in an order that M does not have."""
  chosen = {
      "M=700": dataclasses.replace(EGSDE, first_level=700),
      "EGSDE": EGSDE,
      "no domain": dataclasses.replace(EGSDE, domain_weight=0.0),
      "M=300": dataclasses.replace(EGSDE, first_level=300),
      "ILVR": methods.Ilvr(num_steps=2, factor=4),
      "SDEdit": methods.SdEdit(first_level=500, num_steps=2)}
  folder = tmp_path_factory.mktemp("runs")
  for label, method in chosen.items():
    runner.evaluate(_experiment(method), folder / label, devices=1, limit=2,
                    stream=io.StringIO())
  return {label: folder / label for label in chosen}


def test_runs_are_sorted_by_m_and_those_of_m_alone_are_told_apart(
    runs, tmp_path):
  points = effects.write(_experiment(), runs, tmp_path, ("l2_egsde",))
  found = [(p.label, p.level, p.varies_m) for p in points]
  assert found == [
      ("M=300", 300, True), ("EGSDE", 500, True), ("no domain", 500, False),
      ("SDEdit", 500, False), ("M=700", 700, True)]
  # A Gaussian prior forgets more of a source that is noised more.
  line = [p.values["l2_egsde"].mean for p in points if p.varies_m]
  assert line == sorted(line)
  table = (tmp_path / "table.md").read_text()
  assert all(f"| {label} " in table for label in runs)
  page = pictures.decode(tmp_path / effects.FILE)
  assert page.shape == (*effects._PANEL[::-1], 3)


def _point(label, level, varies_m, value):
  return effects.Point(
      label, level, varies_m, {"a": tables.Estimate(value, deviation=0.1)})


def _height(page, colour):
  """Mean row of the pixels of one of matplotlib's colours."""
  wanted = np.array(colors.to_rgb(colour)) * 255
  rows, _ = np.nonzero(np.all(np.abs(page - wanted) < 2, axis=-1))
  assert len(rows)
  return rows.mean()


def test_larger_values_are_drawn_higher():
  """The line of M, the first colour, against a point, the second."""
  line = [_point("", 300, True, 1.0), _point("", 500, True, 1.0)]
  heights = []
  for value in (0.0, 2.0):
    page = effects.draw([*line, _point("x", 400, False, value)], {"a": True})
    heights.append(_height(page, "C1") - _height(page, "C0"))
  assert heights[0] > 20 and heights[1] < -20


def test_metrics_get_a_panel_each_and_unknown_ones_none():
  points = [effects.Point("x", 300, True, {
      name: tables.Estimate(1.0) for name in "abc"})]
  page = effects.draw(points, dict.fromkeys("abcd", True))
  assert page.shape == (2 * effects._PANEL[1], 2 * effects._PANEL[0], 3)
  with pytest.raises(ValueError, match="metrics must be some"):
    effects.draw(points, {"d": True})


def test_without_matplotlib_the_table_is_written(
    runs, tmp_path, monkeypatch, capsys):
  monkeypatch.setattr(effects.curves, "installed", lambda: False)
  effects.write(_experiment(), {"EGSDE": runs["EGSDE"]}, tmp_path)
  assert (tmp_path / "table.md").exists()
  assert not (tmp_path / effects.FILE).exists()
  assert "plots" in capsys.readouterr().err


def test_labels_may_hold_equals_signs():
  assert effects._split("M=300=results/a") == ("M=300", "results/a")
  with pytest.raises(ValueError, match="LABEL=DIR"):
    effects._split("results/a")
