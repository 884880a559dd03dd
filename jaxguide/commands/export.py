"""`jaxguide export`: a model directory of a training run.

  jaxguide export experiments/training/noto32.py --run runs/noto32 \\
      --out models/noto32

The newest checkpoint of the run is taken, finished or not; what is written
names the updates behind it. Parameters are stored in float16.
"""

from __future__ import annotations

import argparse
import sys

from jaxguide.commands import training_arguments

SUMMARY = "Writes the model directory of a training run's newest checkpoint."

_USAGE = "--run DIR --out DIR [--data DIR] [OPTION ...]"
EXAMPLES = """\
examples:
  jaxguide export experiments/training/noto32.py --run runs/noto32 \\
      --out models/noto32
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds the arguments of the command."""
  training_arguments.add(parser, _add_own, _USAGE)
  parser.epilog = EXAMPLES


def run(args: argparse.Namespace) -> int:
  """Exports.

  Args:
    args: parsed arguments.

  Returns:
    Exit status 0.

  Raises:
    ValueError: the configuration does not fit the run, or there is something
      in the way.
  """
  training, own = training_arguments.read(
      args, "export", _add_own, _USAGE,
      {"run_folder": "--run", "out": "--out"})
  from absl import logging

  from jaxguide.training import trainer
  # Orbax reports every file that it touches.
  logging.set_verbosity(logging.WARNING)
  step = trainer.export(training, own.run_folder, own.out, own.data)
  sys.stdout.write(f"{training.name}: {step} updates, in {own.out}\n")
  return 0


def _add_own(parser: argparse.ArgumentParser) -> None:
  # The command's function may be called `run` in the parsed arguments.
  parser.add_argument(
      "--run", dest="run_folder", metavar="DIR",
      help="Folder of the training run, which --out of jaxguide train named.")
  parser.add_argument(
      "--out", metavar="DIR",
      help="Model directory to write, which must not exist.")
  parser.add_argument(
      "--data", metavar="DIR",
      help="Folder that the configuration's images lie in; only an "
      "autoencoder needs it, to measure its latents.")
