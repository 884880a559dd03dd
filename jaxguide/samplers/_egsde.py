"""EGSDE (Zhao et al. 2022, arXiv:2207.06635): energy-guided reverse SDE.

A source image is noised to level M and denoised again by a prior of the
target domain, while energies E that compare x_t with the equally noised
source pull at it:

  dx = [f(x, t) - g(t)^2 (score(x, t) - grad E(x, t))] dt + g(t) dw

In ancestral form one step is, with r = alpha_t / alpha_s and
v = sigma_t^2 - r^2 sigma_s^2 (beta of that step, if variance is preserved),

  x_s = (x_t - v eps / sigma_t) / r - (v / r) grad E + std z.

Without energies it is SDEdit. `variant="paper"` is the mathematics of the
paper, `variant="released"` what the published program does; they differ in

  what             paper                 released
  source's noise   fresh in every step   that of the start, all along
  kept region      at the level of x_s   at the level of x_t
  coefficients     float64, rounded      float32 products of float32 tables
  levels visited   num_steps of them     all of them

The published program has no Euler-Maruyama solver, which the paper prints.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxguide import arrays
from jaxguide import denoisers
from jaxguide import guidance as guidances
from jaxguide import noises
from jaxguide.samplers import _egsde_plan
from jaxguide.samplers import core
from jaxguide.samplers import score_shifts


class EgsdeState(NamedTuple):
  """The state of `egsde`, every leaf `[B, ...]`.

  Attributes:
    x: state that the next step starts from.
    result: state x_s of the last step, before any restart: after the last step
      of a repeat, that repeat's image.
    start_noise: noise of the source at the start of the repeat.
  """

  x: arrays.Batch
  result: arrays.Batch
  start_noise: arrays.Batch


def egsde(
    denoise: denoisers.Denoiser,
    noise: noises.Noise,
    *,
    source: arrays.Batch | None,
    guidance: guidances.Guidance | None = None,
    guidance_scale: arrays.Array | float = 1.0,
    mask: arrays.Batch | None = None,
    initial: arrays.Batch | None = None,
    project: score_shifts.Projection | None = None,
) -> core.Sampler:
  """The EGSDE sampler, of the variant that its plan is of.

  Draws: slot "step" once per step, also where noise_std is 0; slot "source"
  once per step where the source's noise is fresh and something asks for it;
  slot "restart" once per step, used at restarts alone.

  Not exact for any prior: the source noised to level M is no draw from the
  prior's marginal there, and energies of x_t are no energies of x0. Without
  a source, from the last level, and without energies it is ancestral
  sampling, exact for a Gaussian in the limit of many steps. Tests hold, for
  a Gaussian in 16 dimensions and E = 0.3 |x_t - source_t|^2 over half of the
  coordinates, the gap of the mean to the target's, in prior standard
  deviations (root mean square, over sources too), and the variance divided
  by the target's:

    plan                                                 gap  variance
    em, 100 of 500 levels                               0.13      0.96
    fresh noise, K = 2, 100 of 500 levels               0.13      0.88
    shared noise, fixed_large, K = 2, 100 of 500        0.13      1.08
    released, K = 2, all of 500 levels                  0.13      1.06
    mask, shared noise, 100 of 500 levels               0.24      1.55

  The target is the product of experts of the paper at clean data: what an
  exact reverse process makes of the noised source, p(x0 | x_M) averaged over
  the noise of x_M, times exp(-E), after every repeat. With a mask, which
  keeps the same half, it is the exact posterior given that half, and the
  figures are those of the other.

  Args:
    denoise: denoiser of x_t `[B, ...]`, the prior of the target domain. The
      released programs clip no x0.
    noise: random draws, of one row per image; of others it raises ValueError
      when run.
    source: clean signals, `[B, ...]`; None starts from z, which with a
      classifier's energy is plain classifier guidance.
    guidance: energies, as a rule `guidance.at_state(energies.translation(
      ...))`; none when left out, and no energy's network is then evaluated.
    guidance_scale: factor of the energies; scalar or `[B]`, may be traced.
    mask: mask, 1 where the source is kept, broadcastable to it; nothing is
      kept when left out.
    initial: signals that are noised for the start, `[B, ...]`; the source
      when left out.
    project: linear function `[B, ...] -> [B, ...]` of gradients and of all
      noise, such as the removal of the mean of a point cloud.

  Raises:
    ValueError: a mask without a source.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import denoisers, energies, guidance, noises
    >>> from jaxguide import samplers, schedules
    >>> prior = lambda x, level: denoisers.from_x0(level.alpha * x, x, level)
    >>> noise = noises.prng_noise(noises.image_keys(0, jnp.arange(2)))
    >>> source = jnp.full((2, 8, 8, 1), 2.0)
    >>> energy = energies.translation(None, source, domain_weight=0, factor=8)
    >>> steps = samplers.egsde_steps(schedules.linear(1000), 100)
    >>> sampler = samplers.egsde(
    ...     prior, noise, source=source, guidance=guidance.at_state(energy))
    >>> x = samplers.sample(sampler, noise(-1, "start", (8, 8, 1)), steps).x
    >>> bool(x.mean() > 1)  # The source's mean is 2, the prior's is 0.
    True
  """
  if mask is not None and source is None:
    raise ValueError("mask needs a source, got source=None")
  guidance = guidance or guidances.none()
  project = project or _unchanged
  first_image = source if initial is None else initial

  def init(z: arrays.Batch, first: core.Step) -> EgsdeState:
    e = project(z)
    x = core.start(e, first)
    if first_image is not None:
      x = first.level.alpha * first_image + first.level.sigma * e
    return _like(z, EgsdeState(x, x, e))

  def step(state: EgsdeState, step: core.Step) -> EgsdeState:
    c, shape = step.coefficients, state.x.shape[1:]
    draws = noises.checked_rows(noise, state.x.shape[0])
    is_shared = c.source_noise is _egsde_plan.SourceNoise.SHARED
    shared = state.start_noise if is_shared else None
    draw = score_shifts.source_draws(
        draws, step.index, shape, shared=shared, project=project)
    guided = guidance(denoise, state.x, step.level, draw)
    z = project(draws(step.index, "step", shape))
    move = _times(guidance_scale, project(guided.gradient))
    result = (c.x_scale * state.x - c.eps_scale * guided.prediction.eps
              - c.energy_scale * move + c.noise_std * z)
    again = result
    if mask is not None:
      kept = c.kept_alpha * source + c.kept_sigma * draw("source", shape)
      again = jnp.where(mask == 1, source, result)
      result = jnp.where(mask == 1, kept, result)
    e = project(draws(step.index, "restart", shape))
    begins = step.kind == core.RESTART
    x = jnp.where(
        begins, c.restart_alpha * again + c.restart_sigma * e, result)
    e = jnp.where(begins, e, state.start_noise)
    return _like(state.x, EgsdeState(x, result, e))

  return core.Sampler(
      init=init, step=step, output=lambda state: state.result)


def _unchanged(x: arrays.Batch) -> arrays.Batch:
  return x


def _times(scale, move):
  return arrays.bcast(jnp.asarray(scale, jnp.float32), move) * move


def _like(x: arrays.Batch, state: Any) -> Any:
  return jax.tree.map(lambda leaf: leaf.astype(x.dtype), state)
