"""Properties of the drawn masks."""

import dataclasses

import numpy as np
from PIL import Image
import pytest
import scipy.ndimage

from jaxguide.data import drawing
from jaxguide.data import masks

SOURCES = {
    "box": masks.Box(),
    "box_any": masks.Box(side=(0.2, 0.6)),
    "expand": masks.Expand(),
    "half": masks.Half(),
    "half_random": masks.Half(missing="random"),
    "rotated_window": masks.RotatedWindow(),
    "random_pixels": masks.RandomPixels(),
    "free_form": masks.FreeForm(),
    "free_form_large": masks.FreeForm(missing=(0.4, 0.8)),
    "thin": masks.thin(),
    "medium": masks.medium(),
    "thick": masks.thick(),
}
# Share that is missing: bounds that every mask of the family keeps.
MISSING = {
    "box": (0.25, 0.25),
    "box_any": (0.03, 0.37),
    "expand": (0.93, 0.95),
    "half": (0.5, 0.5),
    "half_random": (0.5, 0.5),
    "rotated_window": (0.5, 0.53),
    "random_pixels": (0.4, 0.8),
    "free_form": (0.2, 0.5),
    "free_form_large": (0.4, 0.8),
    "thin": (0.01, 0.5),
    "medium": (0.01, 0.5),
    "thick": (0.01, 0.5),
}
FIXED = ("expand", "half")
EVERY = pytest.mark.parametrize("family", sorted(SOURCES))


def draw(family, count=40, shape=(32, 32)):
  return masks.stack(SOURCES[family], range(count), shape)


@EVERY
@pytest.mark.parametrize("shape", [(32, 32), (48, 64), (31, 33)])
def test_are_binary_and_neither_empty_nor_full(family, shape):
  drawn = draw(family, 12, shape)
  assert drawn.shape == (12, *shape, 1)
  assert drawn.dtype == np.float32
  assert set(np.unique(drawn)) == {0.0, 1.0}
  missing = 1 - drawn.mean(axis=(1, 2, 3))
  assert missing.min() > 0 and missing.max() < 1


@EVERY
def test_missing_share_is_within_its_bounds(family):
  missing = 1 - draw(family).mean(axis=(1, 2, 3))
  low, high = MISSING[family]
  assert low - 1e-3 <= missing.min() and missing.max() <= high + 1e-3
  if high - low > 0.2:
    assert missing.max() - missing.min() > 0.3 * (high - low)


@EVERY
def test_a_mask_is_a_function_of_seed_and_index(family):
  source = SOURCES[family]
  whole = draw(family, 10)
  alone = [source.mask(n, "any", (32, 32)) for n in (7, 3)]
  np.testing.assert_array_equal(alone, whole[[7, 3]])
  again = dataclasses.replace(source).mask(7, "", (32, 32))
  np.testing.assert_array_equal(again, whole[7])


@EVERY
def test_index_and_seed_change_the_mask(family):
  if family in FIXED:
    pytest.skip("one mask for all images")
  drawn = draw(family, 12).reshape(12, -1)
  assert len(np.unique(drawn, axis=0)) >= (2 if "half" in family else 10)
  reseeded = dataclasses.replace(SOURCES[family], seed=1)
  other = masks.stack(reseeded, range(12), (32, 32)).reshape(12, -1)
  assert np.any(other != drawn)


@EVERY
def test_the_share_does_not_depend_on_the_size(family):
  small = 1 - draw(family, 60, (32, 32)).mean()
  large = 1 - draw(family, 60, (128, 128)).mean()
  assert abs(small - large) < 0.05, (small, large)


def hole_radius(mask):
  """Mean distance to what is observed over the holes' ridge, in sides."""
  depth = scipy.ndimage.distance_transform_edt(mask[..., 0] == 0)
  ridge = (depth == scipy.ndimage.maximum_filter(depth, 5)) & (depth > 0)
  return depth[ridge].mean() / len(mask)


def test_thin_medium_thick_are_ordered():
  means = [
      np.mean([hole_radius(m) for m in draw(family, 40, (128, 128))])
      for family in ("thin", "medium", "thick")
  ]
  assert means[0] < 0.7 * means[1] < 0.7 * 0.8 * means[2], means


