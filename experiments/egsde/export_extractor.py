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

_CONFIG = flags.DEFINE_string(
    "training_config", "experiments/egsde/configs/emoji32_extractor.py",
    "Python file whose get_config() the run was made with.")
_RUN = flags.DEFINE_string("run", None, "Folder of the training run.")
_DESTINATION = flags.DEFINE_string(
    "destination", None, "Model directory to write; must not exist.")


def main(argv: list[str]) -> int:
  """Reads the flags and exports."""
  if len(argv) > 1:
    raise app.UsageError(f"unexpected argument: {argv[1]}")
  logging.set_verbosity(logging.WARNING)
  try:
    experiment = training_config.load(_CONFIG.value, domains.ExtractorTraining)
    step = extractor.export(experiment, _RUN.value, _DESTINATION.value)
  except (ValueError, OSError) as error:
    sys.stderr.write(f"export_extractor: {error}\n")
    return 2
  sys.stderr.write(
      f"export_extractor: {step} updates, in {_DESTINATION.value}\n")
  return 0


if __name__ == "__main__":
  flags.mark_flags_as_required(["run", "destination"])
  app.run(main)
