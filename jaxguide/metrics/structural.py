"""SSIM of every image by itself."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import arrays
from jaxguide.operators import blur
from jaxguide.operators import sums

WINDOWS = ("gaussian", "uniform")
BORDERS = ("valid", "symmetric", "zero")
COVARIANCES = ("population", "sample")


class SsimOptions(NamedTuple):
  """How SSIM is computed; the defaults are those of Wang et al., 2004.

  Attributes:
    window: shape of the window, "gaussian" or "uniform".
    size: number of taps of the window along each axis, odd.
    std: standard deviation of the Gaussian, in pixels.
    border: rule at the border. "valid": only windows that lie inside count,
      so the mean is over (H - size + 1)(W - size + 1) of them; "symmetric":
      images are mirrored with the edge repeated and every pixel counts;
      "zero": images, and their products, are continued by 0 in the scale of
      `data_range` starting at 0, as pytorch-ssim and kornia-like codes do.
    covariance: rule of the variances: "population" (weights sum to 1) or
      "sample", which multiplies them by n / (n - 1), n = size^2, for the
      uniform window.
    k1: constant that stabilises the luminance term by (k1 L)^2.
    k2: constant that stabilises the contrast term by (k2 L)^2; L is the width
      of the range.
  """

  window: str = "gaussian"
  size: int = 11
  std: float = 1.5
  border: str = "valid"
  covariance: str = "population"
  k1: float = 0.01
  k2: float = 0.03


WANG = SsimOptions()


@functools.partial(jax.jit, static_argnames="options")
def ssim(
    x: arrays.Images,
    reference: arrays.Images,
    options: SsimOptions = WANG,
) -> arrays.PerImage:
  """Structural similarity, mean over windows and channels.

  SSIM = (2 m_x m_r + C1)(2 s_xr + C2) / ((m_x^2 + m_r^2 + C1)
  (s_x^2 + s_r^2 + C2)), Wang et al., IEEE TIP 13(4), 2004, Eq. 13, on values
  from 0 to L. Every channel counts alike (no luma). The defaults equal
  TensorFlow's `tf.image.ssim` and scikit-image's `structural_similarity`
  with gaussian_weights=True, sigma=1.5, use_sample_covariance=False;
  scikit-image's own defaults are SsimOptions("uniform", 7,
  covariance="sample").

  Args:
    x: images `[B, H, W, C]` in [-1, 1].
    reference: true images, the same shape.
    options: window, border and constants.

  Returns:
    One number per image in [-1, 1], `[B]`; 1 for equal images.

  Raises:
    ValueError: if the shapes differ, an image is smaller than the window, or
      an option is unknown.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import metrics
    >>> x = jnp.zeros((1, 8, 8, 1))
    >>> metrics.ssim(x, x, metrics.SsimOptions("uniform", 7))
    Array([1.], dtype=float32)
  """
  arrays.check_rank("x", x, 4)
  arrays.check_shape("reference", reference, x.shape)
  taps = _taps(options)
  if options.border == "valid" and min(x.shape[1:3]) < options.size:
    raise ValueError(
        f"x must be at least {options.size}x{options.size} for this window,"
        f" got {x.shape[1]}x{x.shape[2]}"
    )
  scores = _score((x + 1) / 2, (reference + 1) / 2, taps, options)
  return sums.sum_per_image(scores) / (scores.size // scores.shape[0])


def _taps(options: SsimOptions) -> np.ndarray:
  arrays.check_choice("window", options.window, WINDOWS)
  arrays.check_choice("border", options.border, BORDERS)
  arrays.check_choice("covariance", options.covariance, COVARIANCES)
  if options.size < 1 or options.size % 2 == 0:
    raise ValueError(f"size must be odd and positive, got {options.size}")
  if options.window == "uniform":
    return np.full(options.size, 1.0 / options.size)
  if options.covariance == "sample":
    raise ValueError(
        "covariance must be 'population' unless window is 'uniform', got "
        f"'sample' with window={options.window!r}")
  return blur.gaussian_kernel(options.size, options.std)


def _score(
    x: arrays.Images,
    r: arrays.Images,
    taps: np.ndarray,
    options: SsimOptions,
) -> arrays.Images:
  """The map of SSIM, for values from 0 to 1."""
  # Variances do not change with a shift, but E[x^2] - E[x]^2 loses digits
  # where the mean is large, as on a white ground: bring both means to 0.
  shift_x: arrays.Array | float = 0.0
  shift_r: arrays.Array | float = 0.0
  if options.border != "zero":
    shift_x, shift_r = _channel_mean(x), _channel_mean(r)
  u, v = x - shift_x, r - shift_r
  moments = jnp.concatenate([u, v, u * u, v * v, u * v], axis=-1)
  mean_u, mean_v, uu, vv, uv = jnp.split(
      _filter(moments, taps, options.border), 5, axis=-1
  )
  scale = 1.0
  if options.covariance == "sample":
    scale = options.size**2 / (options.size**2 - 1)
  var_u = scale * (uu - mean_u * mean_u)
  var_v = scale * (vv - mean_v * mean_v)
  cov = scale * (uv - mean_u * mean_v)
  mean_x, mean_r = mean_u + shift_x, mean_v + shift_r
  c1, c2 = options.k1**2, options.k2**2
  luminance = (2 * mean_x * mean_r + c1) / (mean_x**2 + mean_r**2 + c1)
  return luminance * (2 * cov + c2) / (var_u + var_v + c2)


def _channel_mean(x: arrays.Images) -> arrays.Images:
  """The mean of every channel of every image, `[B, 1, 1, C]`."""
  b, height, width, c = x.shape
  rows = x.transpose(0, 3, 1, 2).reshape(b * c, height * width)
  return (sums.sum_per_image(rows) / (height * width)).reshape(b, 1, 1, c)


def _filter(
    x: arrays.Images, taps: np.ndarray, border: str
) -> arrays.Images:
  """A separable window.

  It is a sum of slices, which has the same bits in any batch.
  """
  reach = len(taps) // 2
  if border != "valid":
    mode = "symmetric" if border == "symmetric" else "constant"
    x = jnp.pad(x, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode)
  height = x.shape[1] - 2 * reach
  width = x.shape[2] - 2 * reach
  x = sum(float(w) * x[:, i : i + height] for i, w in enumerate(taps))
  return sum(float(w) * x[:, :, i : i + width] for i, w in enumerate(taps))
