"""The files that a run ends with, made from its journal alone.

Everything here is a function of the experiment and the journal, so that a
run that was interrupted ends with the same bytes as one that was not.
Seconds, speeds and devices go to timing.json and nowhere else.
"""

from collections.abc import Mapping, Sequence
import csv
import dataclasses
import hashlib
import io
import json
from typing import Any, NamedTuple

import jax
import numpy as np

import jaxguide
from jaxguide import convert
from jaxguide import data
from jaxguide import identities
from jaxguide import metrics
from jaxguide.evaluation import experiments
from jaxguide.evaluation import overrides
from jaxguide.evaluation import records
from jaxguide.evaluation import scoring
from jaxguide.evaluation import set_scores
from jaxguide.evaluation import sources
from jaxguide.evaluation import store
from jaxguide.evaluation import tables
from jaxguide.evaluation.reporting import grids
from jaxguide.evaluation.reporting import summary_rows


class Report(NamedTuple):
  """What a run ends with.

  Attributes:
    rows: rows of the table: the degraded input, the method, the published rows.
    records: what the journal holds, one per item, in order.
    summary: what summary.json holds.
    directory: folder that the files are in.

  Example:
    >>> from jaxguide import evaluation
    >>> report = evaluation.Report(
    ...     rows=(evaluation.Row("Ours", {"psnr": evaluation.Estimate(24.5)}),),
    ...     records=(), summary={}, directory="run")
    >>> {row.method: row.values["psnr"].mean for row in report.rows}
    {'Ours': 24.5}
  """

  rows: tuple[tables.Row, ...]
  records: tuple[records.Record, ...]
  summary: Mapping[str, Any]
  directory: Any


def identity(
    experiment: experiments.Experiment,
    prior: convert.Prior | None,
    matmul_precision: str | None,
    *,
    networks: Mapping[str, sources.Network] | None = None,
    **more: Any,
) -> dict[str, Any]:
  """What decides the results of a run: a folder holds one of these.

  Batch size, devices, back end and limit are left out, as they decide
  nothing; published rows are, as they are copied.

  Args:
    experiment: its other fields.
    prior: None where it is not used.
    matmul_precision: precision of matrix products in the run.
    networks: networks of the method.
    **more: further JSON values.
  """
  experiment = dataclasses.replace(
      experiment, metrics=experiment.chosen_metrics)
  resolved = overrides.to_json(experiment)
  for name in ("batch_size", "published"):
    resolved.pop(name)
  if experiment.set_metrics:
    resolved["set_reference"] |= experiment.set_reference.fingerprint()
  else:
    for name in ("set_metrics", "set_reference"):
      resolved.pop(name)
  model = None if prior is None else {
      "name": prior.name, "sha256": prior.sha256}
  if networks:
    more["networks"] = {name: {"name": n.name, "digest": n.digest}
                        for name, n in networks.items()}
  return {
      "experiment": resolved,
      "model": model,
      "versions": {"jaxguide": jaxguide.__version__, "jax": jax.__version__,
                   "numpy": np.__version__},
      "platform": jax.default_backend(),
      "matmul_precision": matmul_precision,
      **more,
  }


def finish(
    experiment: experiments.Experiment,
    folder: store.Store,
    dataset: data.Dataset,
    scorer: scoring.Scorer,
    identity: Mapping[str, Any],
    num_images: int,
    costs: Mapping[str, Any] | None = None,
) -> Report:
  """Writes every file but timing.json.

  Args:
    experiment: what was run.
    folder: its journal holds every item of the run.
    dataset: the grid shows images of it.
    scorer: the grid shows degraded pictures of it.
    identity: identity of the run.
    num_images: images of the run; a journal may hold more.
    costs: what summary.json says of the method's.
  """
  total = num_images * experiment.samples_per_image
  folder.compact()
  made = tuple(folder.records[i] for i in range(total))
  of_set = set_scores.measure(
      experiment.set_metrics, experiment.set_reference, folder, dataset,
      made, num_seeds=summary_rows.num_seeds(experiment))
  rows = summary_rows.table_rows(experiment, made, of_set)
  rows += [tables.published_row(p) for p in experiment.published]
  summary = _summary(experiment, identity, made, num_images, of_set)
  summary |= costs or {}
  names = [m.name for m in experiment.chosen_metrics]
  folder.write("per_image.csv", _csv(made, names))
  folder.write("summary.json", identities.to_json(summary))
  folder.write("table.md", _table(experiment, rows, summary))
  grids.write(experiment, folder, dataset, scorer, made)
  return Report(tuple(rows), made, summary, folder.directory)


def costs(
    experiment: experiments.Experiment, prior: convert.Prior | None
) -> dict[str, Any]:
  """What summary.json says of a method that counts its evaluations.

  Memory depends on batch and devices, and is in timing.json.

  Args:
    experiment: its method may count them.
    prior: prior of the run.
  """
  if prior is None:
    return {}
  counts = experiment.method.network_evaluations(prior.schedule)
  return {} if counts is None else {"network_evaluations": counts}


