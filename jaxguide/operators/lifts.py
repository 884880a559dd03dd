"""Lifts: ways back from the observation's space to the image's.

Steered Diffusion compares x and y in image space, x0 + L(y) - L(A x0) with a
lift L that need not be the pseudo-inverse of A. A lift is an argument of the
sampler; every factory here returns a function from y to an image.
"""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np

from jaxguide import arrays
from jaxguide.operators import matrices
from jaxguide.operators import pooling
from jaxguide.operators import resize

Lift = Callable[[arrays.Images], arrays.Images]


def identity() -> Lift:
  """L(y) = y: the lift of inpainting; soft masks then blend.

  Returns:
    A function from `[B, H, W, C]` to the same.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import operators
    >>> operators.lifts.identity()(jnp.ones((1, 4, 4, 3))).shape
    (1, 4, 4, 3)
  """
  return lambda y: y


def replicate(channels: int = 3) -> Lift:
  """L(y) = y on every channel: the lift of luma, and how grey is shown.

  Args:
    channels: number C of channels.

  Returns:
    A function from `[B, H, W, 1]` to `[B, H, W, C]`.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import operators
    >>> operators.lifts.replicate(3)(jnp.ones((1, 4, 4, 1))).shape
    (1, 4, 4, 3)
  """

  def lift(y: arrays.Images) -> arrays.Images:
    arrays.check_shape("y", y, (None, None, None, 1))
    return jnp.repeat(y, channels, axis=-1)

  return lift


def bicubic_up(
    shape: tuple[int, int],
    factor: int,
    *,
    boundary: str = "symmetric",
    axes: str = "both",
) -> Lift:
  """L(y) = bicubic upsampling by an integer factor.

  With "zero" and "width" this is the U of the released Steered Diffusion,
  which is neither the adjoint nor the pseudo-inverse of its downsampling.

  Args:
    shape: height and width of the large images, multiples of `factor`.
    factor: large pixels per small pixel.
    boundary: rule at the border, as in `resize.bicubic`.
    axes: axes that are resized, "both" or "width".

  Returns:
    A function from `[B, H/factor, W/factor, C]` (or `[B, H, W/factor, C]`
    for "width") to `[B, H, W, C]`.

  Raises:
    ValueError: if `factor` does not divide `shape`, or an option is unknown.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import operators
    >>> lift = operators.lifts.bicubic_up((16, 16), 4)
    >>> large = lift(jnp.ones((1, 4, 4, 3)))
    >>> large.shape, bool(jnp.allclose(large, 1, atol=1e-5))
    ((1, 16, 16, 3), True)
  """
  small = pooling.reduced_shape(shape, factor)
  vertical, horizontal = resize.axis_matrices(
      (shape[0] if axes == "width" else small[0], small[1]),
      shape,
      factor,
      boundary,
      axes,
  )
  vertical = vertical.astype(np.float32)
  horizontal = horizontal.astype(np.float32)

  def lift(y: arrays.Images) -> arrays.Images:
    size = (None, vertical.shape[1], horizontal.shape[1], None)
    arrays.check_shape("y", y, size)
    return matrices.apply_matrices(y, vertical, horizontal)

  return lift
