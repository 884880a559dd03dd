"""A trained extractor as a model directory.

  python -m experiments.egsde.export_extractor \\
      --run runs/emoji32_extractor --destination models/emoji32_extractor

The newest checkpoint of the run is taken, finished or not; what is written
names the updates behind it. Parameters are stored in float16.
"""

from __future__ import annotations

import sys

from absl import app
from absl import flags
from absl import logging

from experiments.egsde import domains
from experiments.egsde import extractor
from jaxguide.training import config as training_config


def define_flags() -> None:
  """The command's flags; not at import, where two commands would clash."""
  flags.DEFINE_string(
      "training_config", "experiments/egsde/configs/emoji32_extractor.py",
      "Python file whose get_config() the run was made with.")
  flags.DEFINE_string("run", None, "Folder of the training run.")
  flags.DEFINE_string(
      "destination", None, "Model directory to write; must not exist.")


def main(argv: list[str]) -> int:
  """Reads the flags and exports."""
  if len(argv) > 1:
    raise app.UsageError(f"unexpected argument: {argv[1]}")
  values = flags.FLAGS
  logging.set_verbosity(logging.WARNING)
  try:
    experiment = training_config.load(
        values.training_config, domains.ExtractorTraining)
    step = extractor.export(experiment, values.run, values.destination)
  except (ValueError, OSError) as error:
    sys.stderr.write(f"export_extractor: {error}\n")
    return 2
  sys.stderr.write(
      f"export_extractor: {step} updates, in {values.destination}\n")
  return 0


if __name__ == "__main__":
  define_flags()
  flags.mark_flags_as_required(["run", "destination"])
  app.run(main)
