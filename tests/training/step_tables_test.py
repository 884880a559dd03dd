import csv

import pytest

from jaxguide.training import step_tables


def _rows(path):
  with open(path, newline="") as file:
    return list(csv.reader(file))


def test_rows_after_the_resumed_step_are_dropped(tmp_path):
  path = tmp_path / "run" / "log.csv"
  first = step_tables.TrainingLog(path, ("loss",), 0)
  for step in (10, 20, 30):
    first.append(step, 1 / step)
  step_tables.TrainingLog(path, ("loss",), 20).append(30, 0.5)
  rows = _rows(path)
  assert rows[0] == ["step", "loss", "seconds"]
  assert [row[:2] for row in rows[1:]] == [
      ["10", "0.100000"], ["20", "0.050000"], ["30", "0.500000"]]


def test_seconds_go_on_where_they_stopped(tmp_path):
  path = tmp_path / "log.csv"
  path.write_text("step,loss,seconds\n10,0.5,1000.0\n")
  row = step_tables.TrainingLog(path, ("loss",), 10).append(20, 0.4)
  assert 1000 <= float(row["seconds"]) < 1100
  assert row["step"] == "20" and row["loss"] == "0.400000"


def test_a_step_may_have_several_rows(tmp_path):
  path = tmp_path / "table.csv"
  table = step_tables.StepTable(path, ("level",), 0)
  table.append([["5", "1"], ["5", "2"]])
  table.append([["10", "1"]])
  assert _rows(path)[1:] == [["5", "1"], ["5", "2"], ["10", "1"]]
  assert step_tables.StepTable(path, ("level",), 9).rows == [
      ["5", "1"], ["5", "2"]]


def test_other_columns_and_other_counts_are_refused(tmp_path):
  path = tmp_path / "log.csv"
  table = step_tables.TrainingLog(path, ("loss",), 0)
  with pytest.raises(ValueError):
    table.append(1, 0.5, 0.6)
  assert not path.exists()
  table.append(1, 0.5)
  with pytest.raises(ValueError, match="has columns step, loss, seconds"):
    step_tables.TrainingLog(path, ("accuracy",), 1)
