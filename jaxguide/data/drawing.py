"""Random draws of one image, and shapes drawn on its pixel grid."""

from collections.abc import Sequence

import numpy as np


def polyline(
    shape: tuple[int, int], points: Sequence[np.ndarray], width: float
) -> np.ndarray:
  """The pixels within width / 2 of a polyline, its ends round.

  Args:
    shape: height and width of the image, (H, W).
    points: two or more points (row, column), in pixels; they may lie outside.
    width: width of the line in pixels; at least 1 is drawn.

  Returns:
    Flags of the pixels, bool `[H, W]`.
  """
  drawn = np.zeros(shape, bool)
  radius = max(width, 1.0) / 2
  for start, end in zip(points[:-1], points[1:], strict=True):
    _segment(drawn, np.asarray(start), np.asarray(end), radius)
  return drawn


def _segment(
    drawn: np.ndarray, start: np.ndarray, end: np.ndarray, radius: float
) -> None:
  """Adds the pixels within `radius` of a segment to `drawn`."""
  low = np.floor(np.minimum(start, end) - radius).astype(int)
  high = np.ceil(np.maximum(start, end) + radius).astype(int) + 1
  rows, cols = (
      slice(max(a, 0), max(b, 0)) for a, b in zip(low, high, strict=True)
  )
  part = drawn[rows, cols]
  grid = np.indices(part.shape, dtype=np.float64)
  grid += np.array([rows.start, cols.start]).reshape(2, 1, 1)
  along = end - start
  squared = float(along @ along)
  away = grid - start.reshape(2, 1, 1)
  share = np.tensordot(along, away, 1) / squared if squared else 0.0
  away = away - np.clip(share, 0.0, 1.0) * along.reshape(2, 1, 1)
  part |= (away**2).sum(axis=0) <= radius**2


def wander(
    rng: np.random.Generator,
    shape: tuple[int, int],
    *,
    pieces: int,
    length: Sequence[float],
    turn: tuple[float, float],
) -> list[np.ndarray]:
  """A path that turns alternately left and right and stays in the image.

  Args:
    rng: generator of the image, which is advanced.
    shape: height and width of the image, (H, W).
    pieces: number of straight pieces.
    length: range of a piece's length in pixels.
    turn: range of the change of direction in radians.

  Returns:
    The path as pieces + 1 points (row, column).
  """
  limit = np.array(shape) - 1.0
  points = [rng.random(2) * limit]
  direction = 2 * np.pi * rng.random()
  for number in range(pieces):
    direction += uniform(rng, turn) * (-1) ** number
    reach = uniform(rng, length)
    step = reach * np.array([np.sin(direction), np.cos(direction)])
    points.append(_bounce(points[-1] + step, limit))
  return points


def _bounce(point: np.ndarray, limit: np.ndarray) -> np.ndarray:
  """Mirrors a point into [0, limit]: clipped paths would line the border."""
  span = np.maximum(limit, 1e-9)
  return span - np.abs(point % (2 * span) - span)


def image_generator(seed: int, index: int) -> np.random.Generator:
  """The generator of one image's mask.

  Args:
    seed: seed of the family of masks, >= 0.
    index: number of the image in its data set, >= 0.

  Raises:
    ValueError: if either is negative.
  """
  if seed < 0 or index < 0:
    raise ValueError(f"seed and index must be >= 0, got {seed} and {index}")
  return np.random.Generator(np.random.PCG64([seed, index]))


def uniform(rng: np.random.Generator, span: Sequence[float]) -> float:
  """A number uniform between the two ends of `span`."""
  return span[0] + (span[1] - span[0]) * rng.random()


def integer(rng: np.random.Generator, low: int, high: int) -> int:
  """An integer uniform in low..high, both included."""
  return low + int((high - low + 1) * rng.random())


def box(
    rng: np.random.Generator,
    shape: tuple[int, int],
    side: Sequence[float],
    margin: float,
) -> tuple[slice, slice]:
  """A rectangle somewhere in the image, as slices.

  Args:
    rng: generator of the image, which is advanced.
    shape: height and width of the image, (H, W).
    side: range of height and of width, as fractions of the shorter side.
    margin: least distance to the border where the box leaves room for it, a
      fraction of the shorter side.
  """
  scale = min(shape)
  sizes = [max(1, round(scale * uniform(rng, side))) for _ in shape]
  starts = []
  for n, size in zip(shape, sizes, strict=True):
    free = n - size
    edge = min(round(scale * margin), free // 2)
    starts.append(integer(rng, edge, free - edge))
  return window(starts, sizes)


def window(
    starts: Sequence[int], sizes: Sequence[int]
) -> tuple[slice, slice]:
  """The slices of a rectangle from its first row and column and its size."""
  rows, cols = (
      slice(a, a + n) for a, n in zip(starts, sizes, strict=True)
  )
  return rows, cols
