"""Trains a model of the Noto emoji, resuming whatever was interrupted.

  python -m experiments.priors.train \\
      --config experiments/priors/configs/noto32.py --data DIR --out runs/noto32

Under --out lie `checkpoints/`, `training_log.csv`, its curves `loss.png`, and
`pictures/`; `export.py` makes a model directory of them. See README.md.
"""

from __future__ import annotations

import pathlib
import sys

from absl import app
from absl import flags
from absl import logging

from experiments.priors import kinds
from experiments.priors import runs
from jaxguide.training import config as training_config


def define_flags() -> None:
  """The command's flags; not at import, where two commands would clash."""
  flags.DEFINE_string(
      "config", None,
      "Python file whose get_config() returns a training of kinds.KINDS.")
  flags.DEFINE_string(
      "first_stage", None, "Overrides a latent model's autoencoder.")
  flags.DEFINE_string(
      "data", None, "Folder of noto64.npz and emoji_index.json.")
  flags.DEFINE_string("out", None, "Folder of everything written.")
  flags.DEFINE_integer(
      "num_steps", None, "Overrides the configuration's number of updates.")
  flags.DEFINE_integer(
      "decay_steps", None, "Overrides the length of the learning rate's fall.")


def main(argv: list[str]) -> int:
  """Reads the flags and trains."""
  if len(argv) > 1:
    raise app.UsageError(f"unexpected argument: {argv[1]}")
  values = flags.FLAGS
  # Orbax reports every file that it touches.
  logging.set_verbosity(logging.WARNING)
  try:
    config = runs.changed(
        training_config.load(values.config, tuple(kinds.KINDS)),
        num_steps=values.num_steps, decay_steps=values.decay_steps,
        first_stage=values.first_stage)
    runs.train(config, values.data, pathlib.Path(values.out))
  except ValueError as error:
    sys.stderr.write(f"train: {error}\n")
    return 2
  return 0


if __name__ == "__main__":
  define_flags()
  flags.mark_flags_as_required(["config", "data", "out"])
  app.run(main)
