"""What every sampler has to keep, on a Gaussian prior in 16 dimensions."""

import functools

import chex
import jax
import jax.extend.core
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import denoisers
from jaxguide import noises
from jaxguide import parallel
from jaxguide import samplers
from jaxguide import schedules
from tests import programs
from tests.samplers import cases
from tests.samplers import gaussians
from tests.samplers import runs


def _id(case):
  return case.name


each = pytest.mark.parametrize("case", cases.ALL, ids=_id)
each_sampler = pytest.mark.parametrize("case", [
    *cases.FIRST,
    pytest.param(cases.LOOKING_AHEAD, marks=pytest.mark.slow)], ids=_id)


@functools.cache
def _plan(case, num_steps):
  return case.plan(cases.schedule(), num_steps)


def _shared(case, num_steps=6, **scalars):
  return runs.shared_of(case, _plan(case, num_steps), **scalars)


def _drawn(case, count, num_steps=6, dim=gaussians.DIM):
  size = _plan(case, num_steps).index.size
  return runs.drawn_batch_of(case, count, size, dim)


def test_every_sampler_has_cases():
  assert sorted(cases.CASES) == sorted(samplers.__all__)
  for name, group in cases.CASES.items():
    assert group, name
    for case in group:
      assert case.name.startswith(name)


# Statistics.


@each
def test_unit_responses_match_the_recursion(case):
  """The exact moments, from the response to every single draw."""
  p, y = gaussians.prior(), runs.observation()
  for num_steps in (1, 12):
    mean, covariance = runs.measured_moments(case, num_steps, y)
    start, maps = case.recursion(p, p.observed @ y, num_steps)
    want_mean, want_covariance = gaussians.moments(start, maps)
    np.testing.assert_allclose(mean, want_mean, atol=2e-5)
    np.testing.assert_allclose(covariance, want_covariance, atol=2e-5)


@functools.cache
def _draw_many(case):
  """One compiled program for 20,000 samples of one observation."""
  y = np.broadcast_to(np.float32(runs.observation()), (20_000, gaussians.DIM))
  fn = jax.jit(lambda shared, keys: runs.run(
      case, shared, {"keys": keys, "y": y}))
  return lambda shared, seed: fn(
      shared, noises.image_keys(seed, jnp.arange(20_000)))


@each
@pytest.mark.parametrize("seed", (1, 2, 3))
def test_samples_match_the_recursion(case, seed):
  """20,000 samples: mean and covariance within 3 standard errors.

  As chi-square statistics of the whitened moments (see `gaussians.scores`).
  The test has power: a bias of 0.03 standard deviations in one direction,
  or a variance 2 % off in all, moves a score by more than 3.
  """
  p, y = gaussians.prior(), runs.observation()
  start, maps = case.recursion(p, p.observed @ y, 12)
  x = _draw_many(case)(_shared(case, 12), seed)
  score = gaussians.scores(np.float64(x), *gaussians.moments(start, maps))
  assert abs(score["mean"]) < 3, score
  assert abs(score["covariance"]) < 3, score
  assert score["degenerate"] < 1e-5, score


def test_the_statistics_have_power():
  """What the sentence above claims, on numpy samples."""
  rng, p = np.random.default_rng(0), gaussians.prior()
  root = np.linalg.cholesky(p.covariance)
  x = p.mean + rng.normal(size=(20_000, gaussians.DIM)) @ root.T
  truth = gaussians.scores(x, p.mean, p.covariance)
  assert abs(truth["mean"]) < 3 and abs(truth["covariance"]) < 3
  shifted = gaussians.scores(x, p.mean + 0.035 * root[:, 3], p.covariance)
  assert shifted["mean"] > 3
  wider = gaussians.scores(x, p.mean, 1.025 * p.covariance)
  assert wider["covariance"] > 3


@pytest.mark.parametrize(
    "case", [c for c in cases.ALL if c.limit], ids=_id)
def test_the_limit_of_many_steps_is_the_prior(case):
  p = gaussians.prior()
  errors = []
  for num_steps in (10, 40, 160):
    mean, covariance = runs.measured_moments(case, num_steps, p.mean)
    errors.append(gaussians.divergence(mean, covariance, p))
  assert errors[1] < 0.5 * errors[0], errors
  assert errors[2] < 0.5 * errors[1], errors
  assert errors[2] < 0.3, errors


# Determinism.


