"""Convolutions of any window, their derivatives, and pools."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide.models import windows

# Window, stride, padding, size of the image. The first is AlexNet's, the next
# four are Inception's; then strides that do not divide, and windows smaller
# than the stride, which leave pixels out.
CASES = [
    ((11, 11), 4, (2, 2), (31, 34)),
    ((3, 3), 2, (0, 0), (17, 18)),
    ((1, 7), 1, (0, 3), (9, 8)),
    ((7, 1), 1, (3, 0), (5, 9)),
    ((5, 5), 1, (2, 2), (8, 9)),
    ((4, 3), 3, (1, 2), (10, 12)),
    ((2, 2), 3, (0, 0), (11, 12)),
    ((1, 1), 1, (0, 0), (4, 5)),
    # Fewer pixels than the window has.
    ((5, 5), 1, (2, 2), (3, 2)),
    ((4, 3), 3, (1, 2), (2, 3)),
]


def normal(seed, *shape):
  return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def by_definition(x, kernel, stride, padding):
  """Correlation window by window, in float64 numpy."""
  x = np.pad(np.float64(x), ((0, 0), *((p, p) for p in padding), (0, 0)))
  height, width = ((n - k) // stride + 1 for n, k in zip(
      x.shape[1:3], kernel.shape[:2], strict=True))
  out = np.zeros((len(x), height, width, kernel.shape[3]))
  for i in range(height):
    for j in range(width):
      part = x[:, i * stride:i * stride + kernel.shape[0],
               j * stride:j * stride + kernel.shape[1]]
      out[:, i, j] = np.einsum("bhwi,hwio->bo", part, kernel)
  return out


@pytest.mark.parametrize("window, stride, padding, size", CASES)
def test_convolution_is_its_definition_and_its_gradients_adjoints(
    window, stride, padding, size):
  x, kernel = normal(0, 2, *size, 3), normal(1, *window, 3, 5)
  dx, dk = normal(2, *x.shape), normal(3, *kernel.shape)
  expected = by_definition(x, kernel, stride, padding)
  y_bar = normal(4, *expected.shape)

  @jax.jit
  def both(x, kernel, y_bar):
    y, pull = jax.vjp(lambda x, k: windows.convolve(
        x, k, stride=stride, padding=padding), x, kernel)
    return y, *pull(y_bar)

  y, x_bar, kernel_bar = both(x, kernel, y_bar)
  scale = np.abs(expected).max()
  np.testing.assert_allclose(y, expected, atol=2e-6 * scale)
  # The map is bilinear, so <y_bar, f(dx, k)> = <x_bar, dx>, and so for k.
  for bar, direction, moved in (
      (x_bar, dx, by_definition(dx, kernel, stride, padding)),
      (kernel_bar, dk, by_definition(x, dk, stride, padding))):
    inner = np.sum(np.float64(bar) * direction)
    bound = 1e-6 * np.linalg.norm(y_bar) * np.linalg.norm(moved)
    np.testing.assert_allclose(inner, np.sum(y_bar * moved), atol=bound)


@pytest.mark.parametrize("window, stride, padding, size", [
    ((11, 11), 4, (2, 2), (64, 64)),
    ((5, 5), 1, (2, 2), (15, 15)),
    ((5, 5), 1, (2, 2), (7, 7)),
    ((5, 5), 1, (2, 2), (3, 3)),
])
def test_an_image_has_the_same_bits_in_any_batch(
    window, stride, padding, size):
  kernel = normal(0, *window, 3 if stride > 1 else 32, 64)

  @jax.jit
  def both(x, y_bar):
    y, pull = jax.vjp(lambda x: windows.convolve(
        x, kernel, stride=stride, padding=padding), x)
    return y, pull(y_bar)[0]

  x = normal(1, 8, *size, kernel.shape[2])
  y_bar = normal(2, *jax.eval_shape(lambda x: windows.convolve(
      x, kernel, stride=stride, padding=padding), x).shape)
  many = both(x, y_bar)
  for first, last in ((0, 2), (3, 6)):
    few = both(x[first:last], y_bar[first:last])
    for part, whole in zip(few, many, strict=True):
      np.testing.assert_array_equal(part, whole[first:last])


def test_what_is_smaller_than_its_window_is_named():
  with pytest.raises(ValueError, match="x is too small.*6 x 20"):
    windows.convolve(jnp.zeros((1, 6, 20, 3)), jnp.zeros((11, 11, 3, 4)),
                     stride=4, padding=(2, 2))
