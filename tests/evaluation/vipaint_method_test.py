"""VIPaint in the evaluation: runs, scores, the same in any batch."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxguide import data
from jaxguide import noise as noises
from jaxguide import schedules
from jaxguide import variational
from jaxguide.evaluation import producers
from jaxguide.evaluation import runner
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks
from jaxguide.evaluation import vipaint_method
from tests import draws
from tests import programs
from tests.evaluation import support

METHOD = vipaint_method.Vipaint(
    num_steps=6, num_iterations=6, num_samples=2, scale=20.0)


def experiment(**changes):
  fields = dict(
      task=tasks.Inpainting(data.masks.RotatedWindow()), method=METHOD,
      data=sources.DrawnImages(count=3, size=16),
      prior=support.GaussianPrior(size=16), batch_size=2)
  return support.experiment(**{**fields, **changes})


def _run(out, **changes):
  return runner.evaluate(experiment(**changes), out, devices=1)


def _hashed(keys):
  return draws.hashed_noise(jax.random.key_data(keys)[:, -1])


@pytest.mark.parametrize(
    "make", [_hashed, pytest.param(noises.prng_noise, marks=pytest.mark.slow)])
def test_runs_and_is_the_same_in_any_batch(tmp_path, monkeypatch, make):
  """Draws follow from each image's own key; the quick ones compile faster."""
  monkeypatch.setattr(noises, "prng_noise", make)
  _run(tmp_path / "a")
  _run(tmp_path / "b", batch_size=3)
  a, b = support.files(tmp_path / "a"), support.files(tmp_path / "b")
  pictures = [name for name in a if name.startswith("images/")]
  assert len(pictures) == 3
  assert all(a[name] == b[name] for name in pictures)
  assert a["per_image.csv"] == b["per_image.csv"]
  assert b'"ok"' in a["journal.jsonl"] and b"non_finite" not in a[
      "journal.jsonl"]


def test_super_resolution_and_the_released_variant(monkeypatch):
  """A task without masks; every level from T_s on in the plan."""
  monkeypatch.setattr(noises, "prng_noise", _hashed)
  method = dataclasses.replace(METHOD, variant="released", num_levels=1)
  prior = support.GaussianPrior(size=16).load()
  fn = programs.jit(producers.restore(
      prior, tasks.SuperResolution(factor=2), method, {}))
  rng = np.random.default_rng(0)
  out = fn(
      {"params": prior.params, "networks": {},
       "steps": method.steps(prior.schedule),
       "key": jax.random.key_data(jax.random.key(0))},
      {"image": np.arange(2), "sample": np.zeros(2, int), "inputs": {},
       "reference": np.float32(rng.uniform(-1, 1, (2, 16, 16, 3)))})
  assert out["x"].shape == (2, 16, 16, 3)
  assert np.all(out["is_finite"])


def test_the_plan_travels_with_the_steps():
  schedule = schedules.linear()
  steps = METHOD.steps(schedule)
  plan = steps.coefficients.plan
  assert plan.num_levels == 2 and plan.grid.sigma.shape[0] == 7
  whole = dataclasses.replace(METHOD, num_steps=None).steps(schedule)
  assert whole.index.size == plan.levels[-1] + 1
  # The levels are those whose noise over signal was asked for.
  ratio = [schedule.sigma[n] / schedule.alpha[n] for n in plan.levels]
  np.testing.assert_allclose(ratio, variational.EDM_SIGMAS[2], rtol=0.02)


def test_titles_and_bad_settings():
  assert METHOD.title == "VIPaint-2, paper (6 updates, 6 steps)"
  for bad, word in (({"num_levels": 3}, "num_levels"),
                    ({"variant": "exact"}, "variant"),
                    ({"sigmas": (1.0,)}, "sigmas"),
                    ({"num_iterations": 0}, "num_iterations")):
    with pytest.raises(ValueError, match=word):
      dataclasses.replace(METHOD, **bad)