def _summary(
    experiment: experiments.Experiment,
    identity: Mapping[str, Any],
    made: Sequence[records.Record],
    num_images: int,
    of_set: Mapping[str, set_scores.SetScore],
) -> dict[str, Any]:
  failures = [
      {"index": r.index, "sample": r.sample, "name": r.name,
       "status": r.status, "error": r.error}
      for r in made if not r.is_ok
  ]
  statuses = sorted({f["status"] for f in failures})
  counts = {"images": num_images, "pictures": len(made),
            "ok": len(made) - len(failures)}
  counts.update({s: sum(f["status"] == s for f in failures)
                 for s in statuses})
  results = {
      row.method: {
          name: _estimate(e, summary_rows.num_seeds(experiment))
          for name, e in row.values.items()
      } for row in summary_rows.table_rows(experiment, made, {})
  }
  sets = {}
  if of_set:
    sets["set_results"] = set_scores.to_json(of_set, summary_rows.json_number)
  extremes = summary_rows.extremes(experiment, made)
  grey = list(dict.fromkeys(r.name for r in made if r.is_grey))
  return {
      **identity,
      "counts": counts,
      "failures": failures,
      "inputs_sha256": _inputs_hash(made),
      "metrics": _signatures(experiment, made),
      "results": results,
      **({"over_samples": extremes} if extremes else {}),
      **sets,
      **({"grey": grey} if grey else {}),
      "published": overrides.to_json(experiment.published),
  }


def _estimate(found: tables.Estimate, seeds: int | None) -> dict[str, Any]:
  said = {"mean": summary_rows.json_number(found.mean),
          "standard_error": summary_rows.json_number(found.standard_error),
          "num_images": found.num_images}
  if seeds is not None:
    said |= {
        "standard_deviation_over_seeds":
            summary_rows.json_number(found.deviation),
        "num_seeds": seeds}
  return said


def _signatures(
    experiment: experiments.Experiment, made: Sequence[records.Record]
) -> dict[str, str]:
  """Each metric's signature with the count of images that went into it."""
  images = summary_rows.by_image(made)
  return {
      m.name: metrics.summarise(
          m.signature, [image[m.name] for image in images]
      ).signature_with_count
      for m in experiment.chosen_metrics
  }


def _inputs_hash(made: Sequence[records.Record]) -> str:
  """One hash over the names and pixels of all images that were read."""
  digest = hashlib.sha256()
  for record in made:
    if record.input_sha256 and record.sample == 0:
      digest.update(f"{record.name} {record.input_sha256}\n".encode())
  return digest.hexdigest()


def _csv(made: Sequence[records.Record], names: Sequence[str]) -> str:
  given = list(dict.fromkeys(c for record in made for c in record.conditions))
  head = ["index", "sample", "name", *given, "status", *names,
          *(f"baseline_{n}" for n in names), "picture", "input_sha256",
          "error"]
  buffer = io.StringIO()
  writer = csv.writer(buffer, lineterminator="\n")
  writer.writerow(head)
  for record in made:
    scores = [_shown(record.metrics.get(n)) for n in names]
    scores += [_shown(record.baseline.get(n)) for n in names]
    writer.writerow([
        record.index, record.sample, record.name,
        *(record.conditions.get(c, "") for c in given), record.status,
        *scores, record.picture, record.input_sha256, record.error])
  return buffer.getvalue()


def _shown(value: float | None) -> str:
  return "" if value is None else f"{value:.6f}"


def _table(
    experiment: experiments.Experiment,
    rows: Sequence[tables.Row],
    summary: Mapping[str, Any],
) -> str:
  columns = scoring.columns(
      (*experiment.chosen_metrics, *experiment.set_metrics))
  seeds = summary_rows.num_seeds(experiment)
  notes = ["Mean ± standard error over images." if seeds is None else
           f"{experiment.method.title}: mean ± standard deviation over "
           f"{seeds} seeds, each a run over all images."]
  notes += [f"`{signature}`" for signature in summary["metrics"].values()]
  notes += [f"`{score['signature']}`"
            for score in summary.get("set_results", {}).values()]
  if "over_samples" in summary:
    shown = "; ".join(
        f"{column.label} {_range(summary['over_samples'][column.name])}"
        for column in columns if column.name in summary["over_samples"])
    notes.append(
        f"The lowest and the highest of the {experiment.samples_per_image} "
        f"samples of an image, averaged over images: {shown}.")
  counts = summary["counts"]
  failed = counts["pictures"] - counts["ok"]
  if failed:
    kinds = ", ".join(f"{n} {k}" for k, n in counts.items()
                      if k not in ("images", "pictures", "ok"))
    notes.append(f"{failed} of {counts['pictures']} pictures failed and are "
                 f"in no mean: {kinds}; see summary.json.")
  if "grey" in summary:
    notes.append("Grey images, the same on three channels: "
                 f"{', '.join(summary['grey'])}.")
  return tables.format_table(
      rows, columns, title=experiment.name, notes=notes)


def _range(ends: Mapping[str, Any]) -> str:
  return " to ".join(
      f"{end:.4g}" if isinstance(end, float) else str(end)
      for end in (ends["lowest"], ends["highest"]))


def has_timing(folder: store.Store) -> bool:
  """Whether an earlier session got as far as its timing.json."""
  return (folder.directory / "timing.json").is_file()


def write_timing(folder: store.Store, session: Mapping[str, Any]) -> None:
  """Adds this session to timing.json, the only file that holds times."""
  path = folder.directory / "timing.json"
  sessions = []
  if has_timing(folder):
    sessions = json.loads(path.read_text(encoding="utf-8"))["sessions"]
  folder.write(
      "timing.json", identities.to_json({"sessions": [*sessions, session]}))
