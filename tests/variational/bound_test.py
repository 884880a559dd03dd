"""The bound proper against closed forms: a Gaussian prior, exact denoiser."""

import functools
import itertools
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxguide import denoisers
from jaxguide import noises
from jaxguide import operators
from jaxguide import schedules
from jaxguide import variational
from tests import programs
from tests.variational import exact

ETA = 0.2
NUM_IMAGES, SAMPLES = 3, 32
VP = schedules.scaled_linear()
VE = schedules.edm(300, sigma_max=20.0)
# K = 1, 2 and 4, one of them on clean data.
CASES = {
    "vp-0": (VP, (0,)),
    "vp-1": (VP, (401,)),
    "vp-2": (VP, (551, 401)),
    "vp-4": (VP, (551, 501, 451, 401)),
    "ve-2": (VE, variational.levels_at_sigmas(VE, (1.75, 0.9))),
}
every_case = pytest.mark.parametrize("name", sorted(CASES))


# Fits take seconds each; the others are made in the slow run.
ITERATIONS = 1500
QUICK = ("vp-0", "vp-2", "ve-2")


def slow_except(names, quick, *columns):
  """Every combination of the columns, those not in `quick` marked slow."""
  return pytest.mark.parametrize(names, [
      row if row in quick else pytest.param(*row, marks=pytest.mark.slow)
      for row in itertools.product(sorted(CASES), *columns)])


def problem(schedule, correlation=0.0, noise_std=0.3):
  mask = np.float64(np.arange(exact.DIM) % 2 == 0)
  return exact.Problem(exact.prior(correlation), mask, noise_std,
                       schedule.alpha, schedule.sigma)


def measured(p, count=NUM_IMAGES, seed=0):
  """y drawn from the prior, missing coordinates 0."""
  rng = np.random.default_rng(seed)
  root = np.linalg.cholesky(p.prior.covariance)
  x = p.prior.mean + rng.normal(size=(count, exact.DIM)) @ root.T
  return p.mask * (x + p.noise_std * rng.normal(size=x.shape))


def correlated_likelihood(p, y):
  """-log N(y; A x0, A V A^T + noise) with the matrix V: an energy."""
  m, eye = jnp.float32(p.mask), jnp.eye(exact.DIM)
  covariance = jnp.float32(p.prior.covariance)
  seen, noise = jnp.sum(m), p.noise_std**2

  def energy(x, level, draw):
    del draw
    total = level.alpha**2 * covariance + level.sigma**2 * eye
    left = level.sigma**2 * jnp.linalg.solve(total, covariance)
    # What is missing has a block of its own, noise I.
    total = m[:, None] * left * m + noise * eye
    miss = m * (variational.repeat_to(jnp.float32(y), x.shape[0]) - x)
    square = jnp.sum(miss @ jnp.linalg.inv(total) * miss, axis=1)
    log_det = jnp.linalg.slogdet(total)[1]
    log_det -= (exact.DIM - seen) * jnp.log(noise)
    return 0.5 * (square + log_det + seen * jnp.log(2 * jnp.pi))

  return energy


def chain_of(p, y, kind):
  """Moments and likelihood of a chain.

  "sampled": that of the samplers, x at its estimate; "elements": the proper
  one of a diagonal prior; "directions": of a correlated one, which no
  element-wise variance describes, so moments come in the basis of
  eigenvectors and the likelihood has a matrix.
  """
  mean, covariance = jnp.float32(p.prior.mean), jnp.float32(p.prior.covariance)
  if kind == "directions":
    variance, basis = jnp.linalg.eigh(covariance)
    return (variational.Moments(mean, variance, lambda x: x @ basis),
            correlated_likelihood(p, y))
  moments = None
  if kind == "elements":
    moments = variational.Moments(mean, jnp.diag(covariance))
  return moments, variational.gaussian_likelihood(
      jnp.float32(y), p.noise_std, mask=jnp.float32(p.mask),
      variance=None if moments is None else moments.given)


def proper(correlation):
  return "directions" if correlation else "elements"


def tables(plan, seed, num_draws=1):
  """Draws of the bound for NUM_IMAGES images, and those of the start.

  They compile in a fraction of the time of `noises.prng_noise`.
  """
  rng, levels = np.random.default_rng(seed), plan.num_levels

  def normal(*shape, size=num_draws, inner=1):
    whole = (size, inner, NUM_IMAGES, *shape)
    return rng.standard_normal(whole, np.float32)

  rows = (SAMPLES, exact.DIM)
  return {
      "mean": normal(levels, exact.DIM, size=1),
      "mean_top": normal(exact.DIM, size=1),
      "start": normal(*rows), "forward": normal(*rows),
      "first": normal(*rows),
      "level": normal(*rows, inner=max(levels - 1, 1)),
      "time": rng.random((num_draws, 1, NUM_IMAGES), np.float32),
  }


