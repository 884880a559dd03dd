"""Seeded masks for inpainting, one per image: 1 = observed, 0 = missing.

A mask source is a frozen dataclass with `mask(index, name, shape)`. The mask
of image n is a function of (seed, n, shape) and the settings, drawn by numpy
from that image's own generator: it does not depend on the batch, on the
number of devices, or on the masks drawn before. All lengths are fractions of
the shorter side, so a family looks alike at any size. Only plain uniform
draws are used, whose stream numpy keeps fixed.
"""

from collections.abc import Sequence
import dataclasses
from typing import Literal, Protocol

import numpy as np

from jaxguide import arrays
from jaxguide.data import drawing

Shape = tuple[int, int]
Range = tuple[float, float]

SIDES = ("left", "right", "top", "bottom")
_MAX_TRIES = 1000


class MaskSource(Protocol):
  """A source of masks, which are drawn here or read from files."""

  def mask(self, index: int, name: str, shape: Shape) -> np.ndarray:
    """The mask of one image.

    Args:
      index: number of the image in its data set.
      name: name of the image; sources that read files match it.
      shape: height and width of the image, (H, W).

    Returns:
      The mask, float32 `[H, W, 1]` in [0, 1], 1 = observed.

    Raises:
      ValueError: if this image has no usable mask.
    """


def stack(
    source: MaskSource,
    indices: Sequence[int],
    shape: Shape,
    names: Sequence[str] | None = None,
) -> np.ndarray:
  """The masks of several images.

  Args:
    source: source that draws or reads them.
    indices: numbers of the images, `[B]`.
    shape: height and width of the images, (H, W).
    names: names of the images; sources that draw do not need them.

  Returns:
    The masks, float32 `[B, H, W, 1]`.

  Example:
    >>> from jaxguide.data import masks
    >>> masks.stack(masks.Half(), [0, 1], (8, 8)).shape
    (2, 8, 8, 1)
  """
  names = names or [""] * len(indices)
  return np.stack([
      source.mask(int(n), name, shape)
      for n, name in zip(indices, names, strict=True)
  ])


@dataclasses.dataclass(frozen=True)
class Box:
  """One rectangle is missing.

  Attributes:
    seed: seed of the family.
    side: range of height and of width, drawn apart, fractions of the shorter
      side; the default is the half-sized box of DPS (arXiv:2209.14687).
    margin: least distance to the border, as long as the box fits, a fraction
      of the shorter side.

  Example:
    >>> from jaxguide.data import masks
    >>> float(masks.Box().mask(0, "", (32, 32)).mean())  # The share observed.
    0.75
  """

  seed: int = 0
  side: Range = (0.5, 0.5)
  margin: float = 1 / 16

  def __post_init__(self) -> None:
    _check_range("side", self.side, 0.0, 1.0)
    _check_fraction("margin", self.margin)

  def mask(self, index: int, name: str, shape: Shape) -> np.ndarray:
    """The mask of one image, as `MaskSource` has it."""
    rng = drawing.image_generator(self.seed, index)
    missing = np.zeros(shape, bool)
    missing[drawing.box(rng, shape, self.side, self.margin)] = True
    return _finish(missing)


