"""ILVR (Choi et al. 2021, arXiv:2108.02938): low frequencies of a reference.

After every ancestral step x_t -> x' its low frequencies are exchanged for
those of the noised reference:

  x_s = x' + P(ref_u) - P(x'),   ref_u = alpha_u ref + sigma_u n.

`variant="paper"` has u = s, the level of x', and refines every step;
`variant="released"` what the published program does: u = t, one level
noisier, and the last step unrefined unless told otherwise. The published
networks have a learned variance and clip x0: `variance="learned"` and
`denoisers.clip_x0`.
"""

from typing import NamedTuple

import numpy as np

from jaxguide import arrays
from jaxguide import denoisers
from jaxguide import noises
from jaxguide import operators
from jaxguide import schedules
from jaxguide.operators import lifts
from jaxguide.samplers import _ddpm
from jaxguide.samplers import core

STARTS = ("noise", "reference")


class IlvrCoefficients(NamedTuple):
  """The numbers of one step.

  Attributes:
    ancestral: coefficients of the step of `ddpm`.
    reference_alpha: factor alpha_u of the reference.
    reference_sigma: factor sigma_u of its noise.
    refine: factor of the refinement, 1 where the step is refined, else 0.
  """

  ancestral: _ddpm.DdpmCoefficients
  reference_alpha: arrays.Array
  reference_sigma: arrays.Array
  refine: arrays.Array


class IlvrState(NamedTuple):
  """The state of `ilvr`, every leaf `[B, ...]`.

  Attributes:
    x: state after refinement.
    proposal: state x', before it.
  """

  x: arrays.Batch
  proposal: arrays.Batch


def ilvr_steps(
    schedule: schedules.Schedule,
    num_steps: int,
    *,
    first_level: int | None = None,
    refine_above: int | None = None,
    variant: str = "paper",
) -> core.Steps:
  """The plan of ILVR.

  Args:
    schedule: schedule of any kind, concrete. The published settings count
      levels of a respaced one, `schedules.respace(schedules.linear(), 100)`.
    num_steps: number of steps, from 1 to the first level.
    first_level: level to start from; the noisiest when left out.
    refine_above: level above which steps are refined. The published range_t
      counts from 0: it is level range_t + 1. When left out 0, which refines
      every step, or for "released" 1 (range_t = 0), every step but one from
      level 1.
    variant: name, "paper" or "released".

  Raises:
    ValueError: naming the argument out of range.

  Example:
    >>> from jaxguide import samplers, schedules
    >>> schedule = schedules.respace(schedules.linear(1000), 100)
    >>> steps = samplers.ilvr_steps(schedule, 4, refine_above=20)
    >>> print(steps.level.level, steps.coefficients.refine)
    [100  67  34   1] [1. 1. 1. 0.]
  """
  arrays.check_choice("variant", variant, core.VARIANTS)
  ancestral = _ddpm.ddpm_steps(schedule, num_steps, first_level=first_level)
  released = variant == "released"
  if refine_above is None:
    refine_above = 1 if released else 0
  if refine_above < 0:
    raise ValueError(f"refine_above must be at least 0, got {refine_above}")
  levels, nexts = ancestral.level.level, ancestral.next_level.level
  seen = levels if released else nexts
  coefficients = IlvrCoefficients(
      ancestral=ancestral.coefficients,
      reference_alpha=schedule.alpha[seen],
      reference_sigma=schedule.sigma[seen],
      refine=np.float64(levels > refine_above),
  )
  return core.plan(schedule, levels, nexts, coefficients)


