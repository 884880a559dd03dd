"""What every sampler has to keep, on a Gaussian prior in 16 dimensions.

Each promise is a function of a `case.Case` that fails by an exception. A test
of a sampler of one's own asks for all that concern it:

  @pytest.mark.parametrize(
      "promise", contract.promises_of(CASE), ids=lambda p: p.__name__)
  def test_contract(promise):
    promise(CASE)
"""

from collections.abc import Callable, Sequence
import functools
from typing import Any

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
from tests.samplers import case as cases
from tests.samplers import gaussians
from tests.samplers import runs

Promise = Callable[[cases.Case], None]


def promises_of(case: cases.Case) -> tuple[Promise, ...]:
  """All promises that concern a sampler."""
  return (*STRUCTURE, *numbers_of(case))


def numbers_of(case: cases.Case) -> tuple[Promise, ...]:
  """The promises about its numbers, as far as the case says what they are."""
  return (
      *((unit_responses_match_the_recursion, samples_match_the_recursion)
        if case.recursion else ()),
      *((the_limit_of_many_steps_is_the_prior,) if case.limit else ()),
      *((samples_match_the_exact_posterior,) if case.exact else ()),
      *((runs_match_the_reference,) if case.reference else ()),
  )


@functools.cache
def _plan(case, num_steps):
  return case.plan(runs.schedule(), num_steps)


def _shared(case, num_steps=6, **scalars):
  return runs.shared_of(case, _plan(case, num_steps), **scalars)


def _drawn(case, count, num_steps=6, **options):
  size = _plan(case, num_steps).index.size
  return runs.drawn_batch_of(case, count, size, **options)


def _close(case, got, want, share=1.0):
  """Equal up to rounding: `case.tolerance`, relative and absolute."""
  bound = share * case.tolerance
  np.testing.assert_allclose(got, want, rtol=bound, atol=bound)


# Numbers.


def unit_responses_match_the_recursion(case):
  """The exact moments, from the response to every single draw."""
  p, y = gaussians.prior(), runs.observation()
  for num_steps in (1, 12):
    mean, covariance = runs.measured_moments(case, num_steps, y)
    start, maps = case.recursion(p, p.observed @ y, num_steps)
    want_mean, want_covariance = gaussians.moments(start, maps)
    np.testing.assert_allclose(mean, want_mean, atol=2e-5)
    np.testing.assert_allclose(covariance, want_covariance, atol=2e-5)


@functools.cache
def _draw_many(case, count):
  """One compiled program for many samples of one observation."""
  y = np.broadcast_to(np.float32(runs.observation()), (count, gaussians.DIM))
  fn = jax.jit(lambda shared, keys: runs.run(
      case, shared, {"keys": keys, "y": y}))
  return lambda shared, seed: fn(
      shared, noises.image_keys(seed, jnp.arange(count)))


def samples_match_the_recursion(case):
  """20,000 samples, thrice: mean and covariance within 3 standard errors.

  As chi-square statistics of the whitened moments (see `gaussians.scores`).
  They have power: a bias of 0.03 standard deviations in one direction, or a
  variance 2 % off in all, moves a score by more than 3.
  """
  p, y = gaussians.prior(), runs.observation()
  start, maps = case.recursion(p, p.observed @ y, 12)
  for seed in (1, 2, 3):
    x = _draw_many(case, 20_000)(_shared(case, 12), seed)
    _within(3, x, *gaussians.moments(start, maps))


def _within(standard_errors, x, mean, covariance):
  score = gaussians.scores(np.float64(x), mean, covariance)
  assert abs(score["mean"]) < standard_errors, score
  assert abs(score["covariance"]) < standard_errors, score
  assert score["degenerate"] < 1e-5, score


def the_limit_of_many_steps_is_the_prior(case):
  """Four times the steps at least halve the divergence from the prior."""
  p = gaussians.prior()
  errors = []
  for num_steps in (10, 40, 160):
    mean, covariance = runs.measured_moments(case, num_steps, p.mean)
    errors.append(gaussians.divergence(mean, covariance, p))
  assert errors[1] < 0.5 * errors[0], errors
  assert errors[2] < 0.5 * errors[1], errors
  assert errors[2] < 0.3, errors