def prior_of(p):
  return denoisers.gaussian(
      jnp.float32(p.prior.mean), jnp.float32(p.prior.covariance))


def started(plan, y, noise):
  context = jnp.repeat(jnp.float32(y)[:, None], plan.num_levels, axis=1)
  return variational.initialise(plan, context, noise, mean_scale=0.1,
                                mean_scale_top=0.1, mixing_logit=1.0)


def rates(num_iterations):
  def adam(rate):
    stairs = optax.cosine_decay_schedule(rate, num_iterations)
    return optax.adam(stairs, b1=0.9, b2=0.99)

  return optax.multi_transform(
      {"mu": adam(0.05), "logvar": adam(0.05), "gamma": adam(0.05)},
      variational.Posterior("mu", "logvar", "gamma"))


@functools.partial(programs.jit, static_argnames=("kind", "num_iterations"))
def fitted(p, plan, constants, y, drawn, kind, num_iterations):
  noise = noises.recorded_noise(drawn)
  moments, likelihood = chain_of(p, y, kind)
  loss = variational.bound_loss(
      plan, constants, prior_of(p), noise, likelihood, moments=moments,
      num_samples=SAMPLES)
  return variational.fit(
      loss, started(plan, y, noise), num_iterations=num_iterations,
      transformation=rates(num_iterations))


@functools.partial(programs.jit, static_argnames=("kind", "num_draws"))
def estimated_with(p, plan, constants, y, posterior, drawn, kind, num_draws):
  moments, likelihood = chain_of(p, y, kind)
  return variational.elbo(
      plan, constants, prior_of(p), noises.recorded_noise(drawn), likelihood,
      posterior, moments=moments, num_samples=SAMPLES, num_draws=num_draws)


def estimated(p, plan, y, posterior, seed, kind, num_draws=128):
  return estimated_with(
      p, plan, constants_of(p, plan), y, posterior,
      tables(plan, seed, num_draws), kind, num_draws)


def constants_of(p, plan):
  # The exact denoiser is fed no time.
  schedule = schedules.Schedule(p.alpha, p.sigma, np.zeros_like(p.sigma))
  return variational.bound_constants(schedule, plan)


class Fitted(NamedTuple):
  """A fit of the bound to the images y."""

  p: exact.Problem
  y: np.ndarray
  plan: variational.Plan
  posterior: variational.Posterior


@functools.cache
def fit_of(name, correlation, seed):
  schedule, levels = CASES[name]
  p = problem(schedule, correlation)
  y = measured(p, seed=seed)
  plan = variational.vipaint_plan(schedule, levels, eta=ETA)
  drawn = tables(plan, 50 + seed, ITERATIONS)
  constants = variational.bound_constants(schedule, plan)
  found = fitted(
      p, plan, constants, y, drawn, proper(correlation), ITERATIONS)
  return Fitted(p, y, plan, found.posterior)


def parameters(plan, posterior, n):
  """mu, tau and g of one image, float64."""
  mu, logvar, gamma = (np.float64(leaf[n]) for leaf in posterior)
  std = np.exp(0.5 * logvar)
  # Its limit; see `hierarchy.start_std`.
  std[0] = np.minimum(std[0], plan.grid.sigma[-4])
  return mu, std, 1 / (1 + np.exp(-gamma))


def exact_terms(p, plan, y, posterior, is_proper=True):
  return [
      exact.bound(p, plan.levels, ETA, y[n], *parameters(plan, posterior, n),
                  is_proper)
      for n in range(len(y))
  ]


def rounding(value):
  """Of the sum of a thousand float64 terms."""
  return 1e-10 * (1 + abs(value))


