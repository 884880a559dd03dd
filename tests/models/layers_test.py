import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide.models import convolution
from jaxguide.models import layers
from tests import programs


def _normal(seed, *shape):
  return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def _relative(a, b):
  a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
  return np.abs(a - b).max() / np.abs(b).max()


def _plain_norm(x, scale, bias, num_groups, eps, modulation=None, silu=False):
  """Group norm as its definition reads, in float64 numpy or in jnp."""
  xp = jnp if isinstance(x, jax.Array) else np
  groups = x.reshape(x.shape[0], -1, num_groups, x.shape[-1] // num_groups)
  mean = groups.mean((1, 3), keepdims=True)
  var = ((groups - mean) ** 2).mean((1, 3), keepdims=True)
  y = ((groups - mean) / xp.sqrt(var + eps)).reshape(x.shape) * scale + bias
  if modulation is not None:
    y = y * (1 + modulation[0][:, None, None]) + modulation[1][:, None, None]
  return y / (1 + xp.exp(-y)) if silu else y


@pytest.mark.parametrize("silu", [False, True])
@pytest.mark.parametrize("modulated", [False, True])
def test_group_norm_is_its_definition(silu, modulated):
  x, scale, bias = _normal(0, 2, 6, 4, 64), _normal(1, 64), _normal(2, 64)
  modulation = (_normal(3, 2, 64), _normal(4, 2, 64)) if modulated else None
  y = layers.group_norm(
      x, scale, bias, eps=1e-5, modulation=modulation, silu=silu)
  wide = jax.tree.map(lambda a: a.astype(np.float64), (x, scale, bias))
  if modulated:
    modulation = tuple(a.astype(np.float64) for a in modulation)
  expected = _plain_norm(*wide, 32, 1e-5, modulation, silu)
  assert _relative(y, expected) < 2e-6


def test_group_norm_keeps_small_spreads_beside_a_large_mean():
  unit = _normal(0, 2, 16, 16, 32).astype(np.float64)
  x = (1000.0 + unit).astype(np.float32)
  y = layers.group_norm(
      x, np.ones(32, np.float32), np.zeros(32, np.float32), eps=1e-5)
  expected = _plain_norm(x.astype(np.float64), 1.0, 0.0, 32, 1e-5)
  # The mean itself is rounded to 1000 * 2^-24; E[x^2] - E[x]^2 would be off
  # by the spread itself.
  assert _relative(y, expected) < 2e-4


@pytest.mark.parametrize("silu", [False, True])
def test_gradients_of_group_norm_are_autodiff_of_its_definition(silu):
  x, scale, bias = _normal(0, 2, 6, 4, 64), _normal(1, 64), _normal(2, 64)
  modulation = (_normal(3, 2, 64), _normal(4, 2, 64))
  weights = _normal(5, 2, 6, 4, 64)
  plain = functools.partial(_plain_norm, num_groups=32, eps=1e-5, silu=silu)
  fast = functools.partial(layers.group_norm, eps=1e-5, silu=silu)
  gradients = []
  for norm in (plain, fast):
    total = lambda x, s, b, m: jnp.sum(  # noqa: B023
        weights * norm(jnp.asarray(x), s, b, modulation=m))  # noqa: B023
    gradients.append(jax.grad(total, (0, 1, 2, 3))(x, scale, bias, modulation))
  for expected, found in zip(*map(jax.tree.leaves, gradients), strict=True):
    assert _relative(found, expected) < 1e-5


def test_group_norm_computes_in_float32_and_returns_the_dtype():
  x = _normal(0, 2, 8, 8, 32)
  ones, zeros = np.ones(32, np.float32), np.zeros(32, np.float32)
  half = jnp.asarray(x, jnp.bfloat16)
  y = layers.group_norm(half, ones, zeros, eps=1e-5, silu=True)
  expected = layers.group_norm(
      half.astype(jnp.float32), ones, zeros, eps=1e-5, silu=True)
  assert y.dtype == jnp.bfloat16
  assert (y == expected.astype(jnp.bfloat16)).all()


def test_group_norm_needs_channels_in_whole_groups():
  x = np.zeros((1, 2, 2, 48), np.float32)
  with pytest.raises(ValueError, match="num_groups is 32.*48"):
    layers.group_norm(x, np.ones(48), np.zeros(48), eps=1e-5)


def _plain_conv(x, kernel, stride=1):
  """Correlation with one border of zeros, in float64 numpy."""
  x = np.pad(x.astype(np.float64), ((0, 0), (1, 1), (1, 1), (0, 0)))
  height, width = (s - 2 for s in x.shape[1:3])
  return sum(
      x[:, i:i + height:stride, j:j + width:stride] @ kernel[i, j]
      for i in range(3) for j in range(3))


@pytest.mark.parametrize("impl", ["lax", "winograd", "auto"])
@pytest.mark.parametrize("shape", [(2, 16, 12), (3, 4, 4), (1, 2, 2)])
def test_convolution_is_its_definition(impl, shape):
  x, kernel = _normal(0, *shape, 5), _normal(1, 3, 3, 5, 7)
  y = layers.conv_3x3(x, kernel, impl=impl)
  assert _relative(y, _plain_conv(x, kernel)) < 2e-6


@pytest.mark.parametrize(
    "shape", [(2, 16, 12), (3, 4, 4), (2, 7, 5), (3, 2, 2), (2, 1, 3)])
def test_strided_and_odd_convolutions(shape):
  x, kernel = _normal(0, *shape, 5), _normal(1, 3, 3, 5, 7)
  for stride in (1, 2):
    y = layers.conv_3x3(x, kernel, stride=stride)
    expected = _plain_conv(x, kernel, stride)
    assert y.shape == expected.shape
    assert _relative(y, expected) < 2e-6


@pytest.mark.parametrize("impl", ["lax", "winograd"])
@pytest.mark.parametrize("shape", [(4, 16, 16), (3, 4, 6), (5, 2, 2)])
def test_gradients_of_convolution_are_its_adjoints(impl, shape):
  x, kernel = _normal(0, *shape, 5), _normal(1, 3, 3, 5, 7)
  y_bar = _normal(2, *shape, 7)
  _, vjp = jax.vjp(lambda x, k: layers.conv_3x3(x, k, impl=impl), x, kernel)
  x_bar, kernel_bar = vjp(jnp.asarray(y_bar))
  # <y_bar, conv(dx, k)> = <x_bar, dx>: checked on every unit kernel entry and
  # against the flipped convolution, which is the adjoint in x.
  flipped = kernel[::-1, ::-1].swapaxes(2, 3)
  assert _relative(x_bar, _plain_conv(y_bar, flipped)) < 2e-6
  padded = np.pad(x.astype(np.float64), ((0, 0), (1, 1), (1, 1), (0, 0)))
  height, width = shape[1:]
  expected = np.stack([
      np.einsum(
          "bhwi,bhwo->io", padded[:, i:i + height, j:j + width], y_bar)
      for i in range(3) for j in range(3)]).reshape(kernel.shape)
  assert _relative(kernel_bar, expected) < 5e-6


def test_kernel_gradient_is_the_same_in_chunks_and_at_once(monkeypatch):
  x, y_bar = _normal(0, 6, 8, 8, 32), _normal(1, 6, 8, 8, 64)

  def kernel_bar():
    kernel = jnp.zeros((3, 3, 32, 64))
    # Another function each time: a compiled one would keep its budget.
    pull = programs.jit(lambda y_bar: jax.vjp(
        lambda k: layers.conv_3x3(x, k, impl="winograd"), kernel)[1](y_bar)[0])
    return pull(y_bar)

  whole = kernel_bar()
  monkeypatch.setattr(convolution, "_TILE_BUDGET", 2 * 64 * 4 * 8 * 8)
  assert _relative(kernel_bar(), whole) < 2e-6


@pytest.mark.parametrize("impl", ["lax", "winograd"])
def test_second_derivatives_of_convolution(impl):
  x, kernel = _normal(0, 2, 4, 4, 3), _normal(1, 3, 3, 3, 3) / 5

  def stock(x, kernel):
    return jax.lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))

  def penalty(conv, x, kernel):
    value = lambda x: jnp.sum(jnp.tanh(conv(x, kernel)))
    return jnp.sum(jax.grad(value)(x) ** 2)

  conv = functools.partial(layers.conv_3x3, impl=impl)
  slopes = programs.jit(jax.grad(penalty, (1, 2)), static_argnums=0)
  found, expected = slopes(conv, x, kernel), slopes(stock, x, kernel)
  for a, b in zip(found, expected, strict=True):
    assert _relative(a, b) < 1e-5


