"""Batches of emoji: which images, in which order, mirrored or not."""

from __future__ import annotations

from collections.abc import Iterator
import json
import os
import pathlib
from typing import NamedTuple

import numpy as np

from jaxguide import data
from jaxguide.training import orders

# Pictures whose mirror image is no emoji: they hold text or are chiral.
UNMIRRORED = ("Symbols", "Flags")


class Emoji(NamedTuple):
  """Images of one split.

  Attributes:
    images: `[N, H, W, 3]`, float32 in [-1, 1].
    may_flip: `[N]` bool, whether the mirror image is as good.
    label: `[N]` int32, a place in `data.CATEGORIES`.
  """

  images: np.ndarray
  may_flip: np.ndarray
  label: np.ndarray


def load(
    folder: str | os.PathLike[str], split: str, image_size: int,
) -> Emoji:
  """Reads one split of the artwork, reduced to `image_size` by area means.

  Args:
    folder: holds `noto64.npz` (entry "image" `[N, 64, 64, 3]` uint8) and
      `emoji_index.json` (in the same order).
    split: "train", "valid" or "test".
    image_size: a divisor of 64.

  Raises:
    ValueError: a file is missing or unreadable, the index and the images
      differ in number, the split is empty, a category is unknown, or the
      size does not fit.
  """
  folder = pathlib.Path(folder)
  try:
    index = json.loads((folder / "emoji_index.json").read_text("utf-8"))
    with np.load(folder / "noto64.npz") as archive:
      images = archive["image"]
  except (OSError, KeyError, ValueError) as error:
    raise ValueError(f"data is {folder}: {error}") from error
  if len(index) != len(images):
    raise ValueError(
        f"data is {folder}: emoji_index.json names {len(index)} images, "
        f"noto64.npz holds {len(images)}")
  chosen = [i for i, entry in enumerate(index) if entry["split"] == split]
  if not chosen:
    raise ValueError(f"split is {split!r}; allowed: 'train', 'valid', 'test'")
  side = images.shape[1]
  if side % image_size:
    raise ValueError(f"image_size is {image_size}; it must divide {side}")
  factor = side // image_size
  x = images[chosen].astype(np.float32).reshape(
      len(chosen), image_size, factor, image_size, factor, 3).mean((2, 4))
  categories = [index[i]["category"] for i in chosen]
  unknown = sorted(set(categories) - set(data.CATEGORIES))
  if unknown:
    raise ValueError(
        f"data is {folder}: emoji_index.json has category {unknown[0]!r}; "
        f"known are {', '.join(data.CATEGORIES)}")
  return Emoji(
      x / 127.5 - 1.0, np.array([c not in UNMIRRORED for c in categories]),
      np.array([data.CATEGORIES.index(c) for c in categories], np.int32))


def draw(
    may_flip: np.ndarray, step: int, batch_size: int, seed: int,
) -> tuple[np.ndarray, np.ndarray]:
  """Which images an update sees, a pure function of (seed, step).

  Every epoch is a fresh permutation; batches run on across its end. Half of
  the images that may be are mirrored.

  Args:
    may_flip: `[N]` bool, of all images.
    step: the update.
    batch_size: images per update.
    seed: of the order.

  Returns:
    Rows `[batch_size]`, and which are mirrored.
  """
  rows = orders.epoch_rows(len(may_flip), step, batch_size, seed)
  return rows, orders.coins(step, batch_size, seed) & may_flip[rows]


def batch_at(
    emoji: Emoji, step: int, batch_size: int, seed: int,
) -> np.ndarray:
  """The images of one update, `[batch_size, H, W, 3]`; see `draw`."""
  rows, mirrored = draw(emoji.may_flip, step, batch_size, seed)
  images = emoji.images[rows]
  return np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)


def batches(
    emoji: Emoji, first_step: int, batch_size: int, seed: int,
) -> Iterator[np.ndarray]:
  """Yields the batches of updates `first_step`, `first_step + 1`, ..."""
  step = first_step
  while True:
    yield batch_at(emoji, step, batch_size, seed)
    step += 1
