"""LPIPS as an energy: how far an image looks from a reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax

from jaxguide import arrays
from jaxguide import schedules
from jaxguide.energies import core
from jaxguide.models import lpips

# Two batches of images to one number per image.
Distance = Callable[[arrays.Images, arrays.Images], arrays.PerImage]


def lpips_distance(
    params: arrays.PyTree,
    *,
    net: str = "vgg",
    version: str = "0.1",
    width_divisor: int = 1,
) -> Distance:
  """LPIPS (arXiv:1801.03924, Eq. 1) with given parameters.

  For a converted model: `lpips_distance(model.params, **model.config.module)`.

  Args:
    params: of `models.lpips.Lpips`, as `convert.metric_files` reads them.
    net: "vgg" or "alex".
    version: "0.1" or "0.0".
    width_divisor: for tests; released networks have 1.

  Returns:
    A function of two `[B, H, W, 3]` in [-1, 1], giving `[B]`.
  """
  module = lpips.Lpips(net, version, width_divisor)
  return lambda x, reference: module.apply({"params": params}, x, reference)


def perceptual_distance(
    distance: Distance,
    reference: arrays.Images,
    *,
    mask: arrays.Images | None = None,
    remat: bool = True,
) -> core.Energy:
  """d(m x, m r) per image, for any distance d.

  Args:
    distance: d, each image by itself, such as `lpips_distance(...)`.
    reference: r, `[B, H, W, C]` in [-1, 1].
    mask: m, 1 = seen, `[B, H, W, 1 or C]`; everything is when left out.
    remat: compute the activations of d again in a backward pass, so that
      they need no memory meanwhile.
  """
  target = _seen(reference, mask)
  measure = jax.checkpoint(distance) if remat else distance

  def energy(
      x: arrays.Images, level: schedules.NoiseLevel, draw: core.Draw
  ) -> arrays.PerImage:
    del level, draw
    return measure(_seen(x, mask), target)

  return energy


def lpips_error(
    params: arrays.PyTree,
    reference: arrays.Images,
    *,
    net: str = "vgg",
    version: str = "0.1",
    width_divisor: int = 1,
    mask: arrays.Images | None = None,
    remat: bool = True,
) -> core.Energy:
  """LPIPS(m x, m r) per image; the reference passes the network once.

  The value of `perceptual_distance(lpips_distance(params), reference)` for
  little more than half of its time: made outside of a sampler's loop, the
  reference's features are constants there.

  Args:
    params: see `lpips_distance`.
    reference: r, `[B, H, W, 3]` in [-1, 1].
    net: see `lpips_distance`.
    version: see `lpips_distance`.
    width_divisor: see `lpips_distance`.
    mask: see `perceptual_distance`.
    remat: see `perceptual_distance`.
  """
  module = lpips.LpipsFeatures(net, version, width_divisor)
  features = lambda x: module.apply({"params": params}, x)
  target = features(_seen(reference, mask))

  def measure(
      x: arrays.Images, target: Sequence[arrays.Images]
  ) -> arrays.PerImage:
    squares = (
        core.sum_per_image((f - g) ** 2)
        for f, g in zip(features(x), target, strict=True))
    return sum(squares)

  if remat:
    measure = jax.checkpoint(measure)

  def energy(
      x: arrays.Images, level: schedules.NoiseLevel, draw: core.Draw
  ) -> arrays.PerImage:
    del level, draw
    arrays.check_shape("x", x, reference.shape)
    return measure(_seen(x, mask), target)

  return energy


def _seen(x: arrays.Images, mask: arrays.Images | None) -> arrays.Images:
  return x if mask is None else mask * x
