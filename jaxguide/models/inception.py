"""The Inception network that FID is defined by.

Inception v3 (Szegedy et al., arXiv:1512.00567) as TensorFlow's graph of
2015-12-05 has it, with 1008 classes. It differs from torchvision's in three
ways: average pools do not count pixels beyond the border, the pool of the very
last block takes the maximum, and batch norm adds 1e-3. Submodules are named as
in `pt_inception-2015-12-05-6726825d.pth`.
"""

from __future__ import annotations

from flax import linen as nn
import jax
import jax.numpy as jnp

from jaxguide import arrays
from jaxguide.models import layers
from jaxguide.models import windows

FEATURES = 2048
POOLS = ("average", "max")
_CLASSES = 1008
_EPSILON = 1e-3


class FrozenBatchNorm(nn.Module):
  """(x - mean) / sqrt(var + 1e-3) scale + bias, with stored statistics.

  `mean` and `var` lie among the parameters: the network is never trained.
  """

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Normalises the channels of x `[..., C]`."""
    shape = x.shape[-1:]
    scale = self.param("scale", nn.initializers.ones, shape)
    bias = self.param("bias", nn.initializers.zeros, shape)
    mean = self.param("mean", nn.initializers.zeros, shape)
    var = self.param("var", nn.initializers.ones, shape)
    return (x - mean) * (scale / jnp.sqrt(var + _EPSILON)) + bias


class Basic(nn.Module):
  """Convolution without bias, batch norm, ReLU.

  Attributes:
    features: output channels.
    window: (h, w).
    stride: along both axes.
    padding: zeros on each side of the rows, and of the columns.
  """

  features: int
  window: windows.Pair = (1, 1)
  stride: int = 1
  padding: windows.Pair = (0, 0)

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps `[B, H, W, C]` to `[B, h, w, features]`."""
    x = windows.Conv(
        self.features, self.window, self.stride, self.padding,
        use_bias=False, name="conv")(x)
    return jax.nn.relu(FrozenBatchNorm(name="bn")(x))


