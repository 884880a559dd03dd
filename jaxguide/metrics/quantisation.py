"""The step from floats to the 8 bits that are saved, inside a program."""

import jax.numpy as jnp

from jaxguide import arrays

RULES = ("uint8", "uint8_truncated", "none")


def quantise(x: arrays.Images, rule: str = "uint8") -> arrays.Images:
  """What an image is after it was saved with 8 bits and read again.

  - "uint8": (x + 1) 127.5, clipped to 0..255, rounded half to even.
  - "uint8_truncated": clipped and cut off, as the released Steered Diffusion
    and VIPaint save; half a grey level darker on average.
  - "none": left as it is, unclipped.

  Applying a rule twice changes nothing. For that, truncation takes values
  within 1e-3 of the next grey level for that level: float32 puts what was
  read from 8 bits on either side of it.

  Args:
    x: images `[B, H, W, C]`, nominally in [-1, 1].
    rule: name of one of these rules.

  Returns:
    Images of the same shape and dtype, k / 127.5 - 1 with whole k; NaN stays
    NaN.

  Raises:
    ValueError: if the rule is unknown.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import metrics
    >>> metrics.quantise(jnp.array([-1.2, -0.998, 1.0]))
    Array([-1.,  -1.,  1.], dtype=float32)
  """
  arrays.check_choice("rule", rule, RULES)
  if rule == "none":
    return x
  level = jnp.clip((x + 1.0) * 127.5, 0.0, 255.0)
  level = jnp.round(level) if rule == "uint8" else jnp.floor(level + 1e-3)
  return level / 127.5 - 1.0
