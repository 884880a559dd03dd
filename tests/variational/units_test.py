"""Recorded unit values of the diffusion loss, as released and exact.

The recordings' notes name their arrays but neither say whether a "scale" is a
variance or its root nor list the exact ones. So a scale may be either, and an
exact array any of the exact quantities; none may be something else.
"""

from typing import NamedTuple

import numpy as np
import pytest

from jaxguide import schedules
from jaxguide import variational
from jaxguide.variational import diffusion_term
from jaxguide.variational import hierarchy
from tests import recorded_kinds

# The published model that the units are of, and T_e as released.
START, END = 0.0015, 0.0195
TOP = 550
# Of the largest value: the released differences of squares cancel above T_e.
RELEASED, EXACT = 1e-3, 2e-4
NAMES = ("q_alpha_tau", "q_scale_tau", "q_alpha", "q_scale", "qpos_mean_tau",
         "qpos_scale_tau", "qpos_mean", "qpos_scale", "kl")


class Inputs(NamedTuple):
  """What the units are computed from; t is noisier than s."""

  t: np.ndarray
  s: np.ndarray
  z_t: np.ndarray
  z_star: np.ndarray
  tau: np.ndarray


def inputs_of(arrays):
  given = [np.asarray(arrays[f"unit_{name}"]) for name in (
      "t_cur", "t_prev", "z_t", "z_star", "tau")]
  rank = max(array.ndim for array in given)
  first, second = (_as_rows(time, rank) for time in given[:2])
  return Inputs(np.maximum(first, second), np.minimum(first, second),
                *given[2:])


def _as_rows(x, rank):
  return x.reshape(-1, *(1,) * (rank - 1)) if x.ndim == 1 < rank else x


def values(inputs, variant):
  """What the library makes of them, by the recordings' names."""
  schedule = schedules.scaled_linear(start=START, end=END)
  plan = variational.vipaint_plan(schedule, (TOP + 1,), variant=variant)
  rows = {}
  for name, index in (("t", inputs.t), ("s", inputs.s)):
    alpha, sigma = (table[index + 1] for table in schedule[:2])
    sigma = np.float32(sigma)
    if variant == "released":
      alpha = np.sqrt(1 - sigma**2)
    rows[name] = (np.float32(alpha), sigma)
  free = (hierarchy.start_scale(plan, inputs.tau), inputs.tau)
  fixed = (plan.rows.alpha[0], plan.rows.sigma[0])
  step = diffusion_term.transition(*rows["s"], *rows["t"])
  found, normals = {}, []
  for suffix, start in (("_tau", free), ("", fixed)):
    jump = diffusion_term.transition(*start, *rows["t"])
    found[f"q_alpha{suffix}"] = jump.scale
    found[f"q_scale{suffix}"] = jump.variance
    onto = diffusion_term.transition(*start, *rows["s"])
    normals.append(diffusion_term.bridge(
        inputs.z_t, inputs.z_star, onto, step, variant))
    found[f"qpos_mean{suffix}"] = normals[-1].mean
    found[f"qpos_scale{suffix}"] = normals[-1].std ** 2
  found["kl"] = diffusion_term.divergence(*normals, variant)
  return {name: np.asarray(value) for name, value in found.items()}


def check(arrays):
  """Compares every array with what it may be."""
  inputs = inputs_of(arrays)
  released, exact = (values(inputs, v) for v in ("released", "paper"))
  rank = inputs.z_t.ndim
  for name in NAMES:
    _check(f"unit_{name}", arrays, {name: released[name]}, RELEASED, rank)
  for key in sorted(arrays):
    if key.startswith("unit_exact_"):
      _check(key, arrays, exact, EXACT, rank)


