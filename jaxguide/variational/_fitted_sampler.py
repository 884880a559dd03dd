"""Fit, then sample, in the shape of a `Sampler`.

A posterior belongs to its images, so VIPaint as a sampler has to fit before
its first step: `init` is the whole fit, and the state carries what it found.
For many samples of an image call `fit` once and give `vipaint` its posterior.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import arrays
from jaxguide.samplers import core
from jaxguide.variational import plans
from jaxguide.variational import posteriors
from jaxguide.variational import sampling


class PlannedCoefficients(NamedTuple):
  """Coefficients of a step with the posterior's plan beside them.

  Attributes:
    plan: plan of the posterior, the same in every step.
    own: numbers of the step itself.
  """

  plan: plans.Plan
  own: sampling.VipaintCoefficients


class FittedState(NamedTuple):
  """The state of `fitted_sampler`.

  Attributes:
    plan: plan of the posterior; it has no batch axis.
    posterior: fitted posterior, leaves `[N, K, ...]`.
    inner: state of the sampler of that posterior, leaves `[R, ...]`.
  """

  plan: plans.Plan
  posterior: posteriors.Posterior
  inner: sampling.VipaintState


def with_plan(steps: core.Steps, plan: plans.Plan) -> core.Steps:
  """Steps that carry their posterior's plan, for `fitted_sampler`.

  A compiled function that is given nothing but the steps can then make the
  sampler, as the evaluation does.

  Args:
    steps: steps from `vipaint_steps`.
    plan: plan that they were made from.

  Returns:
    The steps, whose coefficients are `(plan, own)`.

  Example:
    >>> from jaxguide import schedules, variational
    >>> schedule = schedules.linear(1000)
    >>> plan = variational.vipaint_plan(schedule, (551, 401))
    >>> steps = variational.vipaint_steps(schedule, plan, num_steps=20)
    >>> variational.with_plan(steps, plan).coefficients.plan.levels
    (551, 401)
  """
  count = steps.index.shape[0]
  everywhere = jax.tree.map(
      lambda leaf: np.repeat(np.asarray(leaf)[None], count, axis=0), plan)
  return steps._replace(
      coefficients=PlannedCoefficients(everywhere, steps.coefficients))


def fitted_sampler(
    fit_posterior: Callable[[plans.Plan], posteriors.Posterior],
    sampler_of: Callable[[plans.Plan, posteriors.Posterior], core.Sampler],
) -> core.Sampler:
  """A sampler that fits first; its steps come from `with_plan`.

  Args:
    fit_posterior: function that initialises and fits, such as
      `lambda plan: fit(loss, initialise(plan, ...)).posterior`.
    sampler_of: function that makes the sampler of a posterior, such as
      `lambda plan, q: vipaint(plan, q, denoise, noise, reconstruction)`.

  Returns:
    A sampler whose `init` is the whole fit.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import denoisers, noises, samplers, schedules
    >>> from jaxguide import variational
    >>> schedule = schedules.linear(1000)
    >>> plan = variational.vipaint_plan(schedule, (401,))
    >>> steps = variational.vipaint_steps(schedule, plan, num_steps=3)
    >>> noise = noises.prng_noise(noises.image_keys(0, jnp.arange(1)))
    >>> denoise = denoisers.gaussian(jnp.zeros(4), jnp.eye(4))
    >>> y = jnp.ones((1, 4))
    >>> energy = variational.gaussian_likelihood(y, 0.1)
    >>> def fit_posterior(plan):
    ...   start = variational.initialise(plan, y[:, None], noise)
    ...   loss = variational.negative_elbo(
    ...       plan, denoise, noise, energy, num_samples=1, remat=False)
    ...   return variational.fit(loss, start, num_iterations=2).posterior
    >>> sampler = variational.fitted_sampler(
    ...     fit_posterior, lambda plan, posterior: variational.vipaint(
    ...         plan, posterior, denoise, noise, energy))
    >>> steps = variational.with_plan(steps, plan)
    >>> samplers.sample(sampler, noise(-1, "start", (4,)), steps).x.shape
    (1, 4)
  """

  def init(z: arrays.Batch, first: core.Step) -> FittedState:
    # The state goes through a loop, which takes arrays of one type.
    plan = jax.tree.map(jnp.asarray, first.coefficients.plan)
    posterior = fit_posterior(plan)
    sampler = sampler_of(plan, posterior)
    return FittedState(plan, posterior, sampler.init(z, _own(first)))

  def step(state: FittedState, step: core.Step) -> FittedState:
    sampler = sampler_of(state.plan, state.posterior)
    return state._replace(inner=sampler.step(state.inner, _own(step)))

  def output(state: FittedState) -> arrays.Batch:
    return sampler_of(state.plan, state.posterior).output(state.inner)

  return core.Sampler(init=init, step=step, output=output)


def _own(step: core.Step) -> core.Step:
  return step._replace(coefficients=step.coefficients.own)
