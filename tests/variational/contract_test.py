"""The contract of the samplers, kept by a posterior's sampler too.

With a fixed posterior everything is affine in the draws, so the moments are
exact; with a fit in front, what concerns batches, programs and dtypes holds.
"""

import dataclasses
import functools
import re

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import denoisers
from jaxguide import noises
from jaxguide import parallel
from jaxguide import samplers
from jaxguide import schedules
from jaxguide import variational
from tests import draws
from tests import programs
from tests import public_names
from tests.samplers import case as cases
from tests.samplers import contract
from tests.samplers import gaussians
from tests.samplers import runs

NOISE_STD, SCALE, GROUP, ETA = 2.0, 1.5, 5, 0.2


def levels_of(schedule):
  return tuple(
      round(share * schedule.num_levels) for share in (0.551, 0.401))


def steps_of(variant, schedule, num_steps, scale=SCALE):
  levels = levels_of(schedule)
  plan = variational.vipaint_plan(schedule, levels, eta=ETA, variant=variant)
  return variational.vipaint_steps(
      schedule, plan, min(num_steps, levels[-1] - (variant == "released")),
      scale=scale, group_size=GROUP)


def parameters(size):
  """mu, tau and g, `[2, size]`, numbers without a pattern."""
  at = np.arange(2 * size).reshape(2, size)
  return (np.sin(1.3 * at), 0.3 + 0.2 * np.cos(0.7 * at) ** 2,
          0.5 + 0.4 * np.sin(0.9 * at))


def posterior_like(y):
  mu, tau, g = parameters(int(np.prod(y.shape[1:])))
  leaves = (mu, 2 * np.log(tau), np.log(g / (1 - g)))
  return variational.Posterior(*(
      jnp.float32(leaf).reshape(1, 2, *y.shape[1:]) for leaf in leaves))


@functools.cache
def plan_of(variant):
  schedule = runs.schedule()
  return variational.vipaint_plan(
      schedule, levels_of(schedule), eta=ETA, variant=variant)


def sampler_of(s, plan, posterior):
  likelihood = variational.gaussian_likelihood(
      s.y, NOISE_STD, mask=jnp.broadcast_to(s.mask, s.y.shape))
  return variational.vipaint(
      plan, posterior, s.denoise, s.noise, likelihood,
      **s.scalars)


def fixed(variant):
  return cases.Case(
      f"vipaint-{variant}", functools.partial(steps_of, variant),
      lambda s: sampler_of(s, plan_of(variant), posterior_like(s.y)),
      ("step",), recursion=functools.partial(recursion, variant),
      scalars={"guidance_scale": 0.7}, plan_scalars={"scale": 0.4})


def recursion(variant, prior, y, num_steps):
  """The start, the hierarchy and DPS-type steps as affine maps."""
  schedule, released = runs.schedule(), variant == "released"
  mu, tau, g = parameters(gaussians.DIM)
  top, low = levels_of(schedule)
  steps = steps_of(variant, schedule, num_steps)
  levels = [low, *steps.next_level.level[1:]]
  alpha_bar = schedule.alpha**2
  row = lambda level: gaussians._level(prior, alpha_bar[level])
  eye = np.eye(gaussians.DIM)

  def ddim(t, s, variance):
    """Matrix and offset of alpha_s x0 + sqrt(sigma_s^2 - variance) eps."""
    on_eps = np.sqrt(max(1 - s.alpha_bar - variance, 0)) / t.sigma
    return (s.alpha * t.gain + on_eps * (eye - t.alpha * t.gain),
            (s.alpha - on_eps * t.alpha) * t.offset)

  def full(t, s):
    return ((1 - s.alpha_bar) / (1 - t.alpha_bar)
            * (1 - t.alpha_bar / s.alpha_bar))

  scale = np.sqrt(1 - tau[0] ** 2) if released else 1.0
  maps = [gaussians.Affine(np.diag(tau[0]), scale * mu[0])]
  t, s = row(top), row(low)
  matrix, offset = ddim(t, s, ETA * full(t, s))
  context = (s.alpha if released else 1.0) * mu[1]
  maps.append(gaussians.Affine(
      g[1][:, None] * matrix, g[1] * offset + (1 - g[1]) * context,
      (np.diag(tau[1]),)))
  pull = prior.observed.T / NOISE_STD**2 * 0.7 * SCALE / GROUP
  for t, s in zip(levels[:-1], levels[1:], strict=True):
    t, s = row(t), row(s)
    variance = (ETA**2 if released else ETA) * full(t, s)
    matrix, offset = ddim(t, s, variance)
    pulled = t.gain.T @ pull
    matrix = matrix - pulled @ prior.observed @ t.gain
    offset = offset - pulled @ (prior.observed @ t.offset - y)
    spread = 0.0 if released else np.sqrt(variance)
    maps.append(gaussians.Affine(matrix, offset, (spread * eye,)))
  # What comes out is the last estimate, before that step's gradient.
  maps[-1] = gaussians.Affine(t.gain, t.offset)
  return 1.0, maps


