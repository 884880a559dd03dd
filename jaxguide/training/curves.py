"""Curves of a training run as a picture, drawn by matplotlib (extra `plots`).

Pictures are drawn with matplotlib's own defaults, whatever the user's style
says, so that the same numbers give the same picture.
"""

from __future__ import annotations

from collections.abc import Sequence
import csv
import importlib.util
import math
import os
from typing import Any, NamedTuple

import numpy as np

Colour = tuple[int, int, int]
Points = Sequence[tuple[float, float]]

_DPI = 100
_SIZE = (640, 400)  # Pixels.
COLOURS: tuple[Colour, ...] = (
    (20, 60, 140), (190, 80, 20), (30, 120, 60), (130, 50, 130))
MISSING = "no curves are drawn: they need pip install '.[plots]'"


class Curve(NamedTuple):
  """A line through points.

  Attributes:
    points: (x, y), x from 0 on and rising; what cannot be shown (not finite,
      or not positive on a logarithmic axis) is left out.
    colour: red, green, blue, 0 to 255.
    width: pixels.
    label: text in the legend; nothing when empty.
    dashed: whether the line is interrupted.
  """

  points: Points
  colour: Colour
  width: int = 1
  label: str = ""
  dashed: bool = False


def installed() -> bool:
  """Whether curves can be drawn here."""
  return importlib.util.find_spec("matplotlib") is not None


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
      left out.
    log_scale: whether the vertical axis is logarithmic.

  Returns:
    uint8 `[400, 640, 3]`.

  Raises:
    ModuleNotFoundError: matplotlib is not installed.
    ValueError: `y_range` is empty, or not positive on a logarithmic axis.
  """
  if y_range is not None and not (
      y_range[0] < y_range[1] and (y_range[0] > 0 or not log_scale)):
    raise ValueError(
        f"y_range must rise, from above 0 on a logarithmic axis, got {y_range}")
  if not installed():
    raise ModuleNotFoundError(MISSING)
  import matplotlib
  from matplotlib import figure
  from matplotlib.backends import backend_agg

  # The context puts back what it changed; pyplot, which opens windows, and
  # its global figure are not involved.
  with matplotlib.rc_context(matplotlib.rcParamsDefault):
    page = figure.Figure(
        (_SIZE[0] / _DPI, _SIZE[1] / _DPI), dpi=_DPI, layout="constrained")
    canvas = backend_agg.FigureCanvasAgg(page)
    axes = page.subplots()
    axes.set_yscale("log" if log_scale else "linear")
    right = max(
        [1.0, *(_plot(axes, curve, log_scale) for curve in curves)])
    axes.set(title=title, xlabel=x_label, xlim=(0, right))
    if y_range is not None:
      axes.set_ylim(y_range)
    axes.grid(color="0.9")
    axes.set_axisbelow(True)
    if any(curve.label for curve in curves):
      axes.legend(frameon=False)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]


def _plot(axes: Any, curve: Curve, log_scale: bool) -> float:
  """Draws one curve and returns its largest x."""
  points = [(x, y) for x, y in curve.points
            if math.isfinite(y) and (y > 0 or not log_scale)]
  x, y = np.array(points).reshape(-1, 2).T
  axes.plot(
      x, y, color=[c / 255 for c in curve.colour],
      linewidth=curve.width * 72 / _DPI, label=curve.label or None,
      linestyle="--" if curve.dashed else "-")
  return float(x.max(initial=0.0))


def draw_log(path: str | os.PathLike[str]) -> np.ndarray:
  """The losses of a `log.TrainingLog` over the updates.

  Args:
    path: a CSV file whose first column is "step"; every other column but
      "seconds" is a curve, on a logarithmic axis.

  Returns:
    uint8 `[400, 640, 3]`.

  Raises:
    ModuleNotFoundError: matplotlib is not installed.
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
