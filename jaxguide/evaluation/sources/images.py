"""Where images come from, as values of an experiment."""

from collections.abc import Mapping
import dataclasses
import json
import pathlib

import numpy as np

from jaxguide import data
from jaxguide.evaluation.sources import base
from jaxguide.evaluation.sources import stand_ins


@dataclasses.dataclass(frozen=True)
class FolderImages(base.DataSource):
  """The pictures of a folder, by name: 9.jpg before 10.jpg.

  Attributes:
    path: path of the folder.
    size: height and width that they are brought to.
    resize: a rule of `data.resizing`; "none" refuses other sizes.
    recursive: whether to look into folders inside.
    origin: what is expected there, for the message when it is missing.
    folders: names of folders in `path`, whose pictures are taken one folder
      after the other, as "cat/NAME"; the pictures of `path` itself when empty.
    count: the first so many pictures, of all `folders` together; None takes
      all. A row over fewer is not the one that was asked for, so fewer are
      an error.

  Example:
    >>> import os
    >>> from PIL import Image
    >>> from jaxguide import evaluation
    >>> os.makedirs("photos")
    >>> Image.new("RGB", (12, 10)).save("photos/black.png")
    >>> images = evaluation.FolderImages("photos", size=8).open()
    >>> list(images.names), images.load(0).shape
    (['black.png'], (8, 8, 3))
  """

  path: str
  size: int
  resize: str = "bicubic_squash"
  recursive: bool = False
  origin: str = ""
  folders: tuple[str, ...] = ()
  count: int | None = None

  def __post_init__(self):
    if self.count is not None and self.count < 1:
      raise ValueError(f"count must be at least 1 or none, got {self.count}")

  def open(self) -> data.Dataset:
    """See `DataSource`.

    Raises:
      ValueError: if there are fewer than `count` pictures.
    """
    wanted = f" (wanted: {self.origin})" if self.origin else ""
    try:
      parts = {
          name and f"{name}/": data.ImageFolder(
              pathlib.Path(self.path, name), (self.size, self.size),
              resize=self.resize, recursive=self.recursive)
          for name in self.folders or ("",)}
    except FileNotFoundError as error:
      raise FileNotFoundError(
          f"data: {error}{wanted}; another folder is named with "
          "--set data.path=FOLDER") from None
    number = sum(len(part) for part in parts.values())
    if self.count is not None and number < self.count:
      raise ValueError(
          f"data: {self.path} must hold at least {self.count} pictures, got "
          f"{number}{wanted}; --set data.count=none takes what is there")
    return _Joined(parts, self.count)

  def tiny(self) -> base.DataSource:
    """See `DataSource`."""
    return stand_ins.DrawnImages(3, 16)


class _Joined:
  """The first pictures of some folders, by what stands before a name."""

  def __init__(self, parts: Mapping[str, data.Dataset], count: int | None):
    self._places = [
        (before, part, n)
        for before, part in parts.items() for n in range(len(part))][:count]
    self.names = [b + part.name(n) for b, part, n in self._places]

  def __len__(self) -> int:
    return len(self.names)

  def name(self, index: int) -> str:
    return self.names[index]

  def load(self, index: int) -> np.ndarray:
    before, part, n = self._places[index]
    try:
      return part.load(n)
    except data.ImageError as error:
      raise data.ImageError(
          before + error.name, error.status, error.reason) from error


@dataclasses.dataclass(frozen=True)
class NpzImages(base.DataSource):
  """The images of an npz file.

  Attributes:
    path: path of the file; see `data.open_npz`.
    size: height and width that they are brought to.
    resize: a rule of `data.resizing`; "none" refuses other sizes.

  Example:
    >>> import numpy as np
    >>> from jaxguide import evaluation
    >>> np.savez("images.npz", image=np.zeros((2, 16, 16, 3), np.uint8))
    >>> len(evaluation.NpzImages("images.npz", size=16).open())
    2
  """

  path: str
  size: int
  resize: str = "none"

  def open(self) -> data.Dataset:
    """See `DataSource`."""
    return data.open_npz(
        self.path, shape=(self.size, self.size), resize=self.resize)

  def tiny(self) -> base.DataSource:
    """See `DataSource`."""
    return stand_ins.DrawnImages(3, 16)


