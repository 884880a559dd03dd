"""Contract cases of the samplers that look at a source or a reference.

Their recursions are carried on (x, e), e the noise of the start of the
repeat, because shared noise correlates the two.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxguide import energies
from jaxguide import guidance
from jaxguide import operators
from jaxguide import samplers
from tests.samplers import case
from tests.samplers import gaussians

EYE = np.eye(gaussians.DIM)
ZERO = np.zeros((gaussians.DIM, gaussians.DIM))
BETAS = np.linspace(1e-4, 0.02, gaussians.NUM_LEVELS)

Maps = list[gaussians.Affine]


# EGSDE and SDEdit.


class _Chain(NamedTuple):
  """Settings of `egsde` or `sdedit` and of the recursion of both."""

  sampler: str = "egsde"
  variant: str = "paper"
  solver: str = "ancestral"
  variance: str = "fixed_small"
  source_noise: str = "fresh"
  energy: float = 0.0
  num_repeats: int = 1
  masked: bool = False
  has_source: bool = True


def _first_level(o: _Chain, num_levels: int, num_steps: int) -> int:
  if o.variant == "released":
    return num_steps
  return max(num_steps, num_levels // 2) if o.has_source else num_levels


def _chain(name: str, o: _Chain) -> case.Case:
  plan_of = getattr(samplers, f"{o.sampler}_steps")

  def plan(schedule, num_steps):
    return plan_of(
        schedule, num_steps, solver=o.solver, variance=o.variance,
        variant=o.variant, num_repeats=o.num_repeats,
        source_noise=o.source_noise,
        first_level=_first_level(o, schedule.num_levels, num_steps))

  def make(s):
    options = {"source": s.y * s.mask if o.has_source else None,
               "mask": s.mask if o.masked else None}
    if o.sampler == "egsde":
      options |= s.scalars
      if o.energy:
        options["guidance"] = guidance.at_state(_distance(s))
    return getattr(samplers, o.sampler)(s.denoise, s.noise, **options)

  slots = ["step", "restart"]
  if o.source_noise == "fresh" and (o.energy or o.masked):
    slots.append("source")
  return case.Case(
      f"{o.sampler}-{name}", plan, make, tuple(slots),
      recursion=lambda prior, y, num_steps: _chain_recursion(
          o, prior, y, num_steps),
      scalars={"guidance_scale": o.energy} if o.energy else {},
      limit=not o.has_source, cheap_draws=True)


def _distance(s):
  """|mask (x - x_s)|^2 for any trailing shape."""
  likeness = energies.domain_similarity(
      lambda x, time: s.mask * x, s.y * s.mask, similarity="neg_l2")
  return energies.weighted_sum([energies.Term(likeness, -1.0)])


def _chain_recursion(o, prior, y, num_steps):
  top = _first_level(o, gaussians.NUM_LEVELS, num_steps)
  levels = gaussians.visited(prior, num_steps, top)
  source = prior.observed.T @ y
  first = levels[0]
  if o.has_source:
    begin = _stacked(first.sigma * EYE, first.alpha * source, (EYE,))
  else:
    begin = _stacked(EYE, 0 * source, (EYE,))
  steps = [_chain_map(o, prior, source, t, s) for t, s in case.pairs(levels)]
  again = _restart(o, prior, source, first)
  maps = [begin, *(steps + [again]) * (o.num_repeats - 1), *steps,
          gaussians.Affine(np.hstack([EYE, ZERO]), 0 * source)]
  return 1.0, maps


def _stacked(
    of_x: np.ndarray, offset: np.ndarray, of_e: Sequence[np.ndarray]
) -> gaussians.Affine:
  """z -> (x, e)."""
  return gaussians.Affine(
      np.vstack([of_x, *of_e]), np.concatenate([offset, 0 * offset]))


def _chain_map(o, prior, source, t, s):
  """(x, e) at level t to (x, e) at level s."""
  # Both solvers: x_s = scale x + drift (score - grad E) + std z.
  if o.solver == "em":
    alpha_bar = np.cumprod(1 - BETAS)
    passed = (alpha_bar < s.alpha_bar * (1 - 1e-12)) & (
        alpha_bar >= t.alpha_bar * (1 - 1e-12))
    drift = BETAS[passed].sum()
    scale, spread = 1 + drift / 2, drift
  else:
    beta = 1 - t.alpha_bar / s.alpha_bar
    scale = 1 / np.sqrt(1 - beta)
    drift = beta * scale
    spread = beta
    if o.variance == "fixed_small":
      spread = beta * (1 - s.alpha_bar) / (1 - t.alpha_bar)
  std = np.sqrt(spread) if s.alpha_bar < 1 else 0.0
  # score = (alpha E[x0 | x] - x) / sigma^2.
  of_x = scale * EYE + drift / t.sigma**2 * (t.alpha * t.gain - EYE)
  offset = drift / t.sigma**2 * t.alpha * t.offset
  # grad E = 2 M (x - alpha source - sigma e).
  pull = 2 * o.energy * drift * np.diag(prior.mask)
  of_x, of_e = of_x - pull, t.sigma * pull
  offset = offset + t.alpha * pull @ source
  of_z = std * EYE
  if o.masked:
    u = t if o.variant == "released" else s
    kept = np.diag(prior.mask)
    lost = EYE - kept
    of_x, of_z, of_e = lost @ of_x, lost @ of_z, u.sigma * kept
    offset = lost @ offset + u.alpha * kept @ source
  return _with_memory(o, of_x, offset, of_e, of_z)


def _with_memory(o, of_x, offset, of_e, of_z):
  shared = o.source_noise == "shared"
  matrix = np.block([[of_x, of_e if shared else ZERO], [ZERO, EYE]])
  draws = (of_z,) if shared else (of_z, of_e)
  return gaussians.Affine(
      matrix, np.concatenate([offset, 0 * offset]),
      tuple(np.vstack([d, ZERO]) for d in draws))


def _restart(o, prior, source, first):
  """Noises the result again; e becomes the new noise."""
  kept = np.diag(prior.mask) if o.masked else ZERO
  matrix = np.block([[first.alpha * (EYE - kept), ZERO], [ZERO, ZERO]])
  offset = np.concatenate([first.alpha * kept @ source, 0 * source])
  return gaussians.Affine(
      matrix, offset, (np.vstack([first.sigma * EYE, EYE]),))


# Any sampler, started from a source.


def _from_source() -> case.Case:
  def plan(schedule, num_steps):
    top = max(num_steps, schedule.num_levels // 2)
    return samplers.ddim_steps(schedule, num_steps, first_level=top)

  def make(s):
    return samplers.from_source(
        samplers.ddim(s.denoise, s.noise), s.y * s.mask)

  def recursion(prior, y, num_steps):
    top = max(num_steps, gaussians.NUM_LEVELS // 2)
    levels = gaussians.visited(prior, num_steps, top)
    first, source = levels[0], prior.observed.T @ y
    maps = [gaussians.Affine(first.sigma * EYE, first.alpha * source)]
    for t, s in case.pairs(levels):
      # Song et al. 2021, Eq. 12, without noise.
      direction = s.sigma / t.sigma
      maps.append(gaussians.Affine(
          s.alpha * t.gain + direction * (EYE - t.alpha * t.gain),
          (s.alpha - direction * t.alpha) * t.offset))
    return 1.0, maps

  step = case.Slot("step", matters=False)  # The plan has eta = 0.
  return case.Case(
      "from-source", plan, make, (step,), recursion=recursion,
      cheap_draws=True)


# ILVR.


class _Ilvr(NamedTuple):
  """Settings of `ilvr` and of its recursion; P = share mask."""

  variant: str = "paper"
  share: float = 1.0
  start: str = "noise"
  variance: str = "fixed_small"
  refine_above: int | None = None


def _ilvr(name: str, o: _Ilvr) -> case.Case:
  def first_level(num_levels, num_steps):
    half = o.start == "reference"
    return max(num_steps, num_levels // 2) if half else num_levels

  def plan(schedule, num_steps):
    return samplers.ilvr_steps(
        schedule, num_steps, variant=o.variant, refine_above=o.refine_above,
        first_level=first_level(schedule.num_levels, num_steps))

  def make(s):
    learned = o.variance == "learned"
    return samplers.ilvr(
        case.with_fraction(s.denoise) if learned else s.denoise, s.noise,
        reference=s.y * s.mask, operator=operators.inpainting(s.mask),
        lift=lambda low: o.share * low, start=o.start, variance=o.variance)

  def recursion(prior, y, num_steps):
    top = first_level(gaussians.NUM_LEVELS, num_steps)
    levels = gaussians.visited(prior, num_steps, top)
    reference = prior.observed.T @ y
    maps = []
    if o.start == "reference":
      maps.append(gaussians.Affine(
          levels[0].sigma * EYE, levels[0].alpha * reference))
    for t, s in case.pairs(levels):
      maps += _ilvr_maps(o, prior, reference, t, s)
    return 1.0, maps

  return case.Case(
      f"ilvr-{name}", plan, make, ("step", "reference"), recursion=recursion,
      cheap_draws=True)


def _ilvr_maps(o, prior, reference, t, s):
  """Ho et al. 2020, Eq. 7, then Choi et al. 2021, Eq. 8."""
  beta = 1 - t.alpha_bar / s.alpha_bar
  of_x0 = s.alpha * beta / (1 - t.alpha_bar)
  of_x = np.sqrt(1 - beta) * (1 - s.alpha_bar) / (1 - t.alpha_bar)
  small = beta * (1 - s.alpha_bar) / (1 - t.alpha_bar)
  share = case.FRACTION if o.variance == "learned" else 0.0
  std = np.sqrt(beta**share * small ** (1 - share))
  std = std if s.alpha_bar < 1 else 0.0
  ancestral = gaussians.Affine(
      of_x0 * t.gain + of_x * EYE, of_x0 * t.offset, (std * EYE,))
  above = o.refine_above
  if above is None:
    above = 1 if o.variant == "released" else 0
  alpha_bar = np.cumprod(1 - BETAS)
  if above and t.alpha_bar >= alpha_bar[above - 1] * (1 - 1e-12):
    return [ancestral]
  u = t if o.variant == "released" else s
  p = o.share * np.diag(prior.mask)
  refined = gaussians.Affine(
      EYE - p, u.alpha * p @ reference, (u.sigma * p,))
  return [ancestral, refined]


CASES: dict[str, tuple[case.Case, ...]] = {
    "egsde": (
        _chain("fresh", _Chain(energy=0.3, num_repeats=2)),
        _chain("shared", _Chain(
            energy=0.3, num_repeats=2, source_noise="shared",
            variance="fixed_large")),
        _chain("em", _Chain(energy=0.3, solver="em")),
        _chain("masked", _Chain(
            energy=0.3, masked=True, source_noise="shared")),
        _chain("released", _Chain(
            energy=0.3, num_repeats=2, source_noise="shared",
            variant="released")),
        _chain("prior", _Chain(has_source=False)),
        _chain("prior-em", _Chain(has_source=False, solver="em")),
    ),
    "sdedit": (
        _chain("masked", _Chain("sdedit", num_repeats=2, masked=True)),
        _chain("plain", _Chain("sdedit")),
        _chain("released", _Chain(
            "sdedit", num_repeats=3, masked=True, source_noise="shared",
            variant="released")),
    ),
    "from_source": (_from_source(),),
    "ilvr": (
        _ilvr("paper", _Ilvr()),
        _ilvr("released", _Ilvr("released", share=0.6, variance="learned")),
        _ilvr("from-reference", _Ilvr(
            share=0.6, start="reference", refine_above=100)),
    ),
}
