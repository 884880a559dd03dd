"""Strokes drawn on a pixel grid by distance."""

from collections.abc import Sequence

import numpy as np


def polyline(
    shape: tuple[int, int], points: Sequence[np.ndarray], width: float
) -> np.ndarray:
  """The pixels within width / 2 of a polyline, its ends round.

  Args:
    shape: (H, W).
    points: two or more (row, column), in pixels; they may lie outside.
    width: in pixels; at least 1 is drawn.

  Returns:
    bool `[H, W]`.
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
    rng: of the image.
    shape: (H, W).
    pieces: how many.
    length: range of a piece's length in pixels.
    turn: range of the change of direction in radians.

  Returns:
    pieces + 1 points (row, column).
  """
  limit = np.array(shape) - 1.0
  points = [rng.random(2) * limit]
  direction = 2 * np.pi * rng.random()
  for number in range(pieces):
    change = turn[0] + (turn[1] - turn[0]) * rng.random()
    direction += change * (-1) ** number
    reach = length[0] + (length[1] - length[0]) * rng.random()
    step = reach * np.array([np.sin(direction), np.cos(direction)])
    points.append(_bounce(points[-1] + step, limit))
  return points


def _bounce(point: np.ndarray, limit: np.ndarray) -> np.ndarray:
  """Mirrors a point into [0, limit]: clipped paths would line the border."""
  span = np.maximum(limit, 1e-9)
  return span - np.abs(point % (2 * span) - span)
