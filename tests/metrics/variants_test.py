"""EGSDE's and VIPaint's metrics, written out in numpy on saved pictures."""

import numpy as np
import pytest
import scipy.ndimage

from jaxguide import convert
from jaxguide import metrics
from jaxguide.convert.networks import metric_networks


def pictures(seed=0, shape=(2, 3, 24, 28, 3)):
  return np.random.default_rng(seed).integers(
      0, 256, shape).astype(np.uint8)


def as_images(levels):
  return (levels / 127.5 - 1).astype(np.float32)


def ssim(x, y):
  """Channel by channel, 11 taps, data range 1, valid windows."""
  taps = np.exp(-0.5 * (np.arange(-5, 6) / 1.5)**2)
  window = np.outer(taps, taps)[..., None] / taps.sum()**2
  smooth = lambda a: scipy.ndimage.correlate(a, window)[5:-5, 5:-5]
  mx, my = smooth(x), smooth(y)
  vx, vy = smooth(x * x) - mx**2, smooth(y * y) - my**2
  xy = smooth(x * y) - mx * my
  return np.mean((2 * mx * my + 1e-4) * (2 * xy + 9e-4)
                 / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4)))


def test_egsde():
  made, source = pictures()
  scores = {m.name: m.function(as_images(made), as_images(source))
            for m in metrics.egsde_metrics()}
  for n, (a, b) in enumerate(zip(made / 255, source / 255, strict=True)):
    want = {
        "l2_egsde": np.linalg.norm(a - b),
        "psnr_egsde": 10 * np.log10(1 / (np.mean((a - b)**2) + 1e-10)),
        "ssim": ssim(a, b)}
    assert want.keys() == scores.keys()
    for name, value in want.items():
      np.testing.assert_allclose(
          scores[name][n], value, rtol=1e-6, atol=5e-6 * (name == "ssim"))


def test_egsde_gives_equal_images_100_decibel():
  image = as_images(pictures()[0])
  _, psnr, _ = metrics.egsde_metrics()
  np.testing.assert_allclose(psnr.function(image, image), 100.0, rtol=1e-6)
  assert np.all(np.isinf(metrics.psnr_metric().function(image, image)))


def test_published_cat_to_dog_row_is_consistent():
  """A root mean square of 47.22 would be 19.35 dB; the table has 19.31."""
  _, psnr, _ = metrics.egsde_metrics()
  reference = np.zeros((1, 256, 256, 3), np.float32)
  gap = np.float32(2 * 48.0 / np.sqrt(3 * 256 * 256))
  value = metrics.psnr_metric(
      quantise="none", value_range=(0.0, 1.0), epsilon=1e-10).function(
          reference + gap, reference)
  np.testing.assert_allclose(value, 19.31, atol=0.01)
  assert "epsilon=1e-10" in psnr.signature and "range=[0,1]" in psnr.signature


def test_vipaint_truncates_and_is_six_decibel_low():
  made, truth = pictures(1)
  # Of each grey level the upper end: rounding would give the next one.
  raw = ((made + 0.9) / 127.5 - 1).astype(np.float32)
  (psnr,) = metrics.vipaint_metrics()
  found = psnr.function(raw, as_images(truth))
  gap = np.float64(made) - truth
  want = 10 * np.log10(1 / (np.mean((gap / 127.5)**2, (1, 2, 3)) + 1e-10))
  np.testing.assert_allclose(found, want, rtol=1e-5)
  right = metrics.psnr_metric().function(as_images(made), as_images(truth))
  np.testing.assert_allclose(right - found, 20 * np.log10(2), rtol=1e-4)


def test_names_and_signatures_never_coincide():
  every = (*metrics.egsde_metrics(), *metrics.vipaint_metrics(),
           metrics.psnr_metric(), metrics.l2_metric())
  assert len({m.name for m in every}) == len(every)
  assert len({m.signature for m in every}) == len(every)


def test_another_trunk_is_refused():
  model = convert.Model({}, metric_networks.lpips_config("alex", "0.1"))
  with pytest.raises(ValueError, match="net 'vgg', got 'alex'"):
    metrics.vipaint_metrics(model)
