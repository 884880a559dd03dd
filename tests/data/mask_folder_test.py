"""Masks from files."""

import numpy as np
from PIL import Image
import pytest

from jaxguide import data


def save(path, grey):
  path.parent.mkdir(parents=True, exist_ok=True)
  Image.fromarray(np.asarray(grey, np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path):
  left = np.zeros((4, 4))
  left[:, :2] = 255
  save(tmp_path / "a.png", left)
  save(tmp_path / "scene.03.png", left.T)
  save(tmp_path / "sub" / "b_mask.png", 255 - left)
  return tmp_path


def test_polarity_and_matching_by_stem(folder):
  source = data.MaskFolder(str(folder), "observed", resize="none")
  mask = source.mask(99, "a.jpg", (4, 4))
  assert mask.dtype == np.float32 and mask.shape == (4, 4, 1)
  np.testing.assert_array_equal(mask[0, :, 0], [1, 1, 0, 0])
  flipped = data.MaskFolder(str(folder), "missing", resize="none")
  np.testing.assert_array_equal(flipped.mask(0, "a", (4, 4)), 1 - mask)
  np.testing.assert_array_equal(
      source.mask(0, "scene.03", (4, 4))[:, 0, 0], [1, 1, 0, 0]
  )
  suffixed = data.MaskFolder(
      str(folder), "observed", suffix="_mask", resize="none"
  )
  np.testing.assert_array_equal(
      suffixed.mask(0, "sub/b.png", (4, 4))[0, :, 0], [0, 0, 1, 1]
  )


def test_cycle_takes_files_in_turn(folder):
  source = data.MaskFolder(str(folder), "observed", match="cycle")
  first = source.mask(0, "whatever", (4, 4))
  np.testing.assert_array_equal(source.mask(3, "", (4, 4)), first)
  assert np.any(source.mask(1, "", (4, 4)) != first)


def test_soft_masks_are_pillows_bicubic_and_threshold_makes_them_hard(tmp_path):
  grey = np.zeros((16, 16), np.uint8)
  grey[:, :7] = 255
  save(tmp_path / "a.png", grey)
  soft = data.MaskFolder(str(tmp_path), "missing").mask(0, "a", (8, 8))
  wanted = Image.fromarray(grey).resize((8, 8), Image.Resampling.BICUBIC)
  np.testing.assert_allclose(
      soft[..., 0], 1 - np.asarray(wanted) / 255.0, atol=1e-6
  )
  assert 0 < soft[0, 3, 0] < 1
  hard = data.MaskFolder(str(tmp_path), "missing", threshold=0.5)
  np.testing.assert_array_equal(
      hard.mask(0, "a", (8, 8)), (soft > 0.5).astype(np.float32)
  )
  nearest = data.MaskFolder(str(tmp_path), "missing", resize="nearest")
  assert set(np.unique(nearest.mask(0, "a", (8, 8)))) == {0.0, 1.0}


def test_what_is_missing_or_broken_is_named(folder):
  source = data.MaskFolder(str(folder), "observed", resize="none")
  with pytest.raises(ValueError, match=r"image c.png: there is no mask c\.\*"):
    source.mask(0, "c.png", (4, 4))
  with pytest.raises(ValueError, match="mask a.png is 4x4, must be 8x8"):
    source.mask(0, "a", (8, 8))
  (folder / "broken.png").write_text("no picture")
  again = data.MaskFolder(str(folder), "observed")
  with pytest.raises(ValueError, match="mask broken.png: cannot be read"):
    again.mask(0, "broken", (4, 4))
  save(folder / "a.bmp", np.zeros((4, 4)))
  double = data.MaskFolder(str(folder), "observed")
  with pytest.raises(ValueError, match="a.bmp and a.png have the same stem"):
    double.mask(0, "a", (4, 4))
  with pytest.raises(FileNotFoundError, match="nowhere"):
    data.MaskFolder(str(folder / "nowhere"), "observed").mask(0, "a", (4, 4))
  (folder / "none").mkdir()
  with pytest.raises(FileNotFoundError, match="holds no picture"):
    data.MaskFolder(str(folder / "none"), "observed").mask(0, "a", (4, 4))


def test_bad_settings_are_named(folder):
  for settings, word in [
      (dict(mask_white="white"), "mask_white"),
      (dict(mask_white="observed", match="name"), "match"),
      (dict(mask_white="observed", resize="lanczos"), "resize"),
      (dict(mask_white="observed", threshold=1.5), "threshold"),
  ]:
    with pytest.raises(ValueError, match=word):
      data.MaskFolder(str(folder), **settings)
