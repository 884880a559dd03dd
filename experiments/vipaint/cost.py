"""What VIPaint costs by the size of the batch: seconds and memory.

  python -m experiments.vipaint.cost --out results/cost_emoji64 \\
      --table experiments/vipaint/tables/emoji64.py --row rotated_vipaint2 \\
      --sizes 1,2,4,8,16

For every number of images in --sizes they are fitted in one compiled call, and
all their samples drawn in another: once to compile, then --repeats times, of
which the fastest counts. `cost.csv` has a line per size: seconds per image of
the fit and per sample of the sampling, and by `memory_analysis` of each program
its MiB on each device (temporaries, arguments and outputs). A call is spread
over as many local devices as it has two rows for; on CPU every core is one.
Seconds are to be compared where nothing else ran.
"""

from __future__ import annotations

from collections.abc import Sequence
import csv
import io
import pathlib
import sys
from typing import Any, NamedTuple

from absl import app
from absl import flags
import jax
import numpy as np

from experiments.vipaint import inputs
from jaxguide import evaluation
from jaxguide import parallel
from jaxguide.evaluation import overrides
from jaxguide.evaluation import store
from jaxguide.evaluation import table_files
from jaxguide.evaluation.running import compiled
from jaxguide.evaluation.running import pipeline

CSV_FILE = "cost.csv"
_MIB = 2**20


class Cost(NamedTuple):
  """Of one size of the batch.

  Attributes:
    images: fitted in one call.
    samples: drawn in one call, of all images together.
    fit_devices: that share the images.
    sampling_devices: that share the samples.
    fit_seconds: per image.
    sampling_seconds: per sample.
    fit_mib: of the fit's program on each device; None where the backend does
      not say.
    sampling_mib: of the sampling's.
    compile_seconds: of both.
  """

  images: int
  samples: int
  fit_devices: int
  sampling_devices: int
  fit_seconds: float
  sampling_seconds: float
  fit_mib: float | None
  sampling_mib: float | None
  compile_seconds: float


def measure(
    experiment: evaluation.Experiment,
    sizes: Sequence[int],
    *,
    repeats: int = 1,
) -> list[Cost]:
  """Fits and samples batches of several sizes.

  Args:
    experiment: its method is a `methods.Vipaint`; its first images
      are taken, `samples_per_image` samples of each.
    sizes: numbers of images, each at least 1; a single one is padded to two.
    repeats: of every call; the fastest counts.

  Raises:
    ValueError: a size or `repeats` is out of range; see also `inputs.load`.
  """
  wrong = [size for size in sizes if size < 1]
  if wrong or not sizes:
    raise ValueError(f"sizes must be at least 1, got {wrong or 'none'}")
  if repeats < 1:
    raise ValueError(f"repeats must be at least 1, got {repeats}")
  given = inputs.load(experiment, range(max(sizes)))
  return [_one(given, size, experiment.samples_per_image, repeats)
          for size in sizes]


def _one(
    given: inputs.Inputs, size: int, samples: int, repeats: int
) -> Cost:
  images = jax.tree.map(lambda leaf: leaf[:size], given.rows)
  fit = _Call(given.functions.fit, given.shared, size)
  fitted, fit_seconds = fit.fastest(images, repeats)
  rows = jax.tree.map(
      lambda leaf: np.repeat(np.asarray(leaf), samples, axis=0),
      images._replace(fitted=fitted))
  rows = rows._replace(
      samples=np.tile(np.arange(samples, dtype=np.int32), size))
  sampling = _Call(given.functions.sample, given.shared, size * samples)
  _, seconds = sampling.fastest(rows, repeats)
  return Cost(
      size, size * samples, fit.num_devices, sampling.num_devices,
      fit_seconds / size, seconds / (size * samples), fit.mib, sampling.mib,
      fit.compile_seconds + sampling.compile_seconds)


class _Call:
  """A program for so many rows, on the devices that they fill."""

  def __init__(
      self,
      fn: parallel.Mapped,
      shared: pipeline.Shared,
      rows: int,
  ):
    devices = jax.local_devices()[:max(1, rows // parallel.MIN_ROWS)]
    self.num_devices = len(devices)
    self._rows = rows
    self._program = compiled.Program(fn, devices=devices)
    self._shared = self._program.mapped.replicate(shared)

  def fastest(
      self, rows: pipeline.Rows, repeats: int
  ) -> tuple[Any, float]:
    """What the program gives, and the seconds of its fastest call."""
    spent = []
    for _ in range(repeats):
      before = self._program.seconds
      out = jax.block_until_ready(
          self._program(self._shared, rows, self._rows))
      spent.append(self._program.seconds - before)
    return out, min(spent)

  @property
  def mib(self) -> float | None:
    size = self._program.compiled[self._rows].bytes_per_device
    return size and size / _MIB

  @property
  def compile_seconds(self) -> float:
    return self._program.compiled[self._rows].seconds


def table(costs: Sequence[Cost]) -> str:
  """The lines of `cost.csv`."""
  buffer = io.StringIO()
  writer = csv.writer(buffer, lineterminator="\n")
  writer.writerow(Cost._fields)
  for cost in costs:
    writer.writerow([
        f"{v:.4g}" if isinstance(v, float) else "" if v is None else v
        for v in cost])
  return buffer.getvalue()


def define_flags() -> None:
  """The command's flags; not at import, where two commands would clash."""
  flags.DEFINE_string(
      "table", None, "Table file that holds the row; it is executed.")
  flags.DEFINE_string(
      "row", None, "Name of the row; not needed where there is one alone.")
  flags.DEFINE_string("out", None, "Folder to write to.")
  flags.DEFINE_list("sizes", ["1", "2", "4", "8", "16"], "Numbers of images.")
  flags.DEFINE_integer("repeats", 1, "Calls, of which the fastest counts.")
  flags.DEFINE_multi_string(
      "set", [], "name=value: replaces one field of the experiment; repeated.")


def main(argv: Sequence[str]) -> int:
  """Reads the flags, measures and shows the table."""
  if len(argv) > 1:
    raise app.UsageError(f"unexpected argument: {argv[1]}")
  values = flags.FLAGS
  try:
    experiment = overrides.override(
        table_files.load_row(values.table, values.row), values.set)
    sizes = [int(n) for n in values.sizes]
    rows = max([0, *sizes]) * experiment.samples_per_image
    parallel.use_cpu_cores(max(1, rows // parallel.MIN_ROWS))
    costs = measure(experiment, sizes, repeats=values.repeats)
    out = pathlib.Path(values.out)
    out.mkdir(parents=True, exist_ok=True)
    store.write_atomic(out / CSV_FILE, table(costs).encode())
  except (ValueError, OSError) as error:
    sys.stderr.write(f"cost: {' '.join(str(error).split())}\n")
    return 2
  sys.stdout.write(table(costs))
  return 0


if __name__ == "__main__":
  define_flags()
  flags.mark_flags_as_required(["table", "out"])
  app.run(main)
