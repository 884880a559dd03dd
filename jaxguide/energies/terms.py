"""What an energy is, and how energies add up.

An `Energy` is `(x, NoiseLevel, draw) -> Float[B]`: lower is better, one
number per image, never reduced over the batch. It does not know whether x is
a state x_t or an estimate of x0: that is for `guidance` to decide.
"""

from collections.abc import Callable, Sequence
import math
from typing import NamedTuple, Protocol

import jax.numpy as jnp
import numpy as np

from jaxguide import arrays
from jaxguide import schedules
from jaxguide.operators import sums


class Draw(Protocol):
  """The random draws of one step of a sampler."""

  def __call__(
      self, slot: str, shape: Sequence[int], law: str = "normal"
  ) -> arrays.Batch:
    """Draws `[B, *shape]` for a static slot name."""


Energy = Callable[[arrays.Batch, schedules.NoiseLevel, Draw], arrays.PerImage]
Weight = float | arrays.Array | Callable[[schedules.NoiseLevel], arrays.Array]


class Term(NamedTuple):
  """One energy of a weighted sum.

  Attributes:
    energy: energy without its weight.
    weight: number (may be traced), or a function of the NoiseLevel such as
      `table(values)` or `window(first, last)`.
    name: static prefix of the term's slots, so that two terms never share
      draws by accident; its position in the sum when left empty.
  """

  energy: Energy
  weight: Weight = 1.0
  name: str = ""


def weighted_sum(terms: Sequence[Term | tuple | Energy]) -> Energy:
  """The energy sum_i w_i(level) E_i(x), each term with its own draws.

  An empty sum, or one in which every weight is zero, has a zero gradient.

  Args:
    terms: energies, `(energy, weight)` or `Term`s.
  """
  whole = [t if isinstance(t, Term) else
           Term(*t) if isinstance(t, tuple) else Term(t) for t in terms]

  def energy(
      x: arrays.Batch, level: schedules.NoiseLevel, draw: Draw
  ) -> arrays.PerImage:
    total = jnp.zeros(x.shape[0], x.dtype)
    for i, term in enumerate(whole):
      own = _prefixed(draw, term.name or str(i))
      weight = term.weight(level) if callable(term.weight) else term.weight
      total += jnp.asarray(weight, x.dtype) * term.energy(x, level, own)
    return total

  return energy


def _prefixed(draw: Draw, name: str) -> Draw:
  return lambda slot, *rest, **kw: draw(f"{name}/{slot}", *rest, **kw)


def table(values: np.ndarray | arrays.Array) -> Weight:
  """A weight read from a table `[N + 1]` by `NoiseLevel.level`.

  A level beyond the table, or the -1 of a point that is no row, weighs NaN.
  """
  values = jnp.asarray(values, jnp.float32)
  arrays.check_rank("values", values, 1)

  def weigh(level: schedules.NoiseLevel) -> arrays.Array:
    row = jnp.asarray(level.level)
    found = values.at[row].get(mode="fill", fill_value=jnp.nan)
    # A negative index would count from the table's end.
    return jnp.where(row >= 0, found, jnp.nan)

  return weigh


def window(first: int, last: int, weight: float = 1.0) -> Weight:
  """A weight that is zero outside the levels first..last, both included.

  Args:
    first: lowest level (a released 0-based index i is level i + 1).
    last: highest level.
    weight: value inside.

  Raises:
    ValueError: first is above last.
  """
  if first > last:
    raise ValueError(f"window needs first <= last, got {first} > {last}")

  def weigh(level: schedules.NoiseLevel) -> arrays.Array:
    row = jnp.asarray(level.level)
    return jnp.where((row >= first) & (row <= last), weight, 0.0)

  return weigh


def sum_per_image(x: arrays.Batch) -> arrays.PerImage:
  """The sum over everything but the batch axis, `[B]`.

  Its last bits do not depend on the batch, as those of `jnp.sum` may.
  """
  return sums.sum_per_image(x)


def mean_per_image(x: arrays.Batch) -> arrays.PerImage:
  """The mean over everything but the batch axis, `[B]`."""
  return sums.sum_per_image(x) * (1 / math.prod(x.shape[1:]))
