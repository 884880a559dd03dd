"""AlexNet and VGG16 without their classifiers: features after five layers.

Submodules carry the names of LPIPS' own copies of the networks, "slice1.0" for
what torchvision calls "features.0"; the number is torchvision's.
"""

from __future__ import annotations

from typing import NamedTuple

from flax import linen as nn
import jax
import jax.numpy as jnp

from jaxguide import arrays
from jaxguide.models import layers
from jaxguide.models import windows

# What ImageNet's pictures have in [-1, 1], as LPIPS' authors rounded it.
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)


class _Layer(NamedTuple):
  """One convolution and the ReLU behind it.

  Attributes:
    number: its place in torchvision's list.
    features: output channels.
    window: 3, 5 or 11.
    stride: stride of the convolution.
  """

  number: int
  features: int
  window: int = 3
  stride: int = 1


# Slices end in a ReLU whose output is a feature; a pool lies before each but
# those that `_POOLS` leaves out.
_ALEX = (
    (_Layer(0, 64, 11, 4),),
    (_Layer(3, 192, 5),),
    (_Layer(6, 384),),
    (_Layer(8, 256),),
    (_Layer(10, 256),),
)
_VGG = (
    (_Layer(0, 64), _Layer(2, 64)),
    (_Layer(5, 128), _Layer(7, 128)),
    (_Layer(10, 256), _Layer(12, 256), _Layer(14, 256)),
    (_Layer(17, 512), _Layer(19, 512), _Layer(21, 512)),
    (_Layer(24, 512), _Layer(26, 512), _Layer(28, 512)),
)
_SLICES = {"alex": _ALEX, "vgg": _VGG}
# (window, slices with a pool in front): AlexNet's windows overlap.
_POOLS = {"alex": (3, (2, 3)), "vgg": (2, (2, 3, 4, 5))}

NETS = tuple(_SLICES)
# Channels of the five features.
WIDTHS = {
    net: tuple(part[-1].features for part in slices)
    for net, slices in _SLICES.items()
}
# Names of torchvision's layers, by those of this module.
TORCHVISION_NAMES = {
    net: {
        f"slice{i}.{layer.number}": f"features.{layer.number}"
        for i, part in enumerate(slices, 1) for layer in part}
    for net, slices in _SLICES.items()
}
# Features by the names that the literature gives them.
TAPS = {
    "alex": ("relu1", "relu2", "relu3", "relu4", "relu5"),
    "vgg": ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"),
}


class PerceptualTrunk(nn.Module):
  """The convolutions of a classifier of ImageNet.

  AlexNet is the one-column network of Krizhevsky, arXiv:1404.5997; VGG16 is
  configuration D of Simonyan and Zisserman, arXiv:1409.1556. Both as
  torchvision has them.

  Attributes:
    net: "alex" or "vgg".
    width_divisor: divides all numbers of channels, for tests; released
      networks have 1.

  Example:
    >>> import jax
    >>> from jaxguide.models import perceptual_trunks
    >>> net = perceptual_trunks.PerceptualTrunk("vgg", width_divisor=8)
    >>> x = jax.ShapeDtypeStruct((2, 64, 64, 3), "float32")
    >>> features, _ = jax.eval_shape(
    ...     net.init_with_output, jax.random.key(0), x)
    >>> [f.shape[-1] for f in features]
    [8, 16, 32, 64, 64]
  """

  net: str = "vgg"
  width_divisor: int = 1

  @nn.compact
  def __call__(self, x: jax.Array) -> tuple[jax.Array, ...]:
    """The five features of images.

    Args:
      x: `[B, H, W, 3]`, already normalised. At least 16 x 16 pixels for
        "vgg", 31 x 31 for "alex".

    Returns:
      Five arrays `[B, h, w, C]`, >= 0, coarser and coarser.

    Raises:
      ValueError: `net` is unknown or x is too small.
    """
    arrays.check_choice("net", self.net, NETS)
    arrays.check_shape("x", x, (None, None, None, 3))
    window, pooled = _POOLS[self.net]
    features = []
    for i, part in enumerate(_SLICES[self.net], 1):
      if i in pooled:
        x = windows.max_pool(x, window, 2)
      for layer in part:
        x = jax.nn.relu(self._convolve(i, layer, x))
      features.append(x)
    return tuple(features)

  def _convolve(self, i: int, layer: _Layer, x: jax.Array) -> jax.Array:
    name = f"slice{i}.{layer.number}"
    features = layer.features // self.width_divisor
    if layer.window == 3:
      return layers.Conv3x3(features, name=name)(x)
    # AlexNet's 5 and 11 pixels are both continued by two zeros.
    return windows.Conv(
        features, (layer.window, layer.window), layer.stride, (2, 2),
        name=name)(x)


def standardise(x: jax.Array) -> jax.Array:
  """(x - SHIFT) / SCALE per channel, of `[B, H, W, 3]` in [-1, 1]."""
  shift, scale = (jnp.asarray(v, x.dtype) for v in (SHIFT, SCALE))
  return (x - shift) / scale
