"""The averaged parameters of a training run as a model directory.

  python -m experiments.priors.export --run runs/noto32 \\
      --destination jaxguide/embedded/noto32

The newest checkpoint of the run is taken, finished or not; what is written
names the updates behind it. Parameters are stored in float16.
"""

from __future__ import annotations

import pathlib
import shutil
import sys

from absl import app
from absl import flags
from absl import logging
import jax
import numpy as np

from experiments.priors import kinds
from experiments.priors import preview
from experiments.priors import runs
from jaxguide.convert.cards import ldm_cards
from jaxguide.training import checkpoints
from jaxguide.training import config as training_config
from jaxguide.training import curves


def export(
    config: training_config.Training,
    run: pathlib.Path,
    destination: pathlib.Path,
    data: str | None = None,
) -> int:
  """Writes a model directory, and in it training_log.csv and loss.png.

  A latent model's first stage, which lies in a folder in it, brings its own.

  Args:
    config: of the run.
    run: its folder, with at least one checkpoint.
    destination: the new model directory.
    data: folder of the emoji; needed for an autoencoder.

  Returns:
    How many updates are behind the parameters.

  Raises:
    ValueError: there is no checkpoint, the destination exists, or `data` is
      missing.
  """
  store = checkpoints.Checkpoints(run / "checkpoints")
  if store.latest_step() is None:
    raise ValueError(f"{run}: holds no checkpoint")
  # Shapes say enough: nothing has to be initialised.
  state = store.restore(jax.eval_shape(lambda: runs.init_state(config)))
  store.close()
  step = int(state.step)
  source = {
      "trained_by": "experiments/priors", "name": config.name, "updates": step,
      "batch_size": config.batch_size, "averaging": config.ema_decay}
  kinds.module_of(config).save(
      config, jax.tree.map(np.asarray, state.ema), destination, source, data)
  _write_log(run / runs.LOG_FILE, destination)
  first_stage = getattr(config, "first_stage", None)
  if first_stage is not None:
    log = pathlib.Path(first_stage, runs.LOG_FILE)
    if log.is_file():
      _write_log(log, destination / ldm_cards.FIRST_STAGE)
  return step


def _write_log(log: pathlib.Path, destination: pathlib.Path) -> None:
  shutil.copy(log, destination)
  # Drawn, not copied: a run that was just resumed may have a later picture.
  if curves.installed():
    preview.write_picture(
        destination / runs.CURVE_FILE, curves.draw_log(log))


def define_flags() -> None:
  """The command's flags; not at import, where two commands would clash."""
  flags.DEFINE_string(
      "training_config", "experiments/priors/configs/noto32.py",
      "Python file whose get_config() the run was made with.")
  flags.DEFINE_string("run", None, "Folder of the training run.")
  flags.DEFINE_string(
      "destination", None, "Model directory to write; must not exist.")
  flags.DEFINE_string(
      "data", None, "Folder of the emoji; needed for an autoencoder.")
  flags.DEFINE_string(
      "first_stage", None, "Overrides a latent model's autoencoder.")


def main(argv: list[str]) -> int:
  """Reads the flags and exports."""
  if len(argv) > 1:
    raise app.UsageError(f"unexpected argument: {argv[1]}")
  values = flags.FLAGS
  logging.set_verbosity(logging.WARNING)
  try:
    config = runs.changed(
        training_config.load(values.training_config, tuple(kinds.KINDS)),
        first_stage=values.first_stage)
    step = export(
        config, pathlib.Path(values.run), pathlib.Path(values.destination),
        values.data)
  except ValueError as error:
    sys.stderr.write(f"export: {error}\n")
    return 2
  sys.stderr.write(f"export: {step} updates, in {values.destination}\n")
  return 0


if __name__ == "__main__":
  define_flags()
  flags.mark_flags_as_required(["run", "destination"])
  app.run(main)
