"""Every sampler with its plan, its settings and its own float64 recursion.

`CASES` has an entry for every public function of `samplers` that returns a
`Sampler`; the first case of an entry stands for it in the structural tests.
Recursions are written from the papers, not from the library's plans.
"""

from typing import NamedTuple

import numpy as np

from jaxguide import energies
from jaxguide import guidance
from jaxguide import operators
from jaxguide import samplers
from tests import discovered
from tests.samplers import case
from tests.samplers import gaussians
from tests.samplers import own_samplers

Case = case.Case
Setting = case.Setting


# DDIM.


def _ddim(eta: float) -> Case:
  def make(s):
    return samplers.ddim(s.denoise, s.noise)

  def plan(schedule, num_steps, eta=eta):
    return samplers.ddim_steps(schedule, num_steps, eta=eta)

  def recursion(prior, y, num_steps):
    maps = []
    for t, s in case.pairs(gaussians.visited(prior, num_steps)):
      # Song et al. 2021, Eq. 16 and 12.
      std = eta * np.sqrt((1 - s.alpha_bar) / (1 - t.alpha_bar)
                          * (1 - t.alpha_bar / s.alpha_bar))
      direction = np.sqrt(max(1 - s.alpha_bar - std**2, 0)) / t.sigma
      eye = np.eye(gaussians.DIM)
      maps.append(gaussians.Affine(
          s.alpha * t.gain + direction * (eye - t.alpha * t.gain),
          (s.alpha - direction * t.alpha) * t.offset, (std * eye,),
      ))
    return 1.0, maps

  return Case(
      f"ddim-eta{eta:g}", plan, make, ("step",), recursion=recursion,
      plan_scalars={"eta": 0.7}, limit=eta in (0.0, 1.0), cheap_draws=True,
  )


# DDPM.

def _ddpm(variance: str) -> Case:
  share = {"fixed_small": 0.0, "fixed_large": 1.0, "learned": case.FRACTION}

  def make(s):
    denoise = s.denoise
    if variance == "learned":
      denoise = case.with_fraction(denoise)
    return samplers.ddpm(denoise, s.noise, variance=variance)

  def recursion(prior, y, num_steps):
    maps = []
    for t, s in case.pairs(gaussians.visited(prior, num_steps)):
      # Ho et al. 2020, Eq. 7; Nichol & Dhariwal 2021, Eq. 15.
      beta = 1 - t.alpha_bar / s.alpha_bar
      of_x0 = s.alpha * beta / (1 - t.alpha_bar)
      of_x = np.sqrt(1 - beta) * (1 - s.alpha_bar) / (1 - t.alpha_bar)
      small = beta * (1 - s.alpha_bar) / (1 - t.alpha_bar)
      std = np.sqrt(beta ** share[variance] * small ** (1 - share[variance]))
      std = std if s.alpha_bar < 1 else 0.0
      eye = np.eye(gaussians.DIM)
      maps.append(gaussians.Affine(
          of_x0 * t.gain + of_x * eye, of_x0 * t.offset, (std * eye,)
      ))
    return 1.0, maps

  return Case(
      f"ddpm-{variance}", samplers.ddpm_steps, make, ("step",),
      recursion=recursion, limit=variance == "fixed_small",
  )


# Steered Diffusion.


class _Steered(NamedTuple):
  """Settings of `steered` and of its recursion."""

  variant: str = "paper"
  num_inner: int = 1
  constraint: float = 0.0
  gradient: float = 0.0
  look_ahead: str = "none"
  eta: float = 1.0


def _steered(name: str, o: _Steered) -> Case:
  def plan(schedule, num_steps, eta=o.eta):
    return samplers.steered_steps(
        schedule, num_steps, num_inner=o.num_inner, variant=o.variant, eta=eta
    )

  def make(s):
    observation = operators.Observation(
        s.y * s.mask, operators.inpainting(s.mask)
    )
    pull = guidance.through_denoiser(energies.squared_error(observation))
    return samplers.steered(
        s.denoise, s.noise, look_ahead=o.look_ahead,
        constraint=((lambda x0: s.mask * (s.y - x0))
                    if o.constraint else None),
        guidance=pull if o.gradient else None, **s.scalars,
    )

  scalars = {}
  if o.gradient:
    scalars["guidance_scale"] = o.gradient
  if o.constraint:
    scalars["constraint_scale"] = o.constraint
  return Case(
      f"steered-{name}", plan, make, ("step", "renoise"),
      recursion=lambda prior, y, num_steps: _steered_recursion(
          o, prior, y, num_steps),
      scalars=scalars, plan_scalars={"eta": 0.5},
  )


