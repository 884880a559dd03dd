"""Every preprocessing against the program that it is named after."""

import numpy as np
from PIL import Image
import pytest

from jaxguide.metrics import preprocessing
from tests.metrics import published


def picture(height=40, width=52, seed=0):
  return np.random.default_rng(seed).integers(
      0, 256, (height, width, 3)).astype(np.uint8)


def prepared(image, chosen):
  on_host = preprocessing.on_host(image, chosen)
  return np.asarray(preprocessing.on_device(on_host[None], chosen))[0]


def interpolated(image):
  torch = pytest.importorskip("torch")
  x = torch.tensor(image).permute(2, 0, 1)[None].float()
  x = torch.nn.functional.interpolate(
      x, size=(299, 299), mode="bilinear", align_corners=False)
  return x[0].permute(1, 2, 0).numpy()


SHAPES = pytest.mark.parametrize("shape", [(40, 52), (330, 299), (299, 299)])


# Torch has the place of a pixel in float32, rounded differently with each of
# its kernels: 300 pixels times 6e-8 times a slope of 2 per pixel.
PLACES = 6e-5


@SHAPES
def test_pytorch_fid_and_the_mode_that_imitates_it(shape):
  image = picture(*shape)
  want = interpolated(image)
  np.testing.assert_allclose(
      prepared(image, preprocessing.PYTORCH_FID), want / 127.5 - 1,
      atol=PLACES)
  np.testing.assert_allclose(
      prepared(image, preprocessing.CLEAN_LEGACY_PYTORCH),
      (want - 128) / 128, atol=PLACES)


@SHAPES
def test_clean_fid(shape):
  resize = published.module("cleanfid.resize")
  image = picture(*shape)
  want = (resize.build_resizer("clean")(image) - 128) / 128
  assert want.min() == -1 and want.max() < 1  # Clipped.
  np.testing.assert_allclose(
      prepared(image, preprocessing.CLEAN), want, atol=2e-5)


@SHAPES
def test_legacy_tensorflow(shape):
  """Against indices and weights written out, one output at a time."""
  image = picture(*shape)
  x = image.astype(np.float64)
  for axis in (0, 1):
    n = x.shape[axis]
    rows = []
    for j in range(299):
      place = j * n / 299
      low = int(np.floor(place))
      high = min(low + 1, n - 1)
      a, b = x.take(low, axis), x.take(high, axis)
      rows.append(a + (b - a) * (place - low))
    x = np.stack(rows, axis)
  np.testing.assert_allclose(
      prepared(image, preprocessing.LEGACY_TENSORFLOW), (x - 128) / 128,
      atol=2e-5)


def test_legacy_tensorflow_is_that_of_torch_fidelity():
  fidelity = published.module(
      "torch_fidelity.interpolate_compat_tensorflow")
  torch = pytest.importorskip("torch")
  image = picture()
  want = fidelity.interpolate_bilinear_2d_like_tensorflow1x(
      torch.tensor(image).permute(2, 0, 1)[None].float(), size=(299, 299),
      align_corners=False)[0].permute(1, 2, 0).numpy()
  np.testing.assert_allclose(
      prepared(image, preprocessing.LEGACY_TENSORFLOW), (want - 128) / 128,
      atol=2e-5)


def test_egsde_faces():
  image = picture(300, 280)
  small = Image.fromarray(image).resize((256, 256), Image.BILINEAR)
  p = np.float64(small.resize((299, 299), Image.BILINEAR)) / 255
  mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
  want = 2 * (p - mean) / std - 1
  assert want.max() > 3  # Normalised twice.
  np.testing.assert_allclose(
      prepared(image, preprocessing.EGSDE_FACES), want, atol=2e-5)


def test_as_is_keeps_size_and_all_names_differ():
  image = picture(11, 9)
  np.testing.assert_allclose(
      prepared(image, preprocessing.AS_IS), image / 127.5 - 1, atol=1e-6)
  every = preprocessing.PREPROCESSINGS
  assert len({p.name for p in every}) == len({p[1:] for p in every}) == 6
  assert len({prepared(picture(), p).tobytes() for p in every}) == 6


def test_bad_input_is_named():
  image = picture()
  for call, message in (
      (lambda: preprocessing.on_host(image[..., :1], preprocessing.AS_IS),
       "shape"),
      (lambda: preprocessing.on_host(
          image.astype(np.float32), preprocessing.AS_IS), "uint8"),
      (lambda: prepared(image, preprocessing.Preprocessing("x", 299)),
       "299x299 for x, got 40x52"),
      (lambda: prepared(image, preprocessing.Preprocessing(
          "x", 299, "lanczos")), "resize must be one of"),
      (lambda: prepared(image, preprocessing.Preprocessing(
          "x", scale="half")), "scale must be one of")):
    with pytest.raises(ValueError, match=message):
      call()