PAPER, RELEASED = fixed("paper"), fixed("released")


def test_every_sampler_is_here():
  """A public function of the package that returns a `Sampler` is one."""
  assert public_names.returning(variational, (samplers.Sampler,)) == [
      "fitted_sampler", "vipaint"]


@pytest.mark.parametrize("case", [PAPER, RELEASED], ids=lambda c: c.name)
def test_moments_match_the_recursion(case):
  contract.unit_responses_match_the_recursion(case)


# Its plan is of one schedule, that of the next test of another.
STRUCTURE = [
    promise for promise in contract.STRUCTURE
    if promise is not contract.smallest_and_longest_plan_are_finite]


@pytest.mark.parametrize("case", [
    PAPER, pytest.param(RELEASED, marks=pytest.mark.slow),
], ids=lambda c: c.name)
@pytest.mark.parametrize("promise", STRUCTURE, ids=lambda p: p.__name__)
def test_contract(promise, case):
  promise(case)


def test_smallest_and_longest_plan_are_finite():
  schedule = schedules.linear(60)
  plan = variational.vipaint_plan(schedule, levels_of(schedule), eta=ETA)
  case = dataclasses.replace(
      PAPER, make=lambda s: sampler_of(s, plan, posterior_like(s.y)))
  contract.smallest_and_longest_plan_are_finite(case)


# With the fit in front.


def _fitted(num_iterations):
  def planned(schedule, num_steps):
    plan = variational.vipaint_plan(schedule, levels_of(schedule), eta=ETA)
    return variational.with_plan(
        steps_of("paper", schedule, num_steps), plan)

  def make(s):
    mask = jnp.broadcast_to(s.mask, s.y.shape)
    likelihood = variational.gaussian_likelihood(s.y, NOISE_STD, mask=mask)

    def fit(plan):
      loss = variational.negative_elbo(
          plan, s.denoise, s.noise, likelihood, num_samples=2,
          beta_diffusion=1.0, beta_hierarchy=1.0)
      context = variational.encodings(s.y * mask, s.noise, 2)
      start = variational.initialise(plan, context, s.noise)
      return variational.fit(
          loss, start, num_iterations=num_iterations).posterior

    return variational.fitted_sampler(
        fit, functools.partial(sampler_of, s))

  return cases.Case("vipaint-fitted", planned, make, ("step",),
                    scalars={"guidance_scale": 0.7})


def _hashed_run(case, shared, batch):
  """With draws that compile fast; batch has "y" and the images' numbers."""
  return runs.run(case, shared, batch, draws.hashed_noise(batch["numbers"]))


def _hashed_batch(count):
  return {"y": runs.batch_of(count)["y"], "numbers": np.arange(count)}


def _fitted_shared(case, num_steps, **scalars):
  return runs.shared_of(
      case, case.plan(runs.schedule(), num_steps), **scalars)


