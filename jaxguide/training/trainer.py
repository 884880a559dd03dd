"""The one trainer: runs any kind of training in a folder, and exports it."""

from __future__ import annotations

from collections.abc import Callable
import os
import pathlib
from typing import Any

import jax
import numpy as np

from jaxguide import identities
from jaxguide.convert import model_store
from jaxguide.training import checkpoints
from jaxguide.training import curves
from jaxguide.training import image_sets
from jaxguide.training import loop
from jaxguide.training import messages
from jaxguide.training import previews
from jaxguide.training import run_folders
from jaxguide.training import step_tables
from jaxguide.training import trainings


def train(
    training: trainings.Training,
    data: str | os.PathLike[str],
    out: str | os.PathLike[str],
) -> trainings.State:
  """Trains, or goes on training exactly as if it had not been interrupted.

  Args:
    training: configuration of what is trained.
    data: folder that the configuration's images lie in.
    out: folder of everything written; see `run_folders`.

  Returns:
    The last state.

  Raises:
    ValueError: the images or the models do not fit, or `out` holds something
      else.

  Example:
    >>> from jaxguide import training
    >>> from jaxguide.data import training_images
    >>> config = training.EpsPriorTraining(
    ...     name="tiny", module={"model_channels": 32}, image_size=16,
    ...     images=training_images.ImageFolders(), num_steps=2)
    >>> try:
    ...   training.train(config, data="nowhere", out="run")
    ... except ValueError as error:
    ...   print(str(error)[:28])
    images 'train': image folder
  """
  out = pathlib.Path(out)
  images = _read(training, data)
  # Read before the folder is claimed: a slip must not spoil it.
  models = training.read_models()
  run_folders.claim(out, _identity(training, images, models))
  session = training.session(images, models)
  store = checkpoints.Checkpoints(
      out / run_folders.CHECKPOINTS,
      keep_period=10 * training.checkpoint_every)
  state = store.resume(lambda: training.init_state(models))
  first = int(state.step)
  if not curves.installed():
    messages.say(curves.MISSING)
  messages.say(f"{training.name} from step {first} to {training.num_steps}")
  state = loop.train(
      state, jax.jit(session.update, donate_argnums=0), session.batches(first),
      jax.random.key(training.seed + 1), num_steps=training.num_steps,
      hooks=[
          loop.Hook(training.log_every, log_hook(session, out, first)),
          *(loop.Hook(m.every, measurement_hook(m, out, first))
            for m in session.measurements),
          loop.Hook(training.checkpoint_every, store.save),
          *_picture_hooks(session, out)])
  store.close()
  return state


def export(
    training: trainings.Training,
    run: str | os.PathLike[str],
    destination: str | os.PathLike[str],
    data: str | os.PathLike[str] | None = None,
) -> int:
  """Writes a model directory of a run's newest checkpoint, finished or not.

  The run's tables and their curves are copied beside.

  Args:
    training: the run's configuration.
    run: its folder, with at least one checkpoint.
    destination: the new model directory.
    data: folder of the images, for kinds of training that need it.

  Returns:
    How many updates are behind the parameters.

  Raises:
    ValueError: there is no checkpoint, it is of another configuration, the
      destination exists, or `data` is missing.

  Example:
    >>> from jaxguide import training
    >>> from jaxguide.data import training_images
    >>> config = training.EpsPriorTraining(
    ...     name="tiny", module={"model_channels": 32}, image_size=16,
    ...     images=training_images.ImageFolders(), num_steps=2)
    >>> try:
    ...   training.export(config, "unknown_run", "model")
    ... except ValueError as error:
    ...   print(error)
    unknown_run is not the folder of a training; it has no run.json
  """
  model_store.check_absent(pathlib.Path(destination))
  models = training.read_models()
  found = run_folders.read_identity(run)
  _check_same(training, models, found, run)
  # Shapes say enough: nothing has to be initialised.
  state = run_folders.newest(
      run, jax.eval_shape(lambda: training.init_state(models)))
  source = {
      "trained_by": "jaxguide train", "name": training.name,
      "updates": int(state.step), "batch_size": training.batch_size,
      **training.provenance(), "images": found["images"]}
  training.save(
      jax.tree.map(np.asarray, training.exported(state)), destination, source,
      models=models, data=data)
  run_folders.copy_tables(run, destination)
  return int(state.step)


def log_hook(
    session: trainings.Session, out: pathlib.Path, first: int,
) -> Callable[[trainings.State], None]:
  """Writes rows of the log, and the curves of all rows so far.

  Args:
    session: its columns and numbers are used.
    out: folder of the run.
    first: updates that were done before this session.
  """
  table = step_tables.TrainingLog(
      out / run_folders.LOG_FILE, session.columns, first)

  def write(state: trainings.State) -> None:
    row = table.append(int(state.step), *session.numbers(state))
    if curves.installed():
      previews.write_picture(
          out / run_folders.CURVE_FILE,
          curves.draw_log(out / run_folders.LOG_FILE))
    messages.say(", ".join(f"{name} {value}" for name, value in row.items()))

  return write


def measurement_hook(
    measurement: trainings.Measurement, out: pathlib.Path, first: int,
) -> Callable[[trainings.State], None]:
  """Writes the rows of a measurement, and the picture of all rows so far.

  Args:
    measurement: table that grows.
    out: folder of the run.
    first: updates that were done before this session.
  """
  path = out / f"{measurement.name}.csv"
  table = step_tables.StepTable(path, measurement.columns, first)

  def write(state: trainings.State) -> None:
    step, rows = int(state.step), measurement.measure(state)
    table.append([step, *row] for row in rows)
    if curves.installed():
      previews.write_picture(
          path.with_suffix(".png"), measurement.draw(table.rows))

  return write


def _picture_hooks(
    session: trainings.Session, out: pathlib.Path,
) -> list[loop.Hook]:
  if session.pictures is None:
    return []
  every, draw = session.pictures

  def write(state: trainings.State) -> None:
    path = out / run_folders.PICTURES / f"{int(state.step):06d}.png"
    previews.write_page(path, draw(state))

  return [loop.Hook(every, write)]


def _read(
    training: trainings.Training, data: str | os.PathLike[str],
) -> image_sets.Splits:
  splits = []
  for held_out, name in ((False, "training"), (True, "held-out")):
    found = training.images.read(data, training.image_size, held_out=held_out)
    for text in found.skipped:
      messages.say(f"skipped {text}")
    counts = np.bincount(
        found.label, minlength=len(training.images.classes)).tolist()
    messages.say(f"{name} images: {', '.join(map(str, counts))}")
    splits.append(found)
  return image_sets.Splits(*splits)


def _identity(
    training: trainings.Training,
    images: image_sets.Splits,
    models: trainings.Models,
) -> dict[str, Any]:
  return {
      "training": training.identity(), "models": _digests(models),
      "images": {
          name: found.identity() for name, found in images._asdict().items()}}


def _digests(models: trainings.Models) -> dict[str, str]:
  return {name: given.digest for name, given in models.items()}


def _check_same(
    training: trainings.Training,
    models: trainings.Models,
    found: dict[str, Any],
    run: str | os.PathLike[str],
) -> None:
  """Refuses to export a run by the configuration of another.

  Models that are not given again are left out: parameters that were trained
  no longer need what they started from.
  """
  digests = {**found["models"], **_digests(models)}
  changed = list(identities.differences(
      {"training": found["training"], "models": found["models"]},
      {"training": identities.plain(training.identity()), "models": digests}))
  if changed:
    raise ValueError(
        f"{run}: this configuration does not fit its run: "
        f"{'; '.join(changed)}")
