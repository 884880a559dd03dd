"""VIPaint in the evaluation: runs, scores, the same in any batch."""

import dataclasses
import json

import numpy as np
import pytest

from jaxguide import noises
from jaxguide import schedules
from jaxguide import variational
from jaxguide.evaluation import methods
from jaxguide.evaluation import runner
from jaxguide.evaluation import tasks
from jaxguide.evaluation.running import makers
from jaxguide.evaluation.running import pipeline
from tests import programs
from tests.evaluation import support
from tests.evaluation import vipaint_runs

METHOD = vipaint_runs.METHOD


def _run(out, limit=None, **changes):
  return runner.evaluate(
      vipaint_runs.experiment(**changes), out, devices=1, limit=limit)


def _timing(out):
  (session,) = json.loads((out / "timing.json").read_text())["sessions"]
  return session


@pytest.mark.parametrize(
    "make", [vipaint_runs.hashed,
             pytest.param(noises.prng_noise, marks=pytest.mark.slow)])
def test_runs_and_is_the_same_in_any_batch(tmp_path, monkeypatch, make):
  """Draws follow from each image's own key; the quick ones compile faster.

  Batches of three part the two samples of an image, which have one fit.
  """
  monkeypatch.setattr(noises, "prng_noise", make)
  _run(tmp_path / "a", samples_per_image=2, batch_size=4)
  _run(tmp_path / "b", samples_per_image=2, batch_size=3)
  a, b = support.files(tmp_path / "a"), support.files(tmp_path / "b")
  pictures = [name for name in a if name.startswith("images/")]
  assert len(pictures) == len({a[name] for name in pictures}) == 6
  assert all(a[name] == b[name] for name in pictures)
  assert a["per_image.csv"] == b["per_image.csv"]
  assert b'"ok"' in a["journal.jsonl"] and b"non_finite" not in a[
      "journal.jsonl"]
  for out in (tmp_path / "a", tmp_path / "b"):
    assert _timing(out)["images_fitted"] == 3
  # Alone, the first sample is the same.
  _run(tmp_path / "one", limit=2)
  one = support.files(tmp_path / "one")
  for n in range(2):
    assert one[f"images/drawn{n:03d}.png"] == a[f"images/drawn{n:03d}_s0.png"]


