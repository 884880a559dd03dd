"""Denoiser and energies together: a prediction and a gradient.

A `Guidance` holds energies by where they look: through the denoiser (E at
x0(x_t), differentiated with respect to x_t, network included), at the
estimate (E at x0, differentiated with respect to x0), or at the state (E at
x_t). Guidances add with `+`; whatever their number, one call costs one
forward pass of the network and, with terms through the denoiser, one
backward pass.
"""

from collections.abc import Callable
import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxguide import arrays
from jaxguide import denoisers
from jaxguide import energies
from jaxguide import schedules

Estimate = Callable[[denoisers.Prediction], arrays.Batch]


class Guided(NamedTuple):
  """What guidance gives a sampler.

  Attributes:
    prediction: denoiser's own prediction, not moved by the energies.
    value: energy of each image, `[B]`.
    gradient: sum of the terms' gradients, `[B, ...]`. Each image has its
      own, as no term mixes images.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import denoisers, energies, guidance, schedules
    >>> prior = denoisers.gaussian(jnp.zeros(4), jnp.eye(4))
    >>> rising = lambda x, level, draw: energies.sum_per_image(x)
    >>> level = schedules.linear(1000).at_level(500)
    >>> guided = guidance.at_state(rising)(
    ...     prior, jnp.ones((2, 4)), level, None)
    >>> print(guided.value, guided.gradient.shape)
    [4. 4.] (2, 4)
  """

  prediction: denoisers.Prediction
  value: arrays.PerImage
  gradient: arrays.Batch


class ThroughTerm(NamedTuple):
  """An energy of an estimate, differentiated with respect to x_t.

  Attributes:
    energy: energy of the estimate.
    estimate: function from the denoiser's prediction to the estimate.
  """

  energy: energies.Energy
  estimate: Estimate


@dataclasses.dataclass(frozen=True)
class Guidance:
  """Energies and where they look; see the module's text.

  Attributes:
    through: terms that are differentiated through the denoiser.
    estimate: energies that are differentiated at x0.
    state: energies that are differentiated at x_t.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import denoisers, energies, guidance, schedules
    >>> prior = denoisers.gaussian(jnp.zeros(4), jnp.eye(4))
    >>> rising = lambda x, level, draw: energies.sum_per_image(x)
    >>> both = guidance.at_estimate(rising) + guidance.at_state(rising)
    >>> level = schedules.linear(1000).at_level(500)
    >>> print(both(prior, jnp.zeros((1, 4)), level, None).gradient)
    [[2. 2. 2. 2.]]
  """

  through: tuple[ThroughTerm, ...] = ()
  estimate: tuple[energies.Energy, ...] = ()
  state: tuple[energies.Energy, ...] = ()

  def __add__(self, other: "Guidance") -> "Guidance":
    return Guidance(
        self.through + other.through,
        self.estimate + other.estimate,
        self.state + other.state,
    )

  def __call__(
      self,
      denoise: denoisers.Denoiser,
      x_t: arrays.Batch,
      level: schedules.NoiseLevel,
      draw: energies.Draw,
  ) -> Guided:
    """Evaluates every term at x_t `[B, ...]`.

    Args:
      denoise: denoiser; its wrappers lie inside the gradient.
      x_t: state, `[B, ...]`.
      level: noise level of the state.
      draw: noise of this step.
    """
    prediction, value, gradient = self._through(denoise, x_t, level, draw)
    for terms, x in ((self.estimate, prediction.x0), (self.state, x_t)):
      for energy in terms:
        more, slope = _value_and_gradient(energy, x, level, draw)
        value, gradient = value + more, gradient + slope
    return Guided(prediction, value, gradient)

  def value(
      self,
      denoise: denoisers.Denoiser,
      x_t: arrays.Batch,
      level: schedules.NoiseLevel,
      draw: energies.Draw,
  ) -> arrays.PerImage:
    """The energies alone, `[B]`: one forward pass, no backward pass."""
    prediction = denoise(x_t, level)
    total = self.through_value(prediction, level, draw)
    for terms, x in ((self.estimate, prediction.x0), (self.state, x_t)):
      for energy in terms:
        total += _per_image(energy(x, level, draw), x)
    return total

  def through_value(
      self,
      prediction: denoisers.Prediction,
      level: schedules.NoiseLevel,
      draw: energies.Draw,
  ) -> arrays.PerImage:
    """The terms through the denoiser at a given prediction, `[B]`."""
    total = jnp.zeros(prediction.x0.shape[0], prediction.x0.dtype)
    for term in self.through:
      x = term.estimate(prediction)
      total += _per_image(term.energy(x, level, draw), x)
    return total

  def _through(
      self,
      denoise: denoisers.Denoiser,
      x_t: arrays.Batch,
      level: schedules.NoiseLevel,
      draw: energies.Draw,
  ) -> tuple[denoisers.Prediction, arrays.PerImage, arrays.Batch]:
    if not self.through:
      zero = jnp.zeros(x_t.shape[0], x_t.dtype)
      return denoise(x_t, level), zero, jnp.zeros_like(x_t)

    def energy_of(
        x: arrays.Batch,
    ) -> tuple[arrays.PerImage, denoisers.Prediction]:
      prediction = denoise(x, level)
      return self.through_value(prediction, level, draw), prediction

    value, pull_back, prediction = jax.vjp(energy_of, x_t, has_aux=True)
    (gradient,) = pull_back(jnp.ones_like(value))
    return prediction, value, gradient


