"""LPIPS as an energy: how far an image looks from a reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import dataclasses
from typing import Any

import jax

from jaxguide import arrays
from jaxguide import schedules
from jaxguide.energies import terms
from jaxguide.models import lpips

# Two batches of images to one number per image.
Distance = Callable[[arrays.Images, arrays.Images], arrays.PerImage]


@dataclasses.dataclass(frozen=True)
class FeatureDistance:
  """A `Distance` that is a squared distance of features.

  sum_k |f_k(x) - f_k(r)|^2 per image. A reference that many images are
  compared with passes the network once: what asks `features` of it outside
  of its loop has constants inside.

  Attributes:
    features: function from `[B, H, W, C]` to arrays `[B, ...]`, weights
      included.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import energies
    >>> pixels = energies.FeatureDistance(lambda x: [x])
    >>> print(pixels(jnp.ones((1, 2, 2, 3)), jnp.zeros((1, 2, 2, 3))))
    [12.]
  """

  features: Callable[[arrays.Images], Sequence[arrays.Batch]]

  def __call__(
      self, x: arrays.Images, reference: arrays.Images
  ) -> arrays.PerImage:
    """The distance of every image of x from its reference, `[B]`."""
    return self.from_features(x, self.features(reference))

  def from_features(
      self, x: arrays.Images, known: Sequence[arrays.Batch]
  ) -> arrays.PerImage:
    """The same, with the features of the reference known."""
    return sum(
        terms.sum_per_image((f - g) ** 2)
        for f, g in zip(self.features(x), known, strict=True))


def lpips_distance(
    params: arrays.PyTree,
    *,
    net: str = "vgg",
    version: str = "0.1",
    width_divisor: int = 1,
) -> FeatureDistance:
  """LPIPS (arXiv:1801.03924, Eq. 1) with given parameters.

  For a converted model: `lpips_distance(model.params, **model.config.module)`.

  Args:
    params: parameters of `models.lpips.Lpips`, as `convert.metric_files`
      reads them.
    net: name of the trunk, "vgg" or "alex".
    version: version of the weights, "0.1" or "0.0".
    width_divisor: divisor of the widths, for tests; released networks have 1.

  Returns:
    A function of two `[B, H, W, 3]` in [-1, 1], giving `[B]`.

  Example:
    >>> import jax
    >>> from jaxguide import energies
    >>> from jaxguide.models import lpips
    >>> image = jax.ShapeDtypeStruct((2, 64, 64, 3), "float32")
    >>> net = lpips.Lpips("alex", width_divisor=8)
    >>> variables = jax.eval_shape(net.init, jax.random.key(0), image, image)
    >>> distance = lambda params, x, reference: energies.lpips_distance(
    ...     params, net="alex", width_divisor=8)(x, reference)
    >>> jax.eval_shape(distance, variables["params"], image, image).shape
    (2,)
  """
  module = lpips.LpipsFeatures(net, version, width_divisor)
  return FeatureDistance(lambda x: module.apply({"params": params}, x))


def perceptual_distance(
    distance: Distance,
    reference: arrays.Images,
    *,
    mask: arrays.Images | None = None,
    remat: bool = True,
) -> terms.Energy:
  """d(m x, m r) per image, for any distance d.

  Of a `FeatureDistance` the reference's features are computed here, once, and
  not whenever the energy is asked for.

  Args:
    distance: function d, each image by itself, such as `lpips_distance(...)`.
    reference: images r, `[B, H, W, C]` in [-1, 1].
    mask: mask m, 1 = seen, `[B, H, W, 1 or C]`; everything is when left out.
    remat: whether the activations of d are computed again in a backward pass,
      so that they need no memory meanwhile.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import energies, schedules
    >>> pixels = energies.FeatureDistance(lambda x: [x])
    >>> mask = jnp.array([1.0, 0.0]).reshape(1, 1, 2, 1)
    >>> energy = energies.perceptual_distance(
    ...     pixels, jnp.ones((1, 1, 2, 3)), mask=mask)
    >>> level = schedules.linear(1000).at_level(500)
    >>> print(energy(jnp.zeros((1, 1, 2, 3)), level, None))
    [3.]
  """
  target = _seen(reference, mask)
  measure: Any = distance
  known: Any = target
  if isinstance(distance, FeatureDistance):
    measure, known = distance.from_features, distance.features(target)
  if remat:
    measure = jax.checkpoint(measure)

  def energy(
      x: arrays.Images, level: schedules.NoiseLevel, draw: terms.Draw
  ) -> arrays.PerImage:
    del level, draw
    arrays.check_shape("x", x, reference.shape)
    return measure(_seen(x, mask), known)

  return energy


def _seen(x: arrays.Images, mask: arrays.Images | None) -> arrays.Images:
  return x if mask is None else mask * x