def _check(key, arrays, wanted, tolerance, rank):
  wanted = dict(wanted)
  for name in [n for n in wanted if "_scale" in n]:
    wanted[f"root of {name}"] = np.sqrt(wanted[name])
  found = _as_rows(np.asarray(arrays[key]), rank)
  assert np.all(np.isfinite(found)), key
  gaps = {}
  for name, value in wanted.items():
    try:
      gap = np.max(np.abs(found - value)) / np.max(np.abs(value))
    except ValueError:  # Another shape.
      continue
    gaps[name] = gap
  assert gaps and min(gaps.values()) < tolerance, f"{key}: {gaps}"


@recorded_kinds.parametrized("units of VIPaint's loss")
def test_recorded_units(path):
  with np.load(path) as archive:
    check(dict(archive))


# The recording is not always at hand: one from its description.


def made_up(root, seed=0):
  """Arrays as the notes name them, from the formulas of the specification."""
  generator = np.random.default_rng(seed)
  betas = np.linspace(START**0.5, END**0.5, 1000) ** 2
  alpha_bar = np.cumprod(1 - betas)
  shape = (3, 2, 8, 8)
  t, s = np.array([998, 700, 556]), np.array([994, 697, 554])
  z_t, z_star = (generator.standard_normal(shape) for _ in range(2))
  tau = np.sqrt(1 - alpha_bar[TOP]) * generator.uniform(0.9, 1, shape)
  arrays = {"unit_t_cur": t, "unit_t_prev": s,
            "unit_z_t": z_t.astype(np.float32),
            "unit_z_star": z_star.astype(np.float32),
            "unit_tau": tau.astype(np.float32)}
  scale = np.sqrt if root else np.asarray

  def units(dtype, released):
    bar = (1 - np.sqrt(1 - alpha_bar).astype(dtype) ** 2).astype(dtype)
    z, star, free = (arrays[f"unit_{n}"].astype(dtype)
                     for n in ("z_t", "z_star", "tau"))
    at = lambda index: bar[index].reshape(-1, 1, 1, 1)
    a = np.sqrt(at(t) / at(s))
    v = (1 - at(t)) - a**2 * (1 - at(s))
    out, normals = {}, []
    for name, squared in (("_tau", free**2), ("", 1 - bar[TOP])):
      a_t, a_s = (np.sqrt(at(r) / (1 - squared)) for r in (t, s))
      v_t, v_s = ((1 - at(r)) - k**2 * squared
                  for r, k in ((t, a_t), (s, a_s)))
      variance = v * v_s / (v + (a_s if released else a) ** 2 * v_s)
      mean = variance * (a_s / v_s * star + a / v * z)
      normals.append((mean, variance))
      out |= {f"q_alpha{name}": a_t, f"q_scale{name}": scale(v_t),
              f"qpos_mean{name}": mean, f"qpos_scale{name}": scale(variance)}
    (m, v_q), (n, v_p) = normals
    weight = v_p / 2 if released else 0.5 / v_p
    out["kl"] = (weight * (m - n) ** 2 + 0.5 * np.log(v_p / v_q)
                 + v_q / (2 * v_p) - 0.5)
    return out

  released = units(np.float32, released=True)
  exact = units(np.float64, released=False)
  return (arrays | {f"unit_{k}": v for k, v in released.items()}
          | {f"unit_exact_{k}": v for k, v in exact.items()})


@pytest.mark.parametrize("root", [False, True])
def test_the_library_agrees_with_the_formulas_as_printed(root):
  check(made_up(root))


@pytest.mark.parametrize("key", [
    "unit_q_scale_tau", "unit_qpos_mean", "unit_qpos_scale_tau", "unit_kl",
    "unit_exact_qpos_scale", "unit_exact_kl"])
def test_another_value_is_seen(key):
  arrays = made_up(root=True)
  arrays[key] = arrays[key] * 1.003
  with pytest.raises(AssertionError, match=key):
    check(arrays)


def test_released_values_are_not_the_exact_ones():
  arrays = made_up(root=False)
  arrays["unit_exact_kl"] = arrays["unit_kl"]
  with pytest.raises(AssertionError, match="unit_exact_kl"):
    check(arrays)