@each_sampler
def test_alone_batched_and_sharded_are_equal_to_the_bit(case):
  shared, batch = _shared(case), runs.batch_of(16)
  if case.name.startswith(("ddim", "egsde", "ilvr", "sdedit")):
    # Users' random numbers, which compile slowly, are in the other cases.
    batch["numbers"] = np.arange(16)
    del batch["keys"]

  def fn(shared, batch):
    return runs.run(case, shared, batch)

  want = None
  # Sizes that are padded to the same rows share a compiled program.
  for count, backend, sizes in (
      (1, "pmap", (16, 3, 2, 1)), (1, "jit", (16,)),
      (8, "pmap", (16, 3, 1)), (8, "jit", (16, 3))):
    mapped = parallel.map_batch(
        fn, devices=jax.local_devices()[:count], backend=backend)
    for size in sizes:
      part = jax.tree.map(lambda leaf: leaf[:size], batch)  # noqa: B023
      got = mapped(shared, part)
      want = got if want is None else want
      np.testing.assert_array_equal(got, want[:size])
  # The same image in another place of the batch.
  part = jax.tree.map(lambda leaf: leaf[5:7], batch)
  np.testing.assert_array_equal(mapped(shared, part), want[5:7])


@each_sampler
def test_jit_agrees_with_eager(case):
  shared, batch = _shared(case, 4), _drawn(case, 3, 4)
  compiled = jax.jit(functools.partial(runs.run, case))(shared, batch)
  with jax.disable_jit():
    eager = runs.run(case, shared, batch)
  scale = np.abs(compiled).max()
  np.testing.assert_allclose(eager, compiled, rtol=1e-5, atol=1e-5 * scale)


@each_sampler
def test_a_replay_of_its_own_draws(case):
  shared, batch = _shared(case), runs.batch_of(4)
  prng = noises.prng_noise(batch["keys"])
  count = shared["steps"].index.size
  tables = {
      slot: jnp.stack([prng(i, slot, runs.SHAPE)[None] for i in range(count)])
      for slot in case.slots
  }
  tables["start"] = prng(-1, "start", runs.SHAPE)[None, None]
  run = programs.jit(lambda shared, batch, tables: runs.run(
      case, shared, batch, noises.recorded_noise(tables)))
  want = programs.jit(functools.partial(runs.run, case))(shared, batch)
  np.testing.assert_allclose(
      run(shared, batch, tables), want, rtol=1e-6, atol=1e-6)


@each_sampler
def test_images_never_mix(case):
  shared = _shared(case, 3)

  def of_inputs(tables, y):
    return runs.run(case, shared, {"tables": tables, "y": y}).sum(axis=1)

  slopes = programs.jit(jax.jacrev(of_inputs, argnums=(0, 1)))(
      *_drawn(case, 3, 3).values())
  mixed = False
  for leaf in jax.tree.leaves(slopes[0]):  # [B, index, inner, B, d]
    across = np.moveaxis(leaf, 3, 1).reshape(3, 3, -1)
    mixed |= bool(np.any(across[~np.eye(3, dtype=bool)]))
    assert np.any(across[np.eye(3, dtype=bool)]) or leaf.size == 0
  across = np.asarray(slopes[1])[~np.eye(3, dtype=bool)]
  assert not mixed and not np.any(across)


# One program.


@each_sampler
def test_one_trace_for_many_calls_and_sweeps(case):
  chex.clear_trace_counter()

  @programs.jit
  @chex.assert_max_traces(n=1)
  def fn(shared, batch):
    return runs.run(case, shared, batch)

  batch = _drawn(case, 4)
  first = fn(_shared(case), batch)
  np.testing.assert_array_equal(fn(_shared(case), batch), first)
  for name in case.scalars:
    assert np.any(fn(_shared(case, **{name: 0.1}), batch) != first), name
  for name, value in case.plan_scalars.items():
    steps = case.plan(cases.schedule(), 6, **{name: value})
    assert np.any(fn(runs.shared_of(case, steps), batch) != first), name
  assert fn._cache_size() == 1


@each_sampler
def test_scalars_can_be_vmapped(case):
  batch = _drawn(case, 2)
  for name in case.scalars:
    values = np.float32([0.0, 0.2, 0.5])

    def fn(value, shared, name=name):
      scalars = {**shared["scalars"], name: value}
      return runs.run(case, {**shared, "scalars": scalars}, batch)

    shared = _shared(case)
    swept = programs.jit(jax.vmap(fn, in_axes=(0, None)))(values, shared)
    alone = programs.jit(fn)
    for value, got in zip(values, swept, strict=True):
      np.testing.assert_allclose(
          got, alone(value, shared), rtol=1e-5, atol=1e-5)