def ilvr(
    denoise: denoisers.Denoiser,
    noise: noises.Noise,
    *,
    reference: arrays.Batch,
    operator: operators.LinearOperator,
    lift: lifts.Lift | None = None,
    start: str = "noise",
    variance: str = "fixed_small",
) -> core.Sampler:
  """The ILVR sampler.

  P = L A with an operator A and a lift L. A low-pass filter is image to image
  and needs no lift; as it is no projection, the low frequencies agree only
  about. For another operator the pseudo-inverse as lift makes P the
  orthogonal projection on what A sees. The modified ILVR that Steered
  Diffusion (arXiv:2310.00224) compares with on colorization is A = luma, that
  lift, the grey image as reference and `start="reference"`.

  Draws: slot "step" and slot "reference" once per step, also where they are
  not used.

  Not exact for any prior: what P does not see follows the estimate
  E[x0 | x_t] rather than a draw from the posterior. Tests hold, for the
  unobserved half of a Gaussian in 16 dimensions, with the projection on the
  observed half, the gap of the mean to the exact posterior's after 100 steps,
  in prior standard deviations (root mean square, over observations too), and
  the variance divided by the exact one:

    P                                                    gap  variance
    the projection                                      0.24      1.19
    0.6 of it, released, learned variance               0.27      1.32
    0.6 of it, from the reference, above level 100      0.32      1.61

  Args:
    denoise: denoiser of x_t `[B, ...]`; x0 is not clipped unless it clips.
    noise: random draws, of one row per image; of others it raises ValueError
      when run.
    reference: clean signals, `[B, ...]`.
    operator: linear operator A; `operators.lowpass(size, 32, "cubic")` in the
      paper.
    lift: linear function L, from what A gives to an image; the identity when
      left out.
    start: name, "noise" starts from z, "reference" from the noised reference.
    variance: variance of the ancestral step, one of those of `ddpm`.

  Raises:
    ValueError: an unknown option, an operator that is not linear, or
      (when called) if P does not map the reference's shape to itself.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import denoisers, noises, operators, samplers, schedules
    >>> prior = lambda x, level: denoisers.from_x0(level.alpha * x, x, level)
    >>> noise = noises.prng_noise(noises.image_keys(0, jnp.arange(2)))
    >>> reference = jnp.ones((2, 4, 4, 1))
    >>> pool = operators.average_pool((4, 4), 2)
    >>> sampler = samplers.ilvr(
    ...     prior, noise, reference=reference, operator=pool,
    ...     lift=pool.pseudo_inverse)
    >>> steps = samplers.ilvr_steps(schedules.linear(1000), 10)
    >>> x = samplers.sample(sampler, noise(-1, "start", (4, 4, 1)), steps).x
    >>> bool(jnp.allclose(pool.apply(x), pool.apply(reference), atol=1e-5))
    True
  """
  arrays.check_choice("start", start, STARTS)
  operators.check_linear("operator", operator)
  inner = _ddpm.ddpm(denoise, noise, variance=variance)

  def filtered(x: arrays.Batch) -> arrays.Batch:
    low = operator.apply(x)
    low = low if lift is None else lift(low)
    if low.shape != x.shape:
      raise ValueError(
          f"lift must give images of shape {x.shape}, got {low.shape}; the "
          "operator's pseudo_inverse is one")
    return low

  def init(z: arrays.Batch, first: core.Step) -> IlvrState:
    x = core.start(z, first)
    if start == "reference":
      level = first.level
      x = (level.alpha * reference + level.sigma * z).astype(z.dtype)
    return IlvrState(x, x)

  def step(state: IlvrState, step: core.Step) -> IlvrState:
    c, dtype = step.coefficients, state.x.dtype
    proposal = inner.step(
        _ddpm.DdpmState(state.x), step._replace(coefficients=c.ancestral)).x
    rows, *shape = state.x.shape
    n = noises.checked_rows(noise, rows)(step.index, "reference", shape)
    noisy = c.reference_alpha * reference + c.reference_sigma * n
    x = proposal + c.refine * filtered(noisy - proposal)
    return IlvrState(x.astype(dtype), proposal)

  return core.Sampler(
      init=init, step=step, output=lambda state: state.x)


def ilvr_draw_order(steps: core.Steps) -> dict[str, np.ndarray]:
  """Where the released program's draws lie in a flat recording.

  It draws z first, then in every step that of the step and, where the step is
  refined, the reference's.

  Args:
    steps: plan of the sampler.

  Returns:
    Positions, int `[index, 1]`, for slots "start", "step" and "reference":
    what `noises.from_recording` takes. "reference" points at draw 0 where none
    is made.

  Example:
    >>> from jaxguide import samplers, schedules
    >>> steps = samplers.ilvr_steps(schedules.linear(1000), 3)
    >>> order = samplers.ilvr_draw_order(steps)
    >>> order["start"].tolist(), order["step"].tolist()
    ([[0]], [[1], [3], [5]])
  """
  refined = np.asarray(steps.coefficients.refine) > 0
  before = 1 + np.arange(refined.size) + np.cumsum(refined) - refined
  return {
      "start": np.zeros((1, 1), np.int64),
      "step": before[:, None],
      "reference": np.where(refined, before + 1, 0)[:, None],
  }
