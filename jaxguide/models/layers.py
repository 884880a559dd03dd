"""Group norm, convolution and attention: the only place they are written.

XLA's CPU backend loses a factor of two to five on the stock formulations of
these three, so each is written out here, with its own derivative, in a form
that is fast there. Formulations are chosen by the shape of ONE image and by
the platform, never by the batch: image n must be the same, bit for bit,
whichever images lie beside it.

All arrays are channels-last. Functions with their own derivative support
reverse mode (any order) and not forward mode.
"""

from __future__ import annotations

from collections.abc import Callable
import functools
import math
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp

CONV_IMPLEMENTATIONS = ("auto", "lax", "winograd")
ATTENTION_IMPLEMENTATIONS = ("auto", "matmul", "dot_product")
QKV_ORDERS = ("legacy", "new")


def check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
  """Raises ValueError naming the argument unless `value` is allowed."""
  if value not in allowed:
    raise ValueError(
        f"{name} is {value!r}; allowed: {', '.join(map(repr, allowed))}")


# Group norm.


def _pixel_sums(x: jax.Array) -> jax.Array:
  """Sums `[B, N, C]` over N, in a matmul: fast and batch-invariant on CPU."""
  ones = jnp.ones((x.shape[0], 1, x.shape[1]), x.dtype)
  return jnp.matmul(ones, x, precision=jax.lax.Precision.HIGHEST)[:, 0]


def _group_means(sums: jax.Array, num_groups: int, pixels: int) -> jax.Array:
  """Turns channel sums `[B, C]` into means over groups, spread to `[B, C]`."""
  batch, channels = sums.shape
  size = channels // num_groups
  groups = sums.reshape(batch, num_groups, size)
  # One by one: a reduction over the last axis is vectorised on CPU, in an
  # order that depends on the batch.
  total = functools.reduce(
      jnp.add, (groups[..., i] for i in range(size)))
  return jnp.repeat(total / (size * pixels), size, axis=-1)


def _moments(x, num_groups, eps):
  """Means and reciprocal spreads `[B, C]` of the groups of `[B, N, C]`."""
  pixels = x.shape[1]
  mean = _group_means(_pixel_sums(x), num_groups, pixels)
  # Centred: E[x^2] - E[x]^2 loses the variance where the mean is large.
  centred = x - mean[:, None]
  square = _pixel_sums(centred * centred)
  return mean, jax.lax.rsqrt(_group_means(square, num_groups, pixels) + eps)


@functools.partial(jax.custom_vjp, nondiff_argnums=(3, 4, 5))
def _norm(x, scale, shift, num_groups, eps, silu):
  return _norm_forward(x, scale, shift, num_groups, eps, silu)[0]


def _norm_forward(x, scale, shift, num_groups, eps, silu):
  mean, spread = _moments(x, num_groups, eps)
  gain = spread * scale
  y = (x - mean[:, None]) * gain[:, None] + shift[:, None]
  y = y * jax.nn.sigmoid(y) if silu else y
  return y, (x, scale, shift, mean, spread)


def _norm_backward(num_groups, eps, silu, saved, cotangent):
  del eps
  x, scale, shift, mean, spread = saved
  unit = (x - mean[:, None]) * spread[:, None]
  if silu:
    y = unit * scale[:, None] + shift[:, None]
    gate = jax.nn.sigmoid(y)
    cotangent = cotangent * (gate * (1.0 + y * (1.0 - gate)))
  shift_bar = _pixel_sums(cotangent)
  scale_bar = _pixel_sums(cotangent * unit)
  pixels = x.shape[1]
  offset = _group_means(scale * shift_bar, num_groups, pixels)
  slope = _group_means(scale * scale_bar, num_groups, pixels)
  x_bar = spread[:, None] * (
      cotangent * scale[:, None] - offset[:, None] - unit * slope[:, None])
  return x_bar, scale_bar, shift_bar


_norm.defvjp(_norm_forward, _norm_backward)


