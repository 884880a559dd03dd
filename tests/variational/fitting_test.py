"""The fit's optimiser and its bookkeeping, on a loss without a network."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxguide import schedules
from jaxguide import variational


def start(count=3):
  rng = np.random.default_rng(0)
  return variational.Posterior(
      *(jnp.float32(rng.normal(size=(count, 2, 5))) for _ in range(3)))


def bowl(posterior, index):
  """A bowl whose bottom moves with the iteration."""
  total = sum(
      jnp.sum((leaf - jnp.sin(0.3 * index + k)) ** 2 * (k + 1), axis=(1, 2))
      for k, leaf in enumerate(posterior))
  parts = jnp.stack([total, 2 * total], axis=1)
  return variational.Terms(total, parts, parts, parts)


loss = variational.Loss(bowl)


def reference(posterior, count):
  """Three optimisers of optax, one per leaf, in a loop."""
  rates = (0.1, 0.001, 0.01)
  rules = [optax.adam(
      optax.exponential_decay(r, 10, 0.99, staircase=True), b1=0.9, b2=0.99)
           for r in rates]
  leaves = list(posterior)
  memory = [rule.init(leaf) for rule, leaf in zip(rules, leaves, strict=True)]
  slope = jax.grad(lambda p, n: loss(p, n).total.sum())
  for n in range(count):
    gradient = slope(variational.Posterior(*leaves), n)
    for k, rule in enumerate(rules):
      updates, memory[k] = rule.update(gradient[k], memory[k])
      leaves[k] = leaves[k] + updates
  return leaves


def test_updates_are_those_of_optax():
  found = jax.jit(lambda p: variational.fit(loss, p, num_iterations=25))(
      start())
  for got, wanted in zip(found.posterior, reference(start(), 25), strict=True):
    np.testing.assert_allclose(got, wanted, atol=2e-6)
  assert np.abs(found.posterior.mu - start().mu).max() > 0.1


def test_history_and_trajectory():
  found = jax.jit(lambda p: variational.fit(
      loss, p, num_iterations=7, keep_every=3))(start())
  assert found.history.total.shape == (7, 3)
  assert found.trajectory.mu.shape == (2, 3, 2, 5)
  np.testing.assert_allclose(found.history.total[0], loss(start(), 0).total)
  np.testing.assert_allclose(
      found.history.reconstruction, 1.5 * found.history.total, rtol=1e-6)
  six = jax.jit(lambda p: variational.fit(loss, p, num_iterations=6))(start())
  np.testing.assert_array_equal(six.posterior.mu, found.trajectory.mu[1])
  assert six.trajectory is None


def test_the_shift_of_the_released_program():
  """D4: between gradient and update, on levels 1 and up."""
  one = {v: variational.fit(loss, start(), num_iterations=1, variant=v)
         for v in ("paper", "released")}
  mu = np.asarray(start().mu)
  shifted = mu[:, 1] - mu[:, 1].min(axis=1, keepdims=True)
  np.testing.assert_allclose(
      one["released"].posterior.mu[:, 1] - shifted,
      one["paper"].posterior.mu[:, 1] - mu[:, 1], atol=1e-6)
  np.testing.assert_array_equal(
      one["released"].posterior.mu[:, 0], one["paper"].posterior.mu[:, 0])


def test_a_fit_has_the_variant_of_its_loss():
  """The shift of a released plan's fit is not to be asked for again."""
  plans = {v: variational.vipaint_plan(
      schedules.scaled_linear(), (551, 401), variant=v)
           for v in ("paper", "released")}
  for variant, plan in plans.items():
    planned = variational.Loss(bowl, plan)
    found, wanted = (
        variational.fit(one, start(), num_iterations=1, **options).posterior
        for one, options in ((planned, {}), (loss, {"variant": variant})))
    np.testing.assert_array_equal(found.mu, wanted.mu)
  # It can be left out, to show what it does.
  plain = variational.fit(
      variational.Loss(bowl, plans["released"]), start(),
      num_iterations=1, variant="paper").posterior
  assert np.abs(plain.mu - found.mu).max() > 1e-2


def test_a_posterior_of_other_levels_is_named():
  plan = variational.vipaint_plan(
      schedules.scaled_linear(), variational.LEVELS[4])
  with pytest.raises(ValueError, match=r"posterior\.mu has shape \(3, 2, 5\)"):
    variational.fit(variational.Loss(bowl, plan), start())
  with pytest.raises(ValueError, match="the plan has 4 levels"):
    variational.vipaint(plan, start(), None, None, None)


def test_an_image_that_is_lost_is_told_and_spoils_no_other():
  bad = start()._replace(mu=start().mu.at[1, 0, 2].set(jnp.nan))
  found = variational.fit(loss, bad, num_iterations=3)
  good = variational.fit(loss, start(), num_iterations=3)
  np.testing.assert_array_equal(found.is_finite, [True, False, True])
  np.testing.assert_array_equal(found.posterior.mu[2], good.posterior.mu[2])


@pytest.mark.parametrize("options", [
    {"num_iterations": 0}, {"keep_every": 0}, {"keep_every": 60},
    {"variant": "exact"}])
def test_bad_options_are_named(options):
  with pytest.raises(ValueError, match=next(iter(options))):
    variational.fit(loss, start(), **options)