def through_denoiser(
    energy: energies.Energy, estimate: Estimate | None = None
) -> Guidance:
  """grad_{x_t} E(x0(x_t)), through the network (DPS, Steered Diffusion).

  Args:
    energy: energy of the estimate.
    estimate: function of the prediction that replaces x0.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import denoisers, energies, guidance, schedules
    >>> prior = denoisers.gaussian(jnp.zeros(4), jnp.eye(4))  # x0 = alpha x_t
    >>> rising = lambda x, level, draw: energies.sum_per_image(x)
    >>> level = schedules.linear(1000).at_level(500)
    >>> guided = guidance.through_denoiser(rising)(
    ...     prior, jnp.ones((1, 4)), level, None)
    >>> print(guided.gradient, f"{level.alpha:.4f}")
    [[0.2803 0.2803 0.2803 0.2803]] 0.2803
  """
  return Guidance(through=(ThroughTerm(energy, estimate or _x0),))


def at_estimate(energy: energies.Energy) -> Guidance:
  """grad_{x0} E(x0), the network's Jacobian left out.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import denoisers, energies, guidance, schedules
    >>> prior = denoisers.gaussian(jnp.full(4, 2.0), jnp.zeros((4, 4)))
    >>> half_square = lambda x, level, draw: energies.sum_per_image(x**2) / 2
    >>> level = schedules.linear(1000).at_level(500)
    >>> guided = guidance.at_estimate(half_square)(
    ...     prior, jnp.ones((1, 4)), level, None)
    >>> print(guided.gradient)  # That of the energy at x0 = 2.
    [[2. 2. 2. 2.]]
  """
  return Guidance(estimate=(energy,))


def at_state(energy: energies.Energy) -> Guidance:
  """grad_{x_t} E(x_t) (EGSDE; a classifier on noisy images).

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import denoisers, energies, guidance, schedules
    >>> prior = denoisers.gaussian(jnp.full(4, 2.0), jnp.zeros((4, 4)))
    >>> half_square = lambda x, level, draw: energies.sum_per_image(x**2) / 2
    >>> level = schedules.linear(1000).at_level(500)
    >>> guided = guidance.at_state(half_square)(
    ...     prior, jnp.ones((1, 4)), level, None)
    >>> print(guided.gradient)  # That of the energy at x_t = 1.
    [[1. 1. 1. 1.]]
  """
  return Guidance(state=(energy,))


def none() -> Guidance:
  """No energy: the gradient is zero and no backward pass is made.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import denoisers, guidance, schedules
    >>> prior = denoisers.gaussian(jnp.zeros(4), jnp.eye(4))
    >>> level = schedules.linear(1000).at_level(500)
    >>> print(guidance.none()(prior, jnp.ones((1, 4)), level, None).gradient)
    [[0. 0. 0. 0.]]
  """
  return Guidance()


def _x0(prediction: denoisers.Prediction) -> arrays.Batch:
  return prediction.x0


def _value_and_gradient(
    energy: energies.Energy,
    x: arrays.Batch,
    level: schedules.NoiseLevel,
    draw: energies.Draw,
) -> tuple[arrays.PerImage, arrays.Batch]:
  value, pull_back = jax.vjp(
      lambda at: _per_image(energy(at, level, draw), at), x
  )
  (gradient,) = pull_back(jnp.ones_like(value))
  return value, gradient


def _per_image(value: arrays.Array, x: arrays.Batch) -> arrays.PerImage:
  """Refuses an energy that was reduced over the batch."""
  arrays.check_shape("the energy's value", value, (x.shape[0],))
  return value