def group_norm(
    x: jax.Array,
    scale: jax.Array,
    bias: jax.Array,
    *,
    num_groups: int = 32,
    eps: float,
    modulation: tuple[jax.Array, jax.Array] | None = None,
    silu: bool = False,
) -> jax.Array:
  """Group normalisation, with what usually follows it in the same pass.

  y = (x - mean_g) / sqrt(var_g + eps) * scale + bias (Wu and He,
  arXiv:1803.08494, Eq. 1-2), with the biased, centred variance; then
  y (1 + s) + b where `modulation` = (s, b) is given; then y * sigmoid(y)
  where `silu` is set. Computed in float32 whatever the dtype of x.

  Args:
    x: `[B, ..., C]`, any dtype.
    scale: `[C]`.
    bias: `[C]`.
    num_groups: number of groups of adjacent channels; divides C.
    eps: added to the variance. PyTorch's default is 1e-5, Flax's 1e-6.
    modulation: per-image scale and shift, each `[B, C]`.
    silu: whether to apply SiLU last.

  Returns:
    The shape and dtype of x.

  Raises:
    ValueError: C is no multiple of `num_groups`.
  """
  batch, channels = x.shape[0], x.shape[-1]
  if channels % num_groups:
    raise ValueError(
        f"num_groups is {num_groups}; it must divide the {channels} channels")
  scale = jnp.broadcast_to(scale.astype(jnp.float32), (batch, channels))
  shift = jnp.broadcast_to(bias.astype(jnp.float32), (batch, channels))
  if modulation is not None:
    gain = 1.0 + modulation[0].astype(jnp.float32)
    shift = shift * gain + modulation[1].astype(jnp.float32)
    scale = scale * gain
  flat = x.astype(jnp.float32).reshape(batch, -1, channels)
  y = _norm(flat, scale, shift, num_groups, float(eps), silu)
  return y.astype(x.dtype).reshape(x.shape)


class GroupNorm(nn.Module):
  """`group_norm` with its parameters `scale` and `bias`, each `[C]`.

  Attributes:
    eps: added to the variance.
    num_groups: number of groups.
    silu: whether to apply SiLU last.
  """

  eps: float = 1e-5
  num_groups: int = 32
  silu: bool = False

  @nn.compact
  def __call__(
      self,
      x: jax.Array,
      modulation: tuple[jax.Array, jax.Array] | None = None,
  ) -> jax.Array:
    """Normalises x `[B, ..., C]`; see `group_norm`."""
    channels = x.shape[-1]
    scale = self.param("scale", nn.initializers.ones, (channels,))
    bias = self.param("bias", nn.initializers.zeros, (channels,))
    return group_norm(
        x, scale, bias, num_groups=self.num_groups, eps=self.eps,
        modulation=modulation, silu=self.silu)


# 3x3 convolution.

# Below this number of output pixels the CPU's convolution divides its work
# in a way that depends on the batch, and rounds accordingly.
_FEW_PIXELS = 64
# Numbers in the transformed tiles that are handled at a time in the gradient
# of a kernel; more of them no longer fit into the cache.
_TILE_BUDGET = 2**20


def _lax_conv(x, kernel, stride=1):
  return jax.lax.conv_general_dilated(
      x, kernel, (stride, stride), ((1, 1), (1, 1)),
      dimension_numbers=("NHWC", "HWIO", "NHWC"))


def _steady_conv(x, kernel, stride):
  """`_lax_conv`, image by image where the result would depend on the batch."""
  if x.shape[1] * x.shape[2] // stride**2 >= _FEW_PIXELS:
    return _lax_conv(x, kernel, stride)
  return jax.lax.map(lambda one: _lax_conv(one[None], kernel, stride)[0], x)


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

  def fold(a, b, c, d):
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

  def products(x, cotangent):
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

  def one(image):
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
      and image by image where these have few pixels); "winograd" is
      F(2x2, 3x3) (Lavin and Gray, arXiv:1509.09308), image by image, for
      stride 1 and even H and W: up to twice as fast on CPU from 16 x 16
      pixels on, but each of its uses takes about a second to compile, which
      pays in training and in long runs alone. "auto" is "lax".

  Returns:
    `[B, H / stride, W / stride, O]`.

  Raises:
    ValueError: `impl` is unknown or cannot do this shape.
  """
  check_choice("conv_impl", impl, CONV_IMPLEMENTATIONS)
  if impl == "winograd":
    if stride != 1 or x.shape[1] % 2 or x.shape[2] % 2:
      raise ValueError(
          "impl is 'winograd', which needs stride 1 and even sides; found "
          f"stride {stride} and {x.shape[1]} x {x.shape[2]} pixels")
    return _winograd_conv(x, kernel)
  if jax.default_backend() != "cpu":
    return _lax_conv(x, kernel, stride)
  return _cpu_conv(x, kernel, stride)


class Conv3x3(nn.Module):
  """`conv_3x3` with parameters `kernel` `[3, 3, I, O]` and `bias` `[O]`.

  Attributes:
    features: O.
    stride: 1 or 2.
    dtype: of the computation; parameters stay float32.
    impl: see `conv_3x3`.
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


# Matmuls over pixels and over embeddings.

