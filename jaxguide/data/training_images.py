"""Images that a model is trained on: folders, labelled domains, npz files.

What is read stays in memory, 3 bytes per pixel (`IndexedImages`: 12). A
picture that cannot be used is left out and named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import dataclasses
import json
import os
import pathlib
from typing import Any, ClassVar, NamedTuple

import numpy as np

from jaxguide import pixels as pixel_values
from jaxguide.data import images
from jaxguide.training import image_sets
from jaxguide.training import options as training_options


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageFolders(image_sets.ImageSource):
  """Pictures without classes, of one folder or npz file per split.

  Attributes:
    train: folder, or npz file as `images.open_npz` reads it, relative to the
      data's root.
    held_out: the same for the images that progress is measured on.
    resize: a rule of `resizing.RULES`. "center_crop_bicubic" brings the short
      side to the size.
    flip: whether a picture's mirror image is as good.

  Example:
    >>> import numpy as np
    >>> from jaxguide.data import training_images
    >>> np.savez("train.npz", image=np.zeros((3, 8, 8, 3), np.uint8))
    >>> source = training_images.ImageFolders(train="train.npz")
    >>> source.read(".", 8).number
    3
  """

  train: str = "train"
  held_out: str = "val"
  resize: str = "center_crop_bicubic"
  flip: bool = True

  def __post_init__(self) -> None:
    if self.train == self.held_out:
      raise ValueError(
          f"held_out is {self.held_out!r}, as train is; nothing would be held "
          "out")

  def read(
      self,
      root: str | os.PathLike[str],
      image_size: int,
      *,
      held_out: bool = False,
  ) -> image_sets.ImageSet:
    """See `ImageSource`."""
    place = self.held_out if held_out else self.train
    found = _read_place(
        pathlib.Path(root), place, image_size, self.resize, range, "images")
    number = len(found.pixels)
    return image_sets.ImageSet(
        found.pixels, np.zeros(number, np.int32), np.full(number, self.flip),
        found.skipped)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Domains(image_sets.ImageSource):
  """Pictures of two or more domains, whose label is the position.

  Attributes:
    train: folder of each domain, or npz file as `images.open_npz` reads it,
      relative to the data's root.
    held_out: the same for the images that the accuracy is measured on.
    resize: a rule of `resizing.RULES`. "center_crop_bicubic" brings the short
      side to the size, and is the released recipe for square pictures.
    index: a JSON list with an object per image of every npz file, whose
      "split" says what the image is for; None: all images of a file are for
      what it is named for.
    train_split: word in the index for training images.
    held_out_split: word in the index for held-out images.
    max_held_out: largest number of held-out images of a domain, evenly spread;
      None: all.

  Example:
    >>> from jaxguide.data import training_images
    >>> source = training_images.Domains(
    ...     train=("cat", "dog"), held_out=("cat_val", "dog_val"))
    >>> source.classes
    ('cat', 'dog')
  """

  train: tuple[str, ...]
  held_out: tuple[str, ...]
  resize: str = "center_crop_bicubic"
  index: str | None = None
  train_split: str = "train"
  held_out_split: str = "valid"
  max_held_out: int | None = None

  options: ClassVar[tuple[training_options.Option, ...]] = (
      training_options.Option(
          "domains", "Training images in place of the configuration's: a "
          "folder or npz file in --data for each domain, separated by commas.",
          training_options.words),
      training_options.Option(
          "held_out", "Held-out images in place of the configuration's, in "
          "the same order.", training_options.words))

  def __post_init__(self) -> None:
    if len(self.train) < 2:
      raise ValueError(
          f"train names {len(self.train)} domains ({', '.join(self.train)}); "
          "a classifier of domains needs at least 2")
    for field in ("train", "held_out"):
      if len(set(getattr(self, field))) != len(self.train):
        raise ValueError(
            f"{field} is {getattr(self, field)}; it must name a different "
            f"place for each of the {len(self.train)} domains")
    shared = set(self.train) & set(self.held_out)
    if shared and self.index is None:
      raise ValueError(
          f"held_out names {', '.join(sorted(shared))}, as train does; without "
          "an index that tells their images apart nothing would be held out")
    if self.max_held_out is not None and self.max_held_out < 1:
      raise ValueError(
          f"max_held_out is {self.max_held_out}; it must be at least 1")

  @property
  def classes(self) -> tuple[str, ...]:
    """See `ImageSource`: the domains' training images."""
    return self.train

  def changed(self, **values: Any) -> Domains:
    """See `ImageSource`; the option "domains" is the field `train`."""
    if "domains" in values:
      values["train"] = values.pop("domains")
    return dataclasses.replace(self, **values)

  def read(
      self,
      root: str | os.PathLike[str],
      image_size: int,
      *,
      held_out: bool = False,
  ) -> image_sets.ImageSet:
    """See `ImageSource`.

    The order is that of the domains, then of file names or rows.

    Raises:
      ValueError: a folder, file or index is missing or does not fit, or
        nothing usable is left of a domain; names it.
    """
    root = pathlib.Path(root)
    parts = [
        _read_place(
            root, place, image_size, self.resize,
            lambda number, place=place: self._rows(
                root, place, number, held_out), "domain")
        for place in (self.held_out if held_out else self.train)]
    label = np.repeat(np.arange(len(parts)), [len(p.pixels) for p in parts])
    return image_sets.ImageSet(
        np.concatenate([part.pixels for part in parts]),
        label.astype(np.int32), np.ones(len(label), bool),
        tuple(text for part in parts for text in part.skipped))

  def _rows(
      self, root: pathlib.Path, place: str, number: int, held_out: bool,
  ) -> Sequence[int]:
    """The rows of a domain that are of a split."""
    rows = range(number)
    if self.index is not None and place.endswith(".npz"):
      split = self.held_out_split if held_out else self.train_split
      entries = _read_index(root / self.index, ("split",))
      if len(entries) != number:
        raise ValueError(
            f"index {root / self.index} names {len(entries)} images; {place} "
            f"holds {number}")
      rows = _of_split(entries, split, f"domain {place!r}")
    return _spread(rows, self.max_held_out) if held_out else rows