def _square(features: int, size: int, name: str) -> Basic:
  """A convolution that keeps the size."""
  return Basic(features, (size, size), 1, (size // 2, size // 2), name=name)


def _row(features: int, size: int, name: str) -> Basic:
  return Basic(features, (1, size), 1, (0, size // 2), name=name)


def _column(features: int, size: int, name: str) -> Basic:
  return Basic(features, (size, 1), 1, (size // 2, 0), name=name)


def _halve(features: int, name: str) -> Basic:
  return Basic(features, (3, 3), 2, name=name)


class InceptionA(nn.Module):
  """1x1, 5x5, two 3x3, and a pool; `pool_features` channels of the last."""

  pool_features: int

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps `[B, H, W, C]` to `[B, H, W, 224 + pool_features]`."""
    wide = Basic(48, name="branch5x5_1")(x)
    double = Basic(64, name="branch3x3dbl_1")(x)
    double = _square(96, 3, "branch3x3dbl_2")(double)
    pooled = windows.average_pool_inside(x)
    return jnp.concatenate([
        Basic(64, name="branch1x1")(x),
        _square(64, 5, "branch5x5_2")(wide),
        _square(96, 3, "branch3x3dbl_3")(double),
        Basic(self.pool_features, name="branch_pool")(pooled)], axis=-1)


class InceptionB(nn.Module):
  """Halves the size: 3x3, two 3x3, and a pool."""

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps `[B, H, W, C]` to `[B, h, w, 480 + C]`."""
    double = Basic(64, name="branch3x3dbl_1")(x)
    double = _square(96, 3, "branch3x3dbl_2")(double)
    return jnp.concatenate([
        _halve(384, "branch3x3")(x), _halve(96, "branch3x3dbl_3")(double),
        windows.max_pool(x, 3, 2)], axis=-1)


class InceptionC(nn.Module):
  """7x7 windows as rows and columns; `channels_7x7` between them."""

  channels_7x7: int

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps `[B, H, W, C]` to `[B, H, W, 768]`."""
    width = self.channels_7x7
    once = Basic(width, name="branch7x7_1")(x)
    once = _row(width, 7, "branch7x7_2")(once)
    twice = Basic(width, name="branch7x7dbl_1")(x)
    twice = _column(width, 7, "branch7x7dbl_2")(twice)
    twice = _row(width, 7, "branch7x7dbl_3")(twice)
    twice = _column(width, 7, "branch7x7dbl_4")(twice)
    pooled = windows.average_pool_inside(x)
    return jnp.concatenate([
        Basic(192, name="branch1x1")(x),
        _column(192, 7, "branch7x7_3")(once),
        _row(192, 7, "branch7x7dbl_5")(twice),
        Basic(192, name="branch_pool")(pooled)], axis=-1)


class InceptionD(nn.Module):
  """Halves the size: 3x3, 7x7 and 3x3, and a pool."""

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps `[B, H, W, C]` to `[B, h, w, 512 + C]`."""
    once = Basic(192, name="branch3x3_1")(x)
    wide = Basic(192, name="branch7x7x3_1")(x)
    wide = _row(192, 7, "branch7x7x3_2")(wide)
    wide = _column(192, 7, "branch7x7x3_3")(wide)
    return jnp.concatenate([
        _halve(320, "branch3x3_2")(once), _halve(192, "branch7x7x3_4")(wide),
        windows.max_pool(x, 3, 2)], axis=-1)


class InceptionE(nn.Module):
  """3x3 windows that fork into a row and a column.

  Attributes:
    pool: "average" (of pixels inside; "E_1" in the literature on FID) or
      "max" ("E_2").
  """

  pool: str

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps `[B, H, W, C]` to `[B, H, W, 2048]`."""
    arrays.check_choice("pool", self.pool, POOLS)
    once = Basic(384, name="branch3x3_1")(x)
    twice = Basic(448, name="branch3x3dbl_1")(x)
    twice = _square(384, 3, "branch3x3dbl_2")(twice)
    pooled = (
        windows.max_pool(x, 3, 1, 1) if self.pool == "max"
        else windows.average_pool_inside(x))
    return jnp.concatenate([
        Basic(320, name="branch1x1")(x),
        _row(384, 3, "branch3x3_2a")(once),
        _column(384, 3, "branch3x3_2b")(once),
        _row(384, 3, "branch3x3dbl_3a")(twice),
        _column(384, 3, "branch3x3dbl_3b")(twice),
        Basic(192, name="branch_pool")(pooled)], axis=-1)


class InceptionV3(nn.Module):
  """The whole network: 2048 features, or the logits of 1008 classes.

  Example:
    >>> import jax
    >>> from jaxguide.models import inception
    >>> x = jax.ShapeDtypeStruct((2, 75, 75, 3), "float32")
    >>> features, _ = jax.eval_shape(
    ...     inception.InceptionV3().init_with_output, jax.random.key(0), x)
    >>> features.shape
    (2, 2048)
  """

  @nn.compact
  def __call__(self, x: jax.Array, *, logits: bool = False) -> jax.Array:
    """Features of images.

    Args:
      x: `[B, H, W, 3]` in [-1, 1]; 299 x 299 pixels for FID, at least 75.
      logits: whether to go on to the classes.

    Returns:
      `[B, 2048]`, the mean of the last features over pixels; or `[B, 1008]`.

    Raises:
      ValueError: x is too small.
    """
    arrays.check_shape("x", x, (None, None, None, 3))
    x = _halve(32, "Conv2d_1a_3x3")(x)
    x = Basic(32, (3, 3), name="Conv2d_2a_3x3")(x)
    x = _square(64, 3, "Conv2d_2b_3x3")(x)
    x = windows.max_pool(x, 3, 2)
    x = Basic(80, name="Conv2d_3b_1x1")(x)
    x = Basic(192, (3, 3), name="Conv2d_4a_3x3")(x)
    x = windows.max_pool(x, 3, 2)
    x = InceptionA(32, name="Mixed_5b")(x)
    x = InceptionA(64, name="Mixed_5c")(x)
    x = InceptionA(64, name="Mixed_5d")(x)
    x = InceptionB(name="Mixed_6a")(x)
    for letter, width in zip("bcde", (128, 160, 160, 192), strict=True):
      x = InceptionC(width, name=f"Mixed_6{letter}")(x)
    x = InceptionD(name="Mixed_7a")(x)
    x = InceptionE("average", name="Mixed_7b")(x)
    x = InceptionE("max", name="Mixed_7c")(x)
    features = layers.mean_over_pixels(x)
    classes = layers.Dense(_CLASSES, name="fc")
    if logits or self.is_initializing():
      logit_values = classes(features)
      return logit_values if logits else features
    return features