def _steered_recursion(o, prior, y, num_steps):
  levels = gaussians.visited(prior, num_steps)
  start = 1.0
  if o.variant == "released":
    start = levels[0].alpha + levels[0].sigma
  maps = []
  for i, (t, s) in enumerate(case.pairs(levels)):
    if o.variant == "paper":
      k = t.sigma
    else:
      k = levels[i - 1].sigma if i else 1.0
    forward = _steered_map(o, prior, y, t, s, o.gradient * k)
    beta = 1 - t.alpha_bar / s.alpha_bar
    noise = beta if o.variant == "released" else np.sqrt(beta)
    back = gaussians.Affine(
        np.sqrt(1 - beta) * np.eye(gaussians.DIM), np.zeros(gaussians.DIM),
        (noise * np.eye(gaussians.DIM),),
    )
    maps += [forward, back] * (o.num_inner - 1) + [forward]
  return start, maps


def _steered_map(o, prior, y, t, s, k):
  """Eq. 15, 16 and 13: one iteration from level t to level s."""
  a, eye = prior.observed, np.eye(gaussians.DIM)
  std = o.eta * np.sqrt((1 - s.alpha_bar) / (1 - t.alpha_bar)
                        * (1 - t.alpha_bar / s.alpha_bar))
  of_e = np.sqrt(max(1 - s.alpha_bar - std**2, 0))

  def to_s(x0):
    """x0 = (on x, constant, on z) to x_s in the same form."""
    of_x0 = s.alpha - of_e * t.alpha / t.sigma
    return (of_x0 * x0[0] + of_e / t.sigma * eye, of_x0 * x0[1],
            of_x0 * x0[2] + std * eye)

  def slope(chain, jacobian):
    """The gradient of |a v - y|^2 with v = chain, dv/dx = jacobian."""
    pull = 2 * jacobian.T @ a.T
    return (pull @ a @ chain[0], pull @ (a @ chain[1] - y),
            pull @ a @ chain[2])

  x0 = (t.gain, t.offset, np.zeros_like(eye))
  ours = slope(x0, t.gain)
  if o.look_ahead == "none":
    grad = ours
  else:
    x_s = to_s(x0)
    ahead = (s.gain @ x_s[0], s.gain @ x_s[1] + s.offset, s.gain @ x_s[2])
    theirs = slope(ahead, ahead[0])
    sign = 1 if o.look_ahead == "printed" else -1
    grad = tuple(sign * (u - v) for u, v in zip(ours, theirs, strict=True))
  moved = tuple(u - k * g for u, g in zip(x0, grad, strict=True))
  keep = eye - o.constraint * np.diag(prior.mask)
  moved = (keep @ moved[0], keep @ moved[1] + o.constraint * a.T @ y,
           keep @ moved[2])
  matrix, offset, noise = to_s(moved)
  return gaussians.Affine(matrix, offset, (noise,))


CASES: dict[str, tuple[Case, ...]] = {
    "ddim": (_ddim(1.0), _ddim(0.0), _ddim(0.4)),
    "ddpm": (_ddpm("fixed_small"), _ddpm("fixed_large"), _ddpm("learned")),
    "steered": (
        _steered("both", _Steered(
            num_inner=2, constraint=0.6, gradient=0.3)),
        _steered("constraint", _Steered(constraint=1.0)),
        _steered("constraint-n3", _Steered(constraint=1.0, num_inner=3)),
        _steered("gradient", _Steered(gradient=0.4)),
        _steered("released", _Steered(
            "released", num_inner=2, constraint=0.7, gradient=0.3)),
        _steered("printed", _Steered(gradient=0.4, look_ahead="printed")),
        _steered("bayes", _Steered(gradient=0.4, look_ahead="bayes")),
    ),
}

# Files beside this one that are called `foo_cases.py` have a `CASES` too.
for _module in discovered.modules(__file__, "*_cases.py"):
  CASES |= _module.CASES

ALL = (*(one for group in CASES.values() for one in group), *own_samplers.ALL)
FIRST = tuple(group[0] for group in CASES.values())
# Its program has a branch that no first case has.
LOOKING_AHEAD = _steered("looking-ahead", _Steered(
    num_inner=2, gradient=0.4, look_ahead="bayes"))
