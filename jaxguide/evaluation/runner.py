"""Runs an experiment: images through one compiled function, into a folder.

Items (image n, sample s) are numbered n * S + s and cut into batches at
multiples of the batch size. Every call has the same shape: a batch that is
partly done, partly unreadable or the last one is filled up, never cut. So
one compilation serves the whole run, and a run that goes on after a kill
puts every image in the same place of the same batch.
"""

from collections.abc import Iterator, Sequence
import contextlib
import dataclasses
import pathlib
import time
from typing import Any, NamedTuple, TextIO

import jax
import numpy as np

from jaxguide import convert
from jaxguide import data
from jaxguide.evaluation import experiments
from jaxguide.evaluation import methods
from jaxguide.evaluation import pictures
from jaxguide.evaluation import records
from jaxguide.evaluation import scoring
from jaxguide.evaluation import sources
from jaxguide.evaluation import store
from jaxguide.evaluation.reporting import reports
from jaxguide.evaluation.running import compiled
from jaxguide.evaluation.running import loading
from jaxguide.evaluation.running import makers
from jaxguide.evaluation.running import output_files
from jaxguide.evaluation.running import pipeline
from jaxguide.evaluation.running import progress


class _Run(NamedTuple):
  """What the loop over batches works with."""

  experiment: experiments.Experiment
  loader: loading.Loader
  folder: store.Store
  maker: makers.PictureMaker
  scorer: scoring.Scorer
  progress: progress.Progress
  total: int


def evaluate(
    experiment: experiments.Experiment,
    out: pathlib.Path | str,
    *,
    limit: int | None = None,
    batch_size: int | None = None,
    seed: int | None = None,
    devices: int | Sequence[jax.Device] | None = None,
    backend: str = "pmap",
    matmul_precision: str | None = None,
    prior: convert.Prior | None = None,
    stream: TextIO | None = None,
) -> reports.Report:
  """Makes, scores and writes down the pictures of an experiment.

  The folder gets per_image.csv, summary.json, table.md, grid.png, one PNG
  per picture under images/, and timing.json, the only file with times in
  it. Call it again after any interruption: it goes on, and ends with the
  same bytes. A larger `limit` continues a finished run.

  Args:
    experiment: what to run.
    out: a new folder, or that of an earlier run of the same experiment.
    limit: the first so many images; all when left out.
    batch_size: replaces the experiment's; changes no picture on CPU.
    seed: replaces the experiment's.
    devices: how many local devices, or which; all when left out.
    backend: "pmap" or "jit"; changes no picture on CPU.
    matmul_precision: precision of matrix products, as
      `jax.default_matmul_precision` takes it.
    prior: what the experiment's source gives, where it is loaded already, by
      another run of the same source; loaded here when left out.
    stream: text stream for progress; stderr when left out.

  Returns:
    The report that the files hold.

  Raises:
    ValueError: settings that do not fit together.
    store.StoreError: if the folder holds another run, or the disk is full.
    FileNotFoundError: if the prior, a network or the images are not there;
      nothing is written then.

  Example:
    >>> import os
    >>> from jaxguide import evaluation
    >>> experiment = evaluation.Experiment(
    ...     name="grey", prior=None, data=evaluation.DrawnImages(2, 16),
    ...     task=evaluation.Colorization(), method=evaluation.Baseline())
    >>> with open(os.devnull, "w") as quiet:
    ...   report = evaluation.evaluate(experiment, "run", stream=quiet)
    >>> [row.method for row in report.rows], report.rows[0].num_images
    (['Degraded input'], 2)
    >>> sorted(os.listdir("run/images"))
    ['drawn000.png', 'drawn001.png']
  """
  experiment = _with(experiment, batch_size=batch_size, seed=seed)
  if not experiment.method.uses_prior:
    prior = None
  elif prior is None:
    prior = experiment.prior.load()
  networks = methods.load_networks(experiment.method)
  scorer = _scorer(experiment)
  say = _Messages(stream)
  with _precision(matmul_precision):
    if prior is None:
      maker = makers.BaselinePictures(scorer)
    else:
      _check_size(experiment, prior)
      methods.check_prior(
          experiment.method, prior,
          tuple(source.key for source in experiment.conditions))
      sources.check(networks, prior)
      maker = makers.SampledPictures(
          pipeline.Pipeline(
              prior, experiment.task, experiment.method, networks),
          experiment.seed,
          samples_per_image=experiment.samples_per_image,
          quantise=experiment.quantise,
          devices=_devices(devices), backend=backend,
          on_compiled=say.compiled,
      )
      say.note = _padding_note(experiment.batch_size, maker)
    identity = reports.identity(
        experiment, prior, matmul_precision, networks=networks)
    return _run(
        experiment, identity, maker, scorer, out, limit, say, prior)


