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

import numpy as np

from jaxguide import arrays
from jaxguide import denoisers
from jaxguide import guidance as guidances
from jaxguide import noise as noises
from jaxguide import schedules
from jaxguide.samplers import core
from jaxguide.samplers import shifting
from jaxguide.samplers import source_chain


def egsde_steps(
    schedule: schedules.Schedule,
    num_steps: int | None = None,
    *,
    first_level: int | None = None,
    solver: str = "ancestral",
    variant: str = "paper",
    variance: str = "fixed_small",
    shift: str = "score",
    num_repeats: int = 1,
) -> core.Steps:
  """The plan of EGSDE and SDEdit: num_repeats times num_steps steps.

  Args:
    schedule: any, concrete; variance-preserving for `variant="released"`.
    num_steps: N, levels visited in a repeat, from 1 to M, thinned by
      `schedules.space_levels`; all M when left out.
    first_level: M, where the source is noised to; half of the schedule's
      levels when left out. The released M = 500 is level 500.
    solver: "ancestral", the step of the module's text, or "em", the
      Euler-Maruyama step (1 + b/2) x_t + b (score - grad E) + sqrt(b) z with
      b the sum of the betas passed.
    variant: "paper" or "released".
    variance: std^2 of "ancestral": "fixed_small" is v sigma_s^2 / sigma_t^2,
      "fixed_large" is v.
    shift: energy_scale: "score" is v / r, which moves eps by sigma grad E;
      "mean" is the small variance, which with a classifier's energy is the
      condition_mean form of Dhariwal and Nichol (arXiv:2105.05233, Alg. 1).
    num_repeats: K; each repeat but the first starts from the noised result
      of the one before.

  Returns:
    The plan. The last step of every repeat but the last is a RESTART.

  Raises:
    ValueError: naming the argument out of range.
  """
  return source_chain.chain_steps(
      schedule, num_steps, first_level=first_level, solver=solver,
      variant=variant, variance=variance, shift=shift,
      num_repeats=num_repeats)


def egsde(
    denoise: denoisers.Denoiser,
    noise: noises.Noise,
    *,
    source: arrays.Batch | None,
    guidance: guidances.Guidance | None = None,
    guidance_scale: arrays.Array | float = 1.0,
    mask: arrays.Batch | None = None,
    initial: arrays.Batch | None = None,
    variant: str = "paper",
    source_noise: str | None = None,
    project: shifting.Projection | None = None,
) -> core.Sampler:
  """The EGSDE sampler.

  Draws: slot "step" once per step, also where noise_std is 0; slot "source"
  once per step where the source's noise is fresh and something asks for it;
  slot "restart" once per step, used at restarts alone.

  Not exact for any prior: the source noised to level M is no draw from the
  prior's marginal there, and energies of x_t are no energies of x0. Without
  a source, from the last level, and without energies it is ancestral
  sampling, exact for a Gaussian in the limit of many steps.

  Args:
    denoise: of x_t `[B, ...]`, the prior of the target domain. The released
      programs clip no x0.
    noise: random draws.
    source: clean, `[B, ...]`; None starts from z, which with a classifier's
      energy is plain classifier guidance.
    guidance: energies, as a rule `guidance.at_state(energies.translation(
      ...))`; none when left out, and no energy's network is then evaluated.
    guidance_scale: multiplies the energies; scalar or `[B]`, may be traced.
    mask: 1 where the source is kept, broadcastable to it; nothing is kept
      when left out.
    initial: what is noised for the start, `[B, ...]`; the source when left
      out.
    variant: "paper" or "released"; give the plan the same one.
    source_noise: "fresh" draws the noise of the source in each step,
      "shared" takes that of the start; implied by the variant when left out.
    project: linear, `[B, ...] -> [B, ...]`; of gradients and of all noise,
      such as the removal of the mean of a point cloud.

  Raises:
    ValueError: for an unknown option, or a mask without a source.
  """
  return source_chain.chain(
      denoise, noise, source=source, guidance=guidance,
      guidance_scale=guidance_scale, mask=mask, initial=initial,
      variant=variant, source_noise=source_noise, project=project)


def egsde_draw_order(
    steps: core.Steps, source_noise: str = "shared"
) -> dict[str, np.ndarray]:
  """Where a released program's draws lie in a flat recording.

  In each repeat it draws the noise of the start, then in every step the
  source's, if that is fresh, and the step's, also in the last.

  Args:
    steps: the plan.
    source_noise: "shared" or "fresh".

  Returns:
    For slots "start", "step", "restart" and, if fresh, "source" int positions
    `[index, 1]`, for `noise.from_recording`. Where nothing restarts,
    "restart" points at draw 0.
  """
  return source_chain.chain_draw_order(steps, source_noise)
