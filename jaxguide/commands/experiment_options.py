"""Arguments that the commands on table files share, and what they mean."""

from __future__ import annotations

import argparse
from collections.abc import Callable
import typing

if typing.TYPE_CHECKING:
  from jaxguide import evaluation

PRECISIONS = ("default", "high", "highest", "bfloat16", "tensorfloat32",
              "float32")
# `parallel.BACKENDS`, named here so that --help needs no import.
BACKENDS = ("pmap", "jit")


def at_least(least: int) -> Callable[[str], int]:
  """A type for argparse: whole numbers that are not smaller."""

  def whole_number(text: str) -> int:
    try:
      value = int(text)
    except ValueError:
      raise argparse.ArgumentTypeError(
          f"must be a whole number, got {text!r}") from None
    if value < least:
      raise argparse.ArgumentTypeError(
          f"must be at least {least}, got {value}")
    return value

  return whole_number


def add_file(parser: argparse.ArgumentParser) -> None:
  """Adds FILE, the table file."""
  parser.add_argument(
      "file", metavar="FILE",
      help="Table file: a Python file that sets TABLE, a dict of experiments "
      "by the row's name or an evaluation.Table. It is executed.")


def add_row(parser: argparse.ArgumentParser) -> None:
  """Adds --row."""
  parser.add_argument(
      "--row", metavar="NAME",
      help="Name of the row, one of those that `jaxguide evaluate FILE "
      "--list` shows. It can be left out where the file has only one.")


def add_settings(parser: argparse.ArgumentParser) -> None:
  """Adds what changes an experiment: --set and --smoke."""
  parser.add_argument(
      "--set", action="append", default=[], metavar="NAME=VALUE",
      help="Field of the experiment and its new value, for instance --set "
      "method.num_steps=50. May be repeated.")
  parser.add_argument(
      "--smoke", action="store_true",
      help="Trial run with a tiny version of the experiment: two steps of a "
      "random network, in seconds, with results that mean nothing.")


def add_running(parser: argparse.ArgumentParser) -> None:
  """Adds how pictures are made."""
  parser.add_argument(
      "--limit", type=at_least(1), metavar="N",
      help="Number of images, taken from the first; all when left out.")
  parser.add_argument(
      "--seed", type=at_least(0), metavar="N",
      help="Seed of all noise, in place of the experiment's.")
  parser.add_argument(
      "--batch_size", type=at_least(1), metavar="N",
      help="Number of images per call over all devices, in place of the "
      "experiment's. It changes speed and memory alone.")
  parser.add_argument(
      "--devices", type=at_least(1), metavar="N",
      help="Number of devices of this machine that share a batch; when left "
      "out, as many as the batch can fill. On CPU every core counts as a "
      "device, unless the variable JAX_NUM_CPU_DEVICES gives another number.")
  parser.add_argument(
      "--backend", choices=BACKENDS,
      help="Way in which a batch is spread over the devices: pmap, which is "
      "the default, or jit. On CPU it changes no picture.")
  parser.add_argument(
      "--matmul_precision", choices=PRECISIONS,
      help="Precision of float32 products on accelerators, which use less "
      "than float32 by default.")
  parser.add_argument(
      "--compilation_cache", metavar="DIR",
      help="Folder where compiled programs are kept between runs.")


def changed(
    experiment: evaluation.Experiment, args: argparse.Namespace
) -> evaluation.Experiment:
  """The experiment with what --set says of it, and --seed where it is given.

  Args:
    experiment: experiment of the table file.
    args: arguments of a command that has `add_settings`.

  Raises:
    OverrideError: if a setting does not fit the experiment.
  """
  from jaxguide.evaluation import overrides
  settings = list(args.set)
  if "seed" in args and args.seed is not None:
    settings.append(f"seed={args.seed}")
  return overrides.override(experiment, settings)


def keep_compiled(args: argparse.Namespace) -> None:
  """Begins to use the folder of --compilation_cache, where one is given."""
  from jaxguide.evaluation.running import program_cache
  if args.compilation_cache:
    program_cache.keep(args.compilation_cache)
