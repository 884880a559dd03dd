"""The images of a training: where they come from, and what an update sees."""

from __future__ import annotations

import abc
from collections.abc import Iterator
import dataclasses
import hashlib
import itertools
import os
from typing import Any, ClassVar, NamedTuple

import numpy as np

from jaxguide import pixels as pixel_values
from jaxguide.training import options as training_options
from jaxguide.training import orders


class ImageSet(NamedTuple):
  """Images in memory.

  Attributes:
    pixels: `[N, H, W, 3]`, uint8, or float32 in [-1, 1].
    label: class of each image, `[N]` int32; 0 where there are no classes.
    may_flip: whether an image's mirror image is as good, `[N]` bool.
    skipped: sentences that name what could not be used.

  Example:
    >>> import numpy as np
    >>> from jaxguide import training
    >>> images = training.ImageSet(
    ...     np.zeros((4, 8, 8, 3), np.uint8), np.zeros(4, np.int32),
    ...     np.ones(4, bool))
    >>> images.number, float(images.images().min())
    (4, -1.0)
  """

  pixels: np.ndarray
  label: np.ndarray
  may_flip: np.ndarray
  skipped: tuple[str, ...] = ()

  @property
  def number(self) -> int:
    """How many images there are."""
    return len(self.label)

  def images(self, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
    """Some of the images, float32 `[n, H, W, 3]` in [-1, 1].

    Args:
      rows: places of those images, in their order; all when left out.
    """
    chosen = self.pixels[rows]
    if chosen.dtype == np.uint8:
      return pixel_values.to_float(chosen)
    return chosen

  def identity(self) -> dict[str, Any]:
    """JSON values that are the same for the same images alone."""
    digest = hashlib.sha256()
    for array in (self.pixels, self.label, self.may_flip):
      digest.update(np.ascontiguousarray(array).tobytes())
    return {
        "count": np.bincount(self.label).tolist(), "sha256": digest.hexdigest()}


class Splits(NamedTuple):
  """The images of a run.

  Attributes:
    train: images that the updates see.
    held_out: images that progress is measured on.

  Example:
    >>> import numpy as np
    >>> from jaxguide import training
    >>> images = training.ImageSet(
    ...     np.zeros((4, 8, 8, 3), np.uint8), np.zeros(4, np.int32),
    ...     np.ones(4, bool))
    >>> training.Splits(train=images, held_out=images).train.number
    4
  """

  train: ImageSet
  held_out: ImageSet


class Labelled(NamedTuple):
  """A batch.

  Attributes:
    x0: clean images `[B, H, W, C]` in [-1, 1].
    label: `[B]` int, from 0.
  """

  x0: np.ndarray
  label: np.ndarray


class Drawn(NamedTuple):
  """Which images an update sees.

  Attributes:
    rows: places of the images, `[B]`.
    mirrored: marks of those that are mirrored, `[B]` bool.
  """

  rows: np.ndarray
  mirrored: np.ndarray


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageSource(abc.ABC):
  """Where the images of a training come from; part of its configuration.

  Attributes:
    licence: licence of what is trained on these images.

  Example:
    >>> import numpy as np
    >>> from jaxguide import training
    >>> class Black(training.ImageSource):
    ...   def read(self, root, image_size, *, held_out=False):
    ...     pixels = np.zeros((4, image_size, image_size, 3), np.uint8)
    ...     return training.ImageSet(
    ...         pixels, np.zeros(4, np.int32), np.ones(4, bool))
    >>> Black().read("anywhere", 8).number
    4
  """

  licence: str = "unknown"

  options: ClassVar[tuple[training_options.Option, ...]] = ()

  @property
  def classes(self) -> tuple[str, ...]:
    """Names of the classes, whose label is the position; empty: none."""
    return ()

  @abc.abstractmethod
  def read(
      self,
      root: str | os.PathLike[str],
      image_size: int,
      *,
      held_out: bool = False,
  ) -> ImageSet:
    """Reads the images of one split.

    Args:
      root: folder of the images, from the command.
      image_size: height and width wanted.
      held_out: whether to read the held-out images.

    Raises:
      ValueError: there are none, or they do not fit; names the file.
    """

  def changed(self, **values: Any) -> ImageSource:
    """The source with the values of some of its `options`.

    Args:
      **values: value by the option's name.
    """
    return dataclasses.replace(self, **values)


def draw(
    image_set: ImageSet,
    step: int,
    *,
    batch_size: int,
    seed: int,
    order: str = "epochs",
    flip: float = 0.5,
) -> Drawn:
  """Which images an update sees, a pure function of (seed, step).

  Args:
    image_set: all images of the training.
    step: number of the update, from 0.
    batch_size: images per update.
    seed: number that sets order and mirroring.
    order: name of a rule, see `orders.rows`.
    flip: probability that an image is mirrored, if it may be.
  """
  rows = orders.rows(order, image_set.number, step, batch_size, seed)
  coins = orders.coins(step, batch_size, seed, flip)
  return Drawn(rows, coins & image_set.may_flip[rows])


def batch_at(image_set: ImageSet, step: int, **drawing: Any) -> Labelled:
  """The batch of one update.

  Args:
    image_set: all images of the training.
    step: number of the update, from 0.
    **drawing: arguments of `draw`.
  """
  rows, mirrored = draw(image_set, step, **drawing)
  x0 = image_set.images(rows)
  x0 = np.where(mirrored[:, None, None, None], x0[:, :, ::-1], x0)
  return Labelled(x0, image_set.label[rows])


def batches(
    image_set: ImageSet, first_step: int, **drawing: Any,
) -> Iterator[Labelled]:
  """Yields the batches of updates `first_step`, `first_step + 1`, ...

  Args:
    image_set: all images of the training.
    first_step: number of the first update.
    **drawing: arguments of `draw`.
  """
  for step in itertools.count(first_step):
    yield batch_at(image_set, step, **drawing)
