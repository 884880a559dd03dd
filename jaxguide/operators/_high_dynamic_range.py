"""A camera that saturates: high-dynamic-range reconstruction."""

import math

import jax.numpy as jnp

from jaxguide import arrays
from jaxguide.operators import base


def high_dynamic_range(exposure: float = 2.0) -> base.Operator:
  """A(x) = clip(exposure x, -1, 1), element by element: not linear.

  The task of RED-diff (arXiv:2305.04391) and DAPS (arXiv:2407.01521), which
  both have exposure 2: what is darker than -1/2 or brighter than 1/2 is
  lost. Elsewhere A(x) / exposure is x, exactly where the exposure is a power
  of 2. The gradient is the exposure where |exposure x| <= 1, both ends
  included, and 0 where A saturates.

  Args:
    exposure: factor before the clipping, above 0; at most 1 nothing is lost
      of an image in [-1, 1].

  Returns:
    An `Operator` for x of any shape, which y has too.

  Raises:
    ValueError: unless `exposure` is positive and finite.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import operators
    >>> camera = operators.high_dynamic_range()
    >>> print(camera.apply(jnp.array([[-0.9, -0.25, 0.25, 0.9]])))
    [[-1.  -0.5  0.5  1. ]]
  """
  if not 0 < exposure < math.inf:
    raise ValueError(
        f"exposure must be positive and finite, got {exposure}")

  def apply(x: arrays.Batch) -> arrays.Batch:
    bright = float(exposure) * x
    seen = jnp.abs(bright) <= 1
    # `jnp.clip` would halve the gradient of a pixel at an end.
    return jnp.where(seen, bright, jnp.sign(bright))

  return base.Operator(apply)
