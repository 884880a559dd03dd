"""From the records of a journal to the rows of a table."""

from collections.abc import Mapping, Sequence

import numpy as np

from jaxguide.evaluation import experiments
from jaxguide.evaluation import methods
from jaxguide.evaluation import set_scores
from jaxguide.evaluation import tables


def num_seeds(experiment: experiments.Experiment) -> int | None:
  """How many runs the samples stand for; None where they stand for one."""
  many = experiment.spread == "seeds"
  return experiment.samples_per_image if many else None


def table_rows(
    experiment: experiments.Experiment,
    records: Sequence[Mapping],
    of_set: Mapping[str, set_scores.SetScore],
) -> list[tables.Row]:
  """The rows of the degraded input and of the method.

  Samples of one image are averaged first, and the standard error is over
  images; or each sample is a run of its own, see `Experiment.spread`.

  Args:
    experiment: names the method and the metrics.
    records: of the journal.
    of_set: what the method's pictures score as a set.
  """
  names = [m.name for m in experiment.chosen_metrics]
  rows, title = [], experiment.method.title
  seeds = num_seeds(experiment)
  if isinstance(experiment.method, methods.Degraded):
    title = experiment.task.baseline
  else:
    rows.append(_row(experiment.task.baseline, "degraded", records, names))
  make = _row if seeds is None else _row_over_seeds
  made = make(title, "metrics", records, names)
  rows.append(made._replace(values={**made.values, **{
      name: tables.Estimate(
          s.value, None, s.num_pictures, None if seeds is None else s.spread)
      for name, s in of_set.items()}}))
  return rows


def _row_over_seeds(
    method: str, part: str, records: Sequence[Mapping], names: Sequence[str]
) -> tables.Row:
  """The mean and standard deviation of the rows of single samples."""
  samples = sorted({r["sample"] for r in records})
  runs = [
      _row(method, part, [r for r in records if r["sample"] == s], names)
      for s in samples]
  count = max(run.num_images for run in runs)
  return tables.Row(method, {
      name: tables.estimate_over_seeds([r.values[name] for r in runs], count)
      for name in names}, count)


def _row(
    method: str, part: str, records: Sequence[Mapping], names: Sequence[str]
) -> tables.Row:
  images = by_image(records, part)
  values = {
      name: tables.estimate([image[name] for image in images])
      for name in names
  }
  return tables.Row(method, values, len(images))


def by_image(records: Sequence[Mapping], part: str) -> list[dict[str, float]]:
  """Means over the samples of each image that has any."""
  return [
      {name: sum(p[name] for p in parts) / len(parts) for name in parts[0]}
      for parts in _samples_of_images(records, part)
  ]


def _samples_of_images(
    records: Sequence[Mapping], part: str
) -> list[list[Mapping[str, float]]]:
  groups: dict[int, list[Mapping]] = {}
  for record in records:
    if record.get(part):
      groups.setdefault(record["index"], []).append(record[part])
  return list(groups.values())


def extremes(
    experiment: experiments.Experiment, records: Sequence[Mapping]
) -> dict[str, dict[str, float | str | None]]:
  """Of several samples the lowest and the highest, averaged over images."""
  if experiment.samples_per_image == 1 or num_seeds(experiment) is not None:
    return {}
  images = _samples_of_images(records, "metrics")
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
