"""What published programs do to a picture before a feature network sees it.

The same network gives other features, and another "FID", after another
resizing. Each way has a name here; none is taken for another.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from jaxguide import arrays
from jaxguide.operators import matrices

RESIZES = ("none", "bilinear", "bilinear_tf1", "bicubic_antialias")
SCALES = ("unit", "tensorflow", "imagenet_twice")
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)


class Preprocessing(NamedTuple):
  """From 8-bit pictures to a network's input.

  Attributes:
    name: name in signatures.
    size: height and width of the input; None leaves a picture as it is.
    resize: rule: "bilinear" interpolates at (j + 1/2) n / m - 1/2 without
      antialiasing (torch's, align_corners=False); "bilinear_tf1" at j n / m
      (TensorFlow 1); "bicubic_antialias" is Keys' cubic, a = -1/2, stretched
      when a picture shrinks and renormalised at the border, clipped to
      0..255 (Pillow's on float pictures); "none".
    scale: rule for values p in 0..255: "unit" is p / 127.5 - 1, "tensorflow" is
      (p - 128) / 128, "imagenet_twice" is 2 (p / 255 - mean) / std - 1 with
      ImageNet's mean and deviation.
    pillow: sizes that Pillow brings an 8-bit picture to beforehand, one
      after the other, bilinear with antialiasing and rounded to 8 bits.

  Example:
    >>> from jaxguide import metrics
    >>> metrics.Preprocessing("mine", size=64, resize="bilinear").scale
    'unit'
  """

  name: str
  size: int | None = None
  resize: str = "none"
  scale: str = "unit"
  pillow: tuple[int, ...] = ()


AS_IS = Preprocessing("as-is")
# pytorch-fid gave EGSDE's scores on AFHQ, and most published PyTorch ones.
PYTORCH_FID = Preprocessing("pytorch-fid", 299, "bilinear")
# clean-fid (arXiv:2104.11222), and its two modes that imitate others.
CLEAN = Preprocessing("clean-fid", 299, "bicubic_antialias", "tensorflow")
CLEAN_LEGACY_PYTORCH = Preprocessing(
    "clean-fid-legacy-pytorch", 299, "bilinear", "tensorflow")
# torch-fidelity, and torchmetrics with it, does this too.
LEGACY_TENSORFLOW = Preprocessing(
    "legacy-tensorflow", 299, "bilinear_tf1", "tensorflow")
# EGSDE's scores on CelebA-HQ come from pictures that its program normalises
# by ImageNet's statistics, and then once more by the network's own.
EGSDE_FACES = Preprocessing(
    "egsde-male2female", 299, "none", "imagenet_twice", pillow=(256, 299))
PREPROCESSINGS = (
    AS_IS, PYTORCH_FID, CLEAN, CLEAN_LEGACY_PYTORCH, LEGACY_TENSORFLOW,
    EGSDE_FACES)


def on_host(picture: np.ndarray, chosen: Preprocessing) -> np.ndarray:
  """The part that is Pillow's.

  Args:
    picture: picture, uint8 `[H, W, 3]`.
    chosen: preprocessing to apply.

  Returns:
    The resized picture, uint8 `[h, w, 3]`.

  Raises:
    ValueError: if the picture has another type or shape.
  """
  picture = np.asarray(picture)
  arrays.check_shape("picture", picture, (None, None, 3))
  if picture.dtype != np.uint8:
    raise ValueError(f"picture must be uint8, got {picture.dtype}")
  for size in chosen.pillow:
    picture = np.asarray(Image.fromarray(picture).resize(
        (size, size), Image.Resampling.BILINEAR))
  return picture


def on_device(pictures: jax.Array, chosen: Preprocessing) -> arrays.Images:
  """Resizing and scaling.

  Args:
    pictures: pictures from `on_host`, `[B, H, W, 3]` in 0..255, of any type.
    chosen: preprocessing to apply.

  Returns:
    The network's input, float32 `[B, size, size, 3]`.

  Raises:
    ValueError: if an option is unknown, or a picture has another size and
      `resize` is "none".
  """
  arrays.check_choice("resize", chosen.resize, RESIZES)
  arrays.check_choice("scale", chosen.scale, SCALES)
  x = jnp.asarray(pictures).astype(jnp.float32)
  shape = x.shape[1:3]
  if chosen.size is not None and shape != (chosen.size,) * 2:
    if chosen.resize == "none":
      raise ValueError(
          f"pictures must be {chosen.size}x{chosen.size} for "
          f"{chosen.name}, got {shape[0]}x{shape[1]}")
    rows, columns = (
        resizing_matrix(n, chosen.size, chosen.resize) for n in shape)
    x = matrices.apply_matrices(x, rows, columns)
  if chosen.resize == "bicubic_antialias":
    x = jnp.clip(x, 0.0, 255.0)
  return _scaled(x, chosen.scale)


@functools.lru_cache(maxsize=32)
def resizing_matrix(in_size: int, out_size: int, resize: str) -> np.ndarray:
  """One axis of a resizing by the rules of `Preprocessing.resize`.

  Args:
    in_size: n, the number of pixels before.
    out_size: m, the number of pixels after.
    resize: a rule other than "none".

  Returns:
    Matrix, float32 `[m, n]`, whose rows sum to 1.
  """
  ratio = in_size / out_size
  pixels = np.arange(in_size)
  if resize == "bicubic_antialias":
    stretch = max(ratio, 1.0)
    centre = (np.arange(out_size) + 0.5) * ratio
    weights = _keys((pixels + 0.5 - centre[:, None]) / stretch)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights.astype(np.float32)
  shift = 0.5 if resize == "bilinear" else 0.0
  place = (np.arange(out_size) + shift) * ratio - shift
  place = np.clip(place, 0.0, in_size - 1.0)
  weights = np.maximum(1.0 - np.abs(pixels - place[:, None]), 0.0)
  return weights.astype(np.float32)


def _keys(u: np.ndarray) -> np.ndarray:
  """Keys' cubic kernel with a = -1/2."""
  u = np.abs(u)
  near = (1.5 * u - 2.5) * u * u + 1.0
  far = ((-0.5 * u + 2.5) * u - 4.0) * u + 2.0
  return np.where(u < 1.0, near, np.where(u < 2.0, far, 0.0))


def _scaled(x: jax.Array, scale: str) -> jax.Array:
  if scale == "unit":
    return x / 127.5 - 1.0
  if scale == "tensorflow":
    return (x - 128.0) / 128.0
  mean, std = (jnp.asarray(v, jnp.float32) for v in (_MEAN, _STD))
  return 2.0 * (x / 255.0 - mean) / std - 1.0
