"""The evaluation command: flags in, a folder of results out.

`experiments/evaluate.py` and `jaxguide evaluate` both call `main`. Flags
live in a `FlagValues` of their own, so that several commands can share one
process.
"""

from collections.abc import Sequence
import dataclasses
import pathlib
import sys
from typing import TextIO

from absl import flags
import jax
from jax.experimental.compilation_cache import compilation_cache

from jaxguide import parallel
from jaxguide.convert import errors
from jaxguide.evaluation import experiments
from jaxguide.evaluation import overrides
from jaxguide.evaluation import runner
from jaxguide.evaluation import table_files
from jaxguide.evaluation.reporting import reports

PRECISIONS = ("default", "high", "highest", "bfloat16", "tensorfloat32",
              "float32")

USAGE = """Makes and scores the pictures of an experiment, or scores others.

  evaluate.py --config FILE --out DIR [--limit N] [--set a.b=c ...]
  evaluate.py --config FILE --outputs PICTURES --out DIR [--method_name NAME]

DIR gets per_image.csv, summary.json, table.md, grid.png, images/*.png and
timing.json. The same command run again goes on where it was interrupted.
"""

# They say how pictures are made, which `--outputs` does not do.
_OF_SAMPLING = ("devices", "backend", "batch_size", "matmul_precision")


def define_flags() -> flags.FlagValues:
  """The command's flags, in a `FlagValues` of their own."""
  values = flags.FlagValues()
  own = {"flag_values": values}
  flags.DEFINE_string("config", None, "Python file with get_config.", **own)
  flags.DEFINE_string("out", None, "Folder for the results.", **own)
  flags.DEFINE_string(
      "outputs", None, "Folder of pictures that another program made, to be "
      "scored by name instead of sampling.", **own)
  flags.DEFINE_string(
      "method_name", "external", "With --outputs: the row's name.", **own)
  flags.DEFINE_integer(
      "limit", None, "The first so many images only.", lower_bound=1, **own)
  flags.DEFINE_integer(
      "batch_size", None, "Images per call over all devices.", lower_bound=1,
      **own)
  flags.DEFINE_integer(
      "devices", None, "How many local devices; all when left out. On CPU "
      "every core is one, unless JAX_NUM_CPU_DEVICES says how many there are.",
      lower_bound=1, **own)
  flags.DEFINE_enum(
      "backend", "pmap", parallel.BACKENDS, "How a batch is sharded.", **own)
  flags.DEFINE_integer(
      "seed", None, "Replaces the config's seed.", lower_bound=0, **own)
  flags.DEFINE_multi_string(
      "set", [], "name=value: replaces one field of the config, for instance "
      "--set method.num_steps=50; may be repeated.", **own)
  flags.DEFINE_bool(
      "smoke", False, "Run the config's tiny version.", **own)
  flags.DEFINE_enum(
      "matmul_precision", None, PRECISIONS, "Precision of float32 products "
      "on accelerators, which use less than float32 by default.", **own)
  flags.DEFINE_string(
      "compilation_cache", None, "Folder where compiled programs are kept "
      "between runs.", **own)
  flags.DEFINE_bool("help", False, "Show this text.", short_name="h", **own)
  return values


def main(
    argv: Sequence[str],
    *,
    out: TextIO | None = None,
    err: TextIO | None = None,
) -> int:
  """Runs the command.

  Args:
    argv: program name and flags.
    out: where the table goes; stdout when left out.
    err: where progress and errors go; stderr when left out.

  Returns:
    Exit status: 0, 1 for a failed run, 2 for wrong flags, 130 when
    interrupted.
  """
  out, err = out or sys.stdout, err or sys.stderr
  values = define_flags()
  try:
    rest = values(list(argv))
    if values.help:
      out.write(f"{USAGE}\n{values.get_help()}\n")
      return 0
    _check(values, rest[1:])
  except flags.Error as error:
    err.write(f"error: {_line(error)}\n")
    return 2
  try:
    report = run(values, err)
  except KeyboardInterrupt:
    err.write("interrupted; the same command goes on from here\n")
    return 130
  except (OSError, MemoryError, ValueError) as error:
    if not _is_plain(error):
      raise
    err.write(f"error: {_line(error)}\n")
    return 1
  out.write((report.directory / "table.md").read_text(encoding="utf-8"))
  err.write(f"written: {report.directory}\n")
  return 0


def run(values: flags.FlagValues, stream: TextIO) -> reports.Report:
  """What the parsed flags ask for.

  Args:
    values: from `define_flags`, parsed.
    stream: for progress.
  """
  experiment = table_files.load(values.config, smoke=values.smoke)
  experiment = overrides.override(experiment, values.set)
  if values.compilation_cache:
    _keep_compiled(values.compilation_cache)
  if values.seed is not None:
    experiment = dataclasses.replace(experiment, seed=values.seed)
  if values.outputs:
    return runner.score_outputs(
        experiment, values.outputs, values.out,
        method_name=values.method_name, limit=values.limit, stream=stream)
  batch_size = values.batch_size or experiment.batch_size
  parallel.use_cpu_cores(values.devices or most_devices(experiment, batch_size))
  return runner.evaluate(
      experiment, values.out, limit=values.limit,
      batch_size=values.batch_size, devices=values.devices,
      backend=values.backend, matmul_precision=values.matmul_precision,
      stream=stream)


def most_devices(experiment: experiments.Experiment, batch_size: int) -> int:
  """How many devices a batch can fill: with two rows, fits too, for each."""
  rows = batch_size
  if experiment.method.fits:
    rows //= experiment.samples_per_image
  return max(1, rows // parallel.MIN_ROWS)


def _check(values: flags.FlagValues, rest: Sequence[str]) -> None:
  if rest:
    raise flags.Error(
        f"unexpected argument {rest[0]!r}; every option begins with --")
  for name in ("config", "out"):
    if not values[name].value:
      raise flags.Error(f"--{name} is needed; see --help")
  for name in _OF_SAMPLING if values.outputs else ():
    if values[name].present:
      raise flags.Error(
          f"--{name} does nothing with --outputs: its pictures are scored, "
          "none is made")
  if values["method_name"].present and not values.outputs:
    raise flags.Error(
        "--method_name does nothing without --outputs: it names the row of "
        "pictures that another program made")


def _keep_compiled(directory: str) -> None:
  path = str(pathlib.Path(directory).resolve())
  jax.config.update("jax_compilation_cache_dir", path)
  # By default what compiles in under a second is never kept.
  jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
  # A cache that was looked for before, in vain, is not looked for again.
  compilation_cache.reset_cache()


def _is_plain(error: Exception) -> bool:
  """Whether it is the user's to mend; a defect shows its traceback."""
  plain = (OSError, MemoryError, overrides.ConfigError, errors.ConversionError)
  return isinstance(error, plain) or type(error) is ValueError


def _line(error: Exception) -> str:
  text = str(error)
  return " ".join(text.split())
