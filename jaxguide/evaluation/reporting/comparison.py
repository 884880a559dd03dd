"""Several runs over the same images in one table and one picture."""

from collections.abc import Mapping, Sequence
import csv
import json
import math
import pathlib
import statistics
from typing import Any, NamedTuple

from jaxguide.evaluation import experiments
from jaxguide.evaluation import pictures
from jaxguide.evaluation import scoring
from jaxguide.evaluation import tables
from jaxguide.evaluation import tasks
from jaxguide.evaluation.reporting import grids

# Means of one metric over the same pictures are this close on any platform.
_SAME = 1e-3


class Comparison(NamedTuple):
  """Runs over the same images, side by side.

  Attributes:
    rows: rows of the table, one per run.
    columns: columns of the experiment's metrics.
    spread: what the ± of each row is, in words.
    differences: a note per run after the first: its differences to that one.
    signatures: signatures of the metrics, as notes.
    picture_labels: headings of the columns of the grid.
    pictures: the grid's rows by image; empty where no image has a picture in
      every run.
  """

  rows: tuple[tables.Row, ...]
  columns: Sequence[tables.Column]
  spread: str
  differences: tuple[str, ...]
  signatures: tuple[str, ...]
  picture_labels: Sequence[str]
  pictures: Mapping[str, Sequence[pictures.Cell]]


class _Finished(NamedTuple):
  folder: pathlib.Path
  summary: Mapping[str, Any]
  made: Mapping[str, pathlib.Path]
  lines: list[dict[str, str]]  # Of per_image.csv.


def compare(
    experiment: experiments.Experiment,
    runs: Mapping[str, pathlib.Path | str],
    out: pathlib.Path | str,
    *,
    names: Sequence[str] = (),
) -> tuple[tables.Row, ...]:
  """Writes table.md and grid.png of finished runs.

  The table has a row per run and the experiment's published ones; below it
  stand the differences of each run to the first one, image by image. The grid
  has a row per image: the source (or original and observed picture), the first
  sample of each run, and a translation's counterpart last.

  Args:
    experiment: gives images, task and published rows; any of the runs'.
    runs: finished folders by what the table shall call them.
    out: folder to write to; made if needed.
    names: names of the images that the grid shows; the first few that every run
      has a picture of when left out.

  Returns:
    The rows of the table.

  Raises:
    FileNotFoundError: if a folder holds no finished run.
    ValueError: if runs differ in their images, in what was observed of them
      or in how a metric is computed, or a name is of no image with a picture
      in every run.

  Example:
    >>> import os
    >>> from jaxguide import evaluation
    >>> experiment = evaluation.Experiment(
    ...     name="grey", prior=None, data=evaluation.DrawnImages(2, 16),
    ...     task=evaluation.Colorization(), method=evaluation.Baseline())
    >>> with open(os.devnull, "w") as quiet:
    ...   for name in ("first", "second"):
    ...     _ = evaluation.evaluate(experiment, name, stream=quiet)
    >>> runs = {"One": "first", "Two": "second"}
    >>> [row.method for row in evaluation.compare(experiment, runs, "both")]
    ['One', 'Two']
  """
  made = gather(experiment, runs, names=names)
  rows = (*made.rows, *map(tables.published_row, experiment.published))
  out = pathlib.Path(out)
  out.mkdir(parents=True, exist_ok=True)
  tables.write_table(
      out / "table.md", rows, made.columns, title=experiment.name,
      notes=[made.spread, *made.differences, *made.signatures])
  if made.pictures:
    pictures.write_grid(
        out / "grid.png", list(made.pictures.values()),
        column_labels=made.picture_labels, row_labels=list(made.pictures))
  return rows


def gather(
    experiment: experiments.Experiment,
    runs: Mapping[str, pathlib.Path | str],
    *,
    names: Sequence[str] = (),
    num_images: int = grids.GRID_ROWS,
) -> Comparison:
  """What `compare` writes, without the published rows.

  Args:
    experiment: experiment, as for `compare`.
    runs: finished folders, as for `compare`.
    names: names of images, as for `compare`.
    num_images: images of the grid where `names` is left out.

  Raises:
    FileNotFoundError: a folder without a finished run.
    ValueError: runs that `compare` refuses.
  """
  found = {label: _read(pathlib.Path(folder)) for label, folder in
           runs.items()}
  _check(found)
  _check_given(found, experiment.task.baseline)
  columns = scoring.columns(
      (*experiment.chosen_metrics, *experiment.set_metrics))
  signatures = dict.fromkeys(
      s for run in found.values() for s in _signatures(run).values())
  shown = _pictures(experiment, found, names, num_images)
  return Comparison(
      tuple(_row(label, run) for label, run in found.items()), columns,
      _spread(found), tuple(_differences(found, columns)),
      tuple(f"`{s}`" for s in signatures), *shown)


def _read(folder: pathlib.Path) -> _Finished:
  try:
    summary = json.loads((folder / "summary.json").read_text("utf-8"))
    text = (folder / "per_image.csv").read_text("utf-8")
  except FileNotFoundError as error:
    raise FileNotFoundError(
        f"{folder} holds no finished run: {error.filename} is not there"
    ) from None
  lines = list(csv.DictReader(text.splitlines()))
  made = {row["name"]: folder / row["picture"] for row in lines
          if row["picture"] and row["sample"] == "0"}
  return _Finished(folder, summary, made, lines)


