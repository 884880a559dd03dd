"""Where the conditions of images come from: class labels, for now.

A source gives one condition of a prior, by name; a new kind of condition is a
new class here. `ImageConditions` puts the sources of a run together.
"""

import abc
from collections.abc import Sequence
import dataclasses
import functools
import pathlib
from typing import Any

import numpy as np

from jaxguide import conditioning
from jaxguide import convert
from jaxguide import data
from jaxguide.evaluation.sources import base


class LabelSource(base.ConditionSource):
  """Gives every image a class, for priors with classes.

  Example:
    >>> from jaxguide import evaluation
    >>> class Parity(evaluation.LabelSource):
    ...   def label(self, index, image):
    ...     return index % 2
    >>> Parity().label(3, "any.png")
    1
  """

  key = "label"

  @abc.abstractmethod
  def label(self, index: int, image: str) -> int:
    """The class of one image.

    Args:
      index: number of the image in its data set.
      image: name of the image.

    Raises:
      FileNotFoundError: if what holds the classes is not there.
      ValueError: if this image has none.
    """

  def load(self, index: int, image: str) -> np.ndarray:
    """See `ConditionSource`."""
    return np.asarray(self.label(index, image), np.int32)

  def describe(self, index: int, image: str) -> int:
    """See `ConditionSource`: the class."""
    return self.label(index, image)

  def tiny(self) -> base.ConditionSource:
    """See `ConditionSource`."""
    return FixedLabel(1)


@dataclasses.dataclass(frozen=True)
class FixedLabel(LabelSource):
  """The same class for all: to complete an image under another one.

  Attributes:
    value: the class.

  Example:
    >>> from jaxguide import evaluation
    >>> evaluation.FixedLabel(207).label(0, "any.png")
    207
  """

  value: int

  def label(self, index: int, image: str) -> int:
    """See `LabelSource`."""
    del index, image
    return self.value


@dataclasses.dataclass(frozen=True)
class EmbeddedLabels(LabelSource):
  """The categories of the images that come with the package.

  Attributes:
    name: name of the set.

  Example:
    >>> from jaxguide import data, evaluation
    >>> images = evaluation.EmbeddedImages("noto64", 64).open()
    >>> labels = evaluation.EmbeddedLabels("noto64")
    >>> data.CATEGORIES[labels.label(0, images.names[0])]
    'Activities'
  """

  name: str = "noto64"

  def label(self, index: int, image: str) -> int:
    """A place in `data.CATEGORIES`; see `LabelSource`."""
    return data.embedded_label(index, image, self.name)


@dataclasses.dataclass(frozen=True)
class LabelFile(LabelSource):
  """A text file with a line "NAME LABEL" per image.

  Attributes:
    path: path of the file; the name may be that of the file in any folder.

  Example:
    >>> import pathlib
    >>> from jaxguide import evaluation
    >>> _ = pathlib.Path("labels.txt").write_text("b.png 3")
    >>> evaluation.LabelFile("labels.txt").label(1, "b.png")
    3
  """

  path: str

  def label(self, index: int, image: str) -> int:
    """See `LabelSource`."""
    del index
    found = self._labels
    short = pathlib.PurePosixPath(image).name
    if image not in found and short not in found:
      raise ValueError(f"labels: {self.path} has no line for image {image}")
    return found.get(image, found.get(short))

  @functools.cached_property
  def _labels(self) -> dict[str, int]:
    if not pathlib.Path(self.path).is_file():
      raise FileNotFoundError(
          f"labels: {self.path} does not exist; a line of it is an image's "
          "name and class; another file is named with "
          "--set conditions.label.path=FILE, one class for all images is a "
          "FixedLabel")
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
class ClassFolders(LabelSource):
  """Images in a folder per class: the class is the folder's place.

  Attributes:
    path: holds one folder per class and nothing else; the classes are their
      names in order.
    count: number of classes; ImageNet has 1000. With folders missing every
      later class would be another.

  Example:
    >>> import os
    >>> from jaxguide import evaluation
    >>> for name in ("cat", "dog"):
    ...   os.makedirs(f"photos/{name}")
    >>> evaluation.ClassFolders("photos", count=2).label(0, "dog/1.png")
    1
  """

  path: str
  count: int = 1000

  def label(self, index: int, image: str) -> int:
    """See `LabelSource`; the image's name begins with its folder."""
    del index
    folder = image.partition("/")[0]
    if folder == image or folder not in self._folders:
      raise ValueError(
          f"labels: image {image} lies in no class folder of {self.path}")
    return self._folders[folder]

  @functools.cached_property
  def _folders(self) -> dict[str, int]:
    path = pathlib.Path(self.path)
    if not path.is_dir():
      raise FileNotFoundError(
          f"labels: {self.path} does not exist; it must hold a folder per "
          "class; another one is named with --set conditions.label.path=FOLDER")
    names = sorted(
        p.name for p in path.iterdir()
        if p.is_dir() and not p.name.startswith("."))
    if len(names) != self.count:
      raise ValueError(
          f"labels: {self.path} must hold {self.count} class folders, got "
          f"{len(names)}")
    return {name: number for number, name in enumerate(names)}


