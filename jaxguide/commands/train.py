"""`jaxguide train`: runs a training, or goes on with an interrupted one.

  jaxguide train experiments/training/noto32.py --data DIR --out runs/noto32

Under --out lie `run.json`, `checkpoints/`, `training_log.csv`, its curves
`loss.png`, and what the kind of training adds; `jaxguide export` makes a model
directory of them.
"""

from __future__ import annotations

import argparse
import sys

from jaxguide.commands import training_arguments

SUMMARY = (
    "Trains what a configuration file describes, or goes on with an "
    "interrupted training.")

_USAGE = "--data DIR --out DIR [OPTION ...]"
EXAMPLES = """\
examples:
  jaxguide train experiments/training/noto32.py --data DIR --out runs/noto32
  jaxguide train experiments/training/noto32.py --help
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds the arguments of the command."""
  training_arguments.add(parser, _add_own, _USAGE)
  parser.epilog = EXAMPLES


def run(args: argparse.Namespace) -> int:
  """Trains.

  Args:
    args: parsed arguments.

  Returns:
    Exit status 0.

  Raises:
    ValueError: the configuration, the images or the folder does not fit.
  """
  training, own = training_arguments.read(
      args, "train", _add_own, _USAGE,
      {"data": "--data", "out": "--out"})
  from absl import logging

  from jaxguide.training import trainer
  # Orbax reports every file that it touches.
  logging.set_verbosity(logging.WARNING)
  state = trainer.train(training, own.data, own.out)
  sys.stdout.write(
      f"{training.name}: {int(state.step)} updates, in {own.out}\n")
  return 0


def _add_own(parser: argparse.ArgumentParser) -> None:
  parser.add_argument(
      "--data", metavar="DIR",
      help="Folder that the configuration's images lie in.")
  parser.add_argument(
      "--out", metavar="DIR",
      help="Folder of everything written; an interrupted training goes on "
      "where it stopped, and the folder of another training is refused.")
