"""Tables of a training run: CSV files that survive interruptions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
import csv
import os
import pathlib
import time

from jaxguide.convert import atomic


class StepTable:
  """A CSV file whose first column is "step".

  It is written beside and renamed, and the rows after a resumed step are
  dropped, so that it ends up as if nothing had been interrupted.

  Attributes:
    columns: names, "step" first.
    rows: texts of all steps so far.
  """

  def __init__(
      self,
      path: str | os.PathLike[str],
      columns: Sequence[str],
      first_step: int,
  ):
    """Opens the table of a run that goes on after `first_step` updates.

    Args:
      path: the file; nothing is written yet.
      columns: names of the columns after "step".
      first_step: rows of later steps are forgotten.

    Raises:
      ValueError: a file is there whose columns are others.
    """
    self.columns = ("step", *columns)
    self._path = pathlib.Path(path)
    rows = _read(self._path)
    if rows and tuple(rows[0]) != self.columns:
      raise ValueError(
          f"{self._path}: has columns {', '.join(rows[0])}; this run writes "
          f"{', '.join(self.columns)}")
    self.rows = [row for row in rows[1:] if int(row[0]) <= first_step]

  def append(self, rows: Iterable[Sequence[str | float]]) -> None:
    """Adds rows and writes the file.

    Args:
      rows: texts or numbers, each row as long as `columns`; what is no
        integer is written with six decimals.
    """
    self.rows.extend([_text(value) for value in row] for row in rows)
    self._path.parent.mkdir(parents=True, exist_ok=True)
    with atomic.replacing(self._path) as beside:
      with open(beside, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(
            [self.columns, *self.rows])


class TrainingLog:
  """Numbers and seconds by step."""

  def __init__(
      self,
      path: str | os.PathLike[str],
      names: Sequence[str],
      first_step: int,
  ):
    """Opens the log of a run that goes on after `first_step` updates.

    Args:
      path: the CSV file.
      names: names of the numbers in a row.
      first_step: rows of later steps are forgotten.

    Raises:
      ValueError: a log is there whose columns are others.
    """
    self._table = StepTable(path, (*names, "seconds"), first_step)
    rows = self._table.rows
    self._before = float(rows[-1][-1]) if rows else 0.0
    self._start = time.monotonic()

  def append(self, step: int, *values: float) -> dict[str, str]:
    """Adds a row, with the seconds spent in all sessions so far.

    Args:
      step: updates done.
      *values: numbers, one per name.

    Returns:
      The row by column.

    Raises:
      ValueError: there are more or fewer numbers than names.
    """
    seconds = self._before + time.monotonic() - self._start
    row = [str(step), *(_text(float(v)) for v in values), f"{seconds:.1f}"]
    named = dict(zip(self._table.columns, row, strict=True))
    self._table.append([row])
    return named


def _text(value: str | float) -> str:
  return f"{value:.6f}" if isinstance(value, float) else str(value)


def _read(path: pathlib.Path) -> list[list[str]]:
  if not path.exists():
    return []
  with open(path, encoding="utf-8", newline="") as file:
    return list(csv.reader(file))
