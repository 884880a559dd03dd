"""From the records of a journal to the rows of a table."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from jaxguide.evaluation import experiments
from jaxguide.evaluation import records
from jaxguide.evaluation import set_scores
from jaxguide.evaluation import tables

# Which scores of a record a row is of.
Part = Callable[[records.Record], Mapping[str, float]]
_METRICS: Part = lambda record: record.metrics
_BASELINE: Part = lambda record: record.baseline


def num_seeds(experiment: experiments.Experiment) -> int | None:
  """How many runs the samples stand for; None where they stand for one."""
  many = experiment.spread == "seeds"
  return experiment.samples_per_image if many else None


def table_rows(
    experiment: experiments.Experiment,
    made: Sequence[records.Record],
    of_set: Mapping[str, set_scores.SetScore],
) -> list[tables.Row]:
  """The rows of the degraded input and of the method.

  Samples of one image are averaged first, and the standard error is over
  images; or each sample is a run of its own, see `Experiment.spread`.

  Args:
    experiment: names the method and the metrics.
    made: records of the journal.
    of_set: what the method's pictures score as a set.
  """
  names = [m.name for m in experiment.chosen_metrics]
  rows, title = [], experiment.method.title
  seeds = num_seeds(experiment)
  if experiment.method.is_baseline:
    title = experiment.task.baseline
  else:
    rows.append(_row(experiment.task.baseline, _BASELINE, made, names))
  make = _row if seeds is None else _row_over_seeds
  row = make(title, _METRICS, made, names)
  rows.append(row._replace(values={**row.values, **{
      name: tables.Estimate(
          s.value, None, s.num_pictures, None if seeds is None else s.spread)
      for name, s in of_set.items()}}))
  return rows


def _row_over_seeds(
    method: str, part: Part, made: Sequence[records.Record],
    names: Sequence[str],
) -> tables.Row:
  """The mean and standard deviation of the rows of single samples."""
  samples = sorted({r.sample for r in made})
  runs = [
      _row(method, part, [r for r in made if r.sample == s], names)
      for s in samples]
  count = max(run.num_images for run in runs)
  return tables.Row(method, {
      name: tables.estimate_over_seeds([r.values[name] for r in runs], count)
      for name in names}, count)


def _row(
    method: str, part: Part, made: Sequence[records.Record],
    names: Sequence[str],
) -> tables.Row:
  images = by_image(made, part)
  values = {
      name: tables.estimate([image[name] for image in images])
      for name in names
  }
  return tables.Row(method, values, len(images))


def by_image(
    made: Sequence[records.Record], part: Part = _METRICS
) -> list[dict[str, float]]:
  """Means over the samples of each image that has any.

  Args:
    made: records of the journal.
    part: which scores of a record.
  """
  return [
      {name: sum(p[name] for p in parts) / len(parts) for name in parts[0]}
      for parts in _samples_of_images(made, part)
  ]


def _samples_of_images(
    made: Sequence[records.Record], part: Part
) -> list[list[Mapping[str, float]]]:
  groups: dict[int, list[Mapping]] = {}
  for record in made:
    if part(record):
      groups.setdefault(record.index, []).append(part(record))
  return list(groups.values())


def extremes(
    experiment: experiments.Experiment, made: Sequence[records.Record]
) -> dict[str, dict[str, float | str | None]]:
  """Of several samples the lowest and the highest, averaged over images."""
  if experiment.samples_per_image == 1 or num_seeds(experiment) is not None:
    return {}
  images = _samples_of_images(made, _METRICS)
  if not images:
    return {}
  return {
      m.name: {
          word: json_number(tables.estimate(
              [choose(s[m.name] for s in samples) for samples in images]).mean)
          for word, choose in (("lowest", min), ("highest", max))}
      for m in experiment.chosen_metrics}


def json_number(value: float | None) -> float | str | None:
  """A number that JSON can hold: it has no infinity."""
  if value is None or np.isfinite(value):
    return value
  return str(value)
