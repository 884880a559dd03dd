"""The low-pass filter against its recipe, its algebra and recordings."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import operators
from jaxguide.operators import _lowpass
from jaxguide.operators import resize
from tests import recorded_kinds

GRID = [(kernel, size, factor)
        for kernel in ("linear", "cubic")
        for size, factor in ((16, 2), (32, 8), (24, 8), (256, 32))]
each = pytest.mark.parametrize("kernel, size, factor", GRID)


@each
def test_matrix_algebra(kernel, size, factor):
  a = _lowpass.axis_matrix(size, factor, kernel)
  np.testing.assert_allclose(a, a.T, atol=1e-15)
  np.testing.assert_allclose(a.sum(axis=1), 1, atol=1e-14)
  s = np.linalg.svd(a, compute_uv=False)
  small = size // factor
  assert abs(s[0] - 1) < 1e-12
  assert s[small - 1] > (0.27 if kernel == "linear" else 0.49)
  assert np.all(s[small:] < 1e-13)


def test_it_is_no_projection():
  a = _lowpass.axis_matrix(256, 32)
  assert abs(np.abs(a @ a - a).max() - 9.9e-3) < 1e-4


@pytest.mark.parametrize("kernel", ("linear", "cubic"))
def test_single_outputs_by_hand(kernel):
  """Row j of D is the stretched kernel around (j + 1/2) N - 1/2, reflected."""
  factor, size = 4, 16
  shape = {"linear": _hat, "cubic": _keys}[kernel]
  down = _lowpass.resize_matrix(size, 1 / factor, kernel)
  reach = 2 * factor if kernel == "cubic" else factor
  for j in range(size // factor):
    centre = (j + 0.5) * factor - 0.5
    taps = [t for t in range(-20, 40) if abs(t - centre) < reach]
    weights = np.array([shape((t - centre) / factor) for t in taps])
    row = np.zeros(size)
    for t, w in zip(taps, weights / weights.sum(), strict=True):
      while not 0 <= t < size:
        t = -1 - t if t < 0 else 2 * size - 1 - t
      row[t] += w
    np.testing.assert_allclose(down[j], row, atol=1e-15)


def _hat(u):
  return max(0.0, 1 - abs(u))


def _keys(u):
  u = abs(u)
  if u < 1:
    return 1.5 * u**3 - 2.5 * u**2 + 1
  return -0.5 * u**3 + 2.5 * u**2 - 4 * u + 2 if u < 2 else 0.0


def test_64_taps_for_linear_32():
  neighbours, weights = _lowpass.resize_table(256, 1 / 32, "linear")
  assert np.count_nonzero(weights[0]) == 64
  used = neighbours[0][weights[0] != 0]
  assert (used.min(), used.max()) == (-16, 47)


@pytest.mark.parametrize("size, factor", [(16, 4), (32, 8)])
def test_cubic_down_is_the_bicubic_operator_s(size, factor):
  np.testing.assert_allclose(
      _lowpass.resize_matrix(size, 1 / factor, "cubic"),
      resize.cubic_matrix(size, size // factor, 1 / factor), atol=1e-14)


@pytest.mark.parametrize("kernel", ("linear", "cubic"))
def test_operator_is_the_matrices(kernel):
  x = np.random.default_rng(0).normal(size=(2, 16, 24, 3))
  got = operators.lowpass((16, 24), 8, kernel).apply(jnp.float32(x))
  want = np.einsum("hk,bklc,wl->bhwc", _lowpass.axis_matrix(16, 8, kernel), x,
                   _lowpass.axis_matrix(24, 8, kernel))
  np.testing.assert_allclose(got, want, atol=2e-6)


def test_a_constant_is_kept_and_a_checkerboard_is_not():
  operator = operators.lowpass(16, 4)
  ones = jnp.ones((1, 16, 16, 1))
  np.testing.assert_allclose(operator.apply(ones), ones, atol=1e-6)
  parity = jnp.asarray(np.indices((16, 16)).sum(0) % 2 * 2.0 - 1)
  # What is left comes from the reflection at the ends: 1/8 of it per axis.
  assert np.abs(operator.apply(parity[None, :, :, None])).max() <= 1 / 64


def test_bad_options_are_named():
  with pytest.raises(ValueError, match="kernel must be one of"):
    operators.lowpass(16, 4, "lanczos")
  with pytest.raises(ValueError, match="factor must divide"):
    operators.lowpass(16, 5)


# Recordings of the released resizer.

each_recording = recorded_kinds.parametrized("low-pass filter")


@each_recording
def test_recorded_matrices(path):
  with np.load(path) as archive:
    for key in archive.files:
      if not key.endswith(("_Dmat", "_Umat")):
        continue
      kernel, factor = key.split("_")[0], int(key.split("_")[1][1:])
      wide = archive[key].shape[1]
      scale = 1 / factor if key.endswith("_Dmat") else factor
      np.testing.assert_allclose(
          _lowpass.resize_matrix(wide, scale, kernel), archive[key], atol=1e-7,
          err_msg=key)


@each_recording
def test_recorded_taps(path):
  with np.load(path) as archive:
    for key in [k for k in archive.files if k.endswith("_D_fov")]:
      kernel, factor = key.split("_")[0], int(key.split("_")[1][1:])
      at, weights = archive[key], archive[key.replace("_fov", "_w")]
      size = archive["image"].shape[-1]
      at, weights = (v.reshape(v.shape[0], -1).T for v in (at, weights))
      at = at % (2 * size)
      dense = np.zeros((len(at), size))
      rows = np.broadcast_to(np.arange(len(at))[:, None], at.shape)
      np.add.at(
          dense, (rows, np.where(at < size, at, 2 * size - 1 - at)), weights)
      np.testing.assert_allclose(
          _lowpass.resize_matrix(size, 1 / factor, kernel), dense, atol=2e-7,
          err_msg=key)


@each_recording
def test_recorded_images(path):
  with np.load(path) as archive:
    for key in archive.files:
      if not key.endswith(("_down", "_updown")):
        continue
      kernel, *middle, kind = key.split("_")
      source = archive["image64" if "64" in middle else "image"]
      factor = int(middle[-1][1:])
      size = source.shape[-1]
      matrix = _lowpass.resize_matrix(size, 1 / factor, kernel)
      if kind == "updown":
        matrix = _lowpass.axis_matrix(size, factor, kernel)
      want = np.einsum("hk,bckl,wl->bchw", matrix, source, matrix)
      np.testing.assert_allclose(archive[key], want, atol=1e-6, err_msg=key)
      if kind == "updown":
        x = jnp.asarray(np.moveaxis(source, 1, -1))
        got = operators.lowpass(size, factor, kernel).apply(x)
        np.testing.assert_allclose(
            np.moveaxis(got, -1, 1), archive[key], atol=2e-6, err_msg=key)
