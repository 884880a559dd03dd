"""`steered(variant="released")` against recorded runs of the release."""

import functools
import os

import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import energies
from jaxguide import guidance
from jaxguide import samplers
from jaxguide.samplers import constraints
from tests import recorded_kinds
from tests.samplers import recordings
from tests.samplers import stand_ins

CASES = recorded_kinds.paths("steered run")
ATOL = 2e-4
EPS_ATOL = 1e-5
GRADIENT_RTOL = 1e-4

each_case = recorded_kinds.parametrized("steered run")


def _name(path):
  return os.path.basename(path).removesuffix(".npz")


def _options(recording):
  """The sampler's options of a recording: a constraint or a guidance."""
  cond = recording.config["cond"]
  y = jnp.asarray(recording.image("init_image"))
  if "grayscale" in cond:
    luma = stand_ins.luma(y)
    return {"constraint": constraints.colorization(luma, "released")}
  if "SR" in cond:
    return {"constraint": _super_resolution(recording, y)}
  if "inpaint" in cond:
    mask = 1 - jnp.asarray(recording.image("mask_image"))
    return {"constraint": constraints.inpainting(y, mask)}
  energy = energies.weighted_sum(stand_ins.terms(recording))
  return {"guidance": guidance.through_denoiser(energy)}


def _super_resolution(recording, y):
  """Width only or both axes: whichever gives the recorded `degraded`."""
  shape, factor = recording.shape, recording.config["factor"]
  for axes in ("width", "both"):
    down, up = stand_ins.resizers(shape, factor, axes)
    shown = up(down.apply(y))
    if np.allclose(shown, recording.image("degraded"), atol=1e-4):
      observed = down.apply(y)
      if axes == "width":
        return constraints.super_resolution(
            observed, shape, factor, "released"
        )
      return lambda x0: up(observed - down.apply(x0))
  raise AssertionError("neither resizer gives the recorded degraded image")


@functools.cache
def _replayer(path):
  """The faithful replay of a recording, compiled once for all tests."""
  return _changed_replayer(recordings.load(path))


def _changed_replayer(recording, **changes):
  options = {**_options(recording), **changes}
  return recordings.Replayer(
      recording, extra=stand_ins.extra_draws(recording), **options
  )


def _errors(recording, replay):
  """The largest error of every recorded array, and its allowance.

  States are held to `ATOL`. An estimate of x0 carries the rounding of the
  network (2e-6 between two float32 implementations, 5e-7 of its output)
  times sigma / alpha, 157 at the noisiest level, and a steered one that of
  the gradient, so they are allowed more.
  """
  n = recording.num_inner
  level = recordings.steps_of(recording).level
  gain = (level.sigma / level.alpha).reshape(-1, 1, 1, 1, 1)
  states = {
      "x_T": replay.x_T,
      "model_in": replay.model_in,
      "sample_inner": replay.sample_inner,
      "x_steps": replay.sample_inner[n - 1::n],
      "final": replay.final,
  }
  move = np.abs(replay.start - replay.pred)
  move = move.max(axis=(1, 2, 3, 4), keepdims=True)
  estimates = {
      "start": (replay.start, EPS_ATOL * gain + GRADIENT_RTOL * move),
      "pred_xstart": (replay.pred[n - 1::n], EPS_ATOL * gain[n - 1::n]),
  }
  excess = {}
  for name, value in states.items():
    excess[name] = _largest(value, recording.image(name))
  for name, (value, more) in estimates.items():
    excess[name] = _largest(value, recording.image(name), 1 + more / ATOL)
  return excess


def _largest(value, want, allowance=1.0):
  assert value.shape == want.shape
  return float((np.abs(value - want) / allowance).max())


@each_case
def test_replay(path):
  recording = recordings.load(path)
  errors = _errors(recording, _replayer(path)())
  print(_name(path), {k: f"{v:.1e}" for k, v in errors.items()})
  assert max(errors.values()) <= ATOL, errors


@each_case
def test_every_recorded_draw_is_placed(path):
  recording = recordings.load(path)
  extra = stand_ins.extra_draws(recording)
  steps = recordings.steps_of(recording)
  total = 1 + 3 * steps.index.size + (0 if extra is None else extra.sum())
  assert total == recording.arrays["noise"].shape[0]
  assert total == recording.config["n_noise"]


@each_case
def test_times_and_schedule(path):
  recording = recordings.load(path)
  steps, n = recordings.steps_of(recording), recording.num_inner
  fed = recording.arrays["model_t"].reshape(-1)
  np.testing.assert_array_equal(steps.level.time, fed)
  kept = recording.arrays["timestep_map"][::-1]
  np.testing.assert_array_equal(steps.level.time[::n], kept)
  schedule = recordings.schedule_of(recording)
  np.testing.assert_allclose(
      schedule.alpha_bar[1:], recording.arrays["alphas_cumprod"], rtol=1e-12
  )


