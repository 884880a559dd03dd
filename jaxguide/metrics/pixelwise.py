"""Errors pixel by pixel: MSE, L1, L2 and PSNR of every image by itself.

Images come in [-1, 1]. A published number may refer to another range:
`value_range` says to which the errors are converted.
"""

import jax.numpy as jnp

from jaxguide import arrays
from jaxguide.operators import sums

Range = tuple[float, float]


def mse(
    x: arrays.Images,
    reference: arrays.Images,
    *,
    value_range: Range = (-1.0, 1.0),
    weight: arrays.Images | None = None,
) -> arrays.PerImage:
  """Mean of (x - reference)^2 over an image.

  Args:
    x: images `[B, H, W, C]` in [-1, 1].
    reference: true images, the same shape.
    value_range: scale (low, high) of the result.
    weight: weights of the pixels, `[B, H, W, 1 or C]` >= 0, for a weighted
      mean; NaN comes out where their sum over an image is 0.

  Returns:
    One number per image, `[B]`.

  Raises:
    ValueError: if the shapes differ.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import metrics
    >>> x = jnp.zeros((1, 2, 2, 1))
    >>> metrics.mse(x + 0.5, x)
    Array([0.25], dtype=float32)
  """
  return weighted_mean(_error(x, reference, value_range) ** 2, weight)


def l1(
    x: arrays.Images,
    reference: arrays.Images,
    *,
    value_range: Range = (-1.0, 1.0),
    weight: arrays.Images | None = None,
) -> arrays.PerImage:
  """Mean of |x - reference| over an image.

  Args:
    x: images `[B, H, W, C]` in [-1, 1].
    reference: true images, the same shape.
    value_range: scale (low, high) of the result.
    weight: weights of the pixels, `[B, H, W, 1 or C]` >= 0, as in `mse`.

  Returns:
    One number per image, `[B]`.

  Raises:
    ValueError: if the shapes differ.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import metrics
    >>> x = jnp.zeros((1, 2, 2, 1))
    >>> metrics.l1(x - 0.5, x)
    Array([0.5], dtype=float32)
  """
  return weighted_mean(jnp.abs(_error(x, reference, value_range)), weight)


def l2(
    x: arrays.Images,
    reference: arrays.Images,
    *,
    value_range: Range = (-1.0, 1.0),
) -> arrays.PerImage:
  """Euclidean norm of x - reference over an image, not a mean.

  EGSDE (arXiv:2207.06635) reports this with `value_range` = (0, 1).

  Args:
    x: images `[B, H, W, C]` in [-1, 1].
    reference: true images, the same shape.
    value_range: scale (low, high) of the result.

  Returns:
    One number per image, `[B]`.

  Raises:
    ValueError: if the shapes differ.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import metrics
    >>> x = jnp.zeros((1, 2, 2, 1))
    >>> metrics.l2(x + 0.5, x)
    Array([1.], dtype=float32)
  """
  return jnp.sqrt(sums.squared_norm(_error(x, reference, value_range)))


def psnr(
    x: arrays.Images,
    reference: arrays.Images,
    *,
    value_range: Range = (-1.0, 1.0),
    peak: float | None = None,
    epsilon: float = 0.0,
    weight: arrays.Images | None = None,
) -> arrays.PerImage:
  """10 log10(peak^2 / (mse + epsilon)) in decibel.

  Equal images give +inf when `epsilon` is 0; `aggregation` counts those
  apart. Released codes differ: EGSDE has `value_range` = (0, 1) and
  `epsilon` = 1e-10; VIPaint's has `peak` = 1 on [-1, 1], 6.02 dB low.

  Args:
    x: images `[B, H, W, C]` in [-1, 1].
    reference: true images, the same shape.
    value_range: scale (low, high) on which `peak` and `epsilon` are given.
    peak: largest value of an error; the width of `value_range` when left out.
    epsilon: number added to the mean squared error, >= 0.
    weight: weights of the pixels, `[B, H, W, 1 or C]` >= 0, as in `mse`.

  Returns:
    One number per image, `[B]`.

  Raises:
    ValueError: if the shapes differ.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import metrics
    >>> x = jnp.zeros((1, 2, 2, 1))
    >>> metrics.psnr(x + 0.2, x)
    Array([20.], dtype=float32)
  """
  if peak is None:
    peak = value_range[1] - value_range[0]
  error = mse(x, reference, value_range=value_range, weight=weight)
  return 10.0 * jnp.log10(peak**2 / (error + epsilon))


def weighted_mean(
    values: arrays.Images, weight: arrays.Images | None
) -> arrays.PerImage:
  """Mean over an image, weighted if there are weights.

  Args:
    values: numbers to be averaged, `[B, H, W, C]`.
    weight: weights `[B, H, W, 1 or C]` >= 0; None for equal ones.

  Returns:
    One mean per image, `[B]`; NaN where the weights of an image are all 0.

  Raises:
    ValueError: if the weights have another shape.
  """
  if weight is None:
    return sums.sum_per_image(values) / (values.size // values.shape[0])
  batch, height, width, _ = values.shape
  if weight.shape[-1:] != (1,):
    arrays.check_shape("weight", weight, values.shape)
  else:
    arrays.check_shape("weight", weight, (batch, height, width, 1))
  weight = jnp.broadcast_to(weight, values.shape).astype(values.dtype)
  # A product with 0 would not do: values that are left out may be NaN.
  kept = jnp.where(weight > 0, weight * values, 0)
  return sums.sum_per_image(kept) / sums.sum_per_image(weight)


def _error(
    x: arrays.Images, reference: arrays.Images, value_range: Range
) -> arrays.Images:
  arrays.check_rank("x", x, 4)
  arrays.check_shape("reference", reference, x.shape)
  low, high = value_range
  if not low < high:
    raise ValueError(
        f"value_range must be (low, high) with low < high, got {value_range}")
  return (x - reference) * ((high - low) / 2)
