"""Labelled images of two or more domains, from folders or npz files."""

from __future__ import annotations

from collections.abc import Iterator
import dataclasses
import json
import os
import pathlib
from typing import NamedTuple

import numpy as np

from jaxguide.data import images
from jaxguide.training import config
from jaxguide.training import noisy_classifier
from jaxguide.training import orders


@dataclasses.dataclass(frozen=True)
class Domains:
  """Where the images of each domain are; the label is the position.

  Attributes:
    train: for each domain a folder, or an npz file as `images.open_npz`
      reads it, relative to the data's root.
    held_out: the same for the images that the accuracy is measured on.
    resize: a rule of `resizing.RULES`. "center_crop_bicubic" brings the short
      side to the size, and is the released recipe for square pictures.
    index: a JSON list with an object per image of every npz file, whose
      "split" says what the image is for; None: all images of a file are for
      what it is named for.
    train_split: its value for training images.
    held_out_split: its value for held-out images.
    max_held_out: at most so many held-out images of a domain, evenly spread;
      None: all.
    licence: of a classifier trained on these images.
  """

  train: tuple[str, ...]
  held_out: tuple[str, ...]
  resize: str = "center_crop_bicubic"
  index: str | None = None
  train_split: str = "train"
  held_out_split: str = "valid"
  max_held_out: int | None = None
  licence: str = "unknown"

  def __post_init__(self):
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


@dataclasses.dataclass(frozen=True)
class ExtractorTraining:
  """What a config file of an extractor returns.

  Attributes:
    recipe: the network and its training.
    domains: the images.
  """

  recipe: config.ClassifierTraining
  domains: Domains

  def __post_init__(self):
    classes = self.recipe.module.get("out_channels")
    if classes != len(self.domains.train):
      raise ValueError(
          f"module has out_channels {classes}; there are "
          f"{len(self.domains.train)} domains")


class LabelledImages(NamedTuple):
  """Images in memory.

  Attributes:
    pixels: uint8 `[N, H, W, 3]`.
    label: `[N]` int32.
    skipped: what could not be used, each naming its image.
  """

  pixels: np.ndarray
  label: np.ndarray
  skipped: tuple[images.ImageError, ...]


def read(
    root: str | os.PathLike[str], domains: Domains, image_size: int, *,
    held_out: bool = False,
) -> LabelledImages:
  """Reads all images of one split; 3 bytes per pixel stay in memory.

  An image that cannot be used is left out and named in the result. The order
  is that of the domains, then of file names or rows.

  Args:
    root: what the domains' places are relative to.
    domains: where the images are.
    image_size: height and width wanted.
    held_out: whether to read the held-out images.

  Raises:
    ValueError: a folder, file or index is missing or does not fit, or nothing
      usable is left of a domain; names it.
  """
  root = pathlib.Path(root)
  split = domains.held_out_split if held_out else domains.train_split
  parts, skipped = [], []
  for place in domains.held_out if held_out else domains.train:
    try:
      dataset = _open(root / place, image_size, domains.resize)
    except OSError as error:
      raise ValueError(f"domain {place!r}: {error}") from error
    chosen = _chosen(root, domains.index, split, place, len(dataset))
    if held_out:
      chosen = _spread(chosen, domains.max_held_out)
    pixels, bad = _pixels(dataset, chosen)
    if not pixels:
      raise ValueError(
          f"domain {place!r}: none of its {len(chosen)} images can be used; "
          f"the first is {bad[0]}")
    parts.append(np.stack(pixels))
    skipped += [
        images.ImageError(f"{place}/{e.name}", e.status, e.reason) for e in bad]
  label = np.repeat(np.arange(len(parts)), [len(p) for p in parts])
  return LabelledImages(
      np.concatenate(parts), label.astype(np.int32), tuple(skipped))


def batch_at(
    data: LabelledImages, recipe: config.ClassifierTraining, step: int,
) -> noisy_classifier.Labelled:
  """The batch of one update, a pure function of (data, recipe, step)."""
  rows = orders.rows(
      recipe.order, len(data.label), step, recipe.batch_size, recipe.seed)
  mirrored = orders.coins(step, recipe.batch_size, recipe.seed, recipe.flip)
  x0 = images.from_uint8(data.pixels[rows])
  x0 = np.where(mirrored[:, None, None, None], x0[:, :, ::-1], x0)
  return noisy_classifier.Labelled(x0, data.label[rows])


def batches(
    data: LabelledImages, recipe: config.ClassifierTraining, first_step: int,
) -> Iterator[noisy_classifier.Labelled]:
  """Yields the batches of updates `first_step`, `first_step + 1`, ..."""
  step = first_step
  while True:
    yield batch_at(data, recipe, step)
    step += 1


def _open(path: pathlib.Path, size: int, resize: str) -> images.Dataset:
  shape = (size, size)
  if path.suffix == ".npz":
    return images.open_npz(path, shape=shape, resize=resize)
  return images.ImageFolder(path, shape, resize=resize)


def _chosen(
    root: pathlib.Path, index: str | None, split: str, place: str, number: int,
) -> list[int]:
  """The rows of a domain that are of a split."""
  if index is None or not place.endswith(".npz"):
    return list(range(number))
  try:
    entries = json.loads((root / index).read_text("utf-8"))
    splits = [entry["split"] for entry in entries]
  except (OSError, ValueError, KeyError, TypeError) as error:
    raise ValueError(
        f"index {root / index}: {type(error).__name__}: {error}") from error
  if len(splits) != number:
    raise ValueError(
        f"index {root / index} names {len(splits)} images; {place} holds "
        f"{number}")
  chosen = [i for i, found in enumerate(splits) if found == split]
  if not chosen:
    raise ValueError(
        f"domain {place!r}: no image is of split {split!r}; the index has "
        f"{', '.join(sorted(set(splits)))}")
  return chosen


def _spread(rows: list[int], most: int | None) -> list[int]:
  if most is None or most >= len(rows):
    return rows
  return [rows[i] for i in np.linspace(0, len(rows) - 1, most).astype(int)]


def _pixels(
    dataset: images.Dataset, rows: list[int],
) -> tuple[list[np.ndarray], list[images.ImageError]]:
  pixels, bad = [], []
  for item in images.items(dataset, rows):
    if item.error is None:
      pixels.append(np.rint((item.image + 1) * 127.5).astype(np.uint8))
    else:
      bad.append(item.error)
  return pixels, bad