@each_case
def test_network(path):
  recording = recordings.load(path)
  x = recording.image("model_in")[:, 0]
  time = recording.arrays["model_t"].reshape(-1).astype(np.float32)
  want = recording.image("model_out")[:, 0]
  out = recordings.network_outputs()(x, time)
  assert np.abs(out - want).max() <= 2e-5 * np.abs(want).max()


@each_case
def test_degraded(path):
  recording = recordings.load(path)
  cond, want = recording.config["cond"], recording.image("degraded")
  y = jnp.asarray(recording.image("init_image"))
  if "grayscale" in cond:
    shown = jnp.repeat(stand_ins.luma(y), 3, axis=-1)
  elif "SR" in cond:
    # Which resizer it was is read off this very array by `_super_resolution`.
    _super_resolution(recording, y)
    return
  elif "inpaint" in cond:
    shown = y * (1 - recording.image("mask_image"))
  else:
    shown = y
  np.testing.assert_allclose(shown, want, atol=1e-5)


@recorded_kinds.parametrized("steered energy")
def test_unit_gradients(path):
  """A loss and its gradient at one x0."""
  recording = recordings.load(path)
  unit = recording.network("unit")
  x0, index, loss, gradient = stand_ins.unit_arrays(unit)
  energy = energies.weighted_sum(stand_ins.terms(recording))
  level = recordings.schedule_of(recording).at_level(index + 1)
  with jax.default_matmul_precision("highest"):
    value, slope = jax.value_and_grad(
        lambda x: energy(x, level, None).sum()
    )(jnp.asarray(x0))
  np.testing.assert_allclose(value, loss, rtol=1e-4)
  scale = np.abs(gradient).max()
  np.testing.assert_allclose(slope, gradient, rtol=1e-4, atol=1e-4 * scale)


# Single mistakes, each of which has to show.


def _x_steps_error(recording, replay):
  n = recording.num_inner
  return _largest(replay.sample_inner[n - 1::n], recording.image("x_steps"))


def _cases(wanted):
  """The first recording of a kind, as a list; empty if there is none."""
  return [p for p in CASES if wanted(recordings.load(p))][:1]


def _is_custom(recording):
  return recording.config["cond"] == "custom"


each_custom = recorded_kinds.cases(
    "path", _cases(_is_custom), "steered run")


def _changed(steps, **changes):
  return steps._replace(
      coefficients=steps.coefficients._replace(**changes))


@each_custom
def test_mistakes_in_the_plan_or_the_draws_show(path):
  """Each leaves the bar by a factor of 10 or more."""
  recording, replayer = recordings.load(path), _replayer(path)
  steps, tables = replayer.steps, replayer.tables
  c = steps.coefficients
  factor = steps.level.alpha[0] + steps.level.sigma[0]
  deterministic = samplers.steered_steps(
      recordings.schedule_of(recording), steps.index.size,
      variant="released", eta=0.0,
  )
  mistakes = {
      "k of this level": (
          _changed(steps, gradient_scale=steps.level.sigma), tables),
      "no guidance": (
          _changed(steps, gradient_scale=0 * c.gradient_scale), tables),
      "eta 0": (deterministic, tables),
      "x_T is z": (steps, {**tables, "start": tables["start"] / factor}),
      "draws swapped": (
          steps, {**tables, "step": tables["renoise"]}),
  }
  for name, (plan, draws) in mistakes.items():
    error = _x_steps_error(recording, replayer(plan, draws))
    print(name, f"{error:.2g}")
    assert error > 10 * ATOL, (name, error)


@each_custom
def test_the_gradient_is_through_the_network(path):
  recording = recordings.load(path)
  energy = energies.weighted_sum(stand_ins.terms(recording))
  wrong = _changed_replayer(recording, guidance=guidance.at_estimate(energy))
  assert _x_steps_error(recording, wrong()) > 10 * ATOL


@recorded_kinds.cases(
    "path", _cases(lambda r: not r.config["clip_denoised"]), "steered run")
def test_x0_is_not_clipped(path):
  recording = recordings.load(path)
  wrong = _changed_replayer(recording, clip=True)
  assert _x_steps_error(recording, wrong()) > 10 * ATOL


@recorded_kinds.cases(
    "path", _cases(lambda r: r.num_inner > 1), "steered run")
def test_the_released_renoising_is_not_the_paper_s(path):
  recording, replayer = recordings.load(path), _replayer(path)
  renoise = np.sqrt(replayer.steps.coefficients.renoise)
  plan = _changed(replayer.steps, renoise=renoise)
  assert _x_steps_error(recording, replayer(plan)) > 10 * ATOL