def samples_match_the_exact_posterior(case):
  """Samples of many steps have the moments that the case states."""
  exact, y = case.exact, runs.observation()
  moments = exact.moments(gaussians.prior(), y)
  for seed in (1, 2, 3):
    x = _draw_many(case, exact.count)(_shared(case, exact.num_steps), seed)
    _within(exact.standard_errors, x, *moments)


def runs_match_the_reference(case):
  """Image by image, the run of an independent program on the same draws."""
  p = gaussians.prior()
  for num_steps in (1, 12):
    batch = _drawn(case, 3, num_steps)
    got = programs.jit(functools.partial(runs.run, case))(
        _shared(case, num_steps), batch)
    for n in range(3):
      draws = {slot: np.float64(table[:, :, n])
               for slot, table in batch["tables"].items()}
      want = case.reference(p, np.float64(batch["y"][n]), draws, num_steps)
      bound = 10 * case.tolerance * np.abs(want).max()
      np.testing.assert_allclose(got[n], want, rtol=0, atol=bound)


# Determinism.


def alone_batched_and_sharded_are_equal_to_the_bit(case):
  """Image n is the same in any batch, on any number of devices."""
  shared, batch = _shared(case), runs.batch_of(16)
  if case.cheap_draws:
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


def jit_agrees_with_eager(case):
  """Compiled or not, the numbers differ by rounding alone."""
  shared, batch = _shared(case, 4), _drawn(case, 3, 4)
  compiled = jax.jit(functools.partial(runs.run, case))(shared, batch)
  with jax.disable_jit():
    eager = runs.run(case, shared, batch)
  scale = np.abs(compiled).max()
  np.testing.assert_allclose(
      eager, compiled, rtol=case.tolerance, atol=case.tolerance * scale)


def a_replay_of_its_own_draws_is_the_run(case):
  """Draws are made by index, slot and inner alone, and the case names all."""
  shared, batch = _shared(case), runs.batch_of(4)
  prng = noises.prng_noise(batch["keys"])
  count = shared["steps"].index.size
  tables = {
      slot.name: jnp.stack([
          jnp.stack([
              prng(i, slot.name, slot.shape(runs.SHAPE), slot.law, inner)
              for inner in range(slot.num_inner)])
          for i in ([-1] if slot.name == "start" else range(count))])
      for slot in case.draws
  }
  run = programs.jit(lambda shared, batch, tables: runs.run(
      case, shared, batch, noises.recorded_noise(tables)))
  want = programs.jit(functools.partial(runs.run, case))(shared, batch)
  _close(case, run(shared, batch, tables), want, share=0.1)


def images_never_mix(case):
  """Another observation, or other draws, change one image and no other.

  To the bit, and whatever reads the batch: a sum over it, an order, the
  number of iterations that its slowest image needs.
  """
  shared, batch = _shared(case, 3), _drawn(case, 3, 3)
  others = _drawn(case, 3, 3, seed=24)
  matters = {slot.name: slot.matters for slot in case.draws}
  fn = programs.jit(functools.partial(runs.run, case))
  first = np.asarray(fn(shared, batch))
  for n in range(3):
    rest = np.arange(3) != n
    for slot, table in batch["tables"].items():
      moved = table.copy()
      moved[:, :, n] = others["tables"][slot][:, :, n]
      got = np.asarray(fn(
          shared, {**batch, "tables": {**batch["tables"], slot: moved}}))
      np.testing.assert_array_equal(got[rest], first[rest])
      assert np.any(got[n] != first[n]) == matters[slot], slot
    y = batch["y"].copy()
    y[n] += 0.7
    got = np.asarray(fn(shared, {**batch, "y": y}))
    np.testing.assert_array_equal(got[rest], first[rest])


