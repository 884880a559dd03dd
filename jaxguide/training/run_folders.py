"""The folder of a training run: whose it is, and what lies in it.

  run.json          what the run is of; a run of anything else is refused
  checkpoints/      states, see `checkpoints`
  training_log.csv  numbers by update, and loss.png, their curves
  pictures/         what the model can do so far
  *.csv, *.png      further tables of a kind of training, and their curves
"""

from __future__ import annotations

from collections.abc import Mapping
import json
import os
import pathlib
import shutil
from typing import Any

from jaxguide import identities
from jaxguide.convert import atomic
from jaxguide.training import checkpoints
from jaxguide.training import curves
from jaxguide.training import previews

RUN_FILE = "run.json"
LOG_FILE = "training_log.csv"
CURVE_FILE = "loss.png"
CHECKPOINTS = "checkpoints"
PICTURES = "pictures"


def claim(
    folder: str | os.PathLike[str], identity: Mapping[str, Any],
) -> None:
  """Notes what a folder's run is of; refuses to go on with anything else.

  Args:
    folder: new, empty, or of an earlier session of the same run.
    identity: JSON values.

  Raises:
    ValueError: the folder holds something else; names it.
  """
  folder = pathlib.Path(folder)
  if (folder / RUN_FILE).exists():
    changed = list(identities.differences(
        read_identity(folder), identities.plain(identity)))
    if changed:
      raise ValueError(
          f"{folder} holds another run: {'; '.join(changed)}; choose another "
          "folder, or delete this one")
    return
  folder.mkdir(parents=True, exist_ok=True)
  # A process that is killed may leave hidden files behind.
  strangers = sorted(
      path.name for path in folder.iterdir() if not path.name.startswith("."))
  if strangers:
    raise ValueError(
        f"{folder} is not empty and has no {RUN_FILE}: found "
        f"{', '.join(strangers[:3])}; choose another folder")
  with atomic.replacing(folder / RUN_FILE) as beside:
    beside.write_text(identities.to_json(identity), encoding="utf-8")


def read_identity(folder: str | os.PathLike[str]) -> dict[str, Any]:
  """What a folder's run is of.

  Raises:
    ValueError: there is no `run.json`, or it is damaged.
  """
  path = pathlib.Path(folder, RUN_FILE)
  try:
    return json.loads(path.read_text("utf-8"))
  except OSError as error:
    raise ValueError(
        f"{folder} is not the folder of a training; it has no {RUN_FILE}"
    ) from error
  except ValueError as error:
    raise ValueError(f"{path} is damaged: {error}") from error


def newest(folder: str | os.PathLike[str], shapes: Any) -> Any:
  """The newest state of a run, finished or not.

  Args:
    folder: the run's.
    shapes: structure, shapes and types of the state.

  Raises:
    ValueError: there is none, or it is of another structure or shape.
  """
  path = pathlib.Path(folder, CHECKPOINTS)
  if not path.is_dir():
    raise ValueError(f"{folder} has no checkpoint of a training yet")
  store = checkpoints.Checkpoints(path)
  try:
    if store.latest_step() is None:
      raise ValueError(f"{folder} has no checkpoint of a training yet")
    return store.restore(shapes)
  finally:
    store.close()


def copy_tables(
    folder: str | os.PathLike[str], destination: str | os.PathLike[str],
) -> None:
  """Copies a run's tables and their curves into a model directory.

  Args:
    folder: the run's, or a model directory that has them already.
    destination: a directory that is there.
  """
  folder, destination = pathlib.Path(folder), pathlib.Path(destination)
  for path in sorted((*folder.glob("*.csv"), *folder.glob("*.png"))):
    shutil.copy(path, destination)
  log = destination / LOG_FILE
  # Drawn anew: a run that was just resumed may have a later picture.
  if log.exists() and curves.installed():
    previews.write_picture(destination / CURVE_FILE, curves.draw_log(log))
