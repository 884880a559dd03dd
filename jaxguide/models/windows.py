"""Convolutions and pools of any window, for converted feature networks.

3x3 convolutions with a border of one are those of `layers`; the others are
left to the compiler, image by image on CPU where these have few pixels, since
it would divide the work, and round, by the batch there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
import functools

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import arrays
from jaxguide.models import layers

Pair = tuple[int, int]
_FEW_PIXELS = 64


def convolve(
    x: jax.Array, kernel: jax.Array, *, stride: int = 1, padding: Pair = (0, 0)
) -> jax.Array:
  """Correlation of `[B, H, W, I]` with a kernel `[h, w, I, O]`.

  Args:
    x: images.
    kernel: of the dtype of x.
    stride: along both axes.
    padding: zeros on both sides of the rows, and of the columns.

  Returns:
    `[B, (H + 2p - h) // stride + 1, ..., O]`.

  Raises:
    ValueError: the padded image is smaller than the kernel.
  """
  _check_size(x, kernel.shape[:2], padding)
  if kernel.shape[:2] == (3, 3) and stride == 1 and padding == (1, 1):
    return layers.conv_3x3(x, kernel)
  rows, columns = padding

  def compute(images: jax.Array) -> jax.Array:
    return jax.lax.conv_general_dilated(
        images, kernel, (stride, stride), ((rows, rows), (columns, columns)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"))

  pixels = x.shape[1] * x.shape[2] // stride**2
  if pixels >= _FEW_PIXELS or jax.default_backend() != "cpu":
    return compute(x)
  return jax.lax.map(lambda image: compute(image[None])[0], x)


class Conv(nn.Module):
  """`convolve` with `kernel` `[h, w, I, O]` and, if any, `bias` `[O]`.

  Attributes:
    features: O.
    window: (h, w).
    stride: along both axes.
    padding: see `convolve`.
    use_bias: whether there is a bias.
  """

  features: int
  window: Pair
  stride: int = 1
  padding: Pair = (0, 0)
  use_bias: bool = True
  kernel_init: Callable[..., jax.Array] = nn.initializers.he_normal()

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Convolves x `[B, H, W, I]`."""
    kernel = self.param(
        "kernel", self.kernel_init,
        (*self.window, x.shape[-1], self.features))
    y = convolve(
        x, kernel.astype(x.dtype), stride=self.stride, padding=self.padding)
    if not self.use_bias:
      return y
    bias = self.param("bias", nn.initializers.zeros, (self.features,))
    return y + bias.astype(x.dtype)


def max_pool(
    x: jax.Array, size: int, stride: int, padding: int = 0
) -> jax.Array:
  """The largest of `size` x `size` pixels; NaN if one of them is.

  Args:
    x: `[B, H, W, C]`.
    size: of the window.
    stride: along both axes; windows that do not fit are left out.
    padding: pixels of -inf on every side.

  Returns:
    `[B, (H + 2p - size) // stride + 1, ..., C]`.

  Raises:
    ValueError: the padded image is smaller than the window.
  """
  _check_size(x, (size, size), (padding, padding))
  border = ((0, 0), (padding, padding), (padding, padding), (0, 0))
  padded = jnp.pad(x, border, constant_values=-jnp.inf)
  # Element-wise, whose gradient is much faster on CPU than that of the
  # compiler's own reduction over windows.
  return functools.reduce(jnp.maximum, _shifts(padded, size, stride))


def average_pool_inside(x: jax.Array) -> jax.Array:
  """Mean over 3x3 pixels, of which those beyond the border do not count.

  Args:
    x: `[B, H, W, C]`.

  Returns:
    The same shape.
  """
  padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
  total = functools.reduce(jnp.add, _shifts(padded, 3, 1))
  return total / jnp.asarray(_counts(*x.shape[1:3]), x.dtype)


def _counts(height: int, width: int) -> np.ndarray:
  """How many pixels of each 3x3 window lie inside: `[H, W, 1]`."""
  rows, columns = (
      3.0 - (np.arange(n) == 0) - (np.arange(n) == n - 1)
      for n in (height, width))
  return (rows[:, None] * columns)[:, :, None]


def _shifts(x: jax.Array, size: int, stride: int) -> Iterator[jax.Array]:
  """Every window's first pixel, every window's second one, and so on."""
  height, width = ((n - size) // stride + 1 for n in x.shape[1:3])
  for i in range(size):
    for j in range(size):
      yield x[:, i:i + stride * (height - 1) + 1:stride,
              j:j + stride * (width - 1) + 1:stride]


def _check_size(x: jax.Array, window: Pair, padding: Pair) -> None:
  arrays.check_rank("x", x, 4)
  for found, wanted, border in zip(
      x.shape[1:3], window, padding, strict=True):
    if found + 2 * border < wanted:
      raise ValueError(
          f"x is too small for this network: {x.shape[1]} x {x.shape[2]}"
          f" pixels reach a window of {window[0]} x {window[1]}")