@dataclasses.dataclass(frozen=True)
class Expand:
  """Only a centred rectangle is observed; the rest is to be painted around.

  Attributes:
    keep: height and width of the rectangle as a fraction of the image's.

  Example:
    >>> from jaxguide.data import masks
    >>> float(masks.Expand(0.5).mask(0, "", (8, 8)).sum())
    16.0
  """

  keep: float = 0.25

  def __post_init__(self) -> None:
    _check_fraction("keep", self.keep)

  def mask(self, index: int, name: str, shape: Shape) -> np.ndarray:
    """The mask of one image, as `MaskSource` has it."""
    sizes = [max(1, round(self.keep * n)) for n in shape]
    starts = [(n - size) // 2 for n, size in zip(shape, sizes, strict=True)]
    missing = np.ones(shape, bool)
    missing[drawing.window(starts, sizes)] = False
    return _finish(missing)


@dataclasses.dataclass(frozen=True)
class Half:
  """One half of the image is missing.

  Attributes:
    seed: seed of the family; used by "random" alone.
    missing: half that is missing: "left", "right", "top", "bottom", or
      "random", any of these drawn per image.

  Example:
    >>> from jaxguide.data import masks
    >>> masks.Half(missing="left").mask(0, "", (1, 4))[0, :, 0].tolist()
    [0.0, 0.0, 1.0, 1.0]
  """

  seed: int = 0
  missing: Literal["left", "right", "top", "bottom", "random"] = "right"

  def __post_init__(self) -> None:
    arrays.check_choice("missing", self.missing, (*SIDES, "random"))

  def mask(self, index: int, name: str, shape: Shape) -> np.ndarray:
    """The mask of one image, as `MaskSource` has it."""
    side: str = self.missing
    if side == "random":
      rng = drawing.image_generator(self.seed, index)
      side = SIDES[drawing.integer(rng, 0, 3)]
    height, width = shape
    missing = np.zeros(shape, bool)
    if side in ("left", "right"):
      half = width // 2
      missing[:, slice(half) if side == "left" else slice(half, None)] = True
    else:
      half = height // 2
      missing[slice(half) if side == "top" else slice(half, None)] = True
    return _finish(missing)


@dataclasses.dataclass(frozen=True)
class RotatedWindow:
  """The image is cut through its centre at any angle; one side is missing.

  The idea of VIPaint's rotated window (arXiv:2411.18929): a half-plane turned
  by a whole number of degrees, uniform in 0..359.

  Attributes:
    seed: seed of the family.

  Example:
    >>> from jaxguide.data import masks
    >>> masks.RotatedWindow().mask(0, "", (8, 8)).shape
    (8, 8, 1)
  """

  seed: int = 0

  def mask(self, index: int, name: str, shape: Shape) -> np.ndarray:
    """The mask of one image, as `MaskSource` has it."""
    degrees = drawing.integer(drawing.image_generator(self.seed, index), 0, 359)
    angle = np.deg2rad(degrees)
    down, right = np.indices(shape) - (
        (np.array(shape) - 1) / 2
    ).reshape(2, 1, 1)
    # A pixel on the cut is missing, whatever the last bit of the cosine.
    observed = right * np.sin(angle) + down * np.cos(angle) < -1e-6
    return _finish(~observed)


@dataclasses.dataclass(frozen=True)
class RandomPixels:
  """Single pixels are missing, a share drawn per image.

  Attributes:
    seed: seed of the family.
    missing: range of the share that is missing.

  Example:
    >>> from jaxguide.data import masks
    >>> source = masks.RandomPixels(missing=(0.5, 0.5))
    >>> float(source.mask(0, "", (8, 8)).sum())
    32.0
  """

  seed: int = 0
  missing: Range = (0.4, 0.8)

  def __post_init__(self) -> None:
    _check_range("missing", self.missing, 0.0, 1.0)

  def mask(self, index: int, name: str, shape: Shape) -> np.ndarray:
    """The mask of one image, as `MaskSource` has it."""
    rng = drawing.image_generator(self.seed, index)
    count = shape[0] * shape[1]
    share = drawing.uniform(rng, self.missing)
    order = np.argsort(rng.random(count), kind="stable")
    missing = np.zeros(count, bool)
    missing[order[: round(share * count)]] = True
    return _finish(missing.reshape(shape))


@dataclasses.dataclass(frozen=True)
class FreeForm:
  """Winding strokes are missing, until a share drawn per image is reached.

  Strokes wander: each piece turns away from the last, alternately left and
  right, as a hand that rubs something out.

  Attributes:
    seed: seed of the family.
    missing: range of the share that is missing.
    width: range of a stroke's width, a fraction of the shorter side.
    length: range of the length of one piece, a fraction of the shorter side.
    pieces: range of the number of pieces of a stroke.

  Example:
    >>> from jaxguide.data import masks
    >>> mask = masks.FreeForm(missing=(0.2, 0.5)).mask(0, "", (32, 32))
    >>> bool(0.2 <= 1 - mask.mean() <= 0.5)
    True
  """

  seed: int = 0
  missing: Range = (0.2, 0.5)
  width: Range = (0.06, 0.16)
  length: Range = (0.1, 0.35)
  pieces: tuple[int, int] = (3, 10)

  def __post_init__(self) -> None:
    _check_range("missing", self.missing, 0.0, 1.0)
    _check_range("width", self.width, 0.0, 1.0)
    _check_range("length", self.length, 0.0, 2.0)
    _check_range("pieces", self.pieces, 1, 1000)

  def mask(self, index: int, name: str, shape: Shape) -> np.ndarray:
    """The mask of one image, as `MaskSource` has it."""
    rng = drawing.image_generator(self.seed, index)
    target = drawing.uniform(rng, self.missing)
    missing = np.zeros(shape, bool)
    scale = float(min(shape))
    for _ in range(_MAX_TRIES):
      if missing.mean() >= target:
        return _finish(missing)
      width = scale * drawing.uniform(rng, self.width)
      points = drawing.wander(
          rng,
          shape,
          pieces=drawing.integer(rng, *self.pieces),
          length=[scale * side for side in self.length],
          turn=(0.2 * np.pi, 0.6 * np.pi),
      )
      more = missing | drawing.polyline(shape, points, width)
      if more.mean() <= self.missing[1]:
        missing = more
      else:
        scale *= 0.8  # Finer strokes fit into what is left.
    raise ValueError(
        f"missing={self.missing} is too narrow for a mask of shape {shape}: "
        f"none of {_MAX_TRIES} tries fell into it")


@dataclasses.dataclass(frozen=True)
class LargeMask:
  """Strokes or boxes in the manner of LaMa's large masks (arXiv:2109.07161).

  Every image gets either polygonal strokes or boxes. A stroke starts
  anywhere and goes straight for some pieces, each at an angle drawn afresh
  and mirrored for every second stroke, with one width per piece. Masks with a
  share outside `missing` are drawn again.

  `thin`, `medium` and `thick` give the settings of LaMa's test masks for 256
  pixels, as fractions of 256. The drawing and the random numbers are our own:
  these are masks of the same kind, not the published ones, which
  `mask_folder.MaskFolder` reads.

  Attributes:
    seed: seed of the family.
    strokes: range of the number of strokes.
    pieces: range of the number of pieces of a stroke.
    width: range of the width of a piece, a fraction of the shorter side.
    length: range of the length of a piece, a fraction of the shorter side.
    max_angle: bound of the direction of a piece, uniform in [0, max_angle)
      radians.
    box_probability: share of images with boxes instead.
    boxes: range of the number of boxes.
    box_side: range of their height and width, fractions of the shorter side.
    box_margin: least distance of a box to the border, a fraction of the
      shorter side.
    missing: range of the share that is missing.

  Example:
    >>> from jaxguide.data import masks
    >>> mask = masks.LargeMask(missing=(0.1, 0.4)).mask(0, "", (32, 32))
    >>> bool(0.1 <= 1 - mask.mean() <= 0.4)
    True
  """

  seed: int = 0
  strokes: tuple[int, int] = (1, 5)
  pieces: tuple[int, int] = (1, 5)
  width: Range = (5 / 256, 105 / 256)
  length: Range = (10 / 256, 210 / 256)
  max_angle: float = 4.0
  box_probability: float = 0.0
  boxes: tuple[int, int] = (1, 3)
  box_side: Range = (30 / 256, 150 / 256)
  box_margin: float = 0.0
  missing: Range = (0.01, 0.5)

  def __post_init__(self) -> None:
    for name in ("strokes", "pieces", "boxes"):
      _check_range(name, getattr(self, name), 1, 1000)
    for name in ("width", "length", "box_side", "missing"):
      _check_range(name, getattr(self, name), 0.0, 1.0)
    if not 0.0 <= self.box_probability <= 1.0:
      raise ValueError(
          f"box_probability must be in [0, 1], got {self.box_probability}"
      )

  def mask(self, index: int, name: str, shape: Shape) -> np.ndarray:
    """The mask of one image, as `MaskSource` has it."""
    rng = drawing.image_generator(self.seed, index)
    low, high = self.missing
    for _ in range(_MAX_TRIES):
      boxed = rng.random() < self.box_probability
      missing = (self._boxes if boxed else self._strokes)(rng, shape)
      if low <= missing.mean() <= high:
        return _finish(missing)
    raise ValueError(
        f"missing={self.missing} is too narrow for a mask of shape {shape}: "
        f"none of {_MAX_TRIES} tries fell into it")

  def _boxes(self, rng: np.random.Generator, shape: Shape) -> np.ndarray:
    missing = np.zeros(shape, bool)
    for _ in range(drawing.integer(rng, *self.boxes)):
      missing[drawing.box(rng, shape, self.box_side, self.box_margin)] = True
    return missing

  def _strokes(self, rng: np.random.Generator, shape: Shape) -> np.ndarray:
    missing = np.zeros(shape, bool)
    scale = min(shape)
    for number in range(drawing.integer(rng, *self.strokes)):
      point = rng.random(2) * shape
      for _ in range(drawing.integer(rng, *self.pieces)):
        angle = self.max_angle * rng.random() * (-1) ** number
        reach = scale * drawing.uniform(rng, self.length)
        step = reach * np.array([np.sin(angle), np.cos(angle)])
        following = np.clip(point + step, 0, np.array(shape) - 1)
        width = scale * drawing.uniform(rng, self.width)
        missing |= drawing.polyline(shape, [point, following], width)
        point = following
    return missing


def thin(seed: int = 0) -> LargeMask:
  """Many fine strokes: 4 to 50, up to 15 of 256 pixels wide.

  Args:
    seed: seed of the family.

  Example:
    >>> from jaxguide.data import masks
    >>> masks.thin().mask(0, "", (32, 32)).shape
    (32, 32, 1)
  """
  return LargeMask(
      seed=seed,
      strokes=(4, 50),
      width=(5 / 256, 15 / 256),
      length=(10 / 256, 50 / 256),
  )


def medium(seed: int = 0) -> LargeMask:
  """A few strokes up to 55 of 256 pixels wide, or small boxes.

  Args:
    seed: seed of the family.

  Example:
    >>> from jaxguide.data import masks
    >>> masks.medium().mask(0, "", (32, 32)).shape
    (32, 32, 1)
  """
  return LargeMask(
      seed=seed,
      strokes=(4, 5),
      width=(5 / 256, 55 / 256),
      length=(10 / 256, 110 / 256),
      box_probability=0.3 / 1.3,
      boxes=(1, 5),
      box_side=(10 / 256, 50 / 256),
  )


def thick(seed: int = 0) -> LargeMask:
  """Up to five strokes up to 105 of 256 pixels wide, or large boxes.

  Args:
    seed: seed of the family.

  Example:
    >>> from jaxguide.data import masks
    >>> masks.thick().mask(0, "", (32, 32)).shape
    (32, 32, 1)
  """
  return LargeMask(
      seed=seed,
      box_probability=0.3 / 1.3,
      box_margin=10 / 256,
  )


def _finish(missing: np.ndarray) -> np.ndarray:
  return 1.0 - missing[..., None].astype(np.float32)


def _check_range(
    name: str, span: Sequence[float], low: float, high: float
) -> None:
  if len(span) != 2 or not low <= span[0] <= span[1] <= high:
    raise ValueError(
        f"{name} must be (from, to) within [{low}, {high}], got {span}"
    )


def _check_fraction(name: str, value: float) -> None:
  if not 0.0 <= value <= 1.0:
    raise ValueError(f"{name} must be in [0, 1], got {value}")
