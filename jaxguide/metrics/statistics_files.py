"""Moments and feature samples as npz files, whole or not at all.

Equal values give equal bytes. Nothing of a file is executed.
"""

from __future__ import annotations

from collections.abc import Mapping
import io
import os
import pathlib
import zipfile

import numpy as np

from jaxguide.convert import atomic
from jaxguide.metrics import moments
from jaxguide.metrics import samples

_MOMENTS = ("folded", "centre", "scatter", "pending")
_SAMPLE = ("numbers", "features")
_GAUSSIAN = ("mu", "sigma")
_KIND, _SIGNATURE = "kind", "signature"


class StatisticsError(ValueError):
  """A statistics file that cannot be used."""


def save_moments(
    path: str | os.PathLike[str], statistics: moments.Moments
) -> None:
  """Writes moments so that they can go on or be merged.

  Args:
    path: file to write; an older one is replaced at once, or stays.
    statistics: moments to write.

  Raises:
    OSError: if the file cannot be written, or the disk has no room for it.

  Example:
    >>> from jaxguide import metrics
    >>> empty = metrics.empty_moments("features=mean", 2)
    >>> metrics.save_moments("moments.npz", empty)
    >>> metrics.load_moments("moments.npz").count
    0
  """
  _write_arrays(path, {
      **_names("moments", statistics.signature),
      **{name: np.asarray(getattr(statistics, name)) for name in _MOMENTS}})


def load_moments(path: str | os.PathLike[str]) -> moments.Moments:
  """Reads what `save_moments` wrote, to the bit.

  Args:
    path: file from `save_moments`.

  Raises:
    StatisticsError: if the file is damaged or something else.
    FileNotFoundError: if there is no such file.
  """
  signature, found = _read_own(path, "moments", _MOMENTS)
  size = found["centre"].shape
  whole = found["scatter"].shape == size * 2 and (
      found["pending"].shape[1:] == size)
  if len(size) != 1 or not whole:
    raise StatisticsError(
        f"{path}: centre, scatter and pending must have shapes [D], [D, D] and "
        f"[n, D], got {size}, {found['scatter'].shape} and "
        f"{found['pending'].shape}")
  return moments.Moments(
      signature, int(found["folded"]), found["centre"], found["scatter"],
      found["pending"])


def save_sample(
    path: str | os.PathLike[str], sample: samples.FeatureSample
) -> None:
  """Writes a feature sample, so that it can be merged with others.

  Args:
    path: file to write; an older one is replaced at once, or stays.
    sample: sample to write.

  Raises:
    OSError: if the file cannot be written, or the disk has no room for it.

  Example:
    >>> import numpy as np
    >>> from jaxguide import metrics
    >>> sample = metrics.feature_sample(
    ...     "features=mean", [7, 2], np.array([[0.7], [0.2]]))
    >>> metrics.save_sample("sample.npz", sample)
    >>> metrics.load_sample("sample.npz").numbers
    array([2, 7])
  """
  _write_arrays(path, _sample_arrays(sample))


def dump_sample(sample: samples.FeatureSample) -> bytes:
  """The bytes that `save_sample` writes.

  Args:
    sample: sample to write.
  """
  buffer = io.BytesIO()
  np.savez(buffer, **_sample_arrays(sample))
  return buffer.getvalue()


def load_sample(
    path: str | os.PathLike[str],
) -> samples.FeatureSample:
  """Reads what `save_sample` wrote, to the bit.

  Args:
    path: file from `save_sample`.

  Raises:
    StatisticsError: if the file is damaged or something else.
    FileNotFoundError: if there is no such file.
  """
  signature, found = _read_own(path, "sample", _SAMPLE)
  try:
    return samples.feature_sample(
        signature, found["numbers"], found["features"])
  except ValueError as error:
    raise StatisticsError(f"{path}: {error}") from None


