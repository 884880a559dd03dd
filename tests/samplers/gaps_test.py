"""How far the samplers that are not exact end from what they aim at.

Each docstring has a table of the gaps; the figures are computed here, in
float64, from the recursions of the contract cases, and a run of the sampler
shows that the recursion at that number of steps is the sampler's own.
"""

import functools
import re
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import samplers
from tests import programs
from tests.samplers import cases
from tests.samplers import gaussians
from tests.samplers import runs


class Target(NamedTuple):
  """What a sampler aims at: N(offset + slope y, covariance), y `[8]`."""

  slope: np.ndarray
  offset: np.ndarray
  covariance: np.ndarray


class Stated(NamedTuple):
  """A row of a docstring's table and what it is measured against.

  Attributes:
    label: of the row.
    num_steps: of the plan, of every repeat.
    first_level: M, where the target's exact reverse process starts from the
      noised source; None where the target is the exact posterior given the
      observed coordinates.
    energy: c of an expert exp(-c |x0 - source|^2) on the observed half, by
      which the result of every repeat is multiplied.
    num_repeats: K.
  """

  label: str
  num_steps: int = 100
  first_level: int | None = None
  energy: float = 0.0
  num_repeats: int = 1


STATED = (
    ("steered-constraint", Stated("constraint, N = 1, 100 (1)")),
    ("steered-constraint", Stated("constraint, N = 1, 1000 (1)", 1000)),
    ("steered-constraint-n3", Stated("constraint, N = 3, 100 (1)")),
    ("steered-gradient", Stated("gradient, N = 1, 100 (0.4)")),
    ("steered-both", Stated("both, N = 2, 100 (0.6, 0.3)")),
    ("steered-released", Stated("both, N = 2, 100 (0.7, 0.3), released")),
    ("steered-printed", Stated(
        'gradient, N = 1, 100 (0.4), look-ahead "printed"')),
    ("steered-bayes", Stated(
        'gradient, N = 1, 100 (0.4), look-ahead "bayes"')),
    ("sdedit-plain", Stated("no mask, 100 of 500 levels", first_level=500)),
    ("sdedit-plain", Stated("no mask, all of 500 levels", 500, 500)),
    ("sdedit-masked", Stated("mask, K = 2, 100 of 500 levels")),
    ("sdedit-released", Stated(
        "mask, K = 3, all of 400 levels, released", 400)),
    ("egsde-em", Stated(
        "em, 100 of 500 levels", first_level=500, energy=0.3)),
    ("egsde-fresh", Stated(
        "fresh noise, K = 2, 100 of 500 levels", first_level=500, energy=0.3,
        num_repeats=2)),
    ("egsde-shared", Stated(
        "shared noise, fixed_large, K = 2, 100 of 500", first_level=500,
        energy=0.3, num_repeats=2)),
    ("egsde-released", Stated(
        "released, K = 2, all of 500 levels", 500, 500, 0.3, 2)),
    ("egsde-masked", Stated("mask, shared noise, 100 of 500 levels")),
    ("ilvr-paper", Stated("the projection")),
    ("ilvr-released", Stated("0.6 of it, released, learned variance")),
    ("ilvr-from-reference", Stated(
        "0.6 of it, from the reference, above level 100")),
)

each = pytest.mark.parametrize(
    ("name", "stated"), STATED, ids=[f"{n}-{s.num_steps}" for n, s in STATED])


def target_of(stated: Stated) -> Target:
  p = gaussians.prior()
  if stated.first_level is None:
    return _posterior(p)
  level, *_ = gaussians.visited(p, 1, stated.first_level)
  # The result so far, N(offset + slope y, covariance): first the source.
  slope, offset = p.observed.T, np.zeros(gaussians.DIM)
  covariance = np.zeros((gaussians.DIM, gaussians.DIM))
  # p(x0 | x_M) = N(gain x_M + level.offset, left).
  left = p.covariance - level.alpha * level.gain @ p.covariance
  carry = level.alpha * level.gain
  weight = 2 * stated.energy * np.diag(p.mask)
  for _ in range(stated.num_repeats):
    slope, offset = carry @ slope, carry @ offset + level.offset
    covariance = (left + level.sigma**2 * level.gain @ level.gain.T
                  + carry @ covariance @ carry.T)
    precision = np.linalg.inv(covariance)
    covariance = np.linalg.inv(precision + weight)
    slope = covariance @ (precision @ slope + weight @ p.observed.T)
    offset = covariance @ precision @ offset
  return Target(slope, offset, covariance)


def _posterior(p):
  zero = np.zeros(len(p.observed))
  offset, covariance = gaussians.posterior(p, zero)
  slope = np.stack([gaussians.posterior(p, e)[0] - offset
                    for e in np.eye(zero.size)], axis=1)
  return Target(slope, offset, covariance)


