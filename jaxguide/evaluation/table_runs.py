"""Runs the rows of a table, one after the other, and joins what they made."""

from collections.abc import Iterator, Mapping, Sequence
import contextlib
import pathlib
import sys
from typing import NamedTuple, TextIO

import jax

from jaxguide import convert
from jaxguide import failures
from jaxguide.evaluation import experiments
from jaxguide.evaluation import runner
from jaxguide.evaluation import sources
from jaxguide.evaluation import tables
from jaxguide.evaluation.reporting import joined
from jaxguide.evaluation.running import devices as device_counts
from jaxguide.evaluation.running import program_cache


class TableReport(NamedTuple):
  """What the runs of a table end with.

  Attributes:
    rows: rows of the joined table; empty where no row was made.
    failures: why a row could not be made, by its name.
    directory: folder that the files are in.

  Example:
    >>> import pathlib
    >>> from jaxguide import evaluation
    >>> report = evaluation.TableReport(
    ...     rows=(), failures={"ffhq": "models/ffhq does not exist"},
    ...     directory=pathlib.Path("table"))
    >>> [f"{name}: {why}" for name, why in report.failures.items()]
    ['ffhq: models/ffhq does not exist']
  """

  rows: tuple[tables.Row, ...]
  failures: Mapping[str, str]
  directory: pathlib.Path


def run_table(
    rows: Mapping[str, experiments.Experiment],
    out: pathlib.Path | str,
    *,
    title: str = "",
    limit: int | None = None,
    batch_size: int | None = None,
    devices: int | None = None,
    backend: str = "pmap",
    matmul_precision: str | None = None,
    stream: TextIO | None = None,
) -> TableReport:
  """Makes or resumes every row and writes the whole table.

  A row gets the folder `out`/NAME, as from `evaluate`. A prior is loaded once
  for all rows that have the same source, and compiled programs are shared
  where rows run the same one. A row that fails for a reason that the user can
  mend, such as a missing file, does not keep the others from being made. The
  folder gets table.md, the measured rows beside the published ones, and
  grid.png.

  Args:
    rows: experiments by name.
    out: the folder; made if needed. Called again, the rows go on.
    title: heading of the table.
    limit: number of images, as for `evaluate`.
    batch_size: number of images per call, as for `evaluate`.
    devices: how many local devices; as many as a row's batch can fill when
      left out.
    backend: way to share a batch, as for `evaluate`.
    matmul_precision: precision of matrix products, as for `evaluate`.
    stream: text stream for progress; stderr when left out.

  Raises:
    ValueError: if there is no row, or rows over the same images cannot be
      compared.

  Example:
    >>> import os
    >>> from jaxguide import evaluation
    >>> colour = evaluation.Experiment(
    ...     name="colour", prior=None, data=evaluation.DrawnImages(2, 16),
    ...     task=evaluation.Colorization(), method=evaluation.Baseline())
    >>> with open(os.devnull, "w") as quiet:
    ...   report = evaluation.run_table({"grey": colour}, "table", stream=quiet)
    >>> [row.method for row in report.rows], dict(report.failures)
    (['grey: Degraded input'], {})
    >>> os.path.exists("table/table.md")
    True
  """
  if not rows:
    raise ValueError("rows must be at least one, got none")
  out, stream = pathlib.Path(out), stream or sys.stderr
  finished, unmade = {}, {}
  priors = _Priors([row.prior for row in rows.values()])
  with program_cache.kept_for_now():
    for number, (name, experiment) in enumerate(rows.items(), 1):
      stream.write(f"row {number} of {len(rows)}: {name}\n")
      try:
        with priors.lent(experiment) as prior:
          report = runner.evaluate(
              experiment, out / name, limit=limit, batch_size=batch_size,
              devices=devices or _devices(experiment, batch_size),
              backend=backend, matmul_precision=matmul_precision,
              prior=prior, stream=stream)
      except Exception as error:
        if not failures.is_plain(error):
          raise
        unmade[name] = failures.one_line(error)
        stream.write(f"row {name} was not made: {unmade[name]}\n")
        continue
      finished[name] = joined.FinishedRow(experiment, report)
  if not finished:
    return TableReport((), unmade, out)
  notes = [f"{name} was not made: {why}" for name, why in unmade.items()]
  return TableReport(
      joined.write(out, finished, title=title, notes=notes), unmade, out)


class _Priors:
  """Priors that are loaded once for all rows with the same source."""

  def __init__(self, wanted: Sequence[sources.PriorSource | None]):
    """Loads nothing yet.

    Args:
      wanted: the source of every row, in the order of the rows.
    """
    self._left = list(wanted)
    # Sources of a user's own need not be hashable: a list and not a dict.
    self._held: list[tuple[sources.PriorSource, convert.Prior]] = []

  @contextlib.contextmanager
  def lent(
      self, experiment: experiments.Experiment
  ) -> Iterator[convert.Prior | None]:
    """The prior of the next row; let go after the last row that has it."""
    try:
      yield (self._get(experiment.prior)
             if experiment.method.uses_prior else None)
    finally:
      del self._left[0]
      self._held = [pair for pair in self._held if pair[0] in self._left]

  def _get(self, source: sources.PriorSource) -> convert.Prior:
    for known, prior in self._held:
      if known == source:
        return prior
    prior = source.load()
    self._held.append((source, prior))
    return prior


def _devices(
    experiment: experiments.Experiment, batch_size: int | None
) -> int:
  """More than a batch can fill would compute padding alone."""
  return min(len(jax.local_devices()), device_counts.most_devices(
      experiment, batch_size or experiment.batch_size))