def save_gaussian(
    path: str | os.PathLike[str], law: moments.Gaussian
) -> None:
  """Writes "mu" and "sigma", the file that pytorch-fid and others read.

  Args:
    path: file to write; an older one is replaced at once, or stays.
    law: mean and covariance to write.

  Raises:
    OSError: if the file cannot be written, or the disk has no room for it.

  Example:
    >>> import numpy as np
    >>> from jaxguide import metrics
    >>> law = metrics.Gaussian(np.zeros(2), np.eye(2))
    >>> metrics.save_gaussian("statistics.npz", law)
    >>> metrics.load_gaussian("statistics.npz").mean
    array([0., 0.])
  """
  _write_arrays(path, {"mu": law.mean, "sigma": law.covariance})


def load_gaussian(
    path: str | os.PathLike[str], *, signature: str | None = None
) -> moments.Gaussian:
  """Reads published statistics, an npz with "mu" and "sigma", or moments.

  A published file does not say of which features, preprocessing or number of
  pictures; that the user must know.

  Args:
    path: file of published statistics, or one from `save_moments`.
    signature: signature of the features wanted, checked if the file has one;
      None takes any.

  Raises:
    StatisticsError: if the file is damaged, something else or, as far as it
      tells, of other features.
    FileNotFoundError: if there is no such file.
  """
  found = _read(path)
  if _KIND in found:
    own = load_moments(path)
    if signature not in (None, own.signature):
      raise StatisticsError(
          f"{path}: the file must be of {signature}, got one of "
          f"{own.signature}")
    return own.gaussian()
  _check_keys(path, found, _GAUSSIAN)
  mean, covariance = (np.asarray(found[k], np.float64) for k in _GAUSSIAN)
  if mean.ndim != 1 or covariance.shape != mean.shape * 2:
    raise StatisticsError(
        f"{path}: mu must have shape [D] and sigma [D, D], got {mean.shape} "
        f"and {covariance.shape}")
  return moments.Gaussian(mean, covariance)


def _names(kind: str, signature: str) -> dict[str, np.ndarray]:
  return {_KIND: np.asarray(kind), _SIGNATURE: np.asarray(signature)}


def _sample_arrays(sample: samples.FeatureSample) -> dict[str, np.ndarray]:
  return {
      **_names("sample", sample.signature),
      **{name: getattr(sample, name) for name in _SAMPLE}}


def _write_arrays(
    path: str | os.PathLike[str], values: Mapping[str, np.ndarray]
) -> None:
  size = sum(v.nbytes for v in values.values())
  pathlib.Path(path).absolute().parent.mkdir(parents=True, exist_ok=True)
  atomic.check_space(path, size)
  with atomic.replacing(path) as temporary, open(temporary, "wb") as file:
    np.savez(file, **values)
    atomic.flush(file)


def _read_own(
    path: str | os.PathLike[str], kind: str, names: tuple[str, ...]
) -> tuple[str, dict[str, np.ndarray]]:
  found = _read(path)
  _check_keys(path, found, (_KIND, _SIGNATURE, *names))
  if str(found[_KIND]) != kind:
    raise StatisticsError(
        f"{path}: the file must hold {kind!r}, got {str(found[_KIND])!r}")
  return str(found[_SIGNATURE]), found


def _check_keys(
    path: str | os.PathLike[str],
    found: Mapping[str, np.ndarray],
    names: tuple[str, ...],
) -> None:
  missing = [name for name in names if name not in found]
  if missing:
    raise StatisticsError(
        f"{path}: the file lacks {', '.join(missing)}; it must have "
        f"{', '.join(names)}, got {', '.join(sorted(found)) or 'nothing'}")


def _read(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
  try:
    archive = np.load(path, allow_pickle=False)
    if not isinstance(archive, np.lib.npyio.NpzFile):
      raise StatisticsError(
          f"{path}: the file must be an npz archive, got a single array")
    with archive:
      return {name: archive[name] for name in archive.files}
  except FileNotFoundError:
    raise
  except (zipfile.BadZipFile, EOFError, OSError, ValueError) as error:
    if isinstance(error, StatisticsError):
      raise
    raise StatisticsError(
        f"{path}: the file cannot be read as an npz archive ({error})"
    ) from None
