import numpy as np
import pytest

from jaxguide import pixels


def test_every_8_bit_value_survives():
  values = np.arange(256, dtype=np.uint8)
  np.testing.assert_array_equal(
      pixels.to_uint8(pixels.to_float(values)), values)


def test_rounds_and_clips():
  x = np.asarray([-3.0, -1.0, -1 + 0.4 / 127.5, -1 + 0.6 / 127.5, 1.0, 9.0])
  np.testing.assert_array_equal(
      pixels.to_uint8(x), [0, 0, 0, 1, 255, 255])


def test_cuts_off_but_for_rounding():
  levels = np.arange(256, dtype=np.float32)
  cut = lambda x: pixels.to_uint8(x / 127.5 - 1, "uint8_truncated")
  np.testing.assert_array_equal(cut(levels), levels)
  np.testing.assert_array_equal(cut(levels + 0.9), levels)
  np.testing.assert_array_equal(cut(levels - 0.1), np.maximum(levels - 1, 0))
  with pytest.raises(ValueError, match="rule"):
    pixels.to_uint8(levels, "none")