@dataclasses.dataclass(frozen=True, kw_only=True)
class IndexedImages(image_sets.ImageSource):
  """Square pictures of an npz file, told apart by an index.

  They are reduced by area means, which are not rounded to 8 bits again.

  Attributes:
    file: npz file, relative to the data's root, with the array `image`,
      uint8 `[N, S, S, 3]`.
    index: a JSON list with an object per picture, in the same order.
    names: names of the classes, whose label is the position.
    class_key: entry of the index that is a picture's class.
    unmirrored: classes whose pictures' mirror images are none of theirs.
    train_split: word under "split" in the index for training images.
    held_out_split: word in the index for held-out images.
  """

  file: str
  index: str
  names: tuple[str, ...]
  class_key: str = "category"
  unmirrored: tuple[str, ...] = ()
  train_split: str = "train"
  held_out_split: str = "valid"

  @property
  def classes(self) -> tuple[str, ...]:
    """See `ImageSource`."""
    return self.names

  def read(
      self,
      root: str | os.PathLike[str],
      image_size: int,
      *,
      held_out: bool = False,
  ) -> image_sets.ImageSet:
    """See `ImageSource`.

    Raises:
      ValueError: a file is missing or unreadable, the index and the pictures
        differ in number, the split is empty, a class is unknown, or the size
        does not divide that of the pictures.
    """
    root = pathlib.Path(root)
    entries = _read_index(root / self.index, ("split", self.class_key))
    pictures = _read_pictures(root / self.file)
    if len(entries) != len(pictures):
      raise ValueError(
          f"index {root / self.index} names {len(entries)} images; "
          f"{self.file} holds {len(pictures)}")
    split = self.held_out_split if held_out else self.train_split
    rows = _of_split(entries, split, f"file {self.file!r}")
    found = [entries[row][self.class_key] for row in rows]
    unknown = sorted(set(found) - set(self.names))
    if unknown:
      raise ValueError(
          f"index {root / self.index} has {self.class_key} {unknown[0]!r}; "
          f"known are {', '.join(self.names)}")
    return image_sets.ImageSet(
        pixel_values.to_float(_area_means(pictures[rows], image_size)),
        np.array([self.names.index(name) for name in found], np.int32),
        np.array([name not in self.unmirrored for name in found]))


class _Place(NamedTuple):
  """What was read of one folder or file."""

  pixels: np.ndarray
  skipped: tuple[str, ...]


def _read_place(
    root: pathlib.Path, place: str, size: int, resize: str,
    choose: Callable[[int], Sequence[int]], what: str,
) -> _Place:
  """The pictures of a folder or npz file, uint8; `choose` gives the rows."""
  try:
    dataset = _open(root / place, size, resize)
  except OSError as error:
    raise ValueError(f"{what} {place!r}: {error}") from error
  rows = choose(len(dataset))
  pixels, bad = [], []
  for item in images.items(dataset, rows):
    if item.error is None:
      pixels.append(pixel_values.to_uint8(item.image))
    else:
      bad.append(item.error)
  if not pixels:
    raise ValueError(
        f"{what} {place!r}: none of its {len(rows)} images can be used; "
        f"the first is {bad[0]}")
  return _Place(np.stack(pixels), tuple(f"{place}/{error}" for error in bad))


def _open(path: pathlib.Path, size: int, resize: str) -> images.Dataset:
  shape = (size, size)
  if path.suffix == ".npz":
    return images.open_npz(path, shape=shape, resize=resize)
  return images.ImageFolder(path, shape, resize=resize)


def _read_index(
    path: pathlib.Path, keys: Sequence[str],
) -> list[dict[str, Any]]:
  try:
    entries = json.loads(path.read_text("utf-8"))
    for entry in entries:
      for key in keys:
        entry[key]
  except (OSError, ValueError, KeyError, TypeError) as error:
    raise ValueError(
        f"index {path}: {type(error).__name__}: {error}") from error
  return entries


def _of_split(
    entries: Sequence[dict[str, Any]], split: str, what: str,
) -> list[int]:
  rows = [i for i, entry in enumerate(entries) if entry["split"] == split]
  if not rows:
    names = sorted({str(entry["split"]) for entry in entries})
    raise ValueError(
        f"{what}: no image is of split {split!r}; the index has "
        f"{', '.join(names)}")
  return rows


def _spread(rows: Sequence[int], most: int | None) -> Sequence[int]:
  if most is None or most >= len(rows):
    return rows
  return [rows[i] for i in np.linspace(0, len(rows) - 1, most).astype(int)]


def _read_pictures(path: pathlib.Path) -> np.ndarray:
  try:
    with np.load(path, allow_pickle=False) as archive:
      return archive["image"]
  except Exception as error:  # A damaged archive fails in many ways.
    raise ValueError(f"image file {path} is no usable npz: {error}") from error


def _area_means(pictures: np.ndarray, size: int) -> np.ndarray:
  """Means of blocks, float32 `[N, size, size, 3]` in 0..255."""
  number, side = pictures.shape[:2]
  if side % size:
    raise ValueError(f"image_size is {size}; it must divide {side}")
  factor = side // size
  return pictures.astype(np.float32).reshape(
      number, size, factor, size, factor, 3).mean((2, 4))