def test_goes_on_after_an_interruption_between_samples(tmp_path, monkeypatch):
  """The fit of an image that has some samples already is made again."""
  monkeypatch.setattr(noises, "prng_noise", vipaint_runs.hashed)
  options = {"samples_per_image": 2, "batch_size": 3}
  _run(tmp_path / "whole", **options)
  made = makers.SampledPictures.__call__

  def interrupted(maker, batch):
    if batch.items[0]:
      raise KeyboardInterrupt
    return made(maker, batch)

  with monkeypatch.context() as patch:
    patch.setattr(makers.SampledPictures, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
      _run(tmp_path / "parts", **options)
  _run(tmp_path / "parts", **options)
  assert support.files(tmp_path / "whole") == support.files(tmp_path / "parts")
  assert _timing(tmp_path / "parts")["images_fitted"] == 2


def test_cost_is_reported(tmp_path, monkeypatch):
  """Network evaluations (counted in the contract), seconds and MiB."""
  monkeypatch.setattr(noises, "prng_noise", vipaint_runs.hashed)
  _run(tmp_path, limit=2)
  summary = json.loads((tmp_path / "summary.json").read_text())
  assert summary["network_evaluations"] == {
      "fit_per_image": {"forward_and_backward": 6 * 2 * 3, "forward": 0},
      "sampling_per_sample": {"forward_and_backward": 6, "forward": 1}}
  timing = _timing(tmp_path)
  assert [c["purpose"] for c in timing["compilations"]] == ["sampling", "fit"]
  for compilation in timing["compilations"]:
    assert compilation["mib_per_device"] > 0
  assert timing["fit_seconds"] > 0


def _painted(method, task, inputs):
  """Two drawn images, fitted and sampled by the runner's functions."""
  prior = support.GaussianPrior(size=16).load()
  rng = np.random.default_rng(0)
  functions = pipeline.Pipeline(prior, task, method, {})
  shared = functions.shared(0)
  rows = pipeline.Rows(
      np.arange(2), np.float32(rng.uniform(-1, 1, (2, 16, 16, 3))), inputs, {})
  fitted = programs.jit(functions.fit)(shared, rows)
  return fitted, programs.jit(functions.sample)(
      shared, rows._replace(samples=np.zeros(2, int), fitted=fitted))


def test_super_resolution_and_the_released_variant(monkeypatch):
  """A task without masks; every level from T_s on in the plan."""
  monkeypatch.setattr(noises, "prng_noise", vipaint_runs.hashed)
  method = dataclasses.replace(METHOD, variant="released", num_levels=1)
  fitted, out = _painted(method, tasks.SuperResolution(factor=2), {})
  assert fitted.mu.shape == (2, 1, 16, 16, 3)
  assert out.x.shape == (2, 16, 16, 3)
  assert np.all(out.is_finite)


@pytest.mark.parametrize("levels, guidance, samples, fit, down", [
    (2, 3.0, 5, 750, 2), (4, 3.0, 5, 1250, 6), (2, 1.0, 10, 1500, 1)])
def test_evaluations_are_those_of_the_released_program(
    levels, guidance, samples, fit, down
):
  """Per image, and per sample: K - 1 levels and the 400 below T_s."""
  method = methods.Vipaint(
      num_levels=levels, levels=variational.LEVELS[levels],
      variant="released", guidance=guidance, num_samples=samples)
  networks = 1 if guidance == 1 else 2
  assert method.network_evaluations(schedules.scaled_linear()) == {
      "fit_per_image": {"forward_and_backward": fit, "forward": 0},
      "sampling_per_sample": {
          "forward_and_backward": 400 * networks, "forward": down}}


def test_plan_and_steps_belong_together():
  schedule = schedules.linear()
  plan = METHOD.plan(schedule)
  assert plan.num_levels == 2 and METHOD.steps(schedule).index.size == 7
  whole = dataclasses.replace(METHOD, num_steps=None).steps(schedule)
  assert whole.index.size == plan.levels[-1] + 1
  # The levels are those whose noise over signal was asked for.
  ratio = [schedule.sigma[n] / schedule.alpha[n] for n in plan.levels]
  np.testing.assert_allclose(ratio, variational.EDM_SIGMAS[2], rtol=0.02)
  named = dataclasses.replace(METHOD, levels=variational.LEVELS[2])
  assert named.plan(schedule).levels == (551, 401)
  # They say how many there are, any number, whatever it was before.
  for levels in ((401,), (551, 501, 401), variational.LEVELS[6]):
    method = dataclasses.replace(METHOD, levels=levels)
    assert method.depth == len(levels) == method.plan(schedule).num_levels
    assert f"VIPaint-{len(levels)}, " in method.title


def test_titles_and_bad_settings():
  assert METHOD.title == "VIPaint-2, paper (6 updates, 6 steps)"
  told = dataclasses.replace(METHOD, perceptual=lambda a, b: None)
  assert told.title == "VIPaint-2, paper (6 updates, 6 steps, perceptual)"
  for bad, word in (({"num_levels": 3}, "num_levels"),
                    ({"variant": "exact"}, "variant"),
                    ({"sigmas": (1.0,), "num_levels": 2}, "num_levels"),
                    ({"levels": (551,), "num_levels": 2}, "None or 1"),
                    ({"levels": (551, 401), "sigmas": (2.0, 1.0)}, "levels"),
                    ({"group_size": 0}, "group_size"),
                    ({"std_scale": 0.0}, "std_scale must be positive"),
                    ({"eta_refinement": 1.5},
                     r"eta_refinement must be in \[0, 1\], got 1.5"),
                    ({"scale": float("nan")}, "scale must be finite"),
                    ({"rates": (0.1, 0.01)}, "rates"),
                    ({"rates": (0.1, -0.01, 0.0)}, "rates"),
                    ({"rates": (0.1, float("nan"), 0.0)}, "rates"),
                    ({"num_iterations": 0}, "num_iterations")):
    with pytest.raises(ValueError, match=word):
      dataclasses.replace(METHOD, **bad)
