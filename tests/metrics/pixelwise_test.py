"""Pixel errors against closed forms, scikit-image and torchmetrics."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import metrics
from jaxguide import operators
from jaxguide.metrics import pixelwise
from tests.metrics import published


def pair(seed=0, shape=(2, 9, 7, 3)):
  rng = np.random.default_rng(seed)
  return [
      jnp.asarray(rng.uniform(-1, 1, shape), jnp.float32) for _ in range(2)
  ]


@pytest.mark.parametrize("offset", [0.01, 0.1, 0.5])
def test_a_constant_offset_has_its_closed_form(offset):
  x, _ = pair()
  y = x + offset
  np.testing.assert_allclose(metrics.mse(y, x), offset**2, rtol=1e-4)
  np.testing.assert_allclose(metrics.l1(y, x), offset, rtol=1e-4)
  np.testing.assert_allclose(
      metrics.l2(y, x), offset * np.sqrt(9 * 7 * 3), rtol=1e-4
  )
  wanted = 20 * np.log10(2 / offset)
  np.testing.assert_allclose(metrics.psnr(y, x), wanted, atol=1e-3)
  np.testing.assert_allclose(
      metrics.l2(y, x, value_range=(0.0, 1.0)),
      offset / 2 * np.sqrt(9 * 7 * 3),
      rtol=1e-4,
  )


def test_psnr_does_not_depend_on_the_range_but_peak_and_epsilon_do():
  x, y = pair(1)
  plain = metrics.psnr(x, y)
  np.testing.assert_allclose(
      metrics.psnr(x, y, value_range=(0.0, 255.0)), plain, rtol=1e-5
  )
  np.testing.assert_allclose(
      metrics.psnr(x, y, peak=1.0), plain - 20 * np.log10(2), rtol=1e-5
  )
  egsde = metrics.psnr(x, x, value_range=(0.0, 1.0), epsilon=1e-10)
  np.testing.assert_allclose(egsde, 100.0, rtol=1e-5)


def test_equal_images_have_infinite_psnr():
  x, _ = pair(2)
  assert np.all(np.isposinf(metrics.psnr(x, x)))
  assert np.all(np.isposinf(metrics.psnr_metric().function(x, x)))


def test_equals_scikit_image():
  skimage = pytest.importorskip("skimage.metrics")
  x, y = pair(3, (4, 33, 21, 3))
  for a, b, got in zip(x, y, metrics.psnr(x, y), strict=True):
    wanted = skimage.peak_signal_noise_ratio(
        np.asarray(b, np.float64), np.asarray(a, np.float64), data_range=2
    )
    np.testing.assert_allclose(got, wanted, rtol=1e-6)


def test_equals_torchmetrics():
  image = published.module("torchmetrics.functional.image")
  torch = pytest.importorskip("torch")
  x, y = pair(8)
  wanted = image.peak_signal_noise_ratio(
      *(torch.tensor(np.array(v, np.float64)) for v in (x, y)),
      data_range=2.0, reduction="none", dim=(1, 2, 3)).numpy()
  np.testing.assert_allclose(metrics.psnr(x, y), wanted, rtol=1e-5)


def test_equals_scikit_image_on_saved_pictures():
  skimage = pytest.importorskip("skimage.metrics")
  x, y = pair(4, (3, 16, 16, 3))
  x, y = 1.2 * x, 1.2 * y
  eight = [
      np.rint(np.clip((np.asarray(a) + 1) * 127.5, 0, 255)).astype(np.uint8)
      for a in (x, y)
  ]
  got = metrics.psnr_metric().function(x, y)
  wanted = [
      skimage.peak_signal_noise_ratio(b, a) for a, b in zip(*eight, strict=True)
  ]
  np.testing.assert_allclose(got, wanted, rtol=1e-6)


def test_regions_see_their_pixels_only():
  x, y = pair(5)
  mask = jnp.zeros((2, 9, 7, 1)).at[:, :4].set(1.0)
  worse = y.at[:, 4:].set(x[:, 4:] + 0.5)
  function = metrics.mse_metric(quantise="none", region="unobserved").function
  np.testing.assert_allclose(function(worse, x, mask=mask), 0.25, rtol=1e-5)
  function = metrics.mse_metric(quantise="none", region="observed").function
  np.testing.assert_allclose(
      function(worse, x, mask=mask), metrics.mse(y[:, :4], x[:, :4]), rtol=1e-5
  )
  everything = jnp.ones((2, 9, 7, 1))
  function = metrics.psnr_metric(region="unobserved").function
  assert np.all(np.isnan(function(y, x, mask=everything)))


def test_weights_per_channel_and_unseen_nan():
  x, y = pair(6)
  weight = jnp.zeros_like(x).at[..., 1].set(1.0)
  np.testing.assert_allclose(
      metrics.mse(x, y, weight=weight),
      metrics.mse(x[..., 1:2], y[..., 1:2]),
      rtol=1e-5,
  )
  holed = x.at[..., 0].set(jnp.nan)
  assert np.all(np.isfinite(metrics.mse(holed, y, weight=weight)))


def test_consistency_of_a_known_residual():
  operator = operators.colorization()
  x, _ = pair(7)
  observation = operators.Observation(operator.apply(x) + 0.125, operator)
  function = metrics.consistency_metric(quantise="none").function
  np.testing.assert_allclose(
      function(x, observation=observation), 0.125, rtol=1e-5
  )
  function = metrics.consistency_metric(quantise="none", decibel=True).function
  np.testing.assert_allclose(
      function(x, observation=observation), 20 * np.log10(16), rtol=1e-5
  )
  function = metrics.consistency_metric().function
  exact = operators.Observation(operator.apply(x), operator)
  rounding = np.asarray(function(x, observation=exact))
  assert np.all(rounding > 0) and np.all(rounding < 0.5 / 127.5)


def test_what_is_missing_is_named():
  x, y = pair()
  with pytest.raises(ValueError, match="psnr needs a reference"):
    metrics.psnr_metric().function(x)
  with pytest.raises(ValueError, match="psnr_unobserved.*needs a mask"):
    metrics.psnr_metric(region="unobserved").function(x, y)
  with pytest.raises(ValueError, match="consistency needs an observation"):
    metrics.consistency_metric().function(x, y)
  with pytest.raises(ValueError, match="region must be one of"):
    metrics.psnr_metric(region="hole")
  with pytest.raises(ValueError, match="quantise must be one of"):
    metrics.psnr_metric(quantise="uint16")
  with pytest.raises(ValueError, match="value_range"):
    metrics.mse(x, y, value_range=(1.0, 0.0))
  with pytest.raises(ValueError, match="weight must have shape"):
    pixelwise.weighted_mean(x, jnp.ones((2, 9, 7, 2)))
  with pytest.raises(ValueError, match="reference must have shape"):
    metrics.mse(x, y[:1])
