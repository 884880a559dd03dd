"""Every Steered Diffusion config: it runs, and holds the published numbers."""

import dataclasses
import io
import pathlib
import re

import pytest

from jaxguide import metrics
from jaxguide.convert import cards
from jaxguide.evaluation import methods
from jaxguide.evaluation import runner
from jaxguide.evaluation import table_files
from jaxguide.evaluation import tasks
from tests import marks

ROOT = pathlib.Path(__file__).parents[2]
FOLDER = ROOT / "experiments" / "steered" / "configs"
CONFIGS = sorted(FOLDER.glob("*.py"))
PAPER = [path for path in CONFIGS if path.stem.startswith("ffhq_")]
LARGE = [path for path in CONFIGS if not path.stem.startswith("noto32_")]


def _name(path):
  return path.stem


def test_every_row_has_a_config():
  names = {path.stem for path in CONFIGS}
  assert names == {
      "ffhq_sr_x8", "ffhq_colorization", "ffhq_inpaint_thin",
      "ffhq_inpaint_medium", "ffhq_inpaint_thick", "imagenet_sr_x4",
      "imagenet_colorization", "imagenet_inpaint", "noto32_inpaint_box",
      "noto32_inpaint_free_form", "noto32_colorization", "noto32_sr_x4"}


@pytest.mark.parametrize("path", CONFIGS, ids=_name)
def test_docstring_holds_the_command_that_runs_it(path):
  text = path.read_text()
  assert f"--config experiments/steered/configs/{path.name}" in text
  assert f"--out results/{path.stem}" in text
  assert table_files.load(path).name == path.stem


@pytest.mark.parametrize("path", CONFIGS, ids=_name)
def test_settings_are_the_paper_s(path):
  experiment = table_files.load(path)
  small = path.stem.startswith("noto32")
  wanted = 1 if isinstance(experiment.task, tasks.SuperResolution) else 3
  assert experiment.method == methods.Steered(
      num_steps=50 if small else 100, num_inner=wanted, variant="paper",
      clip_x0=small)
  if path in PAPER and isinstance(experiment.task, tasks.SuperResolution):
    assert experiment.task.factor == 8


@pytest.mark.parametrize("path", PAPER, ids=_name)
def test_docstring_and_data_agree_on_the_published_numbers(path):
  experiment = table_files.load(path)
  text = path.read_text()
  assert experiment.published[-1].method == "Steered Diffusion"
  for row in experiment.published:
    (line,) = re.findall(rf"^  {re.escape(row.method)}  .*$", text, re.M)
    numbers = [float(n) for n in re.findall(r"[\d.]+", line)]
    assert numbers == list(row.values.values())
    table = row.source.split(", ")[-1]
    assert f"{table} of Steered Diffusion" in text
    inpainting = isinstance(experiment.task, tasks.Inpainting)
    assert row.num_images == (None if inpainting else 300)
  assert experiment.data.count == 300


@pytest.mark.parametrize("installed", [True, False])
def test_measured_columns_stand_beside_the_published_ones(
    installed, monkeypatch):
  """PSNR, SSIM and, where their networks are, LPIPS and FID; not NIQE."""
  lpips, fid = (
      (dataclasses.replace(metrics.psnr_metric(), name=name),)
      for name in ("lpips", "fid"))
  wanted = []
  monkeypatch.setattr(
      metrics, "installed_lpips", lambda: lpips if installed else ())
  monkeypatch.setattr(
      metrics, "installed_inception",
      lambda path: wanted.append(path) or (fid if installed else ()))
  for path in PAPER:
    experiment = table_files.load(path)
    measured = {m.name for m in (*experiment.metrics, *experiment.set_metrics)}
    published = {n for row in experiment.published for n in row.values}
    missing = {"niqe"} if installed else {"niqe", "fid", "lpips"}
    assert published - measured == missing & published
    assert {"psnr", "ssim", "consistency"} <= measured
    assert (("NIQE is not computed" in " ".join(path.read_text().split()))
            == ("niqe" in published))
  assert len(wanted) == len(PAPER) == 5
  text = (FOLDER / "README.md").read_text()
  assert all(w in text for w in wanted)


@pytest.mark.parametrize("path", LARGE, ids=_name)
def test_a_missing_prior_says_how_to_get_it(path, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  experiment = table_files.load(path)
  prior = experiment.prior
  with pytest.raises(FileNotFoundError) as caught:
    runner.evaluate(experiment, tmp_path / "run", stream=io.StringIO())
  text = str(caught.value)
  assert (f"jaxguide convert {prior.checkpoint} --card {prior.card} "
          f"--out {prior.path}") in text
  assert prior.checkpoint in text and "\n" not in text
  assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("path", LARGE, ids=_name)
def test_cards_exist_and_fit_the_images(path):
  experiment = table_files.load(path)
  card = cards.CARDS[experiment.prior.card]
  assert experiment.prior.checkpoint in card.file_names
  assert card.image_size == experiment.data.size


@pytest.mark.parametrize("path", LARGE, ids=_name)
def test_missing_images_say_what_is_wanted(path, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  experiment = table_files.load(path)
  with pytest.raises(FileNotFoundError) as caught:
    experiment.data.open()
  assert experiment.data.origin in str(caught.value)
  assert "--set data.path=" in str(caught.value)


@pytest.mark.parametrize("path", marks.slow_but(
    ("ffhq_inpaint_thin", "imagenet_colorization", "noto32_sr_x4"), CONFIGS),
    ids=_name)
def test_runs_in_its_tiny_version(path, tmp_path, monkeypatch):
  # The compilation of LPIPS' network would be most of the time.
  monkeypatch.setattr(metrics, "installed_lpips", lambda: ())
  experiment = table_files.load(path, smoke=True)
  whole = table_files.load(path)
  assert type(experiment.task) is type(whole.task)
  assert experiment.method.num_steps == 2
  report = runner.evaluate(
      experiment, tmp_path, devices=1, limit=2, stream=io.StringIO())
  assert report.summary["counts"] == {"images": 2, "pictures": 2, "ok": 2}
  table = (tmp_path / "table.md").read_text()
  for row in whole.published:
    assert f"{row.method} (published)" in table