def score_outputs(
    experiment: experiments.Experiment,
    outputs: pathlib.Path | str,
    out: pathlib.Path | str,
    *,
    method_name: str = "external",
    limit: int | None = None,
    stream: TextIO | None = None,
) -> reports.Report:
  """Scores pictures that another program made, matched by stem.

  The prior is not needed. The folder gets the same files as from `evaluate`.

  Args:
    experiment: gives the images, the task and the metrics.
    outputs: the pictures; `a.jpg` is the result for the image `a.png`.
    out: a new folder, or that of an earlier scoring of the same.
    method_name: the row's name.
    limit: the first so many images; all when left out.
    stream: text stream for progress; stderr when left out.

  Raises:
    ValueError: if `outputs` holds no pictures.
    store.StoreError: a folder that `evaluate` refuses.

  Example:
    >>> import os
    >>> from jaxguide import evaluation
    >>> experiment = evaluation.Experiment(
    ...     name="grey", prior=None, data=evaluation.DrawnImages(2, 16),
    ...     task=evaluation.Colorization(), method=evaluation.Baseline())
    >>> with open(os.devnull, "w") as quiet:
    ...   _ = evaluation.evaluate(experiment, "theirs", stream=quiet)
    ...   report = evaluation.score_outputs(
    ...       experiment, "theirs/images", "scored", method_name="theirs",
    ...       stream=quiet)
    >>> report.rows[-1].method, sorted(report.rows[-1].values)
    ('theirs', ['consistency', 'psnr', 'ssim'])
  """
  experiment = dataclasses.replace(
      experiment, prior=None, method=methods.External(method_name))
  # All names, not those up to the limit: what one could be of does not depend
  # on it.
  maker = output_files.FoundPictures(
      outputs, experiment.samples_per_image, experiment.data.open().names)
  identity = reports.identity(
      experiment, None, None, outputs=maker.fingerprint())
  return _run(experiment, identity, maker, _scorer(experiment), out, limit,
              _Messages(stream))


def _run(
    experiment: experiments.Experiment,
    identity: dict[str, Any],
    maker: makers.PictureMaker,
    scorer: scoring.Scorer,
    out: pathlib.Path | str,
    limit: int | None,
    say: "_Messages",
    prior: convert.Prior | None = None,
) -> reports.Report:
  if limit is not None and limit < 1:
    raise ValueError(f"limit must be at least 1, got {limit}")
  start = time.monotonic()
  shape = (experiment.data.size, experiment.data.size, 3)
  dataset = experiment.data.open()
  count = len(dataset) if limit is None else min(limit, len(dataset))
  names = [dataset.name(n) for n in range(count)]
  _check_names(names)
  conditions = sources.ImageConditions(experiment.conditions, prior, names)
  experiment.task.check(dataset.names)
  total = count * experiment.samples_per_image
  with store.Store(out, identity) as folder:
    done = {
        i for i in range(total) if _is_done(folder, dataset, i, conditions)}
    say.progress = bar = progress.Progress(total, len(done), stream=say.stream)
    if done:
      bar.message(f"{out}: {len(done)} of {total} pictures are there already")
    loader = loading.Loader(
        dataset, experiment.task, conditions, shape,
        experiment.samples_per_image)
    run = _Run(experiment, loader, folder, maker, scorer, bar, total)
    try:
      _all_batches(run, done)
    finally:
      bar.close()
    report = reports.finish(
        experiment, folder, dataset, scorer, identity, count,
        costs=reports.costs(experiment, prior))
    if len(done) < total or not reports.has_timing(folder):
      reports.write_timing(folder, {
          "pictures_made": total - len(done),
          "wall_seconds": time.monotonic() - start,
          "batch_size": experiment.batch_size,
          **maker.timing(),
      })
    return report


def _is_done(
    folder: store.Store,
    dataset: data.Dataset,
    item: int,
    conditions: sources.ImageConditions,
) -> bool:
  """Whether nothing is left to do for an item.

  What could not be loaded is tried again: the file may have been mended.
  """
  record = folder.records.get(item)
  if record is None:
    return False
  name = dataset.name(record.index)
  if record.name != name:
    raise store.StoreError(
        f"{folder.directory} is a run over other images: image "
        f"{record.index} was {record.name} and is {name}")
  described = conditions.described[record.index]
  if record.conditions != described:
    raise store.StoreError(
        f"{folder.directory} is a run with other conditions: image {name} had "
        f"{record.conditions} and has {described}")
  return record.is_final and folder.is_done(item)