def test_stroke_width_scales_with_the_image():
  for family in ("thin", "medium", "thick", "free_form"):
    radii = [
        np.mean([hole_radius(m) for m in draw(family, 20, (n, n))])
        for n in (96, 192)
    ]
    assert abs(radii[0] / radii[1] - 1) < 0.3, (family, radii)


def test_half_hides_the_named_side():
  for side, hidden in [
      ("left", (slice(None), slice(4))),
      ("right", (slice(None), slice(4, None))),
      ("top", (slice(3), slice(None))),
      ("bottom", (slice(3, None), slice(None))),
  ]:
    wanted = np.ones((6, 8))
    wanted[hidden] = 0
    got = masks.Half(missing=side).mask(0, "", (6, 8))
    np.testing.assert_array_equal(got[..., 0], wanted)


def test_expand_keeps_the_centre():
  mask = masks.Expand(0.25).mask(0, "", (16, 32))[..., 0]
  wanted = np.zeros((16, 32))
  wanted[6:10, 12:20] = 1
  np.testing.assert_array_equal(mask, wanted)


def test_box_is_one_rectangle_away_from_the_border():
  for mask in draw("box_any", 30, (64, 64)):
    rows, cols = np.nonzero(mask[..., 0] == 0)
    height, width = np.ptp(rows) + 1, np.ptp(cols) + 1
    assert height * width == len(rows)
    assert min(rows.min(), cols.min()) >= 4
    assert max(rows.max(), cols.max()) < 60
    assert 12 <= min(height, width) and max(height, width) <= 39


def test_rotated_window_is_pillows_rotation_by_some_angle():
  """A large canvas with its lower half 0, turned, its centre cut out."""
  canvas = np.zeros((100, 100), np.uint8)
  canvas[:50] = 255
  turned = np.stack([
      np.asarray(Image.fromarray(canvas).rotate(float(angle)))[34:66, 34:66]
      for angle in range(360)
  ])
  quadrants = set()
  for mask in draw("rotated_window", 40)[..., 0]:
    unequal = np.mean((turned > 0) != mask, axis=(1, 2))
    assert unequal.min() < 0.02
    quadrants.add(int(unequal.argmin() // 90))
  assert quadrants == {0, 1, 2, 3}


def test_random_pixels_count_is_spread_over_the_range():
  shares = 1 - draw("random_pixels", 200).mean(axis=(1, 2, 3))
  np.testing.assert_allclose(
      np.quantile(shares, [0.25, 0.5, 0.75]), [0.5, 0.6, 0.7], atol=0.05
  )


def test_polyline_equals_distances_by_hand():
  points = [np.array([2.0, 1.0]), np.array([2.0, 6.0])]
  drawn = drawing.polyline((5, 9), points, 2.0)
  wanted = np.zeros((5, 9), bool)
  wanted[1:4, 1:7] = True
  wanted[2, [0, 7]] = True
  np.testing.assert_array_equal(drawn, wanted)
  outside = [np.array([-9.0, -9.0]), np.array([-7.0, -9.0])]
  assert not drawing.polyline((5, 9), outside, 2.0).any()


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: masks.Box(side=(0.5, 0.2)), "side"),
        (lambda: masks.Box(side=(0.5, 1.2)), "side"),
        (lambda: masks.Box(margin=-1.0), "margin"),
        (lambda: masks.Expand(2.0), "keep"),
        (lambda: masks.Half(missing="up"), "missing"),
        (lambda: masks.RandomPixels(missing=(0.4,)), "missing"),
        (lambda: masks.FreeForm(width=(-0.1, 0.2)), "width"),
        (lambda: masks.LargeMask(strokes=(0, 5)), "strokes"),
        (lambda: masks.LargeMask(box_probability=1.5), "box_probability"),
        (lambda: masks.Box(seed=-1).mask(0, "", (8, 8)), "seed"),
        (
            lambda: masks.LargeMask(missing=(0.5, 0.5)).mask(0, "", (31, 31)),
            "too narrow",
        ),
    ],
)
def test_bad_settings_are_named(make, word):
  with pytest.raises(ValueError, match=word):
    make()