def _check(found: Mapping[str, _Finished]) -> None:
  """Numbers may be compared only if images and signatures agree."""
  if not found:
    raise ValueError("runs must be at least one, got none")
  seen: dict[str, tuple[str, str]] = {}
  for label, run in found.items():
    said = {"images": run.summary["inputs_sha256"], **_signatures(run)}
    for name, value in said.items():
      other, wanted = seen.setdefault(name, (label, value))
      if value != wanted:
        raise ValueError(
            f"runs {other} and {label} differ in {name}: {wanted} and {value}")


def _check_given(found: Mapping[str, _Finished], baseline: str) -> None:
  """Refuses runs whose degraded pictures, so whose masks or noise, differ."""
  seen: dict[str, tuple[str, float]] = {}
  for label, run in found.items():
    scores = run.summary["results"].get(baseline, {})
    for metric, score in scores.items():
      mean = score["mean"]
      other, wanted = seen.setdefault(metric, (label, mean))
      if not math.isclose(
          mean, wanted, rel_tol=_SAME, abs_tol=_SAME) and not (
              math.isnan(mean) and math.isnan(wanted)):
        raise ValueError(
            f"runs {other} and {label} differ in what was observed (task, "
            f"masks or noise): {metric} of {baseline!r} is {wanted:.6g} and "
            f"{mean:.6g}")


def _signatures(run: _Finished) -> dict[str, str]:
  # How many seeds a mean is over is in the notes, and decides no value.
  return {**run.summary["metrics"], **{
      name: score["signature"].partition("|seeds=")[0]
      for name, score in run.summary.get("set_results", {}).items()}}


def _spread(found: Mapping[str, _Finished]) -> str:
  """What the ± of each row is."""
  seeds = [
      f"{label} {run.summary['experiment']['samples_per_image']}"
      for label, run in found.items()
      if run.summary["experiment"]["spread"] == "seeds"]
  if not seeds:
    return "Mean ± standard error over images."
  return (f"± is the standard deviation over seeds ({', '.join(seeds)}), the "
          "standard error over images in other rows.")


def _row(label: str, run: _Finished) -> tables.Row:
  """The row of a run's method; it comes last among its results."""
  results = list(run.summary["results"].values())[-1]
  seeds = run.summary["experiment"]["spread"] == "seeds"
  values = {
      name: tables.Estimate(
          float(e["mean"]), _float(e["standard_error"]), e["num_images"],
          _float(e.get("standard_deviation_over_seeds")))
      for name, e in results.items()}
  for name, score in run.summary.get("set_results", {}).items():
    values[name] = tables.Estimate(
        float(score["value"]), None, score["num_pictures"],
        _float(score["spread"]) if seeds else None)
  count = max((e.num_images for e in values.values()), default=None)
  return tables.Row(label, values, count)


def _differences(
    found: Mapping[str, _Finished], columns: Sequence[tables.Column]
) -> list[str]:
  """A note per run after the first: its differences to that one.

  Images differ more than methods do, so that the error of a difference over
  the same images is less than the errors of both means make it.
  """
  first, *others = (
      (label, {c.name: _by_image(run, c.name) for c in columns})
      for label, run in found.items())
  notes = []
  for label, values in others:
    parts = []
    for column in columns:
      own, base = values[column.name], first[1][column.name]
      gap = tables.estimate([own[n] - base[n] for n in own if n in base])
      if gap.standard_error is not None:
        parts.append(f"{column.label} {gap.mean:+.{column.digits}f} ± "
                     f"{gap.standard_error:.{column.digits}f} "
                     f"({gap.num_images})")
    if parts:
      notes.append(f"{label} less {first[0]}, image by image (of so many "
                   f"images): {'; '.join(parts)}")
  return notes


def _by_image(run: _Finished, metric: str) -> dict[str, float]:
  """The mean over an image's samples, of those that are finite."""
  seen: dict[str, list[float]] = {}
  for line in run.lines:
    value = float(line.get(metric) or "nan")
    if math.isfinite(value):
      seen.setdefault(line["index"], []).append(value)
  return {image: statistics.fmean(values) for image, values in seen.items()}


def _float(value: Any) -> float | None:
  return None if value is None else float(value)


def _pictures(
    experiment: experiments.Experiment,
    found: Mapping[str, _Finished],
    names: Sequence[str],
    num_images: int,
) -> tuple[list[str], dict[str, list[pictures.Cell]]]:
  """The labels of the grid's columns, and its rows by image."""
  dataset = experiment.data.open()
  common = [name for name in dataset.names
            if all(name in run.made for run in found.values())]
  for name in names:
    if name not in common:
      raise ValueError(f"image {name!r} has no picture in every run")
  scorer = scoring.Scorer(experiment.task, (), experiment.seed)
  task, rows = experiment.task, {}
  for name in list(names) or common[:num_images]:
    made = [pictures.Cell(pictures.decode(run.made[name]))
            for run in found.values()]
    given = grids.given(
        experiment, dataset, scorer, dataset.names.index(name))
    rows[name] = _between(task, given, made)
  return _between(task, task.shown_labels, list(found)), rows


def _between(task: tasks.Task, given: Sequence, made: Sequence) -> list:
  """What was made, behind what was given, the truth at the end."""
  if task.truth_is_shown:
    return [*given[:-1], *made, given[-1]]
  return [*given, *made]
