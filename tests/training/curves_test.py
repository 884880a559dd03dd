"""Where the lines of a chart are, by their pixels."""

import math
import pathlib

import numpy as np
import pytest

import jaxguide
from jaxguide.data import images
from jaxguide.training import curves

RED, BLUE = (200, 0, 0), (0, 0, 200)


def pixels(page, colour):
  """Rows and columns of the pixels of one colour."""
  return np.nonzero(np.all(page == colour, axis=-1))


def level(value, **options):
  """The row of a level line."""
  page = curves.draw(
      [curves.Curve([(0, value), (10, value)], RED)], title="", x_label="",
      **options)
  assert page.shape == (400, 640, 3) and page.dtype == np.uint8
  (row,) = set(pixels(page, RED)[0])
  return row


def test_a_linear_axis():
  rows = [level(y, y_range=(-1.0, 3.0)) for y in (-1.0, 0.0, 1.0, 2.0, 3.0)]
  assert np.all(np.diff(rows) < 0)
  np.testing.assert_allclose(np.diff(rows), (rows[-1] - rows[0]) / 4, atol=1)


def test_a_factor_is_a_distance_on_a_logarithmic_axis():
  rows = [level(y, y_range=(0.01, 10.0), log_scale=True)
          for y in (0.01, 0.1, 1.0, 10.0)]
  assert np.all(np.diff(rows) < 0)
  np.testing.assert_allclose(np.diff(rows), (rows[-1] - rows[0]) / 3, atol=1)


def test_time_goes_to_the_right():
  page = curves.draw(
      [curves.Curve([(0, 0.0), (100, 1.0)], RED, 1)], title="", x_label="")
  rows, columns = pixels(page, RED)
  order = np.argsort(columns, kind="stable")
  assert np.all(np.diff(rows[order]) <= 0)
  assert columns.max() - columns.min() > 500


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


def test_the_embedded_prior_s_curves_are_there_and_small():
  path = pathlib.Path(jaxguide.__file__).parent / "embedded/noto32/loss.png"
  page = images.read_picture(path)
  assert page.shape == (400, 640, 3)
  assert path.stat().st_size < 40_000
  for colour in curves.COLOURS[:2]:
    assert np.ptp(pixels(page, colour)[1]) > 400
