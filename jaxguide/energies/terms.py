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
  """The random draws of one step of a sampler.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import energies, schedules
    >>> zeros = lambda slot, shape, law="normal": jnp.zeros((2, *shape))
    >>> noisy = lambda x, level, draw: energies.sum_per_image(
    ...     (x - draw("mine", x.shape[1:])) ** 2)
    >>> level = schedules.linear(1000).at_level(500)
    >>> print(noisy(jnp.ones((2, 3)), level, zeros))
    [3. 3.]
  """

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

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import energies, schedules
    >>> square = lambda x, level, draw: energies.sum_per_image(x**2)
    >>> early = energies.Term(square, energies.window(501, 1000), "early")
    >>> energy = energies.weighted_sum([early])
    >>> x, schedule = jnp.ones((1, 3)), schedules.linear(1000)
    >>> print(energy(x, schedule.at_level(500), None))
    [0.]
    >>> print(energy(x, schedule.at_level(501), None))
    [3.]
  """

  energy: Energy
  weight: Weight = 1.0
  name: str = ""


def weighted_sum(terms: Sequence[Term | tuple | Energy]) -> Energy:
  """The energy sum_i w_i(level) E_i(x), each term with its own draws.

  An empty sum, or one in which every weight is zero, has a zero gradient.

  Args:
    terms: energies, `(energy, weight)` or `Term`s.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import energies, schedules
    >>> square = lambda x, level, draw: energies.sum_per_image(x**2)
    >>> rising = lambda x, level, draw: energies.sum_per_image(x)
    >>> energy = energies.weighted_sum([square, (rising, 10.0)])
    >>> level = schedules.linear(1000).at_level(500)
    >>> print(energy(jnp.ones((1, 3)), level, None))  # 3 + 10 * 3
    [33.]
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

  Example:
    >>> import numpy as np
    >>> from jaxguide import energies, schedules
    >>> weight = energies.table(np.linspace(0, 1, 1001))
    >>> round(float(weight(schedules.linear(1000).at_level(500))), 4)
    0.5
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

  Example:
    >>> from jaxguide import energies, schedules
    >>> weight = energies.window(1, 500)
    >>> schedule = schedules.linear(1000)
    >>> [float(weight(schedule.at_level(n))) for n in (500, 501)]
    [1.0, 0.0]
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

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import energies
    >>> print(energies.sum_per_image(jnp.ones((2, 4, 4, 3))))
    [48. 48.]
  """
  return sums.sum_per_image(x)


def mean_per_image(x: arrays.Batch) -> arrays.PerImage:
  """The mean over everything but the batch axis, `[B]`.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import energies
    >>> print(energies.mean_per_image(jnp.ones((2, 4, 4, 3))))
    [1. 1.]
  """
  return sums.sum_per_image(x) * (1 / math.prod(x.shape[1:]))
