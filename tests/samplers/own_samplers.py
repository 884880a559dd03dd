"""Samplers that the library does not have, for what its own do not show.

A predictor with a normalised corrector: several draws per step, of several
laws and shapes, two kinds of step, a state of more than x, not affine in its
draws. A composition that samples a posterior exactly: energies of x_t whose
gradient is the exact one.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import arrays
from jaxguide import energies
from jaxguide import guidance
from jaxguide import noises
from jaxguide import samplers
from jaxguide import schedules
from jaxguide.operators import sums
from tests.samplers import case
from tests.samplers import gaussians

NUM_INNER, SNR, NOISE_STD = 2, 0.16, 0.5
EYE = np.eye(gaussians.DIM)


# Predictor and corrector (Song et al. 2021, arXiv:2011.13456, Alg. 2 and 5),
# the corrector's step bounded by 2 (snr sigma)^2.


class _Coefficients(NamedTuple):
  """sigma_t, and x_s = alpha_s x0 + eps_scale eps + noise_std z."""

  sigma: arrays.Array
  eps_scale: arrays.Array
  noise_std: arrays.Array


class _State(NamedTuple):
  """x `[B, ...]` and the way that the corrector has gone, `[B]`."""

  x: arrays.Batch
  way: arrays.PerImage


def _corrected_steps(schedule, num_steps):
  """Predictor's steps, one of kind OPTIMISE after each but the last."""
  grid = schedules.space_levels(schedule, num_steps)
  levels = np.stack([grid[:-1], grid[1:]], 1).reshape(-1)[:-1]
  nexts = np.repeat(grid[1:], 2)[:-1]
  variance = np.zeros(levels.size)
  variance[::2] = samplers.conditional_variance(
      schedule, levels[::2], nexts[::2])
  return samplers.plan(
      schedule, levels, nexts,
      _Coefficients(
          schedule.sigma[levels],
          np.sqrt(schedule.sigma[nexts] ** 2 - variance), np.sqrt(variance)),
      np.arange(levels.size) % 2 * samplers.OPTIMISE)


def _corrected(denoise, noise, snr):
  def predict(state, step, draws):
    p, c = denoise(state.x, step.level), step.coefficients
    z = draws(step.index, "step", state.x.shape[1:])
    x = (step.next_level.alpha * p.x0 + c.eps_scale * p.eps
         + c.noise_std * z)
    return _State(x, state.way)

  def correct(state, step, draws):
    shape = state.x.shape[1:]
    jitter = 0.5 + draws(step.index, "jitter", (), "uniform")

    def once(inner, state):
      z = draws(step.index, "correct", shape, inner=inner)
      score = -denoise(state.x, step.level).eps * (1 / step.coefficients.sigma)
      size = 2 * snr**2 * jitter / (
          (1 / step.coefficients.sigma) ** 2
          + sums.squared_norm(score) / sums.squared_norm(z))
      move = (arrays.bcast(size, z) * score
              + arrays.bcast(jnp.sqrt(2 * size), z) * z)
      return _State(state.x + move,
                    state.way + jnp.sqrt(sums.squared_norm(move)))

    return jax.lax.fori_loop(0, NUM_INNER, once, state)

  def step(state, step):
    draws = noises.checked_rows(noise, state.x.shape[0])
    wide = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), state)
    new = jax.lax.cond(
        step.kind == samplers.OPTIMISE,
        lambda: correct(wide, step, draws), lambda: predict(wide, step, draws))
    return jax.tree.map(lambda a, b: a.astype(b.dtype), new, state)

  return samplers.Sampler(
      init=lambda z, first: _State(
          samplers.start(z, first), jnp.zeros(z.shape[0], z.dtype)),
      step=step, output=lambda state: state.x)


def _corrected_reference(prior, y, draws, num_steps):
  del y
  x = draws["start"][0, 0]
  pairs = case.pairs(gaussians.visited(prior, num_steps))
  for i, (t, s) in enumerate(pairs):
    x0 = t.gain @ x + t.offset
    eps = (x - t.alpha * x0) / t.sigma
    # Song et al. 2021 (DDIM), Eq. 12 and 16 with eta = 1.
    variance = s.sigma**2 / t.sigma**2 * (1 - t.alpha_bar / s.alpha_bar)
    x = (s.alpha * x0 + np.sqrt(s.sigma**2 - variance) * eps
         + np.sqrt(variance) * draws["step"][2 * i, 0])
    if i == len(pairs) - 1:
      return x
    for z in draws["correct"][2 * i + 1]:
      score = -(x - s.alpha * (s.gain @ x + s.offset)) / s.sigma**2
      step = 2 * SNR**2 / (1 / s.sigma**2 + (score @ score) / (z @ z))
      step *= 0.5 + draws["jitter"][2 * i + 1, 0]
      x = x + step * score + np.sqrt(2 * step) * z


CORRECTED = case.Case(
    "corrected", _corrected_steps,
    lambda s: _corrected(s.denoise, s.noise, s.scalars["snr"]),
    ("step", case.Slot("correct", NUM_INNER),
     case.Slot("jitter", shape=lambda shape: (), law="uniform")),
    scalars={"snr": SNR}, sweep=(0.0, 0.1, 0.3),
    reference=_corrected_reference)


# Ancestral sampling of the posterior of a noisy observation.


def _posterior_energy(s):
  """-log p(y | x_t), up to a constant: x0 given x_t is Gaussian."""
  p = gaussians.prior()
  a, c = np.float32(p.observed), np.float32(p.covariance)
  y = s.y @ a.T

  def energy(x0, level, draw):
    del draw
    total = level.alpha**2 * c + level.sigma**2 * jnp.eye(gaussians.DIM)
    left = c - level.alpha**2 * c @ jnp.linalg.solve(total, c)
    spread = a @ left @ a.T + NOISE_STD**2 * jnp.eye(len(a))
    miss = y - x0 @ a.T
    return 0.5 * energies.sum_per_image(
        miss * jnp.linalg.solve(spread, miss.T).T)

  return energy


def _posterior(prior, y):
  a, c = prior.observed, prior.covariance
  gain = c @ a.T @ np.linalg.inv(a @ c @ a.T + NOISE_STD**2 * np.eye(len(a)))
  return prior.mean + gain @ a @ (y - prior.mean), c - gain @ a @ c


POSTERIOR = case.Case(
    "ddpm-posterior", samplers.ddpm_steps,
    lambda s: samplers.ddpm(
        samplers.score_shift(
            s.denoise, guidance.through_denoiser(_posterior_energy(s)),
            s.noise),
        s.noise),
    ("step",), exact=case.Exact(_posterior, num_steps=1000, count=1_500))


ALL = (CORRECTED, POSTERIOR)
