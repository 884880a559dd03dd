"""The domain-independent expert of EGSDE: keep the low frequencies."""

import jax

from jaxguide import arrays
from jaxguide import operators
from jaxguide import schedules
from jaxguide.energies import similarities
from jaxguide.energies import sources
from jaxguide.energies import terms
from jaxguide.operators import sums

DISTANCES = ("squared", "cosine")


def lowpass_distance(
    source: arrays.Images,
    factor: int = 32,
    *,
    kernel: str = "linear",
    distance: str = "squared",
    at: str = "state",
    num_draws: int = 1,
) -> terms.Energy:
  """|A x - A x_s|^2, the sum over all entries, A the low-pass filter.

  EGSDE (arXiv:2207.06635, section 3.3). A is `operators.lowpass`, whose
  images have the full size, so that the energy is about factor^2 times that
  of the small images. As A is symmetric the gradient is 2 A A (x - x_s); it
  is made in that closed form.

  Draws: slot "source", see `sources.noisy_sources`. Differentiable in reverse
  mode (`jax.grad`) alone.

  Args:
    source: clean images, `[B, H, W, C]`.
    factor: factor of the filter, a divisor of H and W.
    kernel: kernel of the filter, "linear" (EGSDE) or "cubic".
    distance: name, "squared", or "cosine": minus the mean over pixels of the
      cosine of the two filtered images over the channels.
    at: place, "state" compares x_t with the source noised to the same level,
      "estimate" an estimate of x0 with the clean source.
    num_draws: number of noisy sources averaged over in each step.

  Raises:
    ValueError: an unknown option, a factor that does not fit, or (when
      called) a sample of another shape than the source.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import energies, schedules
    >>> source = jnp.zeros((1, 4, 4, 1))
    >>> energy = energies.lowpass_distance(source, 2, at="estimate")
    >>> level = schedules.linear(1000).at_level(500)
    >>> print(energy(source + 0.5, level, None))  # 0.25 * 4 * 4
    [4.]
  """
  arrays.check_choice("distance", distance, DISTANCES)
  arrays.check_choice("at", at, sources.AT)
  arrays.check_rank("source", source, 4)
  operator = operators.lowpass(
      (source.shape[1], source.shape[2]), factor, kernel)
  measure = (_squared_distance(operator) if distance == "squared"
             else _minus_cosine(operator))

  def energy(
      x: arrays.Images, level: schedules.NoiseLevel, draw: terms.Draw
  ) -> arrays.PerImage:
    arrays.check_shape("x", x, source.shape)
    return sources.averaged([
        measure(x, other) for other in sources.noisy_sources(
            source, level, draw, at=at, num_draws=num_draws)
    ])

  return energy


def _minus_cosine(operator: operators.Operator) -> similarities.Similarity:
  return lambda x, other: -similarities.cosine(
      operator.apply(x), operator.apply(other))


def _squared_distance(
    operator: operators.Operator,
) -> similarities.Similarity:
  # The gradient does not read A r: where only the gradient is wanted, the
  # value is dead code.
  @jax.custom_vjp
  def of_residual(r: arrays.Images) -> arrays.PerImage:
    return sums.squared_norm(operator.apply(r))

  def forward(r: arrays.Images) -> tuple[arrays.PerImage, arrays.Images]:
    return of_residual(r), r

  def backward(
      r: arrays.Images, slope: arrays.PerImage
  ) -> tuple[arrays.Images]:
    twice = operator.apply(operator.apply(r))
    return ((arrays.bcast(2 * slope, r) * twice).astype(r.dtype),)

  of_residual.defvjp(forward, backward)
  return lambda x, other: of_residual(x - other)