def test_winograd_refuses_what_it_cannot_do():
  kernel = np.zeros((3, 3, 1, 1), np.float32)
  with pytest.raises(ValueError, match="7 x 8"):
    layers.conv_3x3(np.zeros((1, 7, 8, 1), np.float32), kernel, impl="winograd")
  with pytest.raises(ValueError, match="stride 2"):
    layers.conv_3x3(
        np.zeros((1, 8, 8, 1), np.float32), kernel, stride=2, impl="winograd")


@pytest.mark.parametrize("call", [
    lambda: layers.conv_3x3(
        np.zeros((1, 4, 4, 1)), np.zeros((3, 3, 1, 1)), impl="fft"),
    lambda: layers.split_qkv(np.zeros((1, 4, 12)), 2, "old"),
    lambda: layers.attention(*[np.zeros((1, 4, 2, 8))] * 3, impl="flash"),
])
def test_unknown_formulations_name_what_is_allowed(call):
  with pytest.raises(ValueError, match="must be one of '"):
    call()


def _plain_attention(q, k, v):
  logits = np.einsum("bthd,bshd->bhts", q, k) / np.sqrt(q.shape[-1])
  weights = np.exp(logits - logits.max(-1, keepdims=True))
  weights /= weights.sum(-1, keepdims=True)
  out = np.einsum("bhts,bshd->bthd", weights, v)
  return out.reshape(*out.shape[:2], -1)


