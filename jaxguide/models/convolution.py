"""3x3 convolution: the compiler's, or Winograd's, with its own derivative.

Reverse mode only (any order).
"""

from __future__ import annotations

from collections.abc import Callable
import functools
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp

from jaxguide import arrays
from jaxguide.models import batch_invariant

IMPLEMENTATIONS = ("auto", "lax", "winograd")

# Of images with fewer pixels than a window has, XLA's CPU backend takes the
# kernel for the image: a hundred times slower than a matmul at 512 channels.
_WINDOW = 9

# Entries of a kernel that is read from the cache, image by image. Larger ones
# are read from memory, once for so many pixels.
_CACHED_KERNEL = 2**19
_PATCHES = 32

# Numbers in the transformed tiles that are handled at a time in the gradient
# of a kernel; more of them no longer fit into the cache.
_TILE_BUDGET = 2**20


def _lax_conv(x, kernel, stride=1):
  return jax.lax.conv_general_dilated(
      x, kernel, (stride, stride), ((1, 1), (1, 1)),
      dimension_numbers=("NHWC", "HWIO", "NHWC"))


def _steady_conv(x, kernel, stride):
  """`_lax_conv`, in portions where the result would depend on the batch."""
  height, width = (-(-side // stride) for side in x.shape[1:3])
  if batch_invariant.fills_blocks(height * width):
    return _lax_conv(x, kernel, stride)
  if height * width < _WINDOW or (
      height * width < batch_invariant.FEW_PIXELS
      and kernel.size > _CACHED_KERNEL):
    return _patch_conv(x, kernel, stride)
  return jax.lax.map(lambda one: _lax_conv(one[None], kernel, stride)[0], x)


def _patch_conv(x, kernel, stride):
  """`_lax_conv` as a matmul of patches, a fixed number of pixels at a time."""
  height, width = x.shape[1:3]
  x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
  patches = jnp.concatenate([
      x[:, i:i + height:stride, j:j + width:stride]
      for i in range(3) for j in range(3)], axis=-1)
  kernel = kernel.reshape(-1, kernel.shape[-1])
  y = batch_invariant.by_rows(
      lambda rows: jnp.matmul(rows, kernel),
      patches.reshape(-1, kernel.shape[0]), _PATCHES)
  return y.reshape(*patches.shape[:3], kernel.shape[1])


def _flip(kernel):
  """The kernel of the transposed convolution: `[3, 3, O, I]`."""
  return kernel[::-1, ::-1].swapaxes(2, 3)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _cpu_conv(x, kernel, stride):
  """`_lax_conv` with a derivative that is fast on CPU.

  The compiler's own derivative of a convolution leaves the fast path on CPU,
  for the kernel always and for the input inside loops.
  """
  return _steady_conv(x, kernel, stride)


def _cpu_conv_forward(x, kernel, stride):
  return _cpu_conv(x, kernel, stride), (x, kernel)


def _cpu_conv_backward(stride, saved, cotangent):
  x, kernel = saved
  if stride == 2:
    # A strided convolution is every other pixel of the full one.
    cotangent = _spread(cotangent)[:, :x.shape[1], :x.shape[2]]
  x_bar = _cpu_conv(cotangent, _flip(kernel), 1)
  return x_bar, _kernel_gradient(x, cotangent)


def _spread(y):
  """Zeros after each row and column: `[B, H, W, C]` -> `[B, 2H, 2W, C]`."""
  batch, height, width, channels = y.shape
  y = jnp.pad(
      y[:, :, None, :, None],
      ((0, 0), (0, 0), (0, 1), (0, 0), (0, 1), (0, 0)))
  return y.reshape(batch, 2 * height, 2 * width, channels)


_cpu_conv.defvjp(_cpu_conv_forward, _cpu_conv_backward)


def _winograd_kernel(kernel):
  """G g G^T for each pair of channels: `[3, 3, I, O]` -> `[16, I, O]`."""
  a, b, c = kernel
  rows = jnp.stack([a, 0.5 * (a + b + c), 0.5 * (a - b + c), c])
  a, b, c = rows[:, 0], rows[:, 1], rows[:, 2]
  full = jnp.stack([a, 0.5 * (a + b + c), 0.5 * (a - b + c), c], axis=1)
  return full.reshape(16, *kernel.shape[2:])


def _winograd_input(x):
  """B^T d B over 4x4 tiles at stride 2: `[B, H, W, C]` -> `[16, BHW/4, C]`."""
  channels = x.shape[-1]
  x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
  height, width = x.shape[1] - 2, x.shape[2] - 2
  a, b, c, d = (x[:, i:i + height:2] for i in range(4))
  out = []
  for row in (a - c, b + c, c - b, b - d):
    a, b, c, d = (row[:, :, j:j + width:2] for j in range(4))
    out += [a - c, b + c, c - b, b - d]
  return jnp.stack(out).reshape(16, -1, channels)


def _winograd_output(m, shape):
  """A^T m A: `[16, BHW/4, O]` -> `[B, H, W, O]`."""
  batch, height, width, channels = shape
  m = m.reshape(4, 4, batch, height // 2, width // 2, channels)
  top, bottom = m[0] + m[1] + m[2], m[1] - m[2] - m[3]
  rows = [
      jnp.stack([r[0] + r[1] + r[2], r[1] - r[2] - r[3]], axis=3)
      for r in (top, bottom)]
  return jnp.stack(rows, axis=2).reshape(shape)


def _winograd_output_transpose(y):
  """A y A^T over 2x2 tiles: `[B, H, W, O]` -> `[16, BHW/4, O]`."""
  a, b = y[:, 0::2], y[:, 1::2]
  out = []
  for row in (a, a + b, a - b, -b):
    c, d = row[:, :, 0::2], row[:, :, 1::2]
    out += [c, c + d, c - d, -d]
  return jnp.stack(out).reshape(16, -1, y.shape[-1])


def _winograd_kernel_transpose(u):
  """G^T u G: `[16, I, O]` -> `[3, 3, I, O]`."""
  u = u.reshape(4, 4, *u.shape[1:])

  def fold(
      a: jax.Array, b: jax.Array, c: jax.Array, d: jax.Array
  ) -> list[jax.Array]:
    half_sum, half_difference = 0.5 * (b + c), 0.5 * (b - c)
    return [a + half_sum, half_difference, half_sum + d]

  rows = fold(*u)
  return jnp.stack([
      jnp.stack(fold(*(row[j] for j in range(4)))) for row in rows])


def _kernel_gradient(x, cotangent):
  """Gradient `[3, 3, I, O]` of the sum of (conv of x) * cotangent."""
  batch, height, width, channels = x.shape
  if height % 2 or width % 2:
    return _shifted_kernel_gradient(x, cotangent)

  def products(x: jax.Array, cotangent: jax.Array) -> jax.Array:
    return jnp.matmul(
        _winograd_input(x).swapaxes(1, 2),
        _winograd_output_transpose(cotangent))

  size = max(channels, cotangent.shape[-1]) * 4 * height * width
  chunk = max(1, min(batch, _TILE_BUDGET // size))
  if batch % chunk or chunk == batch:
    u = products(x, cotangent)
  else:
    parts = tuple(
        a.reshape(batch // chunk, chunk, *a.shape[1:]) for a in (x, cotangent))
    start = jnp.zeros((16, channels, cotangent.shape[-1]), x.dtype)
    u, _ = jax.lax.scan(
        lambda total, part: (total + products(*part), None), start, parts)
  return _winograd_kernel_transpose(u)


def _shifted_kernel_gradient(x, cotangent):
  """`_kernel_gradient` for any shape, as one matmul for each of nine shifts."""
  height, width = x.shape[1:3]
  x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
  flat = cotangent.reshape(-1, cotangent.shape[-1])
  shifts = [
      x[:, i:i + height, j:j + width].reshape(-1, x.shape[-1]).T
      for i in range(3) for j in range(3)]
  products = jnp.stack([jnp.matmul(shift, flat) for shift in shifts])
  return products.reshape(3, 3, *products.shape[1:])


@jax.custom_vjp
def _winograd_conv(x, kernel):
  u = _winograd_kernel(kernel)

  def one(image: jax.Array) -> jax.Array:
    m = jnp.matmul(_winograd_input(image[None]), u)
    shape = (1, *image.shape[:2], kernel.shape[-1])
    return _winograd_output(m, shape)[0]

  # One image at a time: the tiles stay in the cache, and the result cannot
  # depend on the batch.
  return jax.lax.map(one, x)


def _winograd_forward(x, kernel):
  return _winograd_conv(x, kernel), (x, kernel)


def _winograd_backward(saved, cotangent):
  x, kernel = saved
  x_bar = _winograd_conv(cotangent, _flip(kernel))
  return x_bar, _kernel_gradient(x, cotangent)


_winograd_conv.defvjp(_winograd_forward, _winograd_backward)


def conv_3x3(
    x: jax.Array, kernel: jax.Array, *, stride: int = 1, impl: str = "auto",
) -> jax.Array:
  """3x3 convolution (correlation) with a border of one zero on each side.

  Args:
    x: `[B, H, W, I]`.
    kernel: `[3, 3, I, O]`, of the dtype of x.
    stride: 1 or 2.
    impl: "lax" leaves it to the compiler (on CPU with a derivative of its own,
      and in portions where images have few pixels); "winograd" is
      F(2x2, 3x3) (Lavin and Gray, arXiv:1509.09308), image by image, for
      stride 1 and even H and W: up to twice as fast on CPU from 16 x 16
      pixels on, but each of its uses takes about a second to compile, which
      pays in training and in long runs alone. "auto" is "lax".

  Returns:
    `[B, H / stride, W / stride, O]`.

  Raises:
    ValueError: `impl` is unknown or cannot do this shape.
  """
  arrays.check_choice("conv_impl", impl, IMPLEMENTATIONS)
  if impl == "winograd":
    if stride != 1 or x.shape[1] % 2 or x.shape[2] % 2:
      raise ValueError(
          "impl is 'winograd', which needs stride 1 and even sides; found "
          f"stride {stride} and {x.shape[1]} x {x.shape[2]} pixels")
    return _winograd_conv(x, kernel)
  if not batch_invariant.on_cpu():
    return _lax_conv(x, kernel, stride)
  return _cpu_conv(x, kernel, stride)


class Conv3x3(nn.Module):
  """`conv_3x3` with parameters `kernel` `[3, 3, I, O]` and `bias` `[O]`.

  Attributes:
    features: O.
    stride: 1 or 2.
    dtype: type of the computation; parameters stay float32.
    impl: formulation of the 3x3 convolutions, see `conv_3x3`.
    kernel_init: initialiser of the kernel.
  """

  features: int
  stride: int = 1
  dtype: Any = jnp.float32
  impl: str = "auto"
  kernel_init: Callable[..., jax.Array] = nn.initializers.lecun_normal()

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Convolves x `[B, H, W, I]`."""
    kernel = self.param(
        "kernel", self.kernel_init, (3, 3, x.shape[-1], self.features))
    bias = self.param("bias", nn.initializers.zeros, (self.features,))
    impl = self.impl
    if impl == "winograd" and (
        self.stride != 1 or x.shape[1] % 2 or x.shape[2] % 2):
      impl = "lax"
    y = conv_3x3(
        x.astype(self.dtype), kernel.astype(self.dtype), stride=self.stride,
        impl=impl)
    return y + bias.astype(self.dtype)
