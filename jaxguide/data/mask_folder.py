"""Masks read from files: the mask sets that papers release."""

import dataclasses
import functools
import pathlib
from typing import Literal

import numpy as np
from PIL import Image

from jaxguide import arrays
from jaxguide.data import images

_FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "area": Image.Resampling.BOX,
    "nearest": Image.Resampling.NEAREST,
}


@dataclasses.dataclass(frozen=True)
class MaskFolder:
  """A folder of mask pictures, one per image.

  Files are read as 8-bit grey and resized; then, if there is a threshold,
  made binary. Without one, grey values stay as soft weights (what the
  released Steered Diffusion does, with bicubic resizing).

  Attributes:
    path: path of the folder.
    mask_white: meaning of white, "observed" or "missing".
    match: rule that gives an image its mask. "stem": the mask of "sub/a.jpg"
      is "sub/a<suffix>" with any picture suffix; "cycle": image n takes file
      n mod count, in the folder's order.
    suffix: ending that a mask's stem has after the image's, such as "_mask".
    threshold: least grey value, as a share of white in (0, 1], that counts as
      white; lower ones count as black. None keeps them soft.
    resize: filter that brings masks to the image's size: "bicubic", "area",
      "nearest", or "none", which takes no other size.

  Example:
    >>> import os
    >>> from PIL import Image
    >>> from jaxguide import data
    >>> os.makedirs("masks")
    >>> Image.new("L", (8, 8), 255).save("masks/a.png")
    >>> masks = data.MaskFolder("masks", mask_white="observed")
    >>> masks.mask(0, "a.jpg", (4, 4)).shape
    (4, 4, 1)
  """

  path: str
  mask_white: Literal["observed", "missing"]
  match: Literal["stem", "cycle"] = "stem"
  suffix: str = ""
  threshold: float | None = None
  resize: Literal["bicubic", "area", "nearest", "none"] = "bicubic"

  def __post_init__(self) -> None:
    arrays.check_choice(
        "mask_white", self.mask_white, ("observed", "missing")
    )
    arrays.check_choice("match", self.match, ("stem", "cycle"))
    arrays.check_choice("resize", self.resize, (*_FILTERS, "none"))
    if self.threshold is not None and not 0.0 < self.threshold <= 1.0:
      raise ValueError(f"threshold must be in (0, 1], got {self.threshold}")

  @functools.cached_property
  def files(self) -> dict[str, str]:
    """File by stem, in sorted order; the folder is listed once.

    Raises:
      FileNotFoundError: if there is no such folder, or no picture in it.
      ValueError: if two files have one stem.
    """
    folder = pathlib.Path(self.path)
    if not folder.is_dir():
      raise FileNotFoundError(f"mask folder {folder} does not exist")
    found: dict[str, str] = {}
    for name in images.list_pictures(folder, recursive=True):
      stem = _stem(name)
      if stem in found:
        raise ValueError(
            f"mask folder {folder}: {found[stem]} and {name} have the same stem"
        )
      found[stem] = name
    if not found:
      raise FileNotFoundError(
          f"mask folder {folder} holds no picture, that is, no file that ends "
          f"with {', '.join(images.SUFFIXES)}")
    return found

  def mask(
      self, index: int, name: str, shape: tuple[int, int]
  ) -> np.ndarray:
    """The mask of one image.

    Args:
      index: number of the image, used by match "cycle".
      name: name of the image, used by match "stem".
      shape: height and width of the image, (H, W).

    Returns:
      The mask, float32 `[H, W, 1]` in [0, 1], 1 = observed.

    Raises:
      ValueError: if the image has no mask, or the file cannot be used.
    """
    file = self._file(index, name)
    white = self._read(file, shape)
    if self.threshold is not None:
      white = (white >= self.threshold).astype(np.float32)
    observed = white if self.mask_white == "observed" else 1.0 - white
    return observed[..., None]

  def _file(self, index: int, name: str) -> str:
    if self.match == "cycle":
      ordered = list(self.files.values())
      return ordered[index % len(ordered)]
    stem = _stem(name) + self.suffix
    if stem not in self.files:
      raise ValueError(
          f"image {name}: there is no mask {stem}.* in mask folder {self.path}"
      )
    return self.files[stem]

  def _read(self, file: str, shape: tuple[int, int]) -> np.ndarray:
    """The file as grey in [0, 1], `[H, W]`."""
    rgb = images.read_picture(pathlib.Path(self.path) / file, f"mask {file}")
    grey = Image.fromarray(rgb).convert("L")
    if self.resize != "none":
      grey = grey.resize(shape[::-1], _FILTERS[self.resize])
    white = np.asarray(grey, np.float32) / np.float32(255)
    if white.shape != tuple(shape):
      raise ValueError(
          f"mask {file} is {white.shape[0]}x{white.shape[1]}, must be"
          f" {shape[0]}x{shape[1]}; a resize rule would change it"
      )
    return white


def _stem(name: str) -> str:
  """The name without a picture suffix: "scene.03" is a stem already."""
  path = pathlib.PurePosixPath(name)
  if path.suffix.lower() in images.SUFFIXES:
    path = path.with_suffix("")
  return path.as_posix()