def a_nan_stays_in_its_image(case):
  """What is broken of one image breaks no other, to the bit, and is told."""
  shared, batch = _shared(case), _drawn(case, 3)
  fn = programs.jit(functools.partial(runs.samples, case))
  first = fn(shared, batch)
  assert np.all(first.is_finite), first.is_finite
  rest = np.array([True, False, True])
  start = batch["tables"]["start"].copy()
  start[:, :, 1] = np.nan
  y = batch["y"].copy()
  y[1] = np.nan
  for name, broken in (
      ("start", {**batch, "tables": {**batch["tables"], "start": start}}),
      ("y", {**batch, "y": y})):
    got = fn(shared, broken)
    np.testing.assert_array_equal(got.x[rest], first.x[rest])
    assert np.all(got.is_finite[rest]), name
    assert got.is_finite[1] == np.all(np.isfinite(got.x[1])), name
    assert name == "y" or not got.is_finite[1], "a NaN was lost"


# One program.


def one_trace_for_many_calls_and_sweeps(case):
  """Other scalars and other plans are data of the same program."""
  chex.clear_trace_counter()

  @programs.jit
  @chex.assert_max_traces(n=1)
  def fn(shared, batch):
    return runs.run(case, shared, batch)

  batch = _drawn(case, 4)
  first = fn(_shared(case), batch)
  np.testing.assert_array_equal(fn(_shared(case), batch), first)
  for name in case.scalars:
    for value in case.sweep:
      moved = fn(_shared(case, **{name: value}), batch)
      assert np.any(moved != first), f"{name} = {value} changes nothing"
  for name, value in case.plan_scalars.items():
    steps = case.plan(runs.schedule(), 6, **{name: value})
    moved = fn(runs.shared_of(case, steps), batch)
    assert np.any(moved != first), f"{name} = {value} changes nothing"
  assert fn._cache_size() == 1


def scalars_can_be_vmapped(case):
  """A vmapped sweep is the runs one after the other."""
  batch = _drawn(case, 2)
  for name in case.scalars:
    values = np.float32(case.sweep)

    def fn(value, shared, name=name):
      scalars = {**shared["scalars"], name: value}
      return runs.run(case, {**shared, "scalars": scalars}, batch)

    shared = _shared(case)
    swept = programs.jit(jax.vmap(fn, in_axes=(0, None)))(values, shared)
    alone = programs.jit(fn)
    for value, got in zip(values, swept, strict=True):
      _close(case, got, alone(value, shared))


def a_scalar_may_differ_from_image_to_image(case):
  """A scalar `[B]` gives each image what it has alone with its own."""
  batch = _drawn(case, 3)
  fn = programs.jit(functools.partial(runs.run, case))
  for name in case.scalars:
    values = np.float32(case.sweep)
    together = fn(_shared(case, **{name: values}), batch)
    for i, value in enumerate(values):
      alone = fn(_shared(case, **{name: value}), batch)
      _close(case, together[i], alone[i])


def _equations(jaxpr):
  for equation in jaxpr.eqns:
    yield equation
    for inner in jax.extend.core.jaxprs_in_params(equation.params):
      yield from _equations(inner)


def count_equations(jaxpr: Any) -> int:
  """The equations of a program, those of its loops and branches included."""
  return sum(1 for _ in _equations(jaxpr))


def program_and_memory_do_not_grow_with_the_steps(case):
  """10 steps or 1000: one program, and as much memory."""
  batch = runs.batch_of(4)
  seen = set()
  for num_steps in (10, 1000):
    shared = _shared(case, num_steps)
    traced = programs.jit(functools.partial(runs.run, case)).trace(
        shared, batch)
    memory = traced.lower().compile().memory_analysis()
    seen.add((count_equations(traced.jaxpr.jaxpr), memory.temp_size_in_bytes))
  assert len(seen) == 1, seen
  assert seen.pop()[0] > 10


# Shapes, dtypes, extremes.


def noise_that_images_would_share_is_refused(
    case: cases.Case, rows: Sequence[int] = (1, 2)
) -> None:
  """A single row would be broadcast without an error in jax."""
  shared, batch = _shared(case, 4), runs.batch_of(3)
  if not case.slots:
    return
  for count in rows:
    whole, few = (noises.prng_noise(batch["keys"][:n]) for n in (3, count))

    def noise(index, slot, *rest):
      return (whole if slot == "start" else few)(index, slot, *rest)  # noqa: B023

    with pytest.raises(
        ValueError, match=r"noise of slot '\w+' must have shape \[3\b.*\], "
        rf"got \({count},"):
      jax.eval_shape(lambda: runs.run(case, shared, batch, noise))  # noqa: B023


