"""Convolutions and pools of any window, for converted feature networks.

3x3 convolutions with a border of one are those of `layers`; the others are
left to the compiler, on CPU image by image where it would divide the work, and
round, by the batch (`batch_invariant.fills_blocks`). On CPU they have their own
derivative, and no forward mode, as those of `layers`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
import functools

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import arrays
from jaxguide.models import batch_invariant
from jaxguide.models import layers

Pair = tuple[int, int]


def convolve(
    x: jax.Array, kernel: jax.Array, *, stride: int = 1, padding: Pair = (0, 0)
) -> jax.Array:
  """Correlation of `[B, H, W, I]` with a kernel `[h, w, I, O]`.

  Args:
    x: images.
    kernel: weights, of the dtype of x.
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
  if batch_invariant.on_cpu():
    return _cpu_convolve(x, kernel, stride, padding)
  return _correlate(x, kernel, stride, _both_sides(padding))


def _both_sides(padding: Pair) -> tuple[Pair, Pair]:
  return (padding[0], padding[0]), (padding[1], padding[1])


def _correlate(
    x: jax.Array, kernel: jax.Array, stride: int, padding: tuple[Pair, Pair]
) -> jax.Array:
  return jax.lax.conv_general_dilated(
      x, kernel, (stride, stride), padding,
      dimension_numbers=("NHWC", "HWIO", "NHWC"))


def _steadily(
    x: jax.Array, kernel: jax.Array, stride: int, padding: tuple[Pair, Pair]
) -> jax.Array:
  """`_correlate`, image by image where the bits would depend on the batch."""
  if x.shape[1] * x.shape[2] < kernel.shape[0] * kernel.shape[1]:
    # The compiler would take the larger one, the kernel, for the image, and
    # leave its fast path. It would also undo the border without the barrier.
    border = ((0, 0, 0), *((*sides, 0) for sides in padding), (0, 0, 0))
    x = jax.lax.optimization_barrier(
        jax.lax.pad(x, jnp.zeros((), x.dtype), border))
    padding = ((0, 0), (0, 0))
  compute = lambda x: _correlate(x, kernel, stride, padding)
  _, height, width, _ = jax.eval_shape(compute, x).shape
  if batch_invariant.fills_blocks(height * width):
    return compute(x)
  return jax.lax.map(lambda image: compute(image[None])[0], x)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _cpu_convolve(x, kernel, stride, padding):
  """`_correlate` with a derivative whose bits do not depend on the batch.

  The compiler's own spreads the cotangent by zeros and divides that work, in
  jax 0.12, by the size of the batch; in loops it leaves the fast path.
  """
  return _steadily(x, kernel, stride, _both_sides(padding))


def _cpu_forward(x, kernel, stride, padding):
  return _cpu_convolve(x, kernel, stride, padding), (x, kernel)


def _cpu_backward(stride, padding, saved, cotangent):
  x, kernel = saved
  _, pull = jax.vjp(
      lambda k: _steadily(x, k, stride, _both_sides(padding)), kernel)
  return (_transposed(cotangent, kernel, stride, padding, x.shape[1:3]),
          pull(cotangent)[0])


_cpu_convolve.defvjp(_cpu_forward, _cpu_backward)


def _transposed(
    y: jax.Array, kernel: jax.Array, stride: int, padding: Pair, size: Pair
) -> jax.Array:
  """The adjoint of `_correlate` in its input: `[B, h, w, O]` -> `[B, *, I]`.

  Input pixel i meets output pixel j through tap i + p - s j. With i + p =
  s u + a the taps of one phase a are those of a convolution without stride,
  so all s x s phases together are one, with s x s x I channels, whose pixels
  are then interleaved.
  """
  taps = [-(-k // stride) for k in kernel.shape[:2]]
  number = [-(-(n + p) // stride) for n, p in zip(size, padding, strict=True)]
  phases = jnp.pad(kernel, [
      *((0, stride * t - k)
        for t, k in zip(taps, kernel.shape[:2], strict=True)),
      (0, 0), (0, 0)])
  phases = phases.reshape(
      taps[0], stride, taps[1], stride, *kernel.shape[2:])[::-1, :, ::-1]
  # [tap, tap, O, phase, phase, I]
  phases = phases.transpose(0, 2, 5, 1, 3, 4).reshape(
      *taps, kernel.shape[3], -1)
  # A negative border leaves out what meets no input pixel.
  borders = tuple(
      (t - 1, n - h) for t, n, h in zip(
          taps, number, y.shape[1:3], strict=True))
  x = _steadily(y, phases, 1, borders)
  x = x.reshape(-1, *number, stride, stride, kernel.shape[2])
  x = x.transpose(0, 1, 3, 2, 4, 5).reshape(
      len(y), number[0] * stride, number[1] * stride, -1)
  (top, left), (height, width) = padding, size
  return x[:, top:top + height, left:left + width]


class Conv(nn.Module):
  """`convolve` with `kernel` `[h, w, I, O]` and, if any, `bias` `[O]`.

  Attributes:
    features: O.
    window: (h, w).
    stride: along both axes.
    padding: zeros on both sides of rows and columns, see `convolve`.
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
    size: height and width of the window.
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
