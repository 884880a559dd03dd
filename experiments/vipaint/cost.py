"""What VIPaint costs by the size of the batch: seconds and memory.

  python -m experiments.vipaint.cost --out results/cost_emoji64 \\
      --config experiments/vipaint/configs/emoji64_rotated_vipaint2.py \\
      --sizes 2,4,8,16

For every number of images in --sizes they are fitted in one compiled call, and
all their samples drawn in another, on one device: once to compile, then
--repeats times, of which the fastest counts. `cost.csv` has a line per size:
seconds per image of the fit and per sample of the sampling, and by
`memory_analysis` of each program its MiB (temporaries, arguments and outputs).
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
from jaxguide.evaluation import config
from jaxguide.evaluation import producers
from jaxguide.evaluation import programs
from jaxguide.evaluation import store

CSV_FILE = "cost.csv"
_MIB = 2**20


class Cost(NamedTuple):
  """Of one size of the batch.

  Attributes:
    images: fitted in one call.
    samples: drawn in one call, of all images together.
    fit_seconds: per image.
    sampling_seconds: per sample.
    fit_mib: of the fit's program; None where the backend does not say.
    sampling_mib: of the sampling's.
    compile_seconds: of both.
  """

  images: int
  samples: int
  fit_seconds: float
  sampling_seconds: float
  fit_mib: float | None
  sampling_mib: float | None
  compile_seconds: float


def measure(
    experiment: config.Experiment,
    sizes: Sequence[int],
    *,
    repeats: int = 1,
) -> list[Cost]:
  """Fits and samples batches of several sizes.

  Args:
    experiment: its method is a `vipaint_method.Vipaint`; its first images
      are taken, `samples_per_image` samples of each.
    sizes: numbers of images, each at least 2: a batch of one is padded.
    repeats: of every call; the fastest counts.

  Raises:
    ValueError: a size or `repeats` is out of range; see also `inputs.load`.
  """
  wrong = [size for size in sizes if size < 2]
  if wrong or not sizes:
    raise ValueError(f"sizes must be at least 2, got {wrong or 'none'}")
  if repeats < 1:
    raise ValueError(f"repeats must be at least 1, got {repeats}")
  given = inputs.load(experiment, range(max(sizes)))
  parts = (given.prior, given.task, given.method, given.networks)
  options = {"devices": jax.local_devices()[:1], "backend": "jit"}
  fit = programs.Program(producers.fit(*parts), **options)
  sampling = programs.Program(producers.restore(*parts), **options)
  shared = fit.mapped.replicate(given.shared)
  return [
      _one(given, fit, sampling, shared, size, experiment.samples_per_image,
           repeats) for size in sizes]


def _one(
    given: inputs.Inputs,
    fit: programs.Program,
    sampling: programs.Program,
    shared: Any,
    size: int,
    samples: int,
    repeats: int,
) -> Cost:
  batch = jax.tree.map(lambda leaf: leaf[:size], given.batch)
  fitted, fit_seconds = _fastest(fit, shared, batch, size, repeats)
  rows = jax.tree.map(
      lambda leaf: np.repeat(np.asarray(leaf), samples, axis=0),
      batch | {"fitted": fitted})
  rows["sample"] = np.tile(np.arange(samples, dtype=np.int32), size)
  _, seconds = _fastest(sampling, shared, rows, size * samples, repeats)
  compiled = fit.compiled[size], sampling.compiled[size * samples]
  memory = [c.bytes_per_device and c.bytes_per_device / _MIB for c in compiled]
  return Cost(
      size, size * samples, fit_seconds / size, seconds / (size * samples),
      *memory, sum(c.seconds for c in compiled))


def _fastest(
    program: programs.Program, shared: Any, batch: Any, rows: int,
    repeats: int,
) -> tuple[Any, float]:
  """What the program gives, and the seconds of its fastest call."""
  spent = []
  for _ in range(repeats):
    before = program.seconds
    out = jax.block_until_ready(program(shared, batch, rows))
    spent.append(program.seconds - before)
  return out, min(spent)


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
  flags.DEFINE_string("config", None, "Python file with get_config.")
  flags.DEFINE_string("out", None, "Folder to write to.")
  flags.DEFINE_list("sizes", ["2", "4", "8", "16"], "Numbers of images.")
  flags.DEFINE_integer("repeats", 1, "Calls, of which the fastest counts.")
  flags.DEFINE_multi_string(
      "set", [], "name=value: replaces one field of the config; repeated.")


def main(argv: Sequence[str]) -> int:
  """Reads the flags, measures and shows the table."""
  if len(argv) > 1:
    raise app.UsageError(f"unexpected argument: {argv[1]}")
  values = flags.FLAGS
  try:
    experiment = config.override(config.load(values.config), values.set)
    costs = measure(
        experiment, [int(n) for n in values.sizes], repeats=values.repeats)
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
  flags.mark_flags_as_required(["config", "out"])
  app.run(main)
