"""Curves of a training run as a picture, drawn with Pillow alone."""

from __future__ import annotations

from collections.abc import Sequence
import csv
import math
import os
from typing import NamedTuple

import numpy as np
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFont

Colour = tuple[int, int, int]
Points = Sequence[tuple[float, float]]

# Pixels: of the page, and of its margins.
_SIZE = (640, 400)
_LEFT, _TOP, _RIGHT, _BOTTOM = 56, 28, 20, 44
_PAPER, _INK, _GRID = (255, 255, 255), (40, 40, 40), (225, 225, 225)
_DASH = 5
COLOURS: tuple[Colour, ...] = (
    (20, 60, 140), (190, 80, 20), (30, 120, 60), (130, 50, 130))


class Curve(NamedTuple):
  """A line through points.

  Attributes:
    points: (x, y), x from 0 on and rising; what cannot be shown (not finite,
      or not positive on a logarithmic axis) is left out.
    colour: red, green, blue, 0 to 255.
    width: pixels.
    label: written in the corner in the same colour; nothing when empty.
    dashed: whether the line is interrupted.
  """

  points: Points
  colour: Colour
  width: int = 1
  label: str = ""
  dashed: bool = False


class _Axes(NamedTuple):
  """Where numbers are on the page."""

  right: float
  low: float
  high: float
  log_scale: bool

  def at(self, x: float, y: float) -> tuple[float, float]:
    """Pixels from the left and from the top."""
    low, high = self.low, self.high
    if self.log_scale:
      low, high, y = math.log(low), math.log(high), math.log(y)
    width, height = _SIZE[0] - _LEFT - _RIGHT, _SIZE[1] - _TOP - _BOTTOM
    return (_LEFT + width * x / self.right,
            _TOP + height * (high - y) / (high - low))

  def ticks(self) -> list[float]:
    """Of the vertical axis."""
    if self.log_scale:
      return [y for y in _round_numbers(self.low, self.high)
              if self.low <= y <= self.high]
    return np.linspace(self.low, self.high, 6).tolist()


def draw(
    curves: Sequence[Curve],
    *,
    title: str,
    x_label: str,
    y_range: tuple[float, float] | None = None,
    log_scale: bool = False,
) -> np.ndarray:
  """A page with curves over a horizontal axis that begins at 0.

  Args:
    curves: the last is drawn over the others.
    title: above the page.
    x_label: below it.
    y_range: (lowest, highest) of the vertical axis; that of the points when
      left out, widened to round numbers on a logarithmic axis.
    log_scale: whether the vertical axis is logarithmic.

  Returns:
    uint8 `[400, 640, 3]`.

  Raises:
    ValueError: `y_range` is empty, or not positive on a logarithmic axis.
  """
  if y_range is not None and not (
      y_range[0] < y_range[1] and (y_range[0] > 0 or not log_scale)):
    raise ValueError(
        f"y_range must rise, from above 0 on a logarithmic axis, got {y_range}")
  shown = [c._replace(points=_showable(c.points, log_scale)) for c in curves]
  points = [p for curve in shown for p in curve.points]
  low, high = y_range or _found_range([y for _, y in points], log_scale)
  axes = _Axes(max([1.0, *(x for x, _ in points)]), low, high, log_scale)
  page = Image.new("RGB", _SIZE, _PAPER)
  pen = ImageDraw.Draw(page)
  font = ImageFont.load_default()
  _draw_axes(pen, axes, x_label, font)
  for curve in shown:
    _draw_curve(pen, axes, curve)
  pen.text((_LEFT, 8), title, _INK, font)
  _draw_labels(pen, shown, font)
  return np.asarray(page)


def draw_log(path: str | os.PathLike[str]) -> np.ndarray:
  """The losses of a `log.TrainingLog` over the updates.

  Args:
    path: a CSV file whose first column is "step"; every other column but
      "seconds" is a curve, on a logarithmic axis.

  Returns:
    uint8 `[400, 640, 3]`.

  Raises:
    ValueError: the file is no such table.
  """
  with open(path, encoding="utf-8", newline="") as file:
    head, *rows = list(csv.reader(file)) or [[]]
  if head[:1] != ["step"] or any(len(row) != len(head) for row in rows):
    raise ValueError(
        f"{path}: must be a table whose first column is step, got {head}")
  names = [name for name in head[1:] if name != "seconds"]
  lines = [
      Curve([(float(row[0]), float(row[head.index(name)])) for row in rows],
            COLOURS[n % len(COLOURS)], 2, name)
      for n, name in enumerate(names)]
  last = rows[-1][0] if rows else "0"
  return draw(lines, title=f"after {last} updates", x_label="updates",
              log_scale=True)


def _showable(points: Points, log_scale: bool) -> list[tuple[float, float]]:
  return [(x, y) for x, y in points
          if math.isfinite(y) and (y > 0 or not log_scale)]


def _found_range(
    values: Sequence[float], log_scale: bool
) -> tuple[float, float]:
  """The values' range, between round numbers on a logarithmic axis."""
  if not values:
    return (0.1, 1.0) if log_scale else (0.0, 1.0)
  low, high = min(values), max(values)
  if not log_scale:
    return (low, high) if low < high else (low - 0.5, high + 0.5)
  numbers = _round_numbers(low, high)
  bottom = max(n for n in numbers if n <= low)
  return bottom, min(n for n in numbers if n >= high and n > bottom)


def _round_numbers(low: float, high: float) -> list[float]:
  """1, 2 and 5 times powers of ten, from below `low` to above `high`."""
  first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
  return [float(f"{digit}e{power}")
          for power in range(first - 1, last + 2) for digit in (1, 2, 5)]


def _draw_axes(
    pen: ImageDraw.ImageDraw, axes: _Axes, x_label: str,
    font: ImageFont.ImageFont,
) -> None:
  for value in axes.ticks():
    left, y = axes.at(0, value)
    pen.line([(left, y), (_SIZE[0] - _RIGHT, y)], _GRID)
    pen.text((left - 8, y), f"{value:.3g}", _INK, font, "rm")
  for value in np.linspace(0, axes.right, 6):
    x, bottom = axes.at(value, axes.low)
    pen.line([(x, _TOP), (x, bottom)], _GRID)
    pen.text((x, bottom + 8), f"{value:g}", _INK, font, "mt")
  middle, _ = axes.at(axes.right / 2, axes.low)
  pen.text((middle, _SIZE[1] - 8), x_label, _INK, font, "mb")


def _draw_curve(pen: ImageDraw.ImageDraw, axes: _Axes, curve: Curve) -> None:
  points = [axes.at(x, y) for x, y in curve.points]
  if not curve.dashed:
    pen.line(points, curve.colour, curve.width)
    return
  across, down = np.array(points).reshape(-1, 2).T
  for start in np.arange(across[0], across[-1], 2 * _DASH) if points else ():
    ends = np.minimum([start, start + _DASH], across[-1])
    dash = np.stack([ends, np.interp(ends, across, down)], axis=1)
    pen.line(dash.ravel().tolist(), curve.colour, curve.width)


def _draw_labels(
    pen: ImageDraw.ImageDraw, curves: Sequence[Curve],
    font: ImageFont.ImageFont,
) -> None:
  labelled = [curve for curve in curves if curve.label]
  for n, curve in enumerate(labelled):
    pen.text((_SIZE[0] - _RIGHT - 8, _TOP + 8 + 16 * n), curve.label,
             curve.colour, font, "rt")