_ROWS = 8


def _steady_matmul(x, kernel):
  """x `[B, I]` or `[B, N, I]` times `[I, O]`, the same bits in any batch.

  Small matmuls are compiled in one of several ways on CPU, by their number
  of rows; here every matmul of few rows has the same number of them.
  """
  if jax.default_backend() != "cpu":
    return jnp.matmul(x, kernel)
  if x.ndim == 3:
    if x.shape[1] >= _FEW_PIXELS:
      return jnp.matmul(x, kernel)
    return jax.lax.map(lambda image: jnp.matmul(image, kernel), x)
  batch = x.shape[0]
  x = jnp.pad(x, ((0, -batch % _ROWS), (0, 0)))
  x = x.reshape(-1, _ROWS, x.shape[-1])
  y = jax.lax.map(lambda rows: jnp.matmul(rows, kernel), x)
  return y.reshape(-1, kernel.shape[-1])[:batch]


class Dense(nn.Module):
  """x W + b with `kernel` `[I, O]` and `bias` `[O]`.

  Attributes:
    features: O.
    dtype: of the computation; parameters stay float32.
    kernel_init: initialiser of the kernel.
  """

  features: int
  dtype: Any = jnp.float32
  kernel_init: Callable[..., jax.Array] = nn.initializers.lecun_normal()

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps the last axis of x, `[B, I]` or `[B, N, I]`."""
    kernel = self.param(
        "kernel", self.kernel_init, (x.shape[-1], self.features))
    bias = self.param("bias", nn.initializers.zeros, (self.features,))
    y = _steady_matmul(x.astype(self.dtype), kernel.astype(self.dtype))
    return y + bias.astype(self.dtype)


class Conv1x1(nn.Module):
  """A 1x1 convolution: `kernel` `[1, 1, I, O]`, `bias` `[O]`.

  Attributes:
    features: O.
    dtype: of the computation; parameters stay float32.
    kernel_init: initialiser of the kernel.
  """

  features: int
  dtype: Any = jnp.float32
  kernel_init: Callable[..., jax.Array] = nn.initializers.lecun_normal()

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps the channels of x `[B, H, W, I]` to `[B, H, W, O]`."""
    kernel = self.param(
        "kernel", self.kernel_init, (1, 1, x.shape[-1], self.features))
    bias = self.param("bias", nn.initializers.zeros, (self.features,))
    batch, height, width, channels = x.shape
    flat = x.astype(self.dtype).reshape(batch, height * width, channels)
    y = _steady_matmul(flat, kernel[0, 0].astype(self.dtype))
    return (y + bias.astype(self.dtype)).reshape(
        batch, height, width, self.features)


# Attention.


@jax.custom_vjp
def _attend(q, k, v):
  return _attend_forward(q, k, v)[0]


def _attend_forward(q, k, v):
  logits = jnp.matmul(q, k.swapaxes(1, 2)).astype(jnp.float32)
  weights = jax.nn.softmax(logits, axis=-1).astype(v.dtype)
  return jnp.matmul(weights, v), (q, k, v, weights)


def _attend_backward(saved, cotangent):
  q, k, v, weights = saved
  v_bar = jnp.matmul(weights.swapaxes(1, 2), cotangent)
  weights_bar = jnp.matmul(cotangent, v.swapaxes(1, 2)).astype(jnp.float32)
  weights = weights.astype(jnp.float32)
  inner = jnp.sum(weights * weights_bar, axis=-1, keepdims=True)
  logits_bar = (weights * (weights_bar - inner)).astype(q.dtype)
  q_bar = jnp.matmul(logits_bar, k)
  return q_bar, jnp.matmul(logits_bar.swapaxes(1, 2), q), v_bar


_attend.defvjp(_attend_forward, _attend_backward)


def split_qkv(
    qkv: jax.Array, num_heads: int, order: str,
) -> tuple[jax.Array, jax.Array, jax.Array]:
  """Splits a projection `[B, T, 3C]` into q, k, v, each `[B, T, heads, d]`.

  The two orders of the ADM checkpoints have the same shapes, so that the
  wrong one loads silently: "legacy" keeps head, then q/k/v, then d; "new"
  keeps q/k/v, then head, then d.
  """
  check_choice("qkv_order", order, QKV_ORDERS)
  batch, tokens, width = qkv.shape
  if width % (3 * num_heads):
    raise ValueError(
        f"num_heads is {num_heads}; it must divide the {width // 3} channels")
  size = width // (3 * num_heads)
  if order == "legacy":
    parts = qkv.reshape(batch, tokens, num_heads, 3, size)
    return parts[..., 0, :], parts[..., 1, :], parts[..., 2, :]
  parts = qkv.reshape(batch, tokens, 3, num_heads, size)
  return parts[:, :, 0], parts[:, :, 1], parts[:, :, 2]


