"""Energies in any sampler: eps' = eps + sigma grad E.

Sampling from p(x_t) exp(-E(x_t)) moves the score -eps / sigma by -grad E.
Whatever a sampler does with eps it then does with eps', so that a guided
`Denoiser` is all that DDIM, ancestral or other samplers need. A classifier's
E = -log p(y | x_t) gives the condition_score form of Dhariwal and Nichol
(arXiv:2105.05233, Eq. 14).
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from jaxguide import arrays
from jaxguide import denoisers
from jaxguide import energies
from jaxguide import guidance as guidances
from jaxguide import noises
from jaxguide import schedules

# Linear, `[B, ...] -> [B, ...]`.
Projection = Callable[[arrays.Batch], arrays.Batch]


def score_shift(
    denoise: denoisers.Denoiser,
    guidance: guidances.Guidance,
    noise: noises.Noise,
    *,
    guidance_scale: arrays.Array | float = 1.0,
    source_noise: arrays.Batch | None = None,
    project: Projection | None = None,
) -> denoisers.Denoiser:
  """A denoiser with eps' = eps + sigma grad E, and the x0 that belongs to it.

  EGSDE by DDIM, say: `ddim(score_shift(denoise, at_state(E), noise), noise)`
  in `from_source`. With ancestral sampling it is `egsde` itself, as long as
  nothing clips x0 afterwards: clip inside `denoise`.

  Draws: the energies', with the number of the level as index. A sampler that
  visits a level twice sees the same draws twice.

  Args:
    denoise: denoiser of x_t `[B, ...]`; its wrappers lie inside the gradient.
    guidance: energies and where they look.
    noise: random draws.
    guidance_scale: factor of the energy; scalar or `[B]`, may be traced.
    source_noise: noise `[B, ...]` that slot "source" gives in every step;
      drawn in each step when left out. With z of `sample` it is EGSDE's shared
      noise.
    project: linear function of the gradient and of the source's noise.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import denoisers, energies, guidance, samplers, schedules
    >>> prior = denoisers.gaussian(jnp.zeros(4), jnp.eye(4))
    >>> rising = lambda x, level, draw: energies.sum_per_image(x)  # Gradient 1.
    >>> shifted = samplers.score_shift(prior, guidance.at_state(rising), None)
    >>> x, level = jnp.zeros((1, 4)), schedules.linear(1000).at_level(500)
    >>> print(shifted(x, level).eps - prior(x, level).eps, f"{level.sigma:.4f}")
    [[0.9599 0.9599 0.9599 0.9599]] 0.9599
  """

  def shifted(
      x_t: arrays.Batch, level: schedules.NoiseLevel
  ) -> denoisers.Prediction:
    draw = source_draws(noise, level.level, x_t.shape[1:],
                        shared=source_noise, project=project)
    guided = guidance(denoise, x_t, level, draw)
    slope = guided.gradient if project is None else project(guided.gradient)
    scale = jnp.asarray(guidance_scale, jnp.float32) * level.sigma
    eps = guided.prediction.eps + arrays.bcast(scale, slope) * slope
    return denoisers.from_eps(
        eps, x_t, level, guided.prediction.variance_fraction)

  return shifted


def source_draws(
    noise: noises.Noise,
    index: arrays.Array,
    shape: Sequence[int],
    *,
    shared: arrays.Batch | None = None,
    project: Projection | None = None,
) -> energies.Draw:
  """One step's draws, in which all terms share the noise of the source.

  Args:
    noise: random draws.
    index: number of the step.
    shape: shape of one source; several draws have one more axis before it.
    shared: noise of the source, `[B, *shape]`; drawn with `index` when
      left out.
    project: linear function of the noise of the source.

  Returns:
    A draw. Slot "source", under whatever term's prefix, is the one draw
    "source".

  Raises:
    ValueError: several draws of a shared noise, when called.
  """
  project = project or (lambda e: e)

  def source(wanted: tuple[int, ...], law: str) -> arrays.Batch:
    if shared is not None:
      if wanted != tuple(shape):
        raise ValueError(
            "num_draws must be 1 where the source's noise is shared: it has "
            f"shape {tuple(shape)}, asked for was {wanted}")
      return shared
    e = noise(index, energies.SOURCE_SLOT, wanted, law)
    several = len(wanted) > len(shape)
    return jax.vmap(project, 1, 1)(e) if several else project(e)

  def draw(
      slot: str, wanted: Sequence[int], law: str = "normal"
  ) -> arrays.Batch:
    if slot.rsplit("/", 1)[-1] == energies.SOURCE_SLOT:
      return source(tuple(wanted), law)
    return noise(index, slot, wanted, law)

  return draw
