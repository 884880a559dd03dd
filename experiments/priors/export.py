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

from experiments.priors import preview
from experiments.priors import train
from jaxguide import convert
from jaxguide.training import checkpoints
from jaxguide.training import config as training_config
from jaxguide.training import curves

_CONFIG = flags.DEFINE_string(
    "training_config", "experiments/priors/configs/noto32.py",
    "Python file whose get_config() the run was made with.")
_RUN = flags.DEFINE_string("run", None, "Folder of the training run.")
_DESTINATION = flags.DEFINE_string(
    "destination", None, "Model directory to write; must not exist.")

LICENCE = "Apache-2.0; trained on Noto Emoji (Google, Apache-2.0)"


def export(
    config: training_config.PriorTraining,
    run: pathlib.Path,
    destination: pathlib.Path,
) -> int:
  """Writes config.json, params.safetensors, training_log.csv and loss.png.

  Args:
    config: of the run.
    run: its folder, with at least one checkpoint.
    destination: the new model directory.

  Returns:
    How many updates are behind the parameters.

  Raises:
    ValueError: there is no checkpoint, or the destination exists.
  """
  store = checkpoints.Checkpoints(run / "checkpoints")
  if store.latest_step() is None:
    raise ValueError(f"{run}: holds no checkpoint")
  # Shapes say enough: nothing has to be initialised.
  state = store.restore(jax.eval_shape(lambda: train.init_state(config)))
  store.close()
  step = int(state.step)
  model_config = convert.ModelConfig(
      family="adm_unet", module=config.module, image_size=config.image_size,
      channels=3, prediction="eps", learned_variance=False,
      schedule={"kind": "linear", "num_steps": config.num_levels},
      licence=LICENCE,
      source={"trained_by": "experiments/priors", "name": config.name,
              "updates": step, "batch_size": config.batch_size,
              "averaging": config.ema_decay})
  params = jax.tree.map(np.asarray, state.ema)
  convert.save_model(
      destination, params, model_config, container="safetensors",
      dtype=np.float16)
  shutil.copy(run / train.LOG_FILE, destination)
  # Drawn, not copied: a run that was just resumed may have a later picture.
  if curves.installed():
    preview.write_picture(
        destination / train.CURVE_FILE, curves.draw_log(run / train.LOG_FILE))
  return step


def main(argv: list[str]) -> int:
  """Reads the flags and exports."""
  if len(argv) > 1:
    raise app.UsageError(f"unexpected argument: {argv[1]}")
  logging.set_verbosity(logging.WARNING)
  try:
    config = training_config.load(
        _CONFIG.value, training_config.PriorTraining)
    step = export(
        config, pathlib.Path(_RUN.value), pathlib.Path(_DESTINATION.value))
  except ValueError as error:
    sys.stderr.write(f"export: {error}\n")
    return 2
  sys.stderr.write(f"export: {step} updates, in {_DESTINATION.value}\n")
  return 0


if __name__ == "__main__":
  flags.mark_flags_as_required(["run", "destination"])
  app.run(main)
