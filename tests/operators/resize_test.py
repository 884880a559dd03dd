"""Bicubic resizing against a direct double loop and printed weights."""

import fractions
import math

import jax.numpy as jnp
import numpy as np
from PIL import Image
import pytest

from jaxguide import operators
from jaxguide.operators import resize


def keys(u):
  """Keys' kernel, a = -0.5, one number at a time."""
  u = abs(u)
  if u <= 1:
    return 1.5 * u**3 - 2.5 * u**2 + 1
  if u <= 2:
    return -0.5 * u**3 + 2.5 * u**2 - 4 * u + 2
  return 0.0


def outside(index, size, boundary):
  """The pixel that a tap at `index` reads, None for nothing."""
  if 0 <= index < size:
    return index
  if boundary == "edge":
    return 0 if index < 0 else size - 1
  if boundary == "symmetric":
    while not 0 <= index < size:
      index = -1 - index if index < 0 else 2 * size - 1 - index
    return index
  if boundary == "reflect":
    while not 0 <= index < size:
      index = -index if index < 0 else 2 * size - 2 - index
    return index
  return None


def resize_loop(signal, scale, boundary):
  """One line, resized by the definition: every pixel asked for its weight."""
  n = len(signal)
  m = math.ceil(n * scale)
  width = 4 / min(scale, 1)
  result = np.zeros(m)
  for j in range(m):
    centre = (j + 0.5) / scale - 0.5
    total, kept, value = 0.0, 0.0, 0.0
    first, last = centre - width / 2, centre + width / 2
    for tap in range(math.floor(first) - 1, math.ceil(last) + 2):
      weight = keys((centre - tap) * min(scale, 1))
      total += weight
      pixel = outside(tap, n, boundary)
      if pixel is not None:
        kept += weight
        value += weight * signal[pixel]
    result[j] = value / (kept if boundary == "renormalise" else total)
  return result


@pytest.mark.parametrize(
    "boundary", ["symmetric", "reflect", "edge", "zero", "renormalise"]
)
@pytest.mark.parametrize("factor", [2, 4, 8])
def test_matrix_equals_the_double_loop(factor, boundary):
  signal = np.random.default_rng(0).uniform(-1, 1, 32)
  down = resize.cubic_matrix(
      32, 32 // factor, fractions.Fraction(1, factor), boundary
  )
  np.testing.assert_allclose(
      down @ signal, resize_loop(signal, 1 / factor, boundary), atol=1e-12
  )
  up = resize.cubic_matrix(32, 32 * factor, factor, boundary)
  np.testing.assert_allclose(
      up @ signal, resize_loop(signal, factor, boundary), atol=1e-12
  )


def test_weights_are_the_printed_ones():
  half = [-0.0017, -0.0110, -0.0183, -0.0120, 0.0227, 0.0974, 0.1819, 0.2410]
  neighbours, weights = resize.cubic_table(32, 8, fractions.Fraction(1, 4))
  np.testing.assert_allclose(
      weights, np.tile(half + half[::-1], (8, 1)), atol=5.1e-5
  )
  assert -neighbours[0, 0] == 6 and neighbours[-1, -1] - 31 == 6
  neighbours, weights = resize.cubic_table(8, 32, 4)
  phases = [
      [-0.0439, 0.3896, 0.7275, -0.0732],
      [-0.0068, 0.0908, 0.9639, -0.0479],
  ]
  phases += [phase[::-1] for phase in phases[::-1]]
  np.testing.assert_allclose(weights, np.tile(phases, (8, 1)), atol=5.1e-5)
  assert -neighbours[0, 0] == 2 and neighbours[-1, -1] - 7 == 2


def test_released_borders_are_pulled_to_grey():
  ones = jnp.ones((1, 4, 32, 3))
  options = dict(boundary="zero", axes="width")
  y = operators.bicubic((4, 32), 4, **options).apply(ones)
  assert y.shape == (1, 4, 8, 3)
  row = [0.9229, 1.0127, 1, 1, 1, 1, 1.0127, 0.9229]
  np.testing.assert_allclose(y[0, 2, :, 1], row, atol=5e-5)
  up = operators.lifts.bicubic_up((4, 32), 4, **options)
  np.testing.assert_allclose(up(y)[0, 0, 0, 0], 0.5972, atol=5e-5)


@pytest.mark.parametrize(
    "boundary", ["symmetric", "reflect", "edge", "renormalise"]
)
def test_a_constant_stays_constant(boundary):
  x = jnp.full((1, 16, 24, 3), 0.37)
  y = operators.bicubic((16, 24), 4, boundary=boundary).apply(x)
  np.testing.assert_allclose(y, 0.37, atol=1e-6)
  up = operators.lifts.bicubic_up((16, 24), 4, boundary=boundary)
  np.testing.assert_allclose(up(y), 0.37, atol=1e-6)


def test_a_ramp_stays_a_ramp_inside():
  x = np.broadcast_to(np.linspace(-1, 1, 64), (1, 64, 64))[..., None]
  y = operators.bicubic((64, 64), 4).apply(jnp.asarray(x, jnp.float32))
  inside = y[0, 5, 2:-2, 0]
  means = x[0, 0, :, 0].reshape(16, 4).mean(axis=1)[2:-2]
  np.testing.assert_allclose(inside, means, atol=1e-6)


def test_agrees_with_pillow():
  """Pillow resizes floats with the same kernel and renormalised borders."""
  x = np.random.default_rng(1).uniform(-1, 1, (32, 48)).astype(np.float32)
  small = Image.fromarray(x).resize((12, 8), Image.Resampling.BICUBIC)
  operator = operators.bicubic((32, 48), 4, boundary="renormalise")
  y = operator.apply(jnp.asarray(x)[None, :, :, None])
  np.testing.assert_allclose(y[0, :, :, 0], np.asarray(small), atol=2e-6)


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_singular_values_stay_well_above_zero(factor):
  s = np.asarray(operators.bicubic((64, 64), factor).svd.s)
  positive = s[s > 0]
  assert positive.size == (64 // factor) ** 2
  assert positive.min() > 0.09 * positive.max()


def test_bad_options_are_named():
  with pytest.raises(ValueError, match="boundary"):
    operators.bicubic((32, 32), 4, boundary="wrap")
  with pytest.raises(ValueError, match="axes"):
    operators.bicubic((32, 32), 4, axes="height")
  with pytest.raises(ValueError, match="factor"):
    operators.bicubic((32, 30), 4)
  with pytest.raises(ValueError, match="factor"):
    operators.lifts.bicubic_up((32, 30), 4)
