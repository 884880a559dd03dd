"""Where the lines of a chart are, by their pixels; needs matplotlib."""

import math
import pathlib

import numpy as np
import pytest

import jaxguide
from jaxguide.data import images
from jaxguide.training import curves

RED, BLUE = (200, 0, 0), (0, 0, 200)

needs_matplotlib = pytest.mark.skipif(
    not curves.installed(), reason="needs the plots extra")


def pixels(page, colour):
  """Rows and columns of the pixels near the colour: no grey is."""
  away = np.abs(page.astype(int) - colour).sum(axis=-1)
  return np.nonzero(away < 60)


def level(value, **options):
  """The row of a level line."""
  page = curves.draw(
      [curves.Curve([(0, value), (10, value)], RED, 2)], title="", x_label="",
      **options)
  assert page.shape == (400, 640, 3) and page.dtype == np.uint8
  rows = set(pixels(page, RED)[0])
  assert rows and max(rows) - min(rows) <= 2
  return np.mean(list(rows))


@needs_matplotlib
def test_a_linear_axis():
  rows = [level(y, y_range=(-1.0, 3.0)) for y in (-0.5, 0.25, 1.0, 1.75, 2.5)]
  assert np.all(np.diff(rows) < 0)
  np.testing.assert_allclose(np.diff(rows), (rows[-1] - rows[0]) / 4, atol=1)


@needs_matplotlib
def test_a_factor_is_a_distance_on_a_logarithmic_axis():
  rows = [level(y, y_range=(0.01, 10.0), log_scale=True)
          for y in (0.02, 0.1, 0.5, 2.5)]
  assert np.all(np.diff(rows) < 0)
  np.testing.assert_allclose(np.diff(rows), (rows[-1] - rows[0]) / 3, atol=1)


@needs_matplotlib
def test_time_goes_to_the_right():
  page = curves.draw(
      [curves.Curve([(0, 0.0), (100, 1.0)], RED, 2)], title="", x_label="")
  rows, columns = pixels(page, RED)
  first, last = columns.min(), columns.max()
  middles = [rows[columns == c].mean() for c in range(first, last + 1)]
  assert np.all(np.diff(middles) <= 0)
  assert last - first > 500


@needs_matplotlib
def test_dashes_lie_on_the_line():
  points = [(0, 1.0), (4, 3.0), (10, 2.0)]
  whole, dashed = (
      curves.draw([curves.Curve(points, RED, 3, dashed=d)], title="",
                  x_label="") for d in (False, True))
  every, some = (set(zip(*pixels(p, RED), strict=True))
                 for p in (whole, dashed))
  assert 0.4 * len(every) < len(some) < 0.75 * len(every)
  near = {(r + i, c + j) for r, c in every for i in range(-3, 4)
          for j in range(-3, 4)}
  assert some <= near


@needs_matplotlib
@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0, -1.0])
def test_what_cannot_be_shown_is_left_out(value):
  points = [(0, 1.0), (5, 0.1), (9, 0.2)]
  page, with_gap = (
      curves.draw([curves.Curve(p, RED)], title="", x_label="", log_scale=True)
      for p in (points, [*points[:2], (7, value), points[2]]))
  np.testing.assert_array_equal(page, with_gap)
  nothing = curves.draw(
      [curves.Curve([(1, value)], RED), curves.Curve([], BLUE, dashed=True)],
      title="", x_label="", log_scale=True)
  assert not len(pixels(nothing, RED)[0])


def test_an_impossible_range_is_refused():
  for y_range, log_scale in (((1.0, 1.0), False), ((0.0, 1.0), True)):
    with pytest.raises(ValueError, match="y_range must rise"):
      curves.draw([], title="", x_label="", y_range=y_range,
                  log_scale=log_scale)


@needs_matplotlib
def test_a_log_s_columns_are_curves_but_for_the_seconds(tmp_path):
  path = tmp_path / "log.csv"
  path.write_text(
      "step,train_loss,valid_loss,seconds\n5,0.5,0.05,1\n10,0.4,0.04,900000\n")
  page = curves.draw_log(path)
  upper, lower = (pixels(page, c)[0] for c in curves.COLOURS[:2])
  # Labels are in the same colours, the first over the second.
  assert np.median(upper) < np.median(lower)
  assert not len(pixels(page, curves.COLOURS[2])[0])
  path.write_text("time,loss\n1,2\n")
  with pytest.raises(ValueError, match="first column is step"):
    curves.draw_log(path)


@needs_matplotlib
def test_the_user_s_style_changes_nothing():
  matplotlib = pytest.importorskip("matplotlib")
  draw = lambda: curves.draw(
      [curves.Curve([(0, 1.0), (9, 2.0)], RED, label="a")], title="t",
      x_label="x")
  before = draw()
  with matplotlib.rc_context({"figure.facecolor": "black", "font.size": 20}):
    np.testing.assert_array_equal(draw(), before)
    assert matplotlib.rcParams["font.size"] == 20


def test_without_matplotlib_the_extra_is_named(monkeypatch):
  monkeypatch.setattr(curves, "installed", lambda: False)
  with pytest.raises(ModuleNotFoundError, match=r"install '\.\[plots\]'"):
    curves.draw([], title="", x_label="")


def test_the_embedded_prior_s_curves_are_there_and_small():
  path = pathlib.Path(jaxguide.__file__).parent / "embedded/noto32/loss.png"
  page = images.read_picture(path)
  assert page.shape == (400, 640, 3)
  assert path.stat().st_size < 40_000
  for colour in curves.COLOURS[:2]:
    assert np.ptp(pixels(page, colour)[1]) > 400
