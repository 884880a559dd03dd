"""`jaxguide table`: all rows of a table file, and the whole table."""

from __future__ import annotations

import argparse
import sys
import typing

from jaxguide.commands import experiment_options

if typing.TYPE_CHECKING:
  from jaxguide import evaluation
  from jaxguide.evaluation import table_files

SUMMARY = "Makes all rows of a table file and writes the whole table."
_RESULTS = """Every row gets the folder DIR/NAME, as from `jaxguide evaluate`.
DIR/table.md holds the measured rows beside the published ones, DIR/grid.png
some pictures of every row. A row whose files are missing is left out and
named, and the exit status is 1 then. The same command run again goes on where
it was interrupted, and makes what was missing."""
_EXAMPLES = """examples:
  jaxguide table experiments/steered/tables/noto32.py --out results/noto32 \\
      --limit 8
  jaxguide table experiments/egsde/tables/emoji32.py --out results/emoji32 \\
      --rows untranslated,sdedit,ilvr,egsde,egsde_dagger
  jaxguide table experiments/vipaint/tables/imagenet256.py --smoke --limit 1 \\
      --out /tmp/imagenet256
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """The arguments of the command."""
  parser.description = f"{SUMMARY}\n\n{_RESULTS}"
  parser.epilog = _EXAMPLES
  experiment_options.add_file(parser)
  parser.add_argument(
      "--out", required=True, metavar="DIR",
      help="Folder for the results, new or of an earlier call.")
  parser.add_argument(
      "--rows", metavar="NAME,...",
      help="Names of the rows, with commas between them; all when left out. "
      "The table holds these rows alone.")
  experiment_options.add_settings(parser)
  experiment_options.add_running(parser)


def run(args: argparse.Namespace) -> int:
  """Makes the rows and prints the table."""
  from jaxguide.evaluation import table_files
  file = table_files.load(args.file)
  names = args.rows.split(",") if args.rows else file.names
  rows = {name.strip(): _row(file, name.strip(), args) for name in names}
  experiment_options.keep_compiled(args)
  try:
    report = _run_table(rows, file.title, args)
  except KeyboardInterrupt:
    sys.stderr.write("interrupted; the same command goes on from here\n")
    return 130
  if report.rows:
    sys.stdout.write((report.directory / "table.md").read_text("utf-8"))
    sys.stderr.write(f"written: {report.directory}\n")
  if not report.failures:
    return 0
  sys.stderr.write(
      f"error: {len(report.failures)} of {len(rows)} rows were not made: "
      f"{', '.join(report.failures)}; what each lacks stands above\n")
  return 1


def _row(
    file: table_files.TableFile, name: str, args: argparse.Namespace
) -> evaluation.Experiment:
  """A row; a setting that does not fit it is refused before any is run."""
  from jaxguide.evaluation import overrides
  experiment = file.row(name, smoke=args.smoke)
  try:
    return experiment_options.changed(experiment, args)
  except overrides.OverrideError as error:
    raise overrides.OverrideError(f"row {name}: {error}") from error


def _run_table(
    rows: dict[str, evaluation.Experiment], title: str,
    args: argparse.Namespace,
) -> evaluation.TableReport:
  from jaxguide import parallel
  from jaxguide.evaluation import table_runs
  from jaxguide.evaluation.running import devices
  parallel.use_cpu_cores(args.devices or max(
      devices.most_devices(row, args.batch_size or row.batch_size)
      for row in rows.values()))
  return table_runs.run_table(
      rows, args.out, title=title, limit=args.limit,
      batch_size=args.batch_size, devices=args.devices,
      backend=args.backend or "pmap", matmul_precision=args.matmul_precision)
