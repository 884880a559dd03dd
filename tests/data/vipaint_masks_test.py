"""VIPaint's masks: their distribution, and the recorded ones to the pixel."""

import dataclasses
import glob
import os
import re

import numpy as np
import pytest

from jaxguide.data import masks
from jaxguide.data import vipaint_masks

FAMILIES = {
    "random": (vipaint_masks.random_masks(), (0.4, 0.8)),
    "small": (vipaint_masks.small_masks(), (0.2, 0.21)),
    "rotated": (vipaint_masks.rotated_windows(), (0.497, 0.503)),
}
every = pytest.mark.parametrize("name", sorted(FAMILIES))


def recorded(prefix):
  folder = os.path.join(os.environ.get("JAXGUIDE_RECORDED", ""), "vipaint")
  found = []
  for path in sorted(glob.glob(os.path.join(folder, "*.npz"))):
    with np.load(path) as stored:
      names = [k for k in stored.files if k.startswith(prefix)
               and not k.endswith(("_hole_ratio", "_angles"))]
      found += [(k, stored[k], stored.get(f"{prefix}seed10_angles"))
                for k in names]
  return found


def share(text):
  """A number of a key: 0.2, 0p2, 02 and 20 are all a fifth."""
  value = float(text.replace("p", "."))
  return value / 10 ** len(str(int(value))) if value > 1 else value


def unpacked(bits):
  return np.unpackbits(bits).reshape(-1, 256, 256)


@every
def test_share_shape_and_seeds(name):
  source, (low, high) = FAMILIES[name]
  whole = masks.stack(source, range(12), (256, 256))
  assert whole.shape == (12, 256, 256, 1) and whole.dtype == np.float32
  assert set(np.unique(whole)) == {0.0, 1.0}
  missing = 1 - whole.mean(axis=(1, 2, 3))
  assert low < missing.min() and missing.max() < high
  np.testing.assert_array_equal(source.mask(7, "any", (256, 256)), whole[7])
  assert len(np.unique(whole.reshape(12, -1), axis=0)) >= 11
  other = dataclasses.replace(source, seed=1).mask(7, "", (256, 256))
  assert np.any(other != whole[7])


@every
def test_small_images_see_the_same_mask(name):
  source, _ = FAMILIES[name]
  large = source.mask(3, "", (256, 256))
  small = source.mask(3, "", (32, 32))
  np.testing.assert_array_equal(small, large[4::8, 4::8])
  assert source.mask(3, "", (300, 200)).shape == (300, 200, 1)


def test_random_masks_vary_over_the_range():
  source = vipaint_masks.random_masks(5)
  missing = 1 - np.array(
      [source.mask(n, "", (32, 32)).mean() for n in range(40)])
  assert missing.std() > 0.05 and np.ptp(missing) > 0.2


def test_angles_are_whole_degrees_in_both_directions():
  turned = np.stack([vipaint_masks.half_plane(a, 64) for a in range(360)])
  found = set()
  for n in range(24):
    mask = vipaint_masks.RotatedHalf(2).mask(n, "", (64, 64))[..., 0]
    found.add(int(np.mean(turned != mask, axis=(1, 2)).argmin() // 90))
  assert found == {0, 1, 2, 3}
  upper = vipaint_masks.half_plane(0, 64)
  assert upper[:31].all() and not upper[33:].any()
  # Counter-clockwise: what was above is to the left after a quarter turn.
  left = vipaint_masks.half_plane(90, 64)
  assert left[:, :31].all() and not left[:, 33:].any()
  # Corners come into view on a canvas that is too small.
  assert vipaint_masks.half_plane(45, 256, 30).mean() < 0.5


def test_large_windows_have_no_missing_corners():
  """The canvas grows with the image: half of it is missing at any size."""
  for n in range(4):
    mask = vipaint_masks.rotated_windows().mask(n, "", (512, 512))
    assert abs(mask.mean() - 0.5) < 0.005


def test_without_strokes_holes_are_unions_of_rectangles():
  """Rows through a hole's corner change only where an edge is."""
  draws = np.random.RandomState(10)
  for _ in range(4):
    mask = vipaint_masks.rectangles_and_brush(
        draws, 64, (0.1, 0.6), brush=False)
    rows = np.any(mask[1:] != mask[:-1], axis=1).sum()
    cols = np.any(mask[:, 1:] != mask[:, :-1], axis=0).sum()
    # At most 3 + 6 rectangles of two edges in either direction.
    assert rows <= 18 and cols <= 18


def test_bad_intervals_are_named():
  for bad in ((0.5, 0.4), (0.0, 0.1), (-0.1, 0.5), (0.3, 1.2)):
    with pytest.raises(ValueError, match="missing"):
      vipaint_masks.rectangles_and_brush(np.random.RandomState(0), 64, bad)


@pytest.mark.skipif(not recorded("random_"), reason="no recorded masks")
def test_recorded_random_masks():
  for key, bits, _ in recorded("random_"):
    interval = tuple(
        share(x) for x in re.findall(r"\d+[.p]?\d*", key))
    draws = np.random.RandomState(10)
    for wanted in unpacked(bits):
      got = vipaint_masks.rectangles_and_brush(
          draws, 256, interval, brush="nobrush" not in key)
      np.testing.assert_array_equal(got, wanted, err_msg=key)


@pytest.mark.skipif(not recorded("half_"), reason="no recorded masks")
def test_recorded_rotated_windows():
  for _, bits, angles in recorded("half_"):
    draws = np.random.RandomState(10)
    for wanted, angle in zip(unpacked(bits), angles.ravel(), strict=True):
      assert draws.randint(360) == int(angle)
      np.testing.assert_array_equal(
          vipaint_masks.half_plane(float(angle), 256), wanted)
