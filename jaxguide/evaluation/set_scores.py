"""Metrics of a run's pictures as a set, such as FID.

They are computed at the end of a run from the pictures that it saved, in the
order of their numbers. An interruption can change nothing about them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
import dataclasses
import hashlib
import math
import pathlib
from typing import Any, NamedTuple, Protocol

import numpy as np

from jaxguide import data
from jaxguide import metrics
from jaxguide import pixels
from jaxguide.data import images
from jaxguide.evaluation import pictures
from jaxguide.evaluation import records
from jaxguide.evaluation import sources
from jaxguide.evaluation import store
from jaxguide.evaluation import tables
from jaxguide.metrics import statistics_files

FOLDER = "features"


class ReferenceSet(Protocol):
  """What the pictures of a run are compared with."""

  def fingerprint(self) -> Mapping[str, Any]:
    """JSON values that say what it is, for the identity of a run.

    Raises:
      FileNotFoundError: if it is not there.
    """

  def features(
      self, features: metrics.FeatureSet, shown: data.Dataset,
      indices: Sequence[int],
  ) -> metrics.FeatureSample | metrics.Gaussian:
    """Its features.

    Args:
      features: which.
      shown: the images of the run.
      indices: numbers of those of which there are pictures.
    """


@dataclasses.dataclass(frozen=True)
class RunImages:
  """The images of the run itself: each one of which a picture was made.

  Attributes:
    repeats: how often each one counts; VIPaint's scores have as many as
      there are samples. It makes kernel distances biased, as published.

  Example:
    >>> from jaxguide import evaluation
    >>> evaluation.RunImages(repeats=5).fingerprint()
    {}
  """

  repeats: int = 1

  def fingerprint(self) -> Mapping[str, Any]:
    """See `ReferenceSet`; the images are in the identity already."""
    return {}

  def features(
      self, features: metrics.FeatureSet, shown: data.Dataset,
      indices: Sequence[int],
  ) -> metrics.FeatureSample:
    """See `ReferenceSet`."""
    once = features.extract(
        (n, pixels.to_uint8(shown.load(n))) for n in indices)
    count = len(once)
    return metrics.feature_sample(
        once.signature, range(count * self.repeats),
        np.tile(once.features, (self.repeats, 1)))


@dataclasses.dataclass(frozen=True)
class SourceImages:
  """All images of another source, such as the domain to be translated to.

  Attributes:
    source: source of the images; they are rounded to 8 bits.

  Example:
    >>> from jaxguide import evaluation
    >>> reference = evaluation.SourceImages(evaluation.DrawnImages(count=4))
    >>> len(reference.source.open().names)
    4
  """

  source: sources.DataSource

  def fingerprint(self) -> Mapping[str, Any]:
    """See `ReferenceSet`: a hash over names and pixels."""
    digest = hashlib.sha256()
    dataset = self.source.open()
    for n in range(len(dataset)):
      digest.update(dataset.name(n).encode() + b"\0")
      digest.update(pixels.to_uint8(dataset.load(n)).tobytes())
    return {"sha256": digest.hexdigest(), "pictures": len(dataset)}

  def features(
      self, features: metrics.FeatureSet, shown: data.Dataset,
      indices: Sequence[int],
  ) -> metrics.FeatureSample:
    """See `ReferenceSet`."""
    del shown, indices
    dataset = self.source.open()
    return features.extract(
        (n, pixels.to_uint8(dataset.load(n)))
        for n in range(len(dataset)))


@dataclasses.dataclass(frozen=True)
class FolderPictures:
  """The pictures of a folder, in their own sizes.

  Attributes:
    path: path of the folder.
    recursive: whether to look into folders inside.

  Example:
    >>> import os
    >>> from PIL import Image
    >>> from jaxguide import evaluation
    >>> os.makedirs("dogs")
    >>> Image.new("RGB", (12, 10)).save("dogs/black.png")
    >>> reference = evaluation.FolderPictures("dogs")
    >>> reference.fingerprint()["pictures"]
    1
  """

  path: str
  recursive: bool = False

  def fingerprint(self) -> Mapping[str, Any]:
    """See `ReferenceSet`: a hash over names and bytes."""
    digest = hashlib.sha256()
    for path in self._files():
      digest.update(path.name.encode() + b"\0")
      digest.update(hashlib.sha256(path.read_bytes()).digest())
    return {"sha256": digest.hexdigest(), "pictures": len(self._files())}

  def features(
      self, features: metrics.FeatureSet, shown: data.Dataset,
      indices: Sequence[int],
  ) -> metrics.FeatureSample:
    """See `ReferenceSet`."""
    del shown, indices
    return features.extract(
        (n, images.read_picture(path))
        for n, path in enumerate(self._files()))

  def _files(self) -> list[pathlib.Path]:
    folder = pathlib.Path(self.path)
    names = (images.list_pictures(folder, self.recursive)
             if folder.is_dir() else [])
    if not names:
      raise FileNotFoundError(
          f"set_reference: {folder} is no folder with pictures; another one "
          "is named with --set set_reference.path=FOLDER")
    return [folder / name for name in names]


@dataclasses.dataclass(frozen=True)
class StatisticsFile:
  """Statistics instead of pictures: for Frechet distances only.

  A published npz with "mu" and "sigma", which does not say what features it
  is of, or one of `metrics.stream_moments`, which does.

  Attributes:
    path: path of the file.

  Example:
    >>> import numpy as np
    >>> from jaxguide import evaluation
    >>> np.savez("dogs.npz", mu=np.zeros(4), sigma=np.eye(4))
    >>> sorted(evaluation.StatisticsFile("dogs.npz").fingerprint())
    ['sha256']
  """

  path: str

  def fingerprint(self) -> Mapping[str, Any]:
    """See `ReferenceSet`."""
    path = pathlib.Path(self.path)
    if not path.is_file():
      raise FileNotFoundError(
          f"set_reference: {path} does not exist; another file is named with "
          "--set set_reference.path=FILE")
    return {"sha256": store.sha256(path.read_bytes())}

  def features(
      self, features: metrics.FeatureSet, shown: data.Dataset,
      indices: Sequence[int],
  ) -> metrics.Gaussian:
    """See `ReferenceSet`."""
    del shown, indices
    return statistics_files.load_gaussian(
        self.path, signature=features.signature)


class SetScore(NamedTuple):
  """One metric of the whole set.

  Attributes:
    value: NaN where there are fewer than two pictures.
    spread: spread as `metrics.SetValue`; over seeds, the standard deviation of
      the value.
    num_pictures: that were judged.
    num_references: that they were compared with; None if unknown.
    signature: signature of the metric, with both numbers.
  """

  value: float
  spread: float | None
  num_pictures: int
  num_references: int | None
  signature: str


def measure(
    chosen: Sequence[metrics.SetMetric],
    reference: ReferenceSet,
    folder: store.Store,
    shown: data.Dataset,
    made: Sequence[records.Record],
    *,
    num_seeds: int | None = None,
) -> dict[str, SetScore]:
  """Scores the pictures of a run as a set, and keeps their features.

  The features go to features/NAME.npz, NAME that of the Frechet distance:
  `metrics.load_sample` reads and `merge` joins those of several shards.

  Args:
    chosen: the metrics; those with equal features share them.
    reference: what to compare with.
    folder: folder of the run, every picture in place.
    shown: the images of the run.
    made: records of the journal; what failed is left out.
    num_seeds: scores sample s of all images as a run of its own, and gives
      the mean over these runs.

  Raises:
    ValueError: if a metric cannot use the reference, or a picture of the
      reference cannot be read.
  """
  done = [r for r in made if r.is_ok]
  if not done:
    return {m.name: SetScore(math.nan, None, 0, None, m.signature)
            for m in chosen}
  indices = list(dict.fromkeys(r.index for r in done))
  scores, known = {}, {}
  for metric in chosen:
    features = metric.features
    if features.signature not in known:
      sample = features.extract(_pictures(folder, done))
      folder.write(f"{FOLDER}/{features.frechet_name}.npz",
                   statistics_files.dump_sample(sample))
      known[features.signature] = (
          sample, reference.features(features, shown, indices))
    scores[metric.name] = _score(
        metric, *known[features.signature], num_seeds)
  return scores


def _pictures(
    folder: store.Store, done: Sequence[records.Record]
) -> Iterator[tuple[int, np.ndarray]]:
  for record in done:
    yield record.item, pictures.decode(folder.directory / record.picture)


def _score(
    metric: metrics.SetMetric,
    made: metrics.FeatureSample,
    reference: metrics.FeatureSample | metrics.Gaussian,
    num_seeds: int | None,
) -> SetScore:
  if num_seeds is not None:
    return _score_over_seeds(metric, made, reference, num_seeds)
  is_sample = isinstance(reference, metrics.FeatureSample)
  count = len(reference) if is_sample else reference.count
  shown = "unknown" if count is None else count
  found = metrics.SetValue(math.nan)
  if len(made) > 1 and (count is None or count > 1):
    found = metric(made, reference)
  signature = f"{metric.signature}|references={shown}|N={len(made)}"
  return SetScore(*found, len(made), count, signature)


def _score_over_seeds(
    metric: metrics.SetMetric,
    made: metrics.FeatureSample,
    reference: metrics.FeatureSample | metrics.Gaussian,
    num_seeds: int,
) -> SetScore:
  """Items are numbered image by image, sample by sample."""
  runs = []
  for seed in range(num_seeds):
    rows = made.numbers % num_seeds == seed
    one = metrics.feature_sample(
        made.signature, made.numbers[rows], made.features[rows])
    runs.append(_score(metric, one, reference, None))
  over = tables.estimate_over_seeds([run.value for run in runs])
  return runs[0]._replace(
      value=over.mean, spread=over.deviation,
      signature=f"{runs[0].signature}|seeds={num_seeds}")


def to_json(
    scores: Mapping[str, SetScore], number: Callable[[Any], Any]
) -> dict[str, Any]:
  """For summary.json.

  Args:
    scores: scores by name.
    number: what JSON has for a float.
  """
  return {
      name: {**score._asdict(), "value": number(score.value)}
      for name, score in scores.items()}
