"""Operators against recordings of released PyTorch code.

Recordings are recognised by the keys inside, not by file name.
"""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import operators
from jaxguide.operators import blur
from jaxguide.operators import color
from jaxguide.operators import resize
from tests import recorded_kinds

ATOL = 2e-6


def groups(kind, prefix):
  """One case per key group of files of a kind, such as "resize_f4_s32/"."""
  found = [
      pytest.param(path, group, id=f"{path.stem}-{group}")
      for path in recorded_kinds.paths(kind)
      for group in sorted(
          {k.split("/")[0] for k in recorded_kinds.read(path).keys if "/" in k}
      )
      if group.startswith(prefix)
  ]
  return recorded_kinds.cases(("path", "group"), found, kind)


def with_key(key):
  """One case per recording that holds `key`."""
  found = [c.path for c in recorded_kinds.files() if key in c.keys]
  return recorded_kinds.cases("path", found, key)


def steered_runs(kind):
  """One case per linear run of Steered Diffusion: path and settings."""
  found = [
      pytest.param(path, recorded_kinds.read(path).config, id=path.stem)
      for path in recorded_kinds.paths(kind)
  ]
  return recorded_kinds.cases(("path", "config"), found, kind)


def nhwc(x):
  return jnp.asarray(np.moveaxis(np.asarray(x, np.float32), 1, -1))


def nchw(x):
  return np.moveaxis(np.asarray(x), -1, 1)


def resizers(size, factor, axes):
  options = dict(boundary="zero", axes=axes)
  down = operators.bicubic((size, size), factor, **options).apply
  return down, operators.lifts.bicubic_up((size, size), factor, **options)


@groups("resizer", "resize_f")
def test_resized_images(path, group):
  data = np.load(path)
  arrays = {
      key.split("/", 1)[1]: data[key]
      for key in data.files
      if key.startswith(group + "/")
  }
  x = nhwc(arrays.pop("x"))
  size = x.shape[1]
  factor = int(group.split("_")[1].removeprefix("f"))
  tried = {"down": 0, "up": 0}
  for key, value in arrays.items():
    is_image = value.ndim == 4 and value.shape[:2] == (len(x), x.shape[-1])
    if not is_image or "down" not in key:
      continue
    both = value.shape[2] != size or "both" in key
    down, up = resizers(size, factor, "both" if both else "width")
    got = up(down(x)) if "up" in key else down(x)
    np.testing.assert_allclose(nchw(got), value, atol=ATOL, err_msg=key)
    tried["up" if "up" in key else "down"] += 1
  assert tried["down"] and tried["up"], sorted(arrays)


@groups("resizer", "resize_f")
def test_resizer_tables(path, group):
  """Weights, padded neighbours and pads of the last axis, by their size."""
  data = np.load(path)
  factor = int(group.split("_")[1].removeprefix("f"))
  size = data[group + "/x"].shape[-1]
  small = size // factor
  tables = [
      resize.cubic_table(size, small, 1 / factor),
      resize.cubic_table(small, size, factor),
  ]
  # 4 outputs of 32 taps and 32 outputs of 4 taps are told apart by value.
  wanted = {"weights": [], "neighbours": []}
  for neighbours, weights in tables:
    padded = neighbours - neighbours.min()
    wanted["neighbours"] += [padded, padded.T]
    wanted["weights"] += [weights, weights.T]
  found = dict.fromkeys(wanted, 0)
  for key in data.files:
    value = np.squeeze(data[key])
    if not key.startswith(group + "/") or value.ndim != 2:
      continue
    is_index = np.issubdtype(value.dtype, np.integer)
    kind = "neighbours" if is_index else "weights"
    same = [t for t in wanted[kind] if t.shape == value.shape]
    assert any(np.allclose(value, t, rtol=0, atol=1e-6) for t in same), key
    found[kind] += 1
  assert found["weights"], data.files


@groups("YCbCr", "ycbcr")
def test_ycbcr(path, group):
  data = np.load(path)
  rgb = nhwc(data[group + "/rgb"])
  ycbcr = color.rgb_to_ycbcr(rgb)
  np.testing.assert_allclose(nchw(ycbcr), data[group + "/ycbcr"], atol=ATOL)
  back = color.ycbcr_to_rgb(ycbcr)
  np.testing.assert_allclose(nchw(back), data[group + "/back"], atol=ATOL)


def steps(data, config):
  """Unsteered and steered x0 of the last inner iteration of every step."""
  n = config["num_iters"]
  return data["pred_xstart"][:, 0], data["start"][n - 1 :: n, 0]


@steered_runs("steered colorization")
def test_steered_colorization(path, config):
  data = np.load(path)
  reference = nhwc(data["init_image"])
  y = operators.colorization().apply(reference)
  grey = operators.lifts.replicate()(y)
  np.testing.assert_allclose(nchw(grey), data["degraded"], atol=ATOL)
  x0, steered = steps(data, config)
  y = jnp.broadcast_to(y, (len(x0), *y.shape[1:]))
  got = operators.ycbcr_swap(nhwc(x0), y)
  scale = np.abs(steered).max()
  np.testing.assert_allclose(nchw(got), steered, atol=1e-6 * scale)


@steered_runs("steered inpainting")
def test_steered_inpainting(path, config):
  data = np.load(path)
  missing = nhwc(data["mask_image"])
  operator = operators.inpainting(1.0 - missing)
  y = operator.apply(nhwc(data["init_image"]))
  np.testing.assert_allclose(nchw(y), data["degraded"], atol=ATOL)
  x0, steered = steps(data, config)
  x0 = nhwc(x0)
  got = x0 + operators.lifts.identity()(y - operator.apply(x0))
  scale = np.abs(steered).max()
  np.testing.assert_allclose(nchw(got), steered, atol=1e-6 * scale)


