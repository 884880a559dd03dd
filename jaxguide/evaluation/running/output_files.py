"""Pictures that another program made, found by the names of the images."""

import collections
from collections.abc import Sequence
import hashlib
import pathlib
from typing import Any

from jaxguide import data
from jaxguide.data import images
from jaxguide.evaluation.running import loading
from jaxguide.evaluation.running import makers


class FoundPictures(makers.PictureMaker):
  """Pictures that another program made, found by name."""

  def __init__(
      self,
      directory: pathlib.Path | str,
      samples_per_image: int = 1,
      names: Sequence[str] = (),
  ):
    """Lists the folder.

    Args:
      directory: pictures named as the images (any suffix); further samples
        of an image are named like `name_s1`.
      samples_per_image: pictures expected of every image.
      names: names of all images of the data set. The picture of `cat/1` may
        then be `1` if no other image's name ends so; left out, it may not.

    Raises:
      ValueError: if there is no such folder, it holds no picture, or two
        files have one stem.
    """
    self._directory = pathlib.Path(directory)
    self._many = samples_per_image > 1
    self._files = _pictures_by_stem(self._directory)
    self._sharing = collections.defaultdict(list)
    for name in names:
      stem = makers.picture_name(name, 0, False)
      self._sharing[_last(stem)].append(stem)

  def __call__(self, batch: loading.Batch) -> list[makers.Outcome]:
    """See `PictureMaker`."""
    shape = batch.references.shape[1:]
    return [
        self._read(batch.names[i], int(batch.samples[i]), shape)
        for i in range(len(batch.items))
    ]

  def fingerprint(self) -> dict[str, Any]:
    """The folder, and a hash over the names and bytes of its pictures."""
    digest = hashlib.sha256()
    for stem, path in self._files.items():
      digest.update(stem.encode() + b"\0")
      digest.update(hashlib.sha256(path.read_bytes()).digest())
    return {"folder": str(self._directory), "sha256": digest.hexdigest()}

  def _find(self, name: str, sample: int) -> pathlib.Path | loading.Failure:
    stem = makers.picture_name(name, sample, self._many)
    if stem in self._files:
      return self._files[stem]
    missing = f"{self._directory} has no picture {stem}"
    path = self._files.get(_last(stem))
    if path is None:
      return loading.Failure("missing", missing)
    sharing = self._sharing[_last(makers.picture_name(name, 0, False))]
    if len(sharing) == 1:
      return path
    # Scored for several images, it would be right for one of them at most.
    images_of = ", ".join(sharing[:3]) + (", ..." if sharing[3:] else "")
    why = (f"could be of {len(sharing)} images: {images_of}" if sharing else
           "could be of another image")
    return loading.Failure("missing", f"{missing}, and {path.name} {why}")

  def _read(
      self, name: str, sample: int, shape: Sequence[int]
  ) -> makers.Outcome:
    path = self._find(name, sample)
    if isinstance(path, loading.Failure):
      return path
    try:
      picture = images.read_picture(path)
    except data.ImageError as error:
      return loading.Failure(error.status, str(error))
    if picture.shape != tuple(shape):
      return loading.Failure(
          "wrong_size", f"{path}: {_size(picture.shape)}, wanted "
          f"{_size(shape)} pixels")
    return picture


def _last(stem: str) -> str:
  return stem.rsplit("/", 1)[-1]


def _pictures_by_stem(directory: pathlib.Path) -> dict[str, pathlib.Path]:
  if not directory.is_dir():
    raise ValueError(f"outputs: {directory} is no folder")
  files: dict[str, pathlib.Path] = {}
  for name in images.list_pictures(directory, recursive=True):
    stem = makers.picture_name(name, 0, False)
    if stem in files:
      raise ValueError(
          f"outputs: {files[stem]} and {directory / name} have the same name")
    files[stem] = directory / name
  if not files:
    raise ValueError(f"outputs: {directory} holds no picture")
  return files


def _size(shape: Sequence[int]) -> str:
  return f"{shape[1]}x{shape[0]}"