@each_sampler
def test_a_scalar_may_differ_from_image_to_image(case):
  batch = _drawn(case, 3)
  fn = programs.jit(functools.partial(runs.run, case))
  for name in case.scalars:
    values = np.float32([0.0, 0.2, 0.5])
    together = fn(_shared(case, **{name: values}), batch)
    for i, value in enumerate(values):
      alone = fn(_shared(case, **{name: value}), batch)
      np.testing.assert_allclose(
          together[i], alone[i], rtol=1e-5, atol=1e-5)


def _count_equations(jaxpr):
  total = len(jaxpr.eqns)
  for equation in jaxpr.eqns:
    for inner in jax.extend.core.jaxprs_in_params(equation.params):
      total += _count_equations(inner)
  return total


@each_sampler
def test_program_and_memory_do_not_grow_with_the_steps(case):
  batch = runs.batch_of(4)
  seen = set()
  for num_steps in (10, 1000):
    shared = _shared(case, num_steps)
    traced = programs.jit(functools.partial(runs.run, case)).trace(
        shared, batch)
    memory = traced.lower().compile().memory_analysis()
    seen.add((_count_equations(traced.jaxpr.jaxpr), memory.temp_size_in_bytes))
  assert len(seen) == 1, seen
  assert seen.pop()[0] > 10


# Shapes, dtypes, extremes.


@each_sampler
@pytest.mark.parametrize("rows", (1, 2))
def test_noise_that_images_would_share_is_named(case, rows):
  """A single row would be broadcast without an error in jax."""
  shared, batch = _shared(case, 4), runs.batch_of(3)
  whole, few = (noises.prng_noise(batch["keys"][:n]) for n in (3, rows))

  def noise(index, slot, *rest):
    return (whole if slot == "start" else few)(index, slot, *rest)

  with pytest.raises(
      ValueError, match=r"noise of slot '\w+' must have shape \[3, 16\], got "
      rf"\({rows}, 16\)"):
    jax.eval_shape(lambda: runs.run(case, shared, batch, noise))


@each_sampler
def test_dtype_is_kept(case):
  shared, batch = _shared(case, 10), _drawn(case, 64, 10)
  full = programs.jit(functools.partial(runs.run, case))(shared, batch)
  half = programs.jit(
      functools.partial(runs.run, case, dtype=jnp.bfloat16))(shared, batch)
  assert full.dtype == jnp.float32
  assert half.dtype == jnp.bfloat16
  # Only the state is rounded; `denoisers_test` holds the float32 arithmetic.
  assert np.abs(np.float32(half) - full).mean() < 0.02


@each_sampler
@pytest.mark.parametrize("num_steps", (1, 60))
def test_smallest_and_longest_plan_are_finite(case, num_steps):
  steps = case.plan(schedules.linear(60), num_steps)
  shared = runs.shared_of(case, steps)
  batch = runs.drawn_batch_of(case, 3, steps.index.size)
  out = programs.jit(functools.partial(runs.run, case))(shared, batch)
  assert np.all(np.isfinite(out))
  assert np.abs(out).max() < 20


@each_sampler
def test_the_trailing_shape_does_not_matter(case):
  """Vectors, point clouds and images of 48 numbers give the same ones."""
  steps = _plan(case, 6)
  drawn = noises.recorded_noise(_drawn(case, 2, 6, dim=48)["tables"])
  y = np.random.default_rng(3).normal(size=(2, 48)).astype(np.float32)
  mask = np.float32(np.arange(48) % 2)

  def denoise(x_t, level):
    x0 = level.alpha * x_t / (level.alpha**2 + 4 * level.sigma**2)
    return denoisers.from_x0(x0, x_t, level)

  def run(shape):
    def noise(index, slot, trailing, law="normal", inner=0):
      assert tuple(trailing) == shape
      return drawn(index, slot, (48,), law, inner).reshape(2, *shape)

    sampler = case.make(cases.Setting(
        denoise, noise, y.reshape(2, *shape), mask.reshape(1, *shape),
        case.scalars,
    ))
    return samplers.sample(sampler, noise(-1, "start", shape), steps)

  compiled = programs.jit(run, static_argnums=0)
  flat = compiled((48,))
  for shape in ((16, 3), (4, 4, 3)):
    out = compiled(shape)
    assert out.x.shape == (2, *shape)
    assert out.is_finite.shape == (2,)
    np.testing.assert_allclose(
        out.x.reshape(2, 48), flat.x, rtol=1e-5, atol=1e-6)