def test_the_likelihood_with_a_variance():
  """Of images: independent pixels, a mask, the level of z, an operator."""
  rng, shape = np.random.default_rng(0), (2, 3, 4, 2)
  y, x = rng.normal(size=shape), rng.normal(size=(4, *shape[1:]))
  mask = rng.integers(0, 2, size=(2, 3, 4, 1))
  std, s2 = np.array([0.3, 0.7]), rng.uniform(0.1, 2.0, size=shape[1:])
  level = VP.at_level(300)
  a, b = VP.alpha[300], VP.sigma[300]
  left = 1 / (1 / s2 + a**2 / b**2)
  halved = operators.Operator(lambda x: 0.5 * x)
  for operator, scale in ((None, 1.0), (halved, 0.5)):
    moments = variational.Moments(0.0, jnp.float32(s2))
    energy = variational.gaussian_likelihood(
        jnp.float32(y), jnp.float32(std), mask=jnp.float32(mask),
        operator=operator, variance=lambda level, m=moments, c=scale: (
            c * c * m.given(level)))
    got = energy(jnp.float32(x), level, None)
    for row in range(4):
      n = row // 2
      seen = np.broadcast_to(mask[n], shape[1:]) > 0
      cov = np.diag((scale**2 * left + std[n] ** 2)[seen])
      wanted = exact.log_density(y[n][seen], scale * x[row][seen], cov)
      np.testing.assert_allclose(got[row], -wanted, rtol=1e-5)


@slow_except(
    "name, kind",
    [("vp-0", "directions"), ("vp-2", "directions"), ("vp-2", "sampled"),
     ("ve-2", "sampled")],
    ["sampled", "elements", "directions"])
def test_the_estimate_has_the_exact_expectation(name, kind):
  """Each term within 5 standard errors, away from the optimum."""
  schedule, levels = CASES[name]
  p = problem(schedule, correlation=0.0 if kind == "elements" else 0.6)
  y = measured(p)
  plan = variational.vipaint_plan(schedule, levels, eta=ETA)
  posterior = started(plan, y, noises.recorded_noise(tables(plan, 5)))
  found = estimated(p, plan, y, posterior, 7, kind)
  wanted = exact_terms(p, plan, y, posterior, kind != "sampled")
  for n, terms in enumerate(wanted):
    total = -sum(terms.values())
    room = 5 * found.standard_error[n] + 1e-4 * abs(total)
    assert abs(found.value[n] - total) < room, (name, found.value[n], total)
    for part, value in terms.items():
      got = getattr(found.terms, part)[n]
      assert abs(got - value) < room + 1e-4 * abs(value), (name, part)


@every_case
@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_the_proper_chain_says_of_y_what_the_prior_says(name, correlation):
  """Also far out, where a narrower or wider chain would differ most.

  With the variances left out the chain is another density, neither above
  nor below the prior's.
  """
  schedule, levels = CASES[name]
  p = problem(schedule, correlation)
  off = []
  for y in np.concatenate([measured(p), 5 * measured(p, seed=1)]):
    prior = exact.evidence(p, y)
    found = exact.chain_evidence(p, levels, ETA, y, proper=True)
    assert abs(found - prior) <= rounding(prior)
    off.append(exact.chain_evidence(p, levels, ETA, y) - prior)
  print(f"{name} correlation {correlation}: the sampling chain is off by "
        f"{min(off):.3f} to {max(off):.3f} nats")
  assert max(np.abs(off)) > 0.01


@every_case
def test_the_exact_posterior_makes_the_bound_tight(name):
  """A diagonal prior: equal to log p(y) there, and below all around it."""
  schedule, levels = CASES[name]
  p = problem(schedule)
  y, rng = measured(p, count=1, seed=2)[0], np.random.default_rng(3)
  best, prior = exact.optimum(p, levels, ETA, y), exact.evidence(p, y)
  bound = lambda *leaves: -sum(exact.bound(
      p, levels, ETA, y, *leaves, proper=True).values())
  assert abs(bound(*best) - prior) <= rounding(prior)
  mu, std, g = best
  for size in (1e-3, 0.1, 1.0):
    n = size * rng.normal(size=(3, *mu.shape))
    moved = (mu + n[0], std * np.exp(n[1]), g ** np.exp(n[2]))
    assert bound(*moved) < prior


@every_case
def test_the_estimate_at_the_exact_posterior_is_log_p_of_y(name):
  schedule, levels = CASES[name]
  p = problem(schedule)
  y = measured(p, seed=2)
  plan = variational.vipaint_plan(schedule, levels, eta=ETA)
  best = [np.stack(leaf) for leaf in zip(
      *(exact.optimum(p, levels, ETA, row) for row in y), strict=True)]
  posterior = variational.Posterior(
      jnp.float32(best[0]), jnp.float32(2 * np.log(best[1])),
      # Where nothing is seen the prior's transition is taken, g = 1.
      jnp.float32(-np.log(np.maximum(1 / best[2] - 1, 1e-12))))
  found = estimated(p, plan, y, posterior, 9, "elements")
  for n, row in enumerate(y):
    wanted, room = exact.evidence(p, row), 5 * found.standard_error[n]
    print(name, f"{found.value[n]:.4f} +- {room / 5:.4f}, exact {wanted:.4f}")
    assert abs(found.value[n] - wanted) < room + 1e-4 * abs(wanted)


