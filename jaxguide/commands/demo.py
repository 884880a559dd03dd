"""`jaxguide demo`: a first run with what comes with the package."""

import argparse
import sys

SUMMARY = "Steers the embedded prior and writes a table and a picture."
_EXAMPLES = """examples:
  jaxguide demo --out demo
  jaxguide demo --out demo --images 64
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """The arguments of the command."""
  parser.epilog = _EXAMPLES
  parser.add_argument(
      "--out", required=True, metavar="DIR",
      help="Folder for the results. Called again, the demo goes on there.")
  parser.add_argument(
      "--images", type=int, metavar="N",
      help="Number of held-out images per task, 1 to 64; 8 when left out.")
  parser.add_argument(
      "--seed", type=int, default=0, metavar="N",
      help="Seed of all noise; 0 when left out.")


def run(args: argparse.Namespace) -> int:
  """Runs the demo and prints its table."""
  from jaxguide import demo
  from jaxguide import parallel
  rows = min(args.images or demo.NUM_IMAGES, demo.NUM_IMAGES)
  parallel.use_cpu_cores(max(1, rows // parallel.MIN_ROWS))
  text = demo.run(args.out, num_images=args.images, seed=args.seed)
  sys.stdout.write(f"{text}\n")
  return 0