@pytest.mark.parametrize("impl", ["auto", "matmul", "dot_product"])
def test_attention_is_its_definition(impl):
  q, k, v = (_normal(i, 2, 9, 3, 8) for i in range(3))
  out = layers.attention(*map(jnp.asarray, (q, k, v)), impl=impl)
  assert _relative(out, _plain_attention(q, k, v)) < 2e-6


def test_gradients_of_attention_are_autodiff_of_its_definition():
  parts = [jnp.asarray(_normal(i, 2, 9, 3, 8)) for i in range(3)]
  weights = _normal(3, 2, 9, 24)

  def plain(q, k, v):
    logits = jnp.einsum("bthd,bshd->bhts", q, k) / np.sqrt(8.0)
    out = jnp.einsum("bhts,bshd->bthd", jax.nn.softmax(logits), v)
    return jnp.sum(weights * out.reshape(2, 9, 24))

  def fast(*parts):
    return jnp.sum(weights * layers.attention(*parts, impl="matmul"))

  expected = jax.grad(plain, (0, 1, 2))(*parts)
  found = jax.grad(fast, (0, 1, 2))(*parts)
  for a, b in zip(found, expected, strict=True):
    assert _relative(a, b) < 1e-5


def test_the_two_orders_place_queries_keys_and_values_as_stated():
  width, heads, size = 24, 2, 4
  channels = np.arange(width, dtype=np.float32)[None, None]
  for order, index in (
      ("legacy", lambda s, h, i: h * 3 * size + s * size + i),
      ("new", lambda s, h, i: s * heads * size + h * size + i)):
    parts = layers.split_qkv(channels, heads, order)
    for s, part in enumerate(parts):
      for h in range(heads):
        for i in range(size):
          assert part[0, 0, h, i] == index(s, h, i)
  with pytest.raises(ValueError, match="num_heads is 3"):
    layers.split_qkv(channels[..., :18 + 3], 3, "new")


def test_time_embedding_is_its_definition():
  time = np.array([0.0, 1.0, 2.5, 999.0], np.float32)
  for width in (8, 9):
    found = layers.time_embedding(time, width)
    frequency = 10000.0 ** (-np.arange(4) / 4)
    angle = time[:, None].astype(np.float64) * frequency
    expected = np.concatenate([np.cos(angle), np.sin(angle)], axis=1)
    assert found.shape == (4, width)
    np.testing.assert_allclose(found[:, :8], expected, atol=2e-4)
    assert not np.any(found[:, 8:])


