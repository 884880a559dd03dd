"""The domain-specific expert of EGSDE: do not look like the source domain."""

from collections.abc import Callable

from jaxguide import arrays
from jaxguide import schedules
from jaxguide.energies import similarities
from jaxguide.energies import sources
from jaxguide.energies import terms

# (x [B, ...], time [B]) -> features [B, ..., C].
Features = Callable[[arrays.Batch, arrays.PerImage], arrays.Batch]


def domain_similarity(
    features: Features,
    source: arrays.Batch,
    *,
    similarity: str = "cosine",
    at: str = "state",
    num_draws: int = 1,
) -> terms.Energy:
  """S(f(x, t), f(x_s, t)): how alike sample and source are to a network.

  EGSDE (arXiv:2207.06635, section 3.2): f is the middle block of a classifier
  of the domains that sees noisy images, so that lowering the energy takes
  away what tells the source's domain.

  Draws: slot "source", see `sources.noisy_sources`. Differentiable in reverse
  mode (`jax.grad`) alone.

  Args:
    features: function f, each image by itself, such as `lambda x, time:
      net.apply({"params": params}, x, time, method="features")`. It is fed
      x / hypot(alpha, sigma) and the level's time, like a denoiser's
      network.
    source: clean signals, `[B, ...]`.
    similarity: name, "cosine", the mean over locations of the cosine over the
      last axis; or "neg_l2", minus the squared distance over all features.
    at: place, "state" compares x_t with the source noised to the same level;
      "estimate" compares an estimate of x0 with the clean source, both at
      time 0.
    num_draws: number of noisy sources averaged over in each step.

  Raises:
    ValueError: an unknown option, or (when called) a sample of another
      shape than the source.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import energies, schedules
    >>> features = lambda x, time: x
    >>> source = jnp.ones((1, 4, 4, 3))
    >>> energy = energies.domain_similarity(features, source, at="estimate")
    >>> level = schedules.linear(1000).at_level(500)
    >>> print(energy(source, level, None), energy(-source, level, None))
    [1.] [-1.]
  """
  measure = similarities.find(similarity)
  arrays.check_choice("at", at, sources.AT)

  def energy(
      x: arrays.Batch, level: schedules.NoiseLevel, draw: terms.Draw
  ) -> arrays.PerImage:
    arrays.check_shape("x", x, source.shape)
    seen = sources.seen_level(level, at)
    mine = features(*sources.network_input(x, seen))
    values = []
    for other in sources.noisy_sources(
        source, level, draw, at=at, num_draws=num_draws):
      theirs = features(*sources.network_input(other, seen))
      values.append(measure(mine, theirs))
    return sources.averaged(values)

  return energy