def dtype_is_kept(case):
  """A state in half precision stays so and comes out near the other."""
  shared, batch = _shared(case, 10), _drawn(case, 64, 10)
  full = programs.jit(functools.partial(runs.run, case))(shared, batch)
  half = programs.jit(
      functools.partial(runs.run, case, dtype=jnp.bfloat16))(shared, batch)
  assert full.dtype == jnp.float32
  assert half.dtype == jnp.bfloat16
  # Only the state is rounded; `denoisers_test` holds the float32 arithmetic.
  assert np.abs(np.float32(half) - full).mean() < case.half_error


def nothing_is_computed_in_float64(case):
  """Where a user has enabled it, float32 images do not become float64."""
  shared, batch = _shared(case), _drawn(case, 3)
  with jax.enable_x64(True):
    traced = jax.jit(functools.partial(runs.run, case)).trace(shared, batch)
  found = {
      str(equation) for equation in _equations(traced.jaxpr.jaxpr)
      for out in equation.outvars
      if out.aval.dtype == jnp.float64 and not out.aval.weak_type}
  assert not found, found


def smallest_and_longest_plan_are_finite(case):
  """One step, and all levels of a schedule."""
  for num_steps in (1, 60):
    steps = case.plan(schedules.linear(60), num_steps)
    shared = runs.shared_of(case, steps)
    batch = runs.drawn_batch_of(case, 3, steps.index.size)
    out = programs.jit(functools.partial(runs.run, case))(shared, batch)
    assert np.all(np.isfinite(out)), num_steps
    assert np.abs(out).max() < 20, num_steps


def the_trailing_shape_does_not_matter(case):
  """Vectors, point clouds and images of 48 numbers give the same ones."""
  steps, dim = _plan(case, 6), (48,)
  drawn = noises.recorded_noise(_drawn(case, 2, 6, shape=dim)["tables"])
  slots = {slot.name: slot for slot in case.draws}
  y = np.random.default_rng(3).normal(size=(2, 48)).astype(np.float32)
  mask = np.float32(np.arange(48) % 2)

  def denoise(x_t, level):
    x0 = level.alpha * x_t / (level.alpha**2 + 4 * level.sigma**2)
    return denoisers.from_x0(x0, x_t, level)

  def run(shape):
    def noise(index, slot, trailing, law="normal", inner=0):
      wanted = slots[slot].shape
      assert tuple(trailing) == wanted(shape), (slot, trailing)
      flat = drawn(index, slot, wanted(dim), law, inner)
      return flat.reshape(2, *trailing)

    sampler = case.make(cases.Setting(
        denoise, noise, y.reshape(2, *shape), mask.reshape(1, *shape),
        case.scalars,
    ))
    return samplers.sample(sampler, noise(-1, "start", shape), steps)

  compiled = programs.jit(run, static_argnums=0)
  flat = compiled(dim)
  for shape in ((16, 3), (4, 4, 3)):
    out = compiled(shape)
    assert out.x.shape == (2, *shape)
    assert out.is_finite.shape == (2,)
    np.testing.assert_allclose(
        out.x.reshape(2, 48), flat.x, rtol=case.tolerance,
        atol=0.1 * case.tolerance)


# Kept by every sampler, whatever else is known of it.
STRUCTURE: tuple[Promise, ...] = (
    alone_batched_and_sharded_are_equal_to_the_bit,
    jit_agrees_with_eager,
    a_replay_of_its_own_draws_is_the_run,
    images_never_mix,
    a_nan_stays_in_its_image,
    one_trace_for_many_calls_and_sweeps,
    scalars_can_be_vmapped,
    a_scalar_may_differ_from_image_to_image,
    program_and_memory_do_not_grow_with_the_steps,
    noise_that_images_would_share_is_refused,
    dtype_is_kept,
    nothing_is_computed_in_float64,
    smallest_and_longest_plan_are_finite,
    the_trailing_shape_does_not_matter,
)
