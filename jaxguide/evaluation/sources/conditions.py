"""Which class an image has, as values of a config."""

import dataclasses
import functools
import pathlib
from typing import Protocol

from jaxguide import convert
from jaxguide import data


class LabelSource(Protocol):
  """Gives every image a class, for priors with classes."""

  def label(self, index: int, name: str) -> int:
    """The class of one image.

    Args:
      index: of the image in its data set.
      name: of the image.

    Raises:
      FileNotFoundError: if what holds the classes is not there.
      ValueError: if this image has none.
    """


@dataclasses.dataclass(frozen=True)
class FixedLabel:
  """The same class for all: to complete an image under another one.

  Attributes:
    value: the class.
  """

  value: int

  def label(self, index: int, name: str) -> int:
    """See `LabelSource`."""
    del index, name
    return self.value


@dataclasses.dataclass(frozen=True)
class EmbeddedLabels:
  """The categories of the images that come with the package.

  Attributes:
    name: of the set.
  """

  name: str = "noto64"

  def label(self, index: int, name: str) -> int:
    """A place in `data.CATEGORIES`; see `LabelSource`."""
    return data.embedded_label(index, name, self.name)


@dataclasses.dataclass(frozen=True)
class LabelFile:
  """A text file with a line "NAME LABEL" per image.

  Attributes:
    path: of the file; the name may be that of the file in any folder.
  """

  path: str

  def label(self, index: int, name: str) -> int:
    """See `LabelSource`."""
    del index
    found = self._labels
    short = pathlib.PurePosixPath(name).name
    if name not in found and short not in found:
      raise ValueError(f"labels: {self.path} has no line for image {name}")
    return found.get(name, found.get(short))

  @functools.cached_property
  def _labels(self) -> dict[str, int]:
    if not pathlib.Path(self.path).is_file():
      raise FileNotFoundError(
          f"labels: {self.path} does not exist; a line of it is an image's "
          "name and class; another file is named with "
          "--set labels.path=FILE, one class for all images is a FixedLabel")
    lines = pathlib.Path(self.path).read_text("utf-8").splitlines()
    found: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
      name, _, value = line.strip().rpartition(" ")
      if not line.strip():
        continue
      if not name or not value.isdecimal():
        raise ValueError(
            f"labels: line {number} of {self.path} must be NAME LABEL, got "
            f"{line!r}")
      if found.setdefault(name.strip(), int(value)) != int(value):
        raise ValueError(
            f"labels: {self.path} has two classes for {name.strip()}")
    return found


@dataclasses.dataclass(frozen=True)
class ClassFolders:
  """Images in a folder per class: the class is the folder's place.

  Attributes:
    path: holds one folder per class and nothing else; the classes are their
      names in order.
    count: of classes; ImageNet has 1000. With folders missing every later
      class would be another.
  """

  path: str
  count: int = 1000

  def label(self, index: int, name: str) -> int:
    """See `LabelSource`; the image's name begins with its folder."""
    del index
    folder = name.partition("/")[0]
    if folder == name or folder not in self._folders:
      raise ValueError(
          f"labels: image {name} lies in no class folder of {self.path}")
    return self._folders[folder]

  @functools.cached_property
  def _folders(self) -> dict[str, int]:
    path = pathlib.Path(self.path)
    if not path.is_dir():
      raise FileNotFoundError(
          f"labels: {self.path} does not exist; it must hold a folder per "
          "class; another one is named with --set labels.path=FOLDER")
    names = sorted(
        p.name for p in path.iterdir()
        if p.is_dir() and not p.name.startswith("."))
    if len(names) != self.count:
      raise ValueError(
          f"labels: {self.path} must hold {self.count} class folders, got "
          f"{len(names)}")
    return {name: number for number, name in enumerate(names)}


def labels_of(
    source: LabelSource | None,
    prior: convert.Prior | None,
    names: list[str],
) -> list[int] | None:
  """The classes of images, checked against the prior.

  Args:
    source: gives them; where it is None, a latent prior with classes gets
      its null label, and any other prior no label.
    prior: of the run; None where no prior is used.
    names: of the images, in their order.

  Returns:
    One class per image; None without classes.

  Raises:
    ValueError: if an image has no class, or one that the prior does not
      know, or the prior has no classes, or cannot do without.
  """
  if prior is None:
    return None
  if source is None:
    return _null_labels(prior, len(names))
  if prior.num_classes is None:
    raise ValueError(f"labels must be none: prior {prior.name} has no classes")
  found = [source.label(n, name) for n, name in enumerate(names)]
  for label, name in zip(found, names, strict=True):
    if not 0 <= label < prior.num_classes:
      raise ValueError(
          f"label of image {name} must be in 0..{prior.num_classes - 1}, got "
          f"{label}")
  return found


def _null_labels(prior: convert.Prior, count: int) -> list[int] | None:
  if not prior.is_latent or prior.num_classes is None:
    return None
  if prior.null_label is None:
    raise ValueError(
        f"labels must be given: prior {prior.name} has classes and no null "
        "label")
  return [prior.null_label] * count