@steered_runs("steered super-resolution")
def test_steered_super_resolution(path, config):
  data = np.load(path)
  reference = nhwc(data["init_image"])
  both = "both" in config.get("name", path.stem) or "both" in path.stem
  down, up = resizers(
      reference.shape[1], config["factor"], "both" if both else "width"
  )
  degraded = up(down(reference))
  np.testing.assert_allclose(nchw(degraded), data["degraded"], atol=ATOL)
  x0, steered = steps(data, config)
  x0 = nhwc(x0)
  got = x0 - (up(down(x0)) - degraded)
  scale = np.abs(steered).max()
  np.testing.assert_allclose(nchw(got), steered, atol=1e-6 * scale)


@with_key("gauss61_s3")
def test_gaussian_kernel(path):
  kernel = blur.gaussian_kernel(61, 3.0)
  wanted = np.squeeze(np.load(path)["gauss61_s3"])
  np.testing.assert_allclose(np.outer(kernel, kernel), wanted, atol=2e-8)


@with_key("resize_16_x4")
def test_mirrored_resizing_matrices(path):
  data = np.load(path)
  for key in data.files:
    parts = key.split("_")
    if parts[0] == "resize" and len(parts) == 3:
      size, factor = int(parts[1]), int(parts[2].removeprefix("x"))
      got = resize.cubic_matrix(size, size // factor, 1 / factor)
      np.testing.assert_allclose(got, data[key], atol=1e-6, err_msg=key)


@with_key("srconv4_y")
def test_ddrm_bicubic(path):
  data = np.load(path)
  x = nhwc(data["x0"])
  operator = operators.bicubic(x.shape[1:3], 4, cutoff=0.03)
  y = operator.apply(x)
  wanted = data["srconv4_y"].reshape(nchw(y).shape)
  np.testing.assert_allclose(nchw(y), wanted, atol=ATOL)
  back = operator.pseudo_inverse(y)
  wanted = data["srconv4_pinv"].reshape(nchw(back).shape)
  np.testing.assert_allclose(nchw(back), wanted, atol=1e-5)


@with_key("sr4_y")
def test_ddrm_average_pooling(path):
  data = np.load(path)
  x = nhwc(data["x0"])
  operator = operators.average_pool(
      x.shape[1:3], 4, basis=np.asarray(data["sr4_V"], np.float64)
  )
  y = operator.apply(x)
  wanted = data["sr4_y"].reshape(nchw(y).shape)
  np.testing.assert_allclose(nchw(y), wanted, atol=ATOL)
  back = operator.pseudo_inverse(y)
  wanted = data["sr4_pinv"].reshape(nchw(back).shape)
  np.testing.assert_allclose(nchw(back), wanted, atol=ATOL)


@with_key("color_y")
def test_ddrm_grey(path):
  data = np.load(path)
  x = nhwc(data["x0"])
  operator = operators.colorization(
      (0.3333, 0.3334, 0.3333), basis=np.asarray(data["color_V"], np.float64)
  )
  y = operator.apply(x)
  wanted = data["color_y"].reshape(nchw(y).shape)
  np.testing.assert_allclose(nchw(y), wanted, atol=ATOL)
  back = operator.pseudo_inverse(y)
  wanted = data["color_pinv"].reshape(nchw(back).shape)
  np.testing.assert_allclose(nchw(back), wanted, atol=ATOL)


@with_key("deblur_gauss_matrix_1d")
@pytest.mark.parametrize("kind", ["gauss", "uni"])
def test_ddrm_blur_as_meant(path, kind):
  data = np.load(path)
  x = nhwc(data["x0"])
  matrix = data[f"deblur_{kind}_matrix_1d"]
  operator = operators.separable(matrix, matrix, cutoff=0.03)
  y = operator.apply(x)
  wanted = data[f"deblur_{kind}_y_separable"].reshape(nchw(y).shape)
  # The recorded operator has its small singular values removed.
  v, u, s = operator.svd
  truncated = u.apply(s * v.transpose(x))
  np.testing.assert_allclose(nchw(truncated), wanted, atol=1e-5)
  wanted = data[f"deblur_{kind}_pinv_separable"].reshape(nchw(x).shape)
  got = operator.pseudo_inverse(truncated)
  scale = np.abs(wanted).max()
  np.testing.assert_allclose(nchw(got), wanted, atol=1e-4 * scale)


@with_key("blur9_s1_reflect_y")
def test_reflected_blur(path):
  data = np.load(path)
  x = nhwc(data["x0"])
  operator = operators.gaussian_blur(x.shape[1:3], kernel_size=9, std=1.0)
  wanted = data["blur9_s1_reflect_y"].reshape(nchw(x).shape)
  np.testing.assert_allclose(nchw(operator.apply(x)), wanted, atol=ATOL)


@with_key("gblur_y")
def test_vipaint_blur_and_super_resolution(path):
  data = np.load(path)
  x = nhwc(data["gblur_x"])
  got = operators.gaussian_blur(x.shape[1:3]).apply(x)
  np.testing.assert_allclose(nchw(got), data["gblur_y"], atol=ATOL)
  x = nhwc(data["sr_x"])
  got = operators.bicubic(x.shape[1:3], 4).apply(x)
  np.testing.assert_allclose(nchw(got), data["sr_y"], atol=ATOL)
