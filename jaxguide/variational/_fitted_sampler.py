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
    plan: the same in every step.
    own: the step's own numbers.
  """

  plan: plans.Plan
  own: sampling.VipaintCoefficients


class FittedState(NamedTuple):
  """The state of `fitted_sampler`.

  Attributes:
    plan: of the posterior; it has no batch axis.
    posterior: leaves `[N, K, ...]`.
    inner: of the sampler of that posterior.
  """

  plan: plans.Plan
  posterior: posteriors.Posterior
  inner: sampling.VipaintState


def with_plan(steps: core.Steps, plan: plans.Plan) -> core.Steps:
  """Steps that carry their posterior's plan, for `fitted_sampler`.

  What only sees the steps inside jit can make the sampler then, as the
  evaluation does.

  Args:
    steps: from `vipaint_steps`.
    plan: the one that they were made from.
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
    fit_posterior: initialises and fits, such as
      `lambda plan: fit(loss, initialise(plan, ...)).posterior`.
    sampler_of: from a posterior to its sampler, such as
      `lambda plan, q: vipaint(plan, q, denoise, noise, reconstruction)`.
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
