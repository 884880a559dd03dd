"""Trains EGSDE's domain extractor, resuming whatever was interrupted.

  python -m experiments.egsde.train_extractor \\
      --config experiments/egsde/configs/emoji32_extractor.py \\
      --data DIR --out runs/emoji32_extractor

Under --out lie `checkpoints/`, `training_log.csv`, `accuracy.csv` and
`accuracy.png`; `export_extractor.py` makes a model directory of them. See
README.md.
"""

from __future__ import annotations

import dataclasses
import sys

from absl import app
from absl import flags
from absl import logging

from experiments.egsde import domains
from experiments.egsde import extractor
from jaxguide.training import config as training_config


def configured() -> domains.ExtractorTraining:
  """The configuration, with what the flags override.

  Raises:
    ValueError: the file or a value does not fit.
  """
  values = flags.FLAGS
  experiment = training_config.load(values.config, domains.ExtractorTraining)
  places = {"train": values.domains, "held_out": values.held_out}
  places = {k: tuple(v) for k, v in places.items() if v is not None}
  recipe, images = experiment.recipe, experiment.domains
  if places:
    images = dataclasses.replace(images, **places)
    recipe = dataclasses.replace(
        recipe, module={**recipe.module, "out_channels": len(images.train)})
  if values.num_steps is not None:
    recipe = dataclasses.replace(recipe, num_steps=values.num_steps)
  return domains.ExtractorTraining(recipe, images)


def define_flags() -> None:
  """The command's flags; not at import, where two commands would clash."""
  flags.DEFINE_string(
      "config", None,
      "Python file whose get_config() returns an ExtractorTraining.")
  flags.DEFINE_string(
      "data", None, "Folder that the configuration's domains lie in.")
  flags.DEFINE_string("out", None, "Folder of everything written.")
  flags.DEFINE_string(
      "classifier", None,
      "Model directory of the classifier that the trunk starts from; from "
      "scratch when left out.")
  flags.DEFINE_list(
      "domains", None,
      "Overrides the training images: in --data, a folder or npz file each.")
  flags.DEFINE_list(
      "held_out", None, "Overrides the held-out images, in the same order.")
  flags.DEFINE_integer(
      "num_steps", None, "Overrides the configuration's number of updates.")


def main(argv: list[str]) -> int:
  """Reads the flags and trains."""
  if len(argv) > 1:
    raise app.UsageError(f"unexpected argument: {argv[1]}")
  values = flags.FLAGS
  # Orbax reports every file that it touches.
  logging.set_verbosity(logging.WARNING)
  try:
    extractor.train(configured(), values.data, values.out, values.classifier)
  except (ValueError, OSError) as error:
    sys.stderr.write(f"train_extractor: {error}\n")
    return 2
  return 0


if __name__ == "__main__":
  define_flags()
  flags.mark_flags_as_required(["config", "data", "out"])
  app.run(main)