def _all_batches(run: _Run, done: set[int]) -> None:
  """Halves the batch when the device has no room, and goes on."""
  done, batch_size = set(done), run.experiment.batch_size
  while True:
    try:
      for items in _batches(run.total, batch_size):
        if not done.issuperset(items):
          _one_batch(run, items, batch_size, done)
      return
    except compiled.OutOfMemory as error:
      smallest = run.maker.padded_rows(1)
      if batch_size <= smallest:
        raise MemoryError(
            f"the device has no room for a batch of {batch_size}, and a "
            f"smaller one gains nothing on {run.maker.num_devices} "
            f"device(s): {error}") from error
      batch_size = max(batch_size // 2, smallest)
      run.progress.message(
          f"device memory exhausted: going on with batches of {batch_size}")


def _batches(total: int, batch_size: int) -> Iterator[range]:
  for first in range(0, total, batch_size):
    yield range(first, min(first + batch_size, total))


def _one_batch(
    run: _Run, items: range, batch_size: int, done: set[int]
) -> None:
  batch = run.loader.batch(items, batch_size)
  outcomes: list[makers.Outcome] = []
  if len(batch.failures) < len(items):
    outcomes = run.maker(batch)
  made, files = [], {}
  for place, item in enumerate(items):
    if item in done:
      continue
    failure = batch.failures.get(place)
    outcome = outcomes[place] if failure is None else failure
    record, png = _record(run, batch, place, outcome)
    made.append(record)
    if png is not None:
      files[item] = png
  run.folder.add(made, files)
  done.update(items)
  run.progress.advance(len(made))


def _record(
    run: _Run, batch: loading.Batch, place: int, outcome: makers.Outcome
) -> tuple[records.Record, bytes | None]:
  """The journal's line for one item, and its PNG."""
  sample, name = int(batch.samples[place]), batch.names[place]
  index = int(batch.indices[place])
  record = records.Record(
      int(batch.items[place]), index, sample, name, records.OK,
      conditions=run.loader.conditions.described[index])
  if isinstance(outcome, loading.Failure):
    return record._replace(**outcome._asdict()), None
  reference = batch.references[place]
  inputs = {k: v[place] for k, v in batch.inputs.items()}
  many = run.experiment.samples_per_image > 1
  of_baseline = {}
  if sample == 0:
    shown = run.scorer.baseline(reference, inputs, index)
    of_baseline = run.scorer(shown, reference, inputs, index)
  return record._replace(
      is_grey=bool(np.ptp(reference, axis=-1).max() == 0),
      input_sha256=store.sha256(reference.tobytes()),
      metrics=run.scorer(outcome, reference, inputs, index),
      baseline=of_baseline,
      picture=run.folder.relative_picture(
          makers.picture_name(name, sample, many))
  ), pictures.encode_png(outcome)


def _with(
    experiment: experiments.Experiment, **changes: Any
) -> experiments.Experiment:
  changes = {k: v for k, v in changes.items() if v is not None}
  return dataclasses.replace(experiment, **changes)


def _scorer(experiment: experiments.Experiment) -> scoring.Scorer:
  return scoring.Scorer(
      experiment.task, experiment.chosen_metrics, experiment.seed)


def _devices(
    devices: int | Sequence[jax.Device] | None,
) -> Sequence[jax.Device] | None:
  if not isinstance(devices, int):
    return devices
  have = jax.local_devices()
  if not 1 <= devices <= len(have):
    raise ValueError(f"devices must be in 1..{len(have)}, got {devices}")
  return have[:devices]


def _precision(name: str | None) -> contextlib.AbstractContextManager:
  if name is None:
    return contextlib.nullcontext()
  return jax.default_matmul_precision(name)


def _check_size(
    experiment: experiments.Experiment, prior: convert.Prior
) -> None:
  size, shape = experiment.data.size, prior.image_shape
  if shape == (size, size, 3):
    return
  fits = shape == (shape[0], shape[0], 3)
  remedy = (f"set data.size={shape[0]}, or take another prior" if fits else
            "take another prior")
  raise ValueError(
      f"prior {prior.name} makes {'x'.join(map(str, shape))} images, but those "
      f"of the data are {size}x{size}x3; {remedy}")


def _check_names(names: Sequence[str]) -> None:
  """Two images must not share a picture, and none may lie elsewhere."""
  seen: dict[str, str] = {}
  for name in names:
    path = pathlib.PurePosixPath(name)
    if path.is_absolute() or not path.name or ".." in path.parts:
      raise ValueError(f"image name {name!r} cannot be that of a picture")
    stem = makers.picture_name(name, 0, False)
    if stem in seen:
      raise ValueError(
          f"images {seen[stem]} and {name} would share the picture {stem}.png"
      )
    seen[stem] = name


def _padding_note(
    batch_size: int, maker: makers.PictureMaker
) -> str:
  """What a user can gain who does not know that devices have a least share."""
  rows = maker.padded_rows(batch_size)
  if rows == batch_size:
    return ""
  return (f"; {maker.num_devices} device(s) pad them to {rows}, so "
          f"--batch_size={rows} costs no more")


class _Messages:
  """Lines on the progress stream, before and after its bar exists."""

  def __init__(self, stream: TextIO | None):
    self.stream = stream
    self.progress: progress.Progress | None = None
    self.note = ""

  def compiled(self, done: compiled.Compilation) -> None:
    """Says what a compilation took, and starts the clock behind it."""
    if self.progress is None:
      return
    memory = ("" if done.bytes_per_device is None else
              f", about {done.bytes_per_device / 2**20:.0f} MiB per device")
    what = f"{done.purpose}: " if done.purpose else ""
    # Padding is that of pictures; a fit has its own rows.
    note = "" if done.purpose == "fit" else self.note
    self.progress.message(
        f"{what}compiled for batches of {done.batch_size} in "
        f"{done.seconds:.1f} s{memory}{note}")
    self.progress.restart_clock()