def attention(
    q: jax.Array, k: jax.Array, v: jax.Array, *, impl: str = "auto",
) -> jax.Array:
  """softmax(q k^T / sqrt(d)) v over tokens, per head (arXiv:1706.03762 Eq. 1).

  Args:
    q: `[B, T, heads, d]`.
    k: `[B, S, heads, d]`.
    v: `[B, S, heads, d]`.
    impl: "matmul": batched matmuls, q and k each scaled by d^(-1/4), softmax
      in float32; "dot_product": `jax.nn.dot_product_attention`, which has a
      fused kernel for half precision on some GPUs; "auto": the latter for
      half precision on GPU, else the former.

  Returns:
    `[B, T, heads * d]`; head h occupies channels h d to (h + 1) d - 1.
  """
  check_choice("attention_impl", impl, ATTENTION_IMPLEMENTATIONS)
  batch, tokens, heads, size = q.shape
  if impl == "auto":
    half = q.dtype in (jnp.bfloat16, jnp.float16)
    gpu = jax.default_backend() == "gpu"
    impl = "dot_product" if half and gpu else "matmul"
  if impl == "dot_product":
    out = jax.nn.dot_product_attention(q, k, v)
    return out.reshape(batch, tokens, heads * size)
  scale = 1.0 / math.sqrt(math.sqrt(size))
  q, k, v = (part.swapaxes(1, 2) for part in (q * scale, k * scale, v))
  out = _steady_attend(q, k, v).swapaxes(1, 2)
  return out.reshape(batch, tokens, heads * size)


def _steady_attend(q, k, v):
  """`_attend` on `[B, heads, T, d]`, the same bits in any batch."""
  if jax.default_backend() == "cpu" and q.shape[2] < _FEW_PIXELS:
    return jax.lax.map(lambda image: _attend(*image), (q, k, v))
  flat = tuple(part.reshape(-1, *part.shape[2:]) for part in (q, k, v))
  # Without the barriers the compiler fuses neighbours into the matmuls in
  # ways that depend on the batch, and the last bits with them.
  flat = jax.lax.optimization_barrier(flat)
  return jax.lax.optimization_barrier(_attend(*flat)).reshape(q.shape)


# Resampling and time.


def mean_over_pixels(x: jax.Array) -> jax.Array:
  """The mean of each channel: `[B, ..., C]` -> `[B, C]`."""
  flat = x.reshape(x.shape[0], -1, x.shape[-1])
  return _pixel_sums(flat) / flat.shape[1]


def upsample_nearest(x: jax.Array) -> jax.Array:
  """Repeats each pixel 2x2: `[B, H, W, C]` -> `[B, 2H, 2W, C]`."""
  batch, height, width, channels = x.shape
  x = jnp.broadcast_to(
      x[:, :, None, :, None], (batch, height, 2, width, 2, channels))
  return x.reshape(batch, 2 * height, 2 * width, channels)


def average_pool(x: jax.Array) -> jax.Array:
  """Averages 2x2 pixels: `[B, H, W, C]` -> `[B, H / 2, W / 2, C]`."""
  if x.shape[1] % 2 or x.shape[2] % 2:
    raise ValueError(
        f"x has {x.shape[1]} x {x.shape[2]} pixels; both must be even here")
  return 0.25 * (
      x[:, 0::2, 0::2] + x[:, 0::2, 1::2]
      + x[:, 1::2, 0::2] + x[:, 1::2, 1::2])


def time_embedding(time: jax.Array, width: int) -> jax.Array:
  """[cos(t f_k), sin(t f_k)], f_k = 10000^(-k / half), k < half = width // 2.

  The sinusoidal embedding of the ADM networks (arXiv:1706.03762, section
  3.5, with cosines first). An odd width ends in a zero.

  Args:
    time: `[B]`, may be fractional.
    width: size of the embedding.

  Returns:
    `[B, width]`, float32.
  """
  half = width // 2
  exponent = jnp.arange(half, dtype=jnp.float32) / half
  angle = time.astype(jnp.float32)[:, None] * jnp.exp(
      -math.log(10000.0) * exponent)
  embedding = jnp.concatenate([jnp.cos(angle), jnp.sin(angle)], axis=-1)
  return jnp.pad(embedding, ((0, 0), (0, width % 2)))
