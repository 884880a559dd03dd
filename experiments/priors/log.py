"""The log of a training run: a CSV file that survives interruptions."""

from __future__ import annotations

import csv
import os
import pathlib
import time

COLUMNS = ("step", "train_loss", "valid_loss", "seconds")


class TrainingLog:
  """Appends rows to a CSV file; rows after a resumed step are dropped."""

  def __init__(self, path: str | os.PathLike[str], first_step: int):
    """Opens the log of a run that goes on after `first_step` updates."""
    self._path = pathlib.Path(path)
    self._rows = [r for r in _read(self._path) if int(r[0]) <= first_step]
    self._before = float(self._rows[-1][-1]) if self._rows else 0.0
    self._start = time.monotonic()

  def append(
      self, step: int, train_loss: float, valid_loss: float,
  ) -> dict[str, str]:
    """Adds a row, with the seconds spent in all sessions so far."""
    seconds = self._before + time.monotonic() - self._start
    row = [
        str(step), f"{train_loss:.6f}", f"{valid_loss:.6f}", f"{seconds:.1f}"]
    self._rows.append(row)
    beside = self._path.with_name(f".{self._path.name}.part")
    self._path.parent.mkdir(parents=True, exist_ok=True)
    with open(beside, "w", encoding="utf-8", newline="") as file:
      csv.writer(file, lineterminator="\n").writerows([COLUMNS, *self._rows])
    os.replace(beside, self._path)
    return dict(zip(COLUMNS, row, strict=True))


def _read(path):
  if not path.exists():
    return []
  with open(path, encoding="utf-8", newline="") as file:
    return list(csv.reader(file))[1:]