@dataclasses.dataclass(frozen=True)
class SplitImages(base.DataSource):
  """One split of the images of an npz file, by an index beside it.

  Two files with the same index are pairs: the emoji of two vendors.

  Attributes:
    path: path of the npz file; see `data.open_npz`.
    index: a JSON file with a list of objects, one per image in the same
      order: "file" is its name, "split" its split.
    size: height and width that they are brought to.
    split: which one.
    resize: a rule of `data.resizing`.
    origin: what is expected there, for the message when it is missing.

  Example:
    >>> import json
    >>> import pathlib
    >>> import numpy as np
    >>> from jaxguide import evaluation
    >>> np.savez("pairs.npz", image=np.zeros((2, 16, 16, 3), np.uint8))
    >>> index = [{"file": "a", "split": "train"},
    ...          {"file": "b", "split": "test"}]
    >>> _ = pathlib.Path("pairs.json").write_text(json.dumps(index))
    >>> source = evaluation.SplitImages("pairs.npz", "pairs.json", size=16)
    >>> list(source.open().names)
    ['b']
  """

  path: str
  index: str
  size: int
  split: str = "test"
  resize: str = "center_crop_area"
  origin: str = ""

  def open(self) -> data.Dataset:
    """See `DataSource`.

    Raises:
      ValueError: if the two files do not belong together, or the split is
        empty.
    """
    for name in (self.path, self.index):
      if not pathlib.Path(name).is_file():
        wanted = f" (wanted: {self.origin})" if self.origin else ""
        raise FileNotFoundError(
            f"data: {name} does not exist{wanted}; other files are named "
            "with --set data.path=FILE --set data.index=FILE")
    whole = data.open_npz(self.path)
    entries = self._entries(len(whole))
    chosen = [n for n, e in enumerate(entries) if e["split"] == self.split]
    if not chosen:
      raise ValueError(
          f"split {self.split!r} of {self.index} is empty; it has "
          f"{', '.join(sorted({e['split'] for e in entries}))}")
    return data.ArrayImages(
        whole.select(chosen), [entries[n]["file"] for n in chosen],
        shape=(self.size, self.size), resize=self.resize)

  def _entries(self, count: int) -> list[dict[str, str]]:
    try:
      entries = json.loads(pathlib.Path(self.index).read_text("utf-8"))
      complete = all({"file", "split"} <= set(e) for e in entries)
    except (TypeError, ValueError) as error:
      raise ValueError(f"index {self.index} is no list: {error}") from error
    if not complete or len(entries) != count:
      raise ValueError(
          f"index {self.index} must name file and split of the {count} images "
          f"of {self.path}, got {len(entries)} entries")
    return entries

  def tiny(self) -> base.DataSource:
    """See `DataSource`."""
    return stand_ins.DrawnImages(3, 16)


@dataclasses.dataclass(frozen=True)
class EmbeddedImages(base.DataSource):
  """The images that come with the package.

  Attributes:
    name: name of the set.
    size: that of the set; it cannot be changed.

  Example:
    >>> from jaxguide import evaluation
    >>> images = evaluation.EmbeddedImages().open()
    >>> len(images), images.load(0).shape
    (64, (32, 32, 3))
  """

  name: str = "noto32"
  size: int = 32

  def __post_init__(self):
    if self.size != data.embedded.SIZES.get(self.name, self.size):
      raise ValueError(f"size of {self.name} cannot be {self.size}")

  def open(self) -> data.Dataset:
    """See `DataSource`."""
    return data.embedded_dataset(self.name)

  def tiny(self) -> base.DataSource:
    """See `DataSource`: itself if small; its own masks know it by name."""
    return self if self.size <= 32 else stand_ins.DrawnImages(3, 16)
