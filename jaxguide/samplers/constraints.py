"""The linear constraints of Steered Diffusion: x0 -> D(y) - D(x0), Eq. 16.

D maps into image space: D = L A, an operator A and a lift L of what it
observes. Each function returns the correction as a function of x0.
"""

import jax.numpy as jnp

from jaxguide import arrays
from jaxguide import operators
from jaxguide.operators import lifts
from jaxguide.samplers import core

SUPER_RESOLUTION_LIFTS = ("bicubic", "pseudo_inverse")


def linear(
    observation: operators.Observation, lift: lifts.Lift | None = None
) -> core.Constraint:
  """L(y - A x0) for any linear operator.

  With the pseudo-inverse as lift, or any right inverse of A, the corrected
  x0 meets the observation exactly.

  Args:
    observation: measurement y and its operator A, linear.
    lift: function L, linear; the pseudo-inverse of A when left out.

  Raises:
    ValueError: if A is not linear, or (when called) y has not the shape of
      A x0.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import operators, samplers
    >>> pool = operators.average_pool((4, 4), 2)
    >>> observation = operators.Observation(jnp.ones((1, 2, 2, 1)), pool)
    >>> x0 = jnp.zeros((1, 4, 4, 1))
    >>> corrected = x0 + samplers.constraints.linear(observation)(x0)
    >>> bool(jnp.allclose(pool.apply(corrected), 1))
    True
  """
  operators.check_linear("observation.operator", observation.operator)
  lift = lift or observation.operator.pseudo_inverse

  def correction(x0: arrays.Batch) -> arrays.Batch:
    measured = observation.operator.apply(x0)
    # Broadcasting would make a picture of an observation that does not fit.
    arrays.check_shape("y", observation.y, measured.shape)
    return lift(observation.y - measured)

  return correction


def inpainting(y: arrays.Images, mask: arrays.Images) -> core.Constraint:
  """mask y - mask x0; values of the mask between 0 and 1 blend.

  Args:
    y: images, `[B, H, W, C]`; what lies where the mask is 0 is not used.
    mask: mask, 1 where observed, `[B, H, W, 1]` or `[B, H, W, C]`; B may be
      1.

  Raises:
    ValueError: a shape, when called, that is not that of x0.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import samplers
    >>> mask = jnp.array([1.0, 0.5, 0.0]).reshape(1, 1, 3, 1)
    >>> correction = samplers.constraints.inpainting(
    ...     jnp.ones((1, 1, 3, 1)), mask)
    >>> print(correction(jnp.zeros((1, 1, 3, 1))).ravel())
    [1.  0.5 0. ]
  """

  def correction(x0: arrays.Images) -> arrays.Images:
    arrays.check_shape("y", y, x0.shape)
    if mask.ndim != x0.ndim or any(
        have not in (1, want)
        for have, want in zip(mask.shape, x0.shape, strict=True)):
      raise ValueError(
          f"mask must broadcast to x0, {x0.shape}, with as many axes; got "
          f"shape {mask.shape}")
    # Missing pixels may be NaN, which no product with 0 removes.
    seen = jnp.where(mask > 0, y, 0)
    return seen * mask - x0 * mask

  return correction


def colorization(
    y: arrays.Images, variant: str = "paper"
) -> core.Constraint:
  """The luma of x0 replaced by the observed one.

  Args:
    y: luma, `[B, H, W, 1]`.
    variant: name, "paper" adds the difference of luma to all channels, which
      meets the observation exactly; "released" goes through YCbCr with the
      rounded constants of the released program.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import samplers
    >>> luma = jnp.full((1, 1, 1, 1), 0.5)
    >>> correction = samplers.constraints.colorization(luma)
    >>> x0 = jnp.array([0.2, 0.2, 0.2]).reshape(1, 1, 1, 3)
    >>> print(correction(x0).ravel())
    [0.3 0.3 0.3]
  """
  arrays.check_choice("variant", variant, core.VARIANTS)
  if variant == "released":

    def correction(x0: arrays.Images) -> arrays.Images:
      arrays.check_shape("y", y, (*x0.shape[:-1], 1))
      return operators.ycbcr_swap(x0, y) - x0

    return correction
  observation = operators.Observation(y, operators.colorization())
  return linear(observation, lifts.replicate(3))


def super_resolution(
    y: arrays.Images,
    shape: tuple[int, int],
    factor: int,
    variant: str = "paper",
    lift: str = "bicubic",
) -> core.Constraint:
  """U(y) - U(D(x0)) with bicubic D.

  Args:
    y: small image, `[B, H / factor, W / factor, C]`; for "released"
      `[B, H, W / factor, C]`.
    shape: height and width (H, W) of the large image.
    factor: large pixels per small pixel.
    variant: name, "paper" resizes both axes with mirrored borders; "released"
      the width alone, with zeros around the image.
    lift: name of U: "bicubic" upsampling, as both do, under which the
      observation is met approximately, or the "pseudo_inverse" of D, under
      which it is met exactly.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import samplers
    >>> correction = samplers.constraints.super_resolution(
    ...     jnp.ones((1, 2, 2, 3)), (8, 8), 4, lift="pseudo_inverse")
    >>> corrected = correction(jnp.zeros((1, 8, 8, 3)))
    >>> small = samplers.constraints.super_resolution_operator((8, 8), 4)
    >>> bool(jnp.allclose(small.apply(corrected), 1, atol=1e-5))
    True
  """
  arrays.check_choice("lift", lift, SUPER_RESOLUTION_LIFTS)
  operator = super_resolution_operator(shape, factor, variant)
  observation = operators.Observation(y, operator)
  if lift == "pseudo_inverse":
    return linear(observation)
  return linear(observation, super_resolution_lift(shape, factor, variant))


def super_resolution_operator(
    shape: tuple[int, int], factor: int, variant: str = "paper"
) -> operators.LinearOperator:
  """The D of `super_resolution`, whose arguments these are.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import samplers
    >>> small = samplers.constraints.super_resolution_operator((8, 8), 4)
    >>> small.apply(jnp.ones((1, 8, 8, 3))).shape
    (1, 2, 2, 3)
  """
  return operators.bicubic(shape, factor, **_resizing(variant))


def super_resolution_lift(
    shape: tuple[int, int], factor: int, variant: str = "paper"
) -> lifts.Lift:
  """The bicubic U of `super_resolution`; U(y) is the degraded picture.

  The arguments are those of `super_resolution`.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import samplers
    >>> lift = samplers.constraints.super_resolution_lift((8, 8), 4)
    >>> lift(jnp.ones((1, 2, 2, 3))).shape
    (1, 8, 8, 3)
  """
  return lifts.bicubic_up(shape, factor, **_resizing(variant))


def _resizing(variant: str) -> dict[str, str]:
  arrays.check_choice("variant", variant, core.VARIANTS)
  if variant == "released":
    return {"boundary": "zero", "axes": "width"}
  return {"boundary": "symmetric", "axes": "both"}
