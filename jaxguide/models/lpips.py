"""LPIPS: a distance of pictures in the features of a classifier."""

from __future__ import annotations

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import arrays
from jaxguide.models import perceptual_trunks
from jaxguide.operators import matrices
from jaxguide.operators import sums

VERSIONS = ("0.1", "0.0")
# Added to the length of a feature vector.
_EPSILON = 1e-10


class Lpips(nn.Module):
  """The distance of Zhang et al., arXiv:1801.03924, Eq. 1.

  d(x, r) = sum over layers of the mean over pixels of
  sum_c w_c (f_c(x) / |f(x)| - f_c(r) / |f(r)|)^2, with the ReLU features f of
  a trunk and learned weights w >= 0, and |f| + 1e-10 for |f|.

  Parameters are named as in the released module: "net.slice1.0.weight" and so
  on for the trunk, "lin0.model.1.weight" for w.

  Attributes:
    net: "alex" or "vgg".
    version: "0.1" standardises its input; "0.0" does not (by oversight). The
      weights w of the two differ as well.
    width_divisor: divisor of all widths, see `PerceptualTrunk`.

  Example:
    >>> import jax
    >>> from jaxguide.models import lpips
    >>> net = lpips.Lpips("alex", width_divisor=8)
    >>> x = jax.ShapeDtypeStruct((2, 64, 64, 3), "float32")
    >>> distance, _ = jax.eval_shape(
    ...     net.init_with_output, jax.random.key(0), x, x)
    >>> distance.shape
    (2,)
  """

  net: str = "alex"
  version: str = "0.1"
  width_divisor: int = 1

  @nn.compact
  def __call__(
      self,
      x: jax.Array,
      reference: jax.Array,
      *,
      normalize: bool = False,
      spatial: bool = False,
  ) -> jax.Array:
    """The distance of every image from its reference.

    Args:
      x: `[B, H, W, 3]` in [-1, 1].
      reference: the same shape.
      normalize: whether both are in [0, 1] instead.
      spatial: whether to give a map instead of its mean: every layer's
        differences resized to H x W (bilinear, corners not aligned) and added.

    Returns:
      `[B]`, or `[B, H, W]`.

    Raises:
      ValueError: shapes differ, an image is too small for the trunk, or an
        option is unknown.
    """
    arrays.check_shape("reference", reference, x.shape)
    trunk = perceptual_trunks.PerceptualTrunk(
        self.net, self.width_divisor, name="net")
    pairs = zip(
        _unit_features(trunk, x, self.version, normalize),
        _unit_features(trunk, reference, self.version, normalize),
        strict=True)
    total = 0.0
    for k, (f, g) in enumerate(pairs):
      layer = _channel_sums(Head(name=f"lin{k}.model.1")(f.shape[-1])
                            * (f - g) ** 2)
      total += _resize(layer, x.shape[1:3]) if spatial else (
          sums.sum_per_image(layer) / layer[0].size)
    return total


class LpipsFeatures(nn.Module):
  """Features whose squared distances add up to `Lpips`; the same parameters.

  sqrt(w / number of pixels) f / |f| of every layer: the squared distance of
  two images' features, summed over layers, pixels and channels, is their
  LPIPS. An image that is compared with many is sent through the trunk once.

  Attributes: as of `Lpips`.

  Example:
    >>> import jax
    >>> from jaxguide.models import lpips
    >>> net = lpips.LpipsFeatures("alex", width_divisor=8)
    >>> x = jax.ShapeDtypeStruct((2, 64, 64, 3), "float32")
    >>> features, _ = jax.eval_shape(
    ...     net.init_with_output, jax.random.key(0), x)
    >>> [f.shape[-1] for f in features]
    [8, 24, 48, 32, 32]
  """

  net: str = "alex"
  version: str = "0.1"
  width_divisor: int = 1

  @nn.compact
  def __call__(
      self, x: jax.Array, *, normalize: bool = False
  ) -> tuple[jax.Array, ...]:
    """Five arrays `[B, h, w, C]`; arguments as of `Lpips`."""
    trunk = perceptual_trunks.PerceptualTrunk(
        self.net, self.width_divisor, name="net")
    features = []
    for k, f in enumerate(_unit_features(trunk, x, self.version, normalize)):
      weight = Head(name=f"lin{k}.model.1")(f.shape[-1])
      pixels = f.shape[1] * f.shape[2]
      features.append(jnp.sqrt(weight / pixels) * f)
    return tuple(features)


