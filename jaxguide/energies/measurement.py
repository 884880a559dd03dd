"""Energies that measure how far an estimate is from an observation."""

from collections.abc import Callable

from jaxguide import arrays
from jaxguide import operators
from jaxguide import schedules
from jaxguide.energies import terms

REDUCTIONS = {"sum": terms.sum_per_image, "mean": terms.mean_per_image}


def squared_error(
    observation: operators.Observation, reduction: str = "sum"
) -> terms.Energy:
  """||A(x) - y||^2 per image (Steered Diffusion, V1 of Table 1).

  Args:
    observation: measurement y `[B, ...]` and its operator, linear or not.
      `noise_std` is not used.
    reduction: rule, "sum" or "mean" over everything but the batch axis.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import energies, operators, schedules
    >>> pool = operators.average_pool((4, 4), 2)
    >>> energy = energies.squared_error(
    ...     operators.Observation(jnp.ones((1, 2, 2, 1)), pool))
    >>> level = schedules.linear(1000).at_level(500)
    >>> print(energy(jnp.zeros((1, 4, 4, 1)), level, None))
    [4.]
  """
  arrays.check_choice("reduction", reduction, tuple(REDUCTIONS))
  reduce = REDUCTIONS[reduction]

  def energy(
      x: arrays.Batch, level: schedules.NoiseLevel, draw: terms.Draw
  ) -> arrays.PerImage:
    del level, draw
    return reduce((observation.operator.apply(x) - observation.y) ** 2)

  return energy


def feature_error(
    features: Callable[[arrays.Batch], arrays.Batch],
    target: arrays.Batch,
    reduction: str = "mean",
) -> terms.Energy:
  """||f(x) - target||^2 per image for any differentiable f.

  Args:
    features: function `[B, ...] -> [B, ...]`, each image by itself.
    target: features wanted, computed once outside the sampler.
    reduction: rule, "sum" or "mean" over everything but the batch axis.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import energies, schedules
    >>> energy = energies.feature_error(
    ...     lambda x: x.mean(axis=(1, 2)), jnp.full((1, 3), 0.5))
    >>> level = schedules.linear(1000).at_level(500)
    >>> print(energy(jnp.zeros((1, 4, 4, 3)), level, None))
    [0.25]
  """
  arrays.check_choice("reduction", reduction, tuple(REDUCTIONS))
  reduce = REDUCTIONS[reduction]

  def energy(
      x: arrays.Batch, level: schedules.NoiseLevel, draw: terms.Draw
  ) -> arrays.PerImage:
    del level, draw
    return reduce((features(x) - target) ** 2)

  return energy