class ImageConditions:
  """The conditions of the images of a run, checked against the prior.

  Attributes:
    described: what the journal says of every image's conditions, by name.
  """

  def __init__(
      self,
      sources: Sequence[base.ConditionSource],
      prior: convert.Prior | None,
      names: Sequence[str],
  ):
    """Asks every source for every image; reads no large value.

    A condition without a source is left out where the network can do
    without it, and has its null value elsewhere.

    Args:
      sources: sources of conditions, at most one for a condition.
      prior: that of the run; None where none is used.
      names: names of the images, in their order.

    Raises:
      ValueError: if an image has no value, or one that the prior does not
        know; if the prior has no such condition, or cannot do without one.
    """
    self._names = list(names)
    self._values: dict[str, base.ConditionSource | np.ndarray] = {}
    described: dict[str, list[Any]] = {}
    taken = () if prior is None else prior.conditions
    given = {source.key: source for source in sources}
    _check_known(given, prior)
    for condition in taken:
      source = given.get(condition.name)
      if source is not None:
        self._values[condition.name] = source
        described[condition.name] = _describe(source, condition, names)
      elif not condition.optional:
        null = _null(condition, prior)
        self._values[condition.name] = null
        # A long value would be written down for every image.
        said = null.tolist() if null.ndim == 0 else None
        described[condition.name] = [said] * len(names)
    self.described: list[dict[str, Any]] = [
        {name: found[n] for name, found in described.items()
         if found[n] is not None}
        for n in range(len(names))]

  def load(self, index: int) -> dict[str, np.ndarray]:
    """The values of one image by name, without a batch axis.

    Args:
      index: number of the image.
    """
    return {
        name: known if isinstance(known, np.ndarray)
        else known.load(index, self._names[index])
        for name, known in self._values.items()}


def _check_known(
    given: dict[str, base.ConditionSource], prior: convert.Prior | None
) -> None:
  if prior is None:
    return
  taken = [c.name for c in prior.conditions]
  for name in given:
    if name not in taken:
      raise ValueError(
          f"conditions must be among {', '.join(taken) or 'none at all'} for "
          f"prior {prior.name}, got a source of {name!r}")


def _describe(
    source: base.ConditionSource,
    condition: conditioning.Condition,
    names: Sequence[str],
) -> list[Any]:
  found = [source.describe(n, name) for n, name in enumerate(names)]
  if condition.num_values is None:
    return found
  for value, name in zip(found, names, strict=True):
    if not 0 <= value < condition.num_values:
      raise ValueError(
          f"{condition.name} of image {name} must be in "
          f"0..{condition.num_values - 1}, got {value}")
  return found


def _null(
    condition: conditioning.Condition, prior: convert.Prior
) -> np.ndarray:
  if condition.null is None:
    raise ValueError(
        f"conditions must have a source of {condition.name!r}: prior "
        f"{prior.name} needs one and knows no value for doing without")
  return conditioning.null_value(condition)
