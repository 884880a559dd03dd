"""Energies that compare a sample with a source image, at the same noise.

A state x_t cannot be compared with a clean source: the source is noised to
the state's level first, x_s = alpha_t source + sigma_t e (EGSDE,
arXiv:2207.06635, Algorithm 1). An estimate of x0 is compared with the source
itself. Each energy is told which by `at`: "state" or "estimate".
"""

from collections.abc import Sequence

import jax.numpy as jnp

from jaxguide import arrays
from jaxguide import schedules
from jaxguide.energies import terms

AT = ("state", "estimate")

# The slot of e. `samplers.egsde` gives every term of an energy the same draw
# under this name, a fresh one in every step or the one of the start.
SOURCE_SLOT = "source"


def noisy_sources(
    source: arrays.Batch,
    level: schedules.NoiseLevel,
    draw: terms.Draw,
    *,
    at: str = "state",
    num_draws: int = 1,
) -> Sequence[arrays.Batch]:
  """What a sample at `level` is compared with.

  Args:
    source: clean signals, `[B, ...]`.
    level: noise level of the sample.
    draw: noise of the step; slot "source" is drawn with the shape of one
      source, or `[num_draws, ...]` when there are several.
    at: place, "state" noises the source to the level, "estimate" leaves it
      clean and draws nothing.
    num_draws: number of Monte-Carlo draws; 1 for "estimate".

  Returns:
    `num_draws` arrays of the shape of `source`.

  Raises:
    ValueError: an unknown `at`, or a number of draws that does not fit.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import energies, schedules
    >>> level = schedules.linear(1000).at_level(500)
    >>> draw = lambda slot, shape, law="normal": jnp.zeros((1, *shape))
    >>> (noisy,) = energies.noisy_sources(jnp.ones((1, 3)), level, draw)
    >>> print(noisy, f"{level.alpha:.4f}")
    [[0.2803 0.2803 0.2803]] 0.2803
  """
  arrays.check_choice("at", at, AT)
  if num_draws < 1 or (at == "estimate" and num_draws > 1):
    raise ValueError(
        "num_draws must be at least 1, and 1 at an estimate, got "
        f"{num_draws}")
  if at == "estimate":
    return [source]
  shape = source.shape[1:]
  if num_draws == 1:
    noises = [draw(SOURCE_SLOT, shape)]
  else:
    many = draw(SOURCE_SLOT, (num_draws, *shape))
    noises = [many[:, i] for i in range(num_draws)]
  alpha, sigma = (arrays.bcast(jnp.asarray(v), source) for v in level[:2])
  return [alpha * source + sigma * e for e in noises]


def seen_level(
    level: schedules.NoiseLevel, at: str
) -> schedules.NoiseLevel:
  """The level that a network is told: clean data for an estimate.

  Args:
    level: noise level of the step.
    at: place, "state" or "estimate".
  """
  arrays.check_choice("at", at, AT)
  if at == "state":
    return level
  like = jnp.asarray(level.time, jnp.float32)
  zero = jnp.zeros_like(like)
  return schedules.NoiseLevel(zero + 1, zero, zero, jnp.int32(0))


def network_input(
    x: arrays.Batch, level: schedules.NoiseLevel
) -> tuple[arrays.Batch, arrays.PerImage]:
  """What a network on noisy images is fed, as a denoiser's network is.

  Args:
    x: state `[B, ...]` at `level`.
    level: noise level, of any alpha and sigma.

  Returns:
    x / hypot(alpha, sigma), and the time as float32 `[B]`.
  """
  alpha, sigma = (jnp.asarray(v, jnp.float32) for v in level[:2])
  inverse = arrays.bcast(1 / jnp.sqrt(alpha**2 + sigma**2), x)
  time = jnp.asarray(level.time, jnp.float32)
  return x * inverse, jnp.broadcast_to(time, x.shape[:1])


def averaged(values: Sequence[arrays.PerImage]) -> arrays.PerImage:
  """The mean over Monte-Carlo draws, `[B]`."""
  return sum(values[1:], values[0]) * (1 / len(values))
