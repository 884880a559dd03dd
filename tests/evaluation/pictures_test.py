"""8-bit pictures and grids."""

import io

import numpy as np
from PIL import Image
import pytest

from jaxguide.evaluation import pictures


@pytest.mark.parametrize("channels", [1, 3])
def test_png_round_trip(channels):
  picture = np.random.default_rng(0).integers(
      0, 256, (5, 7, channels), dtype=np.uint8)
  data = pictures.encode_png(picture)
  np.testing.assert_array_equal(pictures.decode(data, channels), picture)
  assert data == pictures.encode_png(picture.copy())


def test_decode_refuses_half_a_picture():
  data = pictures.encode_png(np.zeros((64, 64, 3), np.uint8) + 7)
  with pytest.raises(OSError):
    pictures.decode(data[:len(data) // 2])


def _noise(size, seed=0):
  rng = np.random.default_rng(seed)
  return rng.integers(0, 256, (size, size, 3), dtype=np.uint8)


def test_small_pictures_are_enlarged_pixel_by_pixel():
  picture = _noise(32)
  page = pictures.draw_grid([[picture]], cell_size=128)
  m = pictures.MARGIN
  shown = page[m:m + 128, m:m + 128]
  np.testing.assert_array_equal(
      shown, np.repeat(np.repeat(picture, 4, 0), 4, 1))


def test_rows_may_differ_in_length_and_have_gaps():
  rows = [[_noise(32)],
          [_noise(32, 1), pictures.Cell(None), _noise(32, 2)]]
  page = pictures.draw_grid(rows, cell_size=32)
  m = pictures.MARGIN
  assert page.shape == (m + 2 * (32 + m), m + 3 * (32 + m), 3)
  assert np.all(page[m:m + 32, m + 32:] == 255)


def test_labels_are_written_where_they_belong():
  picture = np.full((64, 64, 3), 128, np.uint8)
  bare = pictures.draw_grid([[picture]], cell_size=64)
  assert set(np.unique(bare)) == {128, 255}
  above = pictures.draw_grid([[picture]], column_labels=["input"],
                             cell_size=64)
  assert above[:pictures.FONT_SIZE].min() < 100
  left = pictures.draw_grid([[picture]], row_labels=["a"], cell_size=64)
  assert left.shape[1] > bare.shape[1]
  below = pictures.draw_grid([[pictures.Cell(picture, "psnr 24.1")]],
                             cell_size=64)
  assert below[pictures.MARGIN + 64:].min() < 100


def test_long_labels_are_cut_at_their_column():
  picture = np.full((64, 64, 3), 128, np.uint8)
  page = pictures.draw_grid(
      [[picture, picture]], column_labels=["", "x" * 300], cell_size=64)
  first = page[:pictures.FONT_SIZE, :pictures.MARGIN + 64]
  assert first.min() == 255


def test_grey_and_large_pictures_fit():
  page = pictures.draw_grid(
      [[np.zeros((300, 200, 1), np.uint8)]], cell_size=100)
  m = pictures.MARGIN
  dark = np.all(page[m:m + 100, m:m + 100] == 0, axis=-1)
  assert 0.6 < dark.mean() < 0.7


def test_a_grid_needs_a_picture():
  with pytest.raises(ValueError, match="at least one picture"):
    pictures.draw_grid([[pictures.Cell(None)], []])


def test_write_grid_writes_what_is_drawn(tmp_path):
  pictures.write_grid(tmp_path / "g.png", [[_noise(16)]], cell_size=32)
  data = (tmp_path / "g.png").read_bytes()
  with Image.open(io.BytesIO(data)) as image:
    assert image.format == "PNG"
  np.testing.assert_array_equal(
      pictures.decode(data), pictures.draw_grid([[_noise(16)]], cell_size=32))