@functools.cache
def _compiled():
  """One program for all tests that only differ in its inputs."""
  chex.clear_trace_counter()

  @programs.jit
  @chex.assert_max_traces(n=1)
  def fn(shared, batch):
    return _hashed_run(_fitted(4), shared, batch)

  return fn


def test_one_trace_with_the_fit():
  case, batch, fn = _fitted(4), _hashed_batch(4), _compiled()
  first = fn(_fitted_shared(case, 6), batch)
  np.testing.assert_array_equal(fn(_fitted_shared(case, 6), batch), first)
  assert np.any(
      fn(_fitted_shared(case, 6, guidance_scale=0.1), batch) != first)
  assert fn._cache_size() == 1


def test_images_never_mix_in_the_fit():
  """Another observation, or other draws, change one image and no other."""
  shared, batch, fn = (
      _fitted_shared(_fitted(4), 6), _hashed_batch(4), _compiled())
  first, others = np.asarray(fn(shared, batch)), np.arange(4) != 1
  for name, other in (("y", batch["y"][1] + 0.1), ("numbers", 9)):
    leaf = batch[name].copy()
    leaf[1] = other
    moved = np.asarray(fn(shared, {**batch, name: leaf}))
    np.testing.assert_array_equal(moved[others], first[others])
    assert np.abs(moved[1] - first[1]).max() > 1e-3


@pytest.mark.parametrize(
    "alone", [(), pytest.param((2, 1), marks=pytest.mark.slow)])
def test_alone_batched_and_sharded_are_equal_to_the_bit_with_the_fit(alone):
  case, batch, want = _fitted(4), runs.batch_of(8), None
  shared = _fitted_shared(case, 3)
  for count, backend, sizes in (
      (1, "pmap", (8, *alone)), (8, "jit", (3, 1))):
    mapped = parallel.map_batch(
        functools.partial(runs.run, case),
        devices=jax.local_devices()[:count], backend=backend)
    for size in sizes:
      got = mapped(shared, jax.tree.map(lambda x: x[:size], batch))  # noqa: B023
      want = got if want is None else want
      np.testing.assert_array_equal(got, want[:size])