@slow_except(
    "name, correlation, seed",
    # The fits that other quick tests make.
    [*((name, 0.0, 0) for name in QUICK), ("vp-2", 0.6, 0)],
    [0.0, 0.6], [0, 1])
def test_bounds_the_evidence_from_below(name, correlation, seed):
  """log p(y) of the prior itself, for every single y."""
  p, y, plan, posterior = fit_of(name, correlation, seed)
  estimate = estimated(p, plan, y, posterior, 100 + seed, proper(correlation))
  gaps = []
  for n, terms in enumerate(exact_terms(p, plan, y, posterior)):
    value, prior = -sum(terms.values()), exact.evidence(p, y[n])
    gaps.append(prior - value)
    assert value <= prior + rounding(prior)
    slack = 4 * estimate.standard_error[n]
    assert estimate.value[n] - slack <= prior
  print(f"{name} correlation {correlation} seed {seed}: gaps to log p(y) "
        f"{np.round(gaps, 4)}, mean {np.mean(gaps):.4f} nats")


@slow_except("name,", [(name,) for name in QUICK])
def test_a_diagonal_prior_is_reached(name):
  """Mean and variance of x given y and of z_{K-1}; the bound is tight."""
  p, y, plan, posterior = fit_of(name, 0.0, 0)
  for n, terms in enumerate(exact_terms(p, plan, y, posterior)):
    mean, cov = exact.fitted_marginal(
        p, plan.levels, ETA, *parameters(plan, posterior, n))
    x = exact.clean(p, plan.levels[-1], y[n], mean, cov)
    z = exact.chain_conditional(p, plan.levels, ETA, y[n], proper=True)
    gap = exact.evidence(p, y[n]) + sum(terms.values())
    assert gap < 0.1
    for found, wanted in (((mean, cov), z), (x, exact.conditional(p, y[n]))):
      std = np.sqrt(np.diag(wanted[1]))
      away = np.abs(found[0] - wanted[0]) / std
      ratio = np.sqrt(np.diag(found[1])) / std
      print(name, n, f"mean off by {away.max():.3f} std, ratio of std "
            f"{ratio.min():.3f}..{ratio.max():.3f}, gap {gap:.4f}")
      assert away.max() < 0.2
      assert 0.9 < ratio.min() and ratio.max() < 1.1


def test_a_correlated_prior_is_not_reached():
  """Element-wise parameters leave a gap, here of 0.07 nats."""
  gaps = {}
  for correlation in (0.0, 0.6):
    p, y, plan, posterior = fit_of("vp-2", correlation, 0)
    gaps[correlation] = [
        sum(terms.values()) + exact.evidence(p, y[n])
        for n, terms in enumerate(exact_terms(p, plan, y, posterior))]
  print("gap of vp-2 by correlation", gaps)
  assert np.mean(gaps[0.6]) > 2 * np.mean(gaps[0.0])


def test_the_released_variant_has_no_bound():
  plan = variational.vipaint_plan(VP, (551, 401), variant="released")
  with pytest.raises(ValueError, match="variant='paper'"):
    variational.bound_loss(plan, None, None, None, None)
  paper = variational.vipaint_plan(VP, (551, 401))
  with pytest.raises(ValueError, match="num_draws"):
    variational.elbo(paper, None, None, None, None, None, num_draws=1)


def test_constants_of_another_schedule_or_plan_are_named():
  plan = variational.vipaint_plan(VP, (551, 401))
  with pytest.raises(ValueError, match="plan must be made from the schedule"):
    variational.bound_constants(schedules.linear(1000), plan)
  with pytest.raises(ValueError, match="of 300 levels has no such level"):
    variational.bound_constants(VE, plan)
  other = variational.vipaint_plan(VP, (451, 401))
  constants = variational.bound_constants(VP, other)
  with pytest.raises(ValueError, match=r"level 551, got those of level 451"):
    variational.bound_loss(plan, constants, None, None, None)