@functools.cache
def reached_by(name: str, num_steps: int) -> Target:
  """What the sampler of that case ends with, in the same form."""
  case, p = _case(name), gaussians.prior()

  def moments(y):
    return gaussians.moments(*case.recursion(p, y, num_steps))

  offset, covariance = moments(np.zeros(len(p.observed)))
  slope = np.stack([moments(e)[0] - offset
                    for e in np.eye(len(p.observed))], axis=1)
  return Target(slope, offset, covariance)


def gap_of(got: Target, want: Target, where: np.ndarray) -> tuple[float, float]:
  """Of the mean, root mean square in prior deviations; ratio of variances.

  Over the coordinates `where` and over observations from the prior.
  """
  p = gaussians.prior()
  a = p.observed
  slope = got.slope - want.slope
  off = got.offset - want.offset + slope @ a @ p.mean
  square = off**2 + np.diag(slope @ a @ p.covariance @ a.T @ slope.T)
  gap = np.sqrt(np.mean((square / np.diag(p.covariance))[where]))
  ratio = np.diag(got.covariance)[where] / np.diag(want.covariance)[where]
  return gap, ratio.mean()


def _case(name):
  (found,) = (case for case in cases.ALL if case.name == name)
  return found


@each
def test_the_docstring_states_the_gap(name, stated):
  p = gaussians.prior()
  is_posterior = stated.first_level is None
  where = p.mask == 0 if is_posterior else np.ones(gaussians.DIM, bool)
  got = reached_by(name, stated.num_steps)
  gap, ratio = gap_of(got, target_of(stated), where)
  row = rf"{re.escape(stated.label)} +{round(gap, 9):#.2g} +{ratio:.2f}"
  sampler = getattr(samplers, name.split("-")[0])
  assert re.search(rf"^ +{row}$", sampler.__doc__, re.M), (gap, ratio)


@each
def test_the_sampler_has_the_means_of_its_recursion(name, stated):
  """One run with no draws at all, of 0 and of the unit observations."""
  case, p = _case(name), gaussians.prior()
  y = np.float32(np.concatenate(
      [np.zeros((1, gaussians.DIM)), p.observed]))

  def silence(index, slot, shape, law="normal", inner=0):
    return jnp.zeros((y.shape[0], *shape))

  shared = runs.shared_of(case, case.plan(runs.schedule(), stated.num_steps))
  out = np.float64(programs.jit(
      lambda shared, y: runs.run(case, shared, {"y": y}, silence)
  )(shared, y))
  want = reached_by(name, stated.num_steps)
  np.testing.assert_allclose(out[0], want.offset, atol=1e-4)
  np.testing.assert_allclose((out[1:] - out[0]).T, want.slope, atol=2e-4)


@pytest.mark.slow
@each
def test_the_sampler_has_the_covariance_of_its_recursion(name, stated):
  case, p = _case(name), gaussians.prior()
  _, covariance = runs.measured_moments(case, stated.num_steps, p.mean)
  want = reached_by(name, stated.num_steps).covariance
  np.testing.assert_allclose(covariance, want, atol=2e-4)


@pytest.mark.parametrize("name", ("steered-printed", "steered-bayes"))
def test_look_aheads_lose_the_observation(name):
  """As the docstring says: on a Gaussian the two terms' means are equal."""
  got, p = reached_by(name, 100), gaussians.prior()
  np.testing.assert_allclose(got.slope, 0, atol=1e-9)
  np.testing.assert_allclose(got.offset, p.mean, atol=1e-3)


def test_the_targets_against_their_definitions():
  """By the joint Gaussian of x0 and x_M, and by a soft observation."""
  p = gaussians.prior()
  a, (level, _) = p.observed, gaussians.visited(p, 1, 500)
  free = target_of(Stated("", first_level=500))
  # x_M = alpha source + sigma e has the spread sigma^2; were the source a
  # draw from the prior, the result would be one as well.
  own = free.slope @ a @ p.covariance @ a.T @ free.slope.T
  carry = level.alpha * level.gain
  rest = p.covariance - a.T @ a @ p.covariance @ a.T @ a
  np.testing.assert_allclose(
      own + carry @ rest @ carry.T + free.covariance, p.covariance, atol=1e-12)
  np.testing.assert_allclose(
      carry @ p.mean + (free.offset - p.mean), 0, atol=1e-12)
  # exp(-c |x - y|^2) is an observation with the variance 1 / (2 c).
  drawn = target_of(Stated("", first_level=500, energy=0.3))
  gain = free.covariance @ a.T @ np.linalg.inv(
      a @ free.covariance @ a.T + np.eye(len(a)) / 0.6)
  np.testing.assert_allclose(
      drawn.covariance, free.covariance - gain @ a @ free.covariance,
      atol=1e-12)
  np.testing.assert_allclose(
      drawn.slope, free.slope + gain @ (np.eye(len(a)) - a @ free.slope),
      atol=1e-12)
