"""`jaxguide compare`: finished runs side by side."""

import argparse
import pathlib
import sys

from jaxguide import commands
from jaxguide.commands import experiment_options

SUMMARY = "Joins finished runs over the same images in one table and picture."
_EXAMPLES = """examples:
  jaxguide compare experiments/egsde/tables/cat2dog.py --row egsde \\
      --run SDEdit=results/cat2dog_sdedit --run EGSDE=results/cat2dog_egsde \\
      --out results/cat2dog
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """The arguments of the command."""
  parser.description = (
      f"{SUMMARY}\n\nGive with --row the row of any one of the runs: it says "
      "which images are\ncompared and which published rows are shown beside "
      "them. `jaxguide table` makes\nand joins whole tables.")
  parser.epilog = _EXAMPLES
  experiment_options.add_file(parser)
  experiment_options.add_row(parser)
  parser.add_argument(
      "--out", required=True, metavar="DIR",
      help="Folder for table.md and grid.png.")
  parser.add_argument(
      "--run", action="append", default=[], metavar="LABEL=DIR",
      dest="runs",
      help="Finished run: the name that the table gives it, =, and its folder. "
      "Given once for every run; a name may have an = in it.")
  parser.add_argument(
      "--names", default="", metavar="NAME,...",
      help="Images of the grid, by name, with commas between them; the first "
      "ones when left out.")
  experiment_options.add_settings(parser)


def run(args: argparse.Namespace) -> int:
  """Compares and prints the table."""
  from jaxguide.evaluation import table_files
  from jaxguide.evaluation.reporting import comparison
  runs = dict(_split(text) for text in args.runs)
  experiment = experiment_options.changed(
      table_files.load_row(args.file, args.row, smoke=args.smoke), args)
  names = [name for name in args.names.split(",") if name]
  comparison.compare(experiment, runs, args.out, names=names)
  sys.stdout.write(pathlib.Path(args.out, "table.md").read_text("utf-8"))
  return 0


def _split(text: str) -> tuple[str, str]:
  """LABEL=DIR, where a label may be "M=300"."""
  label, _, folder = text.rpartition("=")
  if not (label and folder):
    raise commands.UsageError(f"--run needs LABEL=DIR, got {text!r}")
  return label, folder
