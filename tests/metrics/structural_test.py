"""SSIM against scikit-image, torchmetrics, a direct reference, closed forms."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

from jaxguide import metrics
from tests.metrics import published

UNIFORM = metrics.SsimOptions("uniform", 7, covariance="sample")
FILTERS = {
    "valid": dict(mode="reflect"),
    "symmetric": dict(mode="reflect"),
    "zero": dict(mode="constant", cval=0.0),
}


def pictures(seed=0, shape=(3, 24, 31, 3)):
  """Smooth pictures with noise, some of it white ground."""
  rng = np.random.default_rng(seed)
  base = scipy.ndimage.gaussian_filter(
      rng.normal(size=shape), (0, 3, 3, 0)
  ) * 4
  base[:, : shape[1] // 2] = 1.0
  noisy = base + 0.2 * rng.normal(size=shape)
  return [np.clip(a, -1, 1).astype(np.float32) for a in (noisy, base)]


def direct(x, r, options):
  """SSIM in float64 from its definition, one channel at a time, 0..1."""
  x, r = (np.float64(x) + 1) / 2, (np.float64(r) + 1) / 2
  half = options.size // 2
  if options.window == "gaussian":
    line = np.exp(-0.5 * (np.arange(-half, half + 1) / options.std) ** 2)
  else:
    line = np.ones(options.size)
  window = np.outer(line, line) / line.sum() ** 2
  smooth = lambda a: scipy.ndimage.correlate(
      a, window, **FILTERS[options.border]
  )
  n = options.size**2
  scale = n / (n - 1) if options.covariance == "sample" else 1.0
  scores = []
  for c in range(x.shape[-1]):
    a, b = x[..., c], r[..., c]
    ma, mb = smooth(a), smooth(b)
    va = scale * (smooth(a * a) - ma**2)
    vb = scale * (smooth(b * b) - mb**2)
    ab = scale * (smooth(a * b) - ma * mb)
    c1, c2 = options.k1**2, options.k2**2
    score = ((2 * ma * mb + c1) * (2 * ab + c2)) / (
        (ma**2 + mb**2 + c1) * (va + vb + c2)
    )
    if options.border == "valid":
      score = score[half:-half, half:-half]
    scores.append(score)
  return np.mean(scores)


@pytest.mark.parametrize(
    "options",
    [
        metrics.SsimOptions(),
        UNIFORM,
        metrics.SsimOptions(border="symmetric"),
        metrics.SsimOptions(border="zero"),
        metrics.SsimOptions(size=7, std=1.0, k1=0.02, k2=0.05),
        metrics.SsimOptions("uniform", 5, border="zero"),
    ],
)
def test_equals_the_definition(options):
  x, r = pictures()
  wanted = [direct(a, b, options) for a, b in zip(x, r, strict=True)]
  got = metrics.ssim(jnp.asarray(x), jnp.asarray(r), options)
  np.testing.assert_allclose(got, wanted, atol=5e-6)


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        (
            metrics.SsimOptions(),
            dict(gaussian_weights=True, sigma=1.5,
                 use_sample_covariance=False),
        ),
        (UNIFORM, {}),
        (
            metrics.SsimOptions("uniform", 9),
            dict(win_size=9, use_sample_covariance=False),
        ),
    ],
)
@pytest.mark.parametrize("shape", [(2, 24, 31, 3), (2, 64, 64, 1)])
def test_equals_scikit_image(options, settings, shape):
  skimage = pytest.importorskip("skimage.metrics")
  x, r = pictures(1, shape)
  got = metrics.ssim(jnp.asarray(x), jnp.asarray(r), options)
  for a, b, value in zip(x, r, got, strict=True):
    wanted = skimage.structural_similarity(
        (np.float64(a) + 1) / 2, (np.float64(b) + 1) / 2, data_range=1.0,
        channel_axis=-1, **settings
    )
    np.testing.assert_allclose(value, wanted, atol=5e-6)


def test_equals_scikit_image_on_saved_pictures():
  skimage = pytest.importorskip("skimage.metrics")
  x, r = pictures(2)
  eight = [
      np.rint((a.astype(np.float64) + 1) * 127.5).astype(np.uint8)
      for a in (x, r)
  ]
  got = metrics.ssim_metric().function(jnp.asarray(x), jnp.asarray(r))
  for a, b, value in zip(*eight, got, strict=True):
    wanted = skimage.structural_similarity(
        a, b, data_range=255, channel_axis=-1, gaussian_weights=True,
        sigma=1.5, use_sample_covariance=False
    )
    np.testing.assert_allclose(value, wanted, atol=5e-6)


def test_equals_torchmetrics():
  image = published.module("torchmetrics.functional.image")
  torch = pytest.importorskip("torch")
  x, r = pictures(4)
  a, b = (torch.tensor((np.moveaxis(np.float64(v), -1, 1) + 1) / 2)
          for v in (x, r))
  _, local = image.structural_similarity_index_measure(
      a, b, data_range=1.0, reduction="none", return_full_image=True)
  # Theirs has a mirrored border too, which the published definition leaves out.
  wanted = local[..., 5:-5, 5:-5].mean((1, 2, 3)).numpy()
  assert np.ptp(wanted) > 0
  got = metrics.ssim(jnp.asarray(x), jnp.asarray(r))
  np.testing.assert_allclose(got, wanted, atol=5e-6)


def test_equal_images_score_one_and_negatives_less_than_zero():
  x, _ = pictures(3)
  np.testing.assert_allclose(metrics.ssim(jnp.asarray(x), jnp.asarray(x)), 1)
  stripes = np.sign(np.sin(np.arange(32) * 1.3))
  x = np.tile(stripes.reshape(1, 32, 1, 1), (1, 1, 32, 1))
  got = metrics.ssim(jnp.asarray(x, "f"), -jnp.asarray(x, "f"))
  assert got[0] < -0.5


def test_constant_images_have_a_closed_form():
  """No variance: the luminance term alone is left."""
  a, b = 0.6, -0.2
  x, r = jnp.full((1, 16, 16, 3), a), jnp.full((1, 16, 16, 3), b)
  p, q = (a + 1) / 2, (b + 1) / 2
  wanted = (2 * p * q + 1e-4) / (p * p + q * q + 1e-4)
  np.testing.assert_allclose(metrics.ssim(x, r), wanted, rtol=1e-5)


def test_white_ground_loses_no_digits():
  """Variances under a large mean, against float64."""
  rng = np.random.default_rng(4)
  x, r = (
      (0.98 + 0.01 * rng.normal(size=(1, 32, 32, 3))).astype(np.float32)
      for _ in range(2)
  )
  wanted = direct(x[0], r[0], metrics.SsimOptions())
  got = metrics.ssim(jnp.asarray(x), jnp.asarray(r))
  np.testing.assert_allclose(got[0], wanted, atol=5e-7)


def test_bad_options_are_named():
  x = jnp.zeros((1, 16, 16, 3))
  for options, word in [
      (metrics.SsimOptions("hann"), "window"),
      (metrics.SsimOptions(size=8), "size"),
      (metrics.SsimOptions(border="same"), "border"),
      (metrics.SsimOptions(covariance="biased"), "covariance"),
      (metrics.SsimOptions(covariance="sample"), "covariance"),
  ]:
    with pytest.raises(ValueError, match=word):
      metrics.ssim(x, x, options)
  with pytest.raises(ValueError, match="x must be at least 11x11"):
    metrics.ssim(x[:, :8], x[:, :8])
