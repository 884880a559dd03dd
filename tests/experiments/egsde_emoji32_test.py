"""The rows of the embedded translation: what they differ in, and that they run.
"""

import dataclasses
import io

import numpy as np
import pytest

from jaxguide import convert
from jaxguide import data
from jaxguide import metrics
from jaxguide.convert import model_directories
from jaxguide.evaluation import methods
from jaxguide.evaluation import overrides
from jaxguide.evaluation import runner
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks
from tests import marks
from tests.experiments import support

EXTRACTOR = model_directories.EMBEDDED / "emoji32_extractor"
# How a row's method differs from that of `egsde`.
CHANGES = {
    "egsde": {},
    "egsde_m300": {"first_level": 300, "num_steps": 15},
    "egsde_m400": {"first_level": 400, "num_steps": 20},
    "egsde_m600": {"first_level": 600, "num_steps": 30},
    "egsde_m700": {"first_level": 700, "num_steps": 35},
    "egsde_no_domain": {"domain_weight": 0.0},
    "egsde_no_lowpass": {"lowpass_weight": 0.0},
}
ROWS = ("egsde", "egsde_dagger", "sdedit",
        "ilvr")
NAMES = (*CHANGES, *ROWS[1:])


def _row(name, smoke=False):
  return support.row(f"egsde/emoji32/{name}", smoke=smoke)


def test_these_are_all_rows():
  found = support.table("egsde/emoji32").names
  assert sorted(found) == sorted([*NAMES, "untranslated"])


def test_the_sources_are_measured_like_translations():
  base = _row("egsde")
  wanted = dataclasses.replace(
      base, name="emoji32_untranslated", method=methods.Baseline(),
      samples_per_image=1, spread="images")
  found = _row("untranslated")
  assert overrides.to_json(found) == overrides.to_json(wanted)


@pytest.mark.parametrize("name", NAMES)
def test_rows_differ_in_method_name_and_seeds_alone(name):
  base = _row("egsde")
  found = _row(name)
  assert found.name == f"emoji32_{name}"
  # What shows an effect alone has two seeds.
  seeds = 4 if name in ROWS else 2
  changed = dataclasses.replace(
      base, name=found.name, method=found.method, samples_per_image=seeds)
  assert overrides.to_json(found) == overrides.to_json(changed)


@pytest.mark.parametrize("name", CHANGES)
def test_an_effect_is_that_of_the_fields_it_is_named_after(name):
  base = _row("egsde").method
  assert base.first_level == 500 and base.variant == "paper"
  found = _row(name).method
  assert found == dataclasses.replace(base, **CHANGES[name])
  assert found.first_level == 20 * found.num_steps


def test_dagger_departs_from_egsde_as_published():
  """Weights 700 and 0.5 instead of 500 and 2, M = 600 instead of 500."""
  base = _row("egsde").method
  found = _row("egsde_dagger").method
  assert found.domain_weight == pytest.approx(700 / 500 * base.domain_weight)
  assert found.lowpass_weight == pytest.approx(0.5 / 2 * base.lowpass_weight)
  assert (found.first_level, found.num_steps) == (600, 30)


def test_baselines_are_those_of_the_comparison():
  egsde = _row("egsde").method
  assert _row("sdedit").method == (
      methods.SdEdit(
          first_level=egsde.first_level, num_steps=egsde.num_steps))
  ilvr = _row("ilvr").method
  assert (ilvr.num_steps, ilvr.factor) == (50, egsde.factor)


def test_pairs_and_judges():
  experiment = _row("egsde")
  assert experiment.data.open().names == (
      experiment.task.counterparts.open().names)
  assert experiment.data != experiment.task.counterparts
  assert (experiment.spread, experiment.samples_per_image) == ("seeds", 4)
  names = [m.name for m in experiment.metrics]
  assert names[:6] == [
      "l2_egsde", "psnr_egsde", "ssim", "l2_egsde_counterpart",
      "psnr_egsde_counterpart", "ssim_counterpart"]
  assert names[-1] == "domain_accuracy"
  installed = bool(metrics.installed_lpips())
  assert ("lpips_counterpart" in names) == installed
  assert [m.name for m in experiment.set_metrics] == (
      ["frechet_vgg_relu4_3", "kernel_vgg_relu4_3"] if installed else [])


def test_the_extractor_fits_the_prior():
  prior = sources.EmbeddedPrior("noto32").load()
  extractor = sources.EmbeddedExtractor().load()
  sources.check({"extractor": extractor}, prior)
  assert extractor.schedule.num_levels == prior.schedule.num_levels
  x = np.zeros((1, 32, 32, 3), np.float32)
  assert extractor.apply(
      extractor.params, x, np.zeros(1, np.float32)).shape == (1, 8, 8, 96)


def test_the_extractor_tells_unseen_emoji_of_two_vendors_apart():
  """Of the right label too: 0 is Twemoji, 1 is Noto."""
  model = convert.load_model(EXTRACTOR)
  assert model.config.source["domains"] == ["twemoji64.npz", "noto64.npz"]
  for label, name in enumerate(("twemoji32", "noto32")):
    judge = metrics.domain_metric(model, label)
    found = judge.function(data.embedded_images(name))
    # Guesses are as good in one of a thousand cases.
    assert np.mean(found) > 0.5 + 3 * 0.5 / np.sqrt(len(found))


def test_the_extractor_is_small_and_names_its_licences():
  files = [p for p in EXTRACTOR.rglob("*") if p.is_file()]
  assert sum(p.stat().st_size for p in files) < 3e6
  licence = convert.load_model(EXTRACTOR).config.licence
  assert licence.startswith("Apache-2.0")
  assert "Noto Emoji (Google, Apache-2.0)" in licence
  assert "Twemoji (Twitter, CC-BY 4.0)" in licence


@pytest.mark.parametrize("name", marks.slow_but(("egsde",), NAMES))
def test_runs_in_its_tiny_version(name, tmp_path):
  experiment = _row(name, smoke=True)
  assert isinstance(
      experiment.method, type(_row(name).method))
  assert experiment.task == tasks.Translation(experiment.data)
  report = runner.evaluate(
      experiment, tmp_path, devices=1, limit=1, stream=io.StringIO())
  count = experiment.samples_per_image
  assert report.summary["counts"] == {
      "images": 1, "pictures": count, "ok": count}
  assert report.rows[1].values["l2_egsde"].deviation > 0
