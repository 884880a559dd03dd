"""`jaxguide inspect`: what a checkpoint holds."""

import argparse
import sys

SUMMARY = "Says what a checkpoint holds, executing nothing of it."
_EXAMPLES = """examples:
  jaxguide inspect ffhq_10m.pt
  jaxguide inspect models/ffhq_10m
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """The arguments of the command."""
  parser.epilog = _EXAMPLES
  parser.add_argument(
      "file", metavar="FILE",
      help="Checkpoint file, folder of diffusers, or model directory made by "
      "`jaxguide convert`.")
  parser.add_argument(
      "--inert", action="append", default=[], metavar="NAME",
      help="Name of a Python object that the file refers to and the reader "
      "refuses, such as package.module.Class, as the refusal prints it. Its "
      "place is kept by an empty object, and nothing is executed. May be "
      "repeated.")


def run(args: argparse.Namespace) -> int:
  """Prints what the file holds."""
  from jaxguide.convert import dispatch
  try:
    text = dispatch.inspect(args.file, inert=args.inert)
  except ValueError as error:
    # Whatever a strange file provokes is said of the file.
    raise ValueError(str(error)) from error
  sys.stdout.write(text.rstrip("\n") + "\n")
  return 0