class Head(nn.Module):
  """The weights of one layer's channels, a 1x1 convolution to one channel."""

  @nn.compact
  def __call__(self, channels: int) -> jax.Array:
    """`[channels]`, >= 0."""
    kernel = self.param(
        "kernel", nn.initializers.uniform(1.0), (1, 1, channels, 1))
    return kernel[0, 0, :, 0]


def _unit_features(
    trunk: perceptual_trunks.PerceptualTrunk,
    x: jax.Array,
    version: str,
    normalize: bool,
) -> list[jax.Array]:
  arrays.check_choice("version", version, VERSIONS)
  # Before grey images are broadcast against three channels' constants.
  arrays.check_shape("x", x, (None, None, None, 3))
  if normalize:
    x = 2.0 * x - 1.0
  if version == "0.1":
    x = perceptual_trunks.standardise(x)
  return [_unit(f) for f in trunk(x)]


@jax.custom_vjp
def _unit(f: jax.Array) -> jax.Array:
  """f / (|f| + 1e-10) over channels; 0, with gradient 0, where f is 0."""
  return f * _lengths(f)[1]


def _lengths(f):
  """1 / |f| and 1 / (|f| + 1e-10), 0 where f is 0: `[B, H, W, 1]`."""
  square = _channel_sums(f * f)[..., None]
  length = jnp.sqrt(jnp.where(square > 0, square, 1.0))
  return tuple(
      jnp.where(square > 0, 1.0 / (length + room), 0.0)
      for room in (0.0, _EPSILON))


def _unit_forward(f):
  return _unit(f), f


def _unit_backward(f, cotangent):
  # The compiler's own would sum over channels by rows that the batch decides.
  inverse, scale = _lengths(f)
  along = _channel_sums(cotangent * f)[..., None]
  return (scale * (cotangent - f * (along * scale * inverse)),)


_unit.defvjp(_unit_forward, _unit_backward)


def _channel_sums(x: jax.Array) -> jax.Array:
  """The sum over channels, whose last bits do not depend on the batch."""
  flat = sums.sum_per_image(x.reshape(-1, x.shape[-1]))
  return flat.reshape(x.shape[:-1])


def _resize(x: jax.Array, shape: tuple[int, int]) -> jax.Array:
  """Bilinear resizing of maps `[B, h, w]` to `[B, H, W]`."""
  rows, columns = (
      bilinear_matrix(have, want).astype(np.float32)
      for have, want in zip(x.shape[1:], shape, strict=True))
  return matrices.apply_matrices(x[..., None], rows, columns)[..., 0]


def bilinear_matrix(in_size: int, out_size: int) -> np.ndarray:
  """Linear interpolation at (j + 1/2) n / m - 1/2, without antialiasing.

  What torch calls bilinear with align_corners=False.

  Args:
    in_size: n.
    out_size: m.

  Returns:
    `[m, n]`, float64; rows sum to 1.
  """
  place = (np.arange(out_size) + 0.5) * (in_size / out_size) - 0.5
  place = np.clip(place, 0.0, in_size - 1.0)
  left = np.minimum(np.floor(place).astype(int), max(in_size - 2, 0))
  right = np.minimum(left + 1, in_size - 1)
  matrix = np.zeros((out_size, in_size))
  rows = np.arange(out_size)
  np.add.at(matrix, (rows, left), 1.0 - (place - left))
  np.add.at(matrix, (rows, right), place - left)
  return matrix
