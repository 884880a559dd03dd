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
    x: `[B, H, W, C]` in [-1, 1].
    reference: the same shape.
    value_range: the scale of the result.
    weight: `[B, H, W, 1 or C]` >= 0, for a weighted mean; its sum over an
      image being 0 gives NaN.

  Returns:
    `[B]`.

  Raises:
    ValueError: if the shapes differ.
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
    x: `[B, H, W, C]` in [-1, 1].
    reference: the same shape.
    value_range: the scale of the result.
    weight: see `mse`.

  Returns:
    `[B]`.

  Raises:
    ValueError: if the shapes differ.
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
    x: `[B, H, W, C]` in [-1, 1].
    reference: the same shape.
    value_range: the scale of the result.

  Returns:
    `[B]`.

  Raises:
    ValueError: if the shapes differ.
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
    x: `[B, H, W, C]` in [-1, 1].
    reference: the same shape.
    value_range: the scale on which `peak` and `epsilon` are given.
    peak: the width of `value_range` when left out.
    epsilon: added to the error, >= 0.
    weight: see `mse`.

  Returns:
    `[B]`.

  Raises:
    ValueError: if the shapes differ.
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
    values: `[B, H, W, C]`.
    weight: `[B, H, W, 1 or C]`, or None.

  Returns:
    `[B]`; NaN where the weights of an image are all 0.
  """
  if weight is None:
    return sums.sum_per_image(values) / (values.size // values.shape[0])
  batch, height, width, _ = values.shape
  if weight.shape[-1:] != (1,):
    arrays.check_shape("weight", weight, values.shape)
  else:
    arrays.check_shape("weight", weight, (batch, height, width, 1))
  weight = jnp.broadcast_to(weight, values.shape).astype(values.dtype)
  # Not a product with 0: what is left out may be NaN.
  kept = jnp.where(weight > 0, weight * values, 0)
  return sums.sum_per_image(kept) / sums.sum_per_image(weight)


def _error(
    x: arrays.Images, reference: arrays.Images, value_range: Range
) -> arrays.Images:
  arrays.check_rank("x", x, 4)
  arrays.check_shape("reference", reference, x.shape)
  low, high = value_range
  if not low < high:
    raise ValueError(f"value_range must be (low, high), got {value_range}")
  return (x - reference) * ((high - low) / 2)
