"""What a network is conditioned on beside the noisy image.

The conditions of a batch are a dict of arrays by name, each `[B, ...]`: class
labels, a low-resolution image, the tokens of a text, an editing vector with a
reference image. A prior lists its `Condition`s; whoever samples it gives
their values, or the values that stand for "no condition".
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxguide import arrays

# Values by the condition's name, each with a leading axis of images.
Conditions = Mapping[str, arrays.Array]


class Condition(NamedTuple):
  """One thing that a network is conditioned on.

  Attributes:
    name: key of its values among the `Conditions`, such as "label".
    shape: shape of one image's value, `()` for a class; None in it stands for
      any length.
    dtype: numpy type of the values.
    num_values: number of classes, where a value is one of 0, 1, ...,
      num_values - 1; None for any numbers.
    null: value that stands for "no condition", a number or an array that
      broadcasts to `shape`; None for a network that was not trained without.
    argument: name of the network's own argument; `name` when empty.
    optional: whether the network may be evaluated without any value.
  """

  name: str
  shape: tuple[int | None, ...] = ()
  dtype: str = "float32"
  num_values: int | None = None
  null: Any = None
  argument: str = ""
  optional: bool = False


def arguments(
    conditions: Sequence[Condition], values: Conditions | None, owner: str
) -> dict[str, arrays.Array]:
  """The values as keyword arguments of a network.

  Networks that take weights of classes in the place of a class may be given
  `[B, num_values]`.

  Args:
    conditions: conditions that the network takes.
    values: arrays `[B, ...]` by the conditions' names; None for nothing.
    owner: name of the network, for messages.

  Returns:
    The values by the names of the network's arguments.

  Raises:
    ValueError: if a value is given that the network does not take, one is
      missing, or one has another shape.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import conditioning
    >>> label = conditioning.Condition(
    ...     "label", dtype="int32", num_values=10, argument="y")
    >>> conditioning.arguments([label], {"label": jnp.array([3])}, "network")
    {'y': Array([3], dtype=int32)}
  """
  values = values or {}
  known = {c.name: c for c in conditions}
  for name in values:
    if name not in known:
      raise ValueError(
          f"conditions of {owner} must be among "
          f"{', '.join(known) or 'none at all'}, got {name!r}")
  given = {}
  for name, condition in known.items():
    if name in values:
      _check(condition, values[name])
      given[condition.argument or name] = values[name]
    elif not condition.optional:
      raise ValueError(
          f"conditions of {owner} must have a value for {name!r}, got "
          f"{', '.join(values) or 'none'}")
  return given


def _check(condition: Condition, value: arrays.Array) -> None:
  shape = (None, *condition.shape)
  if condition.num_values is not None and value.ndim == len(shape) + 1:
    shape = (*shape, condition.num_values)
  arrays.check_shape(condition.name, value, shape)


def null_like(
    conditions: Sequence[Condition], values: Conditions
) -> dict[str, arrays.Array]:
  """The values with "no condition" where the network knows it.

  Conditions without a null value keep theirs: guidance that is free of a
  classifier varies the label of an upsampler, not its small image.

  Args:
    conditions: conditions of the prior.
    values: arrays `[B, ...]` by the conditions' names.

  Returns:
    Arrays of the same shapes, by the same names.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import conditioning
    >>> label = conditioning.Condition("label", dtype="int32", null=10)
    >>> conditioning.null_like([label], {"label": jnp.array([3, 4])})
    {'label': Array([10, 10], dtype=int32)}
  """
  nulls = {c.name: c.null for c in conditions if c.null is not None}
  return {
      name: jnp.broadcast_to(
          jnp.asarray(nulls[name], jnp.asarray(value).dtype), value.shape)
      if name in nulls else value
      for name, value in values.items()}


def null_value(condition: Condition) -> np.ndarray:
  """The value of one image that stands for "no condition".

  Args:
    condition: condition with a null value; a length that its shape leaves open
      is that of the null value, which is an array then.

  Raises:
    ValueError: if it has none, or a number where a length is open.

  Example:
    >>> from jaxguide import conditioning
    >>> label = conditioning.Condition("label", dtype="int32", null=10)
    >>> int(conditioning.null_value(label))
    10
  """
  null, shape = condition.null, condition.shape
  if null is None or (None in shape and np.ndim(null) != len(shape)):
    raise ValueError(
        f"condition {condition.name!r} must have a null value of known shape, "
        f"got null={null!r} and shape {shape}")
  value = np.asarray(null, condition.dtype)
  return value if None in shape else np.broadcast_to(value, shape)