def test_pooling_undoes_nearest_upsampling():
  x = _normal(0, 2, 4, 6, 3)
  up = layers.upsample_nearest(jnp.asarray(x))
  assert up.shape == (2, 8, 12, 3)
  for i in range(2):
    for j in range(2):
      assert (up[:, i::2, j::2] == x).all()
  assert (layers.average_pool(up) == x).all()
  with pytest.raises(ValueError, match="5 x 4"):
    layers.average_pool(jnp.zeros((1, 5, 4, 1)))


def _rows_agree(call, *arrays):
  """Whether images 2.. are the same bits in batches of 2, 3 and 8."""
  whole = jax.tree.leaves(jax.jit(call)(*arrays))
  for count in (2, 3):
    few = jax.tree.leaves(
        jax.jit(call)(*(a[2:2 + count] for a in arrays)))
    for a, b in zip(few, whole, strict=True):
      if not np.array_equal(a, b[2:2 + count]):
        return False
  return True


# "auto" is "lax", and a kernel of 1024 channels too large for it to go image by
# image. Each of Winograd's takes six seconds to compile.
_SIZES = (
    (32, 64), (16, 96), (8, 160), (8, 320), (4, 64), (4, 256), (4, 1024),
    (2, 64), (2, 512))


@pytest.mark.parametrize("impl, side, channels", [
    *(("lax", *size) for size in _SIZES),
    *(pytest.param("winograd", *size, marks=[pytest.mark.slow] * (size not in (
        (16, 96), (4, 256)))) for size in _SIZES)])
def test_convolution_does_not_depend_on_the_batch(impl, side, channels):
  kernel = _normal(0, 3, 3, channels, 64) / 10

  def call(x, y_bar):
    y, vjp = jax.vjp(lambda x: layers.conv_3x3(x, kernel, impl=impl), x)
    return y, vjp(y_bar)

  assert _rows_agree(
      call, _normal(1, 8, side, side, channels), _normal(2, 8, side, side, 64))


@pytest.mark.parametrize(
    "side, channels", [(16, 64), (8, 128), (4, 64), (2, 64)])
def test_strided_convolution_does_not_depend_on_the_batch(side, channels):
  kernel = _normal(0, 3, 3, channels, channels) / 10

  def call(x, y_bar):
    y, vjp = jax.vjp(lambda x: layers.conv_3x3(x, kernel, stride=2), x)
    return y, vjp(y_bar)

  half = side // 2
  assert _rows_agree(
      call, _normal(1, 8, side, side, channels),
      _normal(2, 8, half, half, channels))


@pytest.mark.parametrize("side, channels", [
    (32, 64), (16, 96), (16, 256), (8, 512), (4, 256)])
def test_group_norm_does_not_depend_on_the_batch(side, channels):
  scale, bias = _normal(0, channels), _normal(1, channels)

  def call(x, gain, shift, y_bar):
    norm = functools.partial(layers.group_norm, eps=1e-5, silu=True)
    y, vjp = jax.vjp(
        lambda x, *m: norm(x, scale, bias, modulation=m), x, gain, shift)
    return y, vjp(y_bar)

  shape = (8, side, side, channels)
  assert _rows_agree(
      call, _normal(2, *shape), _normal(3, 8, channels),
      _normal(4, 8, channels), _normal(5, *shape))


@pytest.mark.parametrize("tokens, heads, size", [
    (64, 1, 64), (256, 2, 32), (16, 4, 16), (65, 2, 64)])
def test_attention_does_not_depend_on_the_batch(tokens, heads, size):
  def call(q, k, v, y_bar):
    y, vjp = jax.vjp(layers.attention, q, k, v)
    return y, vjp(y_bar)

  shape = (8, tokens, heads, size)
  assert _rows_agree(
      call, *(_normal(i, *shape) for i in range(3)),
      _normal(3, 8, tokens, heads * size))


@pytest.mark.parametrize("side, channels", [(16, 64), (8, 256), (4, 256)])
def test_pointwise_convolution_does_not_depend_on_the_batch(side, channels):
  module = layers.Conv1x1(96)
  x = _normal(0, 8, side, side, channels)
  params = module.init(jax.random.key(0), x[:2])

  def call(x, y_bar):
    y, vjp = jax.vjp(lambda x: module.apply(params, x), x)
    return y, vjp(y_bar)

  assert _rows_agree(call, x, _normal(1, 8, side, side, 96))