def test_the_fit_does_not_grow_with_its_iterations():
  batch, seen = _hashed_batch(4), set()
  for count in (5, 500):
    case = _fitted(count)
    traced = programs.jit(functools.partial(_hashed_run, case)).trace(
        _fitted_shared(case, 4), batch)
    memory = traced.lower().compile().memory_analysis()
    seen.add((contract.count_equations(traced.jaxpr.jaxpr),
              memory.temp_size_in_bytes // 2**14))
  equations = {pair[0] for pair in seen}
  assert len(equations) == 1, seen
  # The history of the loss is 4 numbers per image and iteration.
  assert max(s[1] for s in seen) - min(s[1] for s in seen) <= 4, seen


@pytest.mark.parametrize("variant", ["paper", "released"])
def test_noise_that_images_would_share_is_refused(variant):
  contract.noise_that_images_would_share_is_refused(fixed(variant))


@pytest.mark.parametrize("num_levels", [1, 4])
def test_steps_of_another_plan_are_named(num_levels):
  schedule = schedules.scaled_linear()
  plan = variational.vipaint_plan(schedule, variational.LEVELS[2])
  y = jnp.zeros((2, gaussians.DIM))
  sampler = variational.vipaint(
      plan, posterior_like(y), None, None, None)
  for levels, variant in (
      (variational.LEVELS[num_levels], "paper"),
      (variational.LEVELS[2], "released")):
    other = variational.vipaint_plan(schedule, levels, variant=variant)
    steps = variational.vipaint_steps(schedule, other, 5)
    with pytest.raises(ValueError, match=(
        r"steps must be made by .*\(levels \(551, 401\), paper\), "
        rf"got those of levels {re.escape(str(levels))}, {variant}")):
      samplers.sample(sampler, y, steps)
  steps = samplers.ddim_steps(schedule, 5)
  with pytest.raises(ValueError, match="got those of no plan"):
    samplers.sample(sampler, y, steps)


def test_what_cannot_be_refined_is_named():
  schedule = schedules.scaled_linear()
  clean = variational.vipaint_plan(schedule, (0,))
  with pytest.raises(ValueError, match="nothing to refine, got levels"):
    variational.vipaint_steps(schedule, clean)
  plan = variational.vipaint_plan(schedule, variational.LEVELS[1])
  with pytest.raises(ValueError, match="scale must be finite, got nan"):
    variational.vipaint_steps(schedule, plan, scale=float("nan"))


@pytest.mark.parametrize("rows", [1, 2])
def test_a_start_that_images_would_share_is_named(rows):
  plan = plan_of("paper")
  noise = noises.prng_noise(noises.image_keys(0, jnp.arange(rows)))
  context = jnp.zeros((3, 2, 16))
  wanted = rf"must have shape \[3, .*got \({rows}, "
  with pytest.raises(ValueError, match="slot 'encode' " + wanted):
    variational.encodings(context[:, 0], noise, 2)
  with pytest.raises(ValueError, match="slot 'mean' " + wanted):
    variational.initialise(plan, context, noise)
  loss = variational.negative_elbo(
      plan, None, noise, None, num_samples=1)
  with pytest.raises(ValueError, match="slot 'start' " + wanted):
    loss(variational.Posterior(context, context, context), 0)


@pytest.mark.parametrize("name", ["std_scale", "start_std"])
def test_a_start_without_a_spread_is_named(name):
  noise = noises.prng_noise(noises.image_keys(0, jnp.arange(3)))
  with pytest.raises(ValueError, match=f"{name} must be positive, got 0.0"):
    variational.initialise(
        plan_of("paper"), jnp.zeros((3, 2, 16)), noise, **{name: 0.0})


def test_an_estimate_of_another_shape_is_named():
  energy = variational.masked_reconstruction(
      jnp.zeros((2, 4, 4, 3)), jnp.ones((1, 4, 4, 1)))
  with pytest.raises(ValueError, match=r"x must have shape \[\*, 4, 4, 3\]"):
    energy(jnp.zeros((2, 1, 1, 3)), None, None)


@pytest.mark.parametrize("num_levels", [1, 2, 4])
@pytest.mark.parametrize("variant", ["paper", "released"])
def test_how_often_the_network_is_asked(variant, num_levels):
  """What the docs state and the evaluation reports, counted."""
  schedule, rows = schedules.scaled_linear(), []
  plan = variational.vipaint_plan(
      schedule, variational.LEVELS[num_levels], variant=variant)

  def denoise(z, level):
    rows.append(z.shape[0])
    return denoisers.from_x0(0.5 * z, z, level)

  def energy(x, level, draw):
    return jnp.sum(x**2, axis=1)

  draw = noises.prng_noise(noises.image_keys(0, jnp.arange(2)))
  posterior = variational.initialise(
      plan, jnp.zeros((2, num_levels, 16)), draw)
  with jax.disable_jit():
    variational.negative_elbo(
        plan, denoise, draw, energy, num_samples=3, remat=False)(posterior, 0)
    assert rows == [2 * 3] * (num_levels + 1)
    if variant == "paper":
      rows.clear()
      constants = variational.bound_constants(schedule, plan)
      variational.bound_loss(
          plan, constants, denoise, draw, energy, num_samples=3, remat=False)(
              posterior, 0)
      assert rows == [2 * 3] * (num_levels + 2)
    rows.clear()
    steps = variational.vipaint_steps(schedule, plan, 7)
    sampler = variational.vipaint(plan, posterior, denoise, draw, energy)
    samplers.sample(sampler, draw(-1, "start", (16,)), steps)
    assert rows == [2] * (num_levels - 1 + 7)
