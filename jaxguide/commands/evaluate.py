"""`jaxguide evaluate`: one row of a table file, or a list of its rows."""

from __future__ import annotations

import argparse
import sys
import textwrap
import typing

from jaxguide import commands
from jaxguide.commands import experiment_options

if typing.TYPE_CHECKING:
  from jaxguide import evaluation
  from jaxguide.evaluation import table_files

SUMMARY = "Makes and scores the pictures of one row of a table file."
_RESULTS = """DIR gets per_image.csv, summary.json, table.md with the published
rows beside the measured one, grid.png, images/*.png and timing.json. The same
command run again goes on where it was interrupted."""
_EXAMPLES = """examples:
  jaxguide evaluate experiments/steered/tables/noto32.py --list
  jaxguide evaluate experiments/steered/tables/noto32.py --row inpaint_box \\
      --out results/noto32_inpaint_box --limit 8
  jaxguide evaluate experiments/vipaint/tables/imagenet256.py \\
      --row rotated_vipaint2 --set data.path=photos --set data.count=none \\
      --out results/photos
  jaxguide evaluate experiments/steered/tables/ffhq_super_resolution.py \\
      --outputs pulse_results --method_name PULSE --out results/pulse
"""
# They say how pictures are made, which `--outputs` does not do.
_OF_SAMPLING = ("devices", "backend", "batch_size", "matmul_precision")


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """The arguments of the command."""
  parser.description = f"{SUMMARY}\n\n{_RESULTS}"
  parser.epilog = _EXAMPLES
  experiment_options.add_file(parser)
  experiment_options.add_row(parser)
  parser.add_argument(
      "--out", metavar="DIR",
      help="Folder for the results, new or of an earlier run of the same.")
  parser.add_argument(
      "--list", action="store_true",
      help="List of the rows of FILE and of what each needs; nothing is run.")
  experiment_options.add_settings(parser)
  experiment_options.add_running(parser)
  parser.add_argument(
      "--outputs", metavar="DIR",
      help="Folder of pictures that another program made. They are scored as "
      "the row's results would be, and nothing is sampled. A picture belongs "
      "to the image of the same name; its suffix may be another one.")
  parser.add_argument(
      "--method_name", metavar="TEXT",
      help="Name that the table gives the pictures of --outputs; \"external\" "
      "when left out.")


def run(args: argparse.Namespace) -> int:
  """Runs or lists, and prints the table."""
  from jaxguide.evaluation import table_files
  _check(args)
  file = table_files.load(args.file)
  if args.list:
    sys.stdout.write(_listing(file))
    return 0
  experiment = experiment_options.changed(
      file.row(args.row, smoke=args.smoke), args)
  experiment_options.keep_compiled(args)
  try:
    report = _evaluate(experiment, args)
  except KeyboardInterrupt:
    sys.stderr.write("interrupted; the same command goes on from here\n")
    return 130
  sys.stdout.write((report.directory / "table.md").read_text("utf-8"))
  sys.stderr.write(f"written: {report.directory}\n")
  return 0


def _check(args: argparse.Namespace) -> None:
  if not args.list and not args.out:
    raise commands.UsageError("--out is needed, or --list; see --help")
  for name in _OF_SAMPLING if args.outputs else ():
    if getattr(args, name) is not None:
      raise commands.UsageError(
          f"--{name} does nothing with --outputs: its pictures are scored, "
          "none is made")
  if args.method_name is not None and not args.outputs:
    raise commands.UsageError(
        "--method_name does nothing without --outputs: it names the row of "
        "pictures that another program made")


def _evaluate(
    experiment: evaluation.Experiment, args: argparse.Namespace
) -> evaluation.Report:
  from jaxguide import parallel
  from jaxguide.evaluation import runner
  from jaxguide.evaluation.running import devices
  if args.outputs:
    return runner.score_outputs(
        experiment, args.outputs, args.out, limit=args.limit,
        method_name=args.method_name or "external")
  batch_size = args.batch_size or experiment.batch_size
  parallel.use_cpu_cores(
      args.devices or devices.most_devices(experiment, batch_size))
  return runner.evaluate(
      experiment, args.out, limit=args.limit, batch_size=args.batch_size,
      devices=args.devices, backend=args.backend or "pmap",
      matmul_precision=args.matmul_precision)


def _listing(file: table_files.TableFile) -> str:
  """The rows of a file, their tasks and methods, and what they need."""
  from jaxguide import failures
  built, wrong = {}, {}
  for name in file.names:
    try:
      built[name] = file.row(name)
    except ValueError as error:  # The other rows can be used nevertheless.
      wrong[name] = failures.one_line(error)
  width = max(map(len, file.names))
  task_width = max((len(row.task.title) for row in built.values()), default=0)
  lines = [file.title, ""]
  for name in file.names:
    about = wrong.get(name) or (
        f"{built[name].task.title:{task_width}}  {_method(built[name])}")
    lines.append(f"  {name:{width}}  {about}")
  lines += ["", *_needs(built)]
  description = textwrap.dedent(file.description).strip()
  return "\n".join([*lines, *(["", description] if description else [])]) + "\n"


def _method(experiment: evaluation.Experiment) -> str:
  """The method as the table calls it."""
  if experiment.method.is_baseline:
    return experiment.task.baseline
  return experiment.method.title


def _needs(rows: dict[str, evaluation.Experiment]) -> list[str]:
  """Lines on what is read from the disk, and which rows read nothing."""
  from jaxguide.evaluation import needed_files
  wanted, at_once, missing = {}, [], set()
  for name, experiment in rows.items():
    paths = needed_files.needed_files(experiment)
    missing.update(needed_files.missing_files(experiment))
    for path in paths:
      wanted.setdefault(path, []).append(name)
    if not paths:
      at_once.append(name)
  lines = [f"Needed by {_who(names, rows)}: {path}"
           f"{' (not there)' if path in missing else ''}"
           for path, names in wanted.items()]
  if at_once:
    lines.append(f"What {_who(at_once, rows)} needs comes with the package.")
  return lines


def _who(names: list[str], rows: dict[str, evaluation.Experiment]) -> str:
  others = [name for name in rows if name not in names]
  if len(others) < len(names):
    return "every row" + (f" but {', '.join(others)}" if others else "")
  return ", ".join(names)
