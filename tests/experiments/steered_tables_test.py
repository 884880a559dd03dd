"""Every table of Steered Diffusion: its settings, and that its rows run."""

import dataclasses
import io

import pytest

from jaxguide import metrics
from jaxguide.convert import cards
from jaxguide.evaluation import methods
from jaxguide.evaluation import runner
from jaxguide.evaluation import tasks
from tests import marks
from tests.experiments import support

PAPER = support.rows("steered/ffhq_super_resolution",
                     "steered/ffhq_colorization", "steered/ffhq_inpainting")
LARGE = PAPER + support.rows("steered/imagenet_figures")
SMALL = support.rows("steered/noto32")


def test_these_are_all_rows():
  assert [name.partition("/")[2] for name in LARGE + SMALL] == [
      "ffhq_super_resolution/steered", "ffhq_colorization/steered",
      "ffhq_inpainting/thin", "ffhq_inpainting/medium",
      "ffhq_inpainting/thick", "imagenet_figures/sr_x4",
      "imagenet_figures/colorization", "imagenet_figures/inpaint",
      "noto32/inpaint_box", "noto32/inpaint_free_form", "noto32/colorization",
      "noto32/sr_x4"]


@pytest.mark.parametrize("name", LARGE + SMALL)
def test_settings_are_the_paper_s(name):
  experiment, small = support.row(name), name in SMALL
  wanted = 1 if isinstance(experiment.task, tasks.SuperResolution) else 3
  assert experiment.method == methods.Steered(
      num_steps=50 if small else 100, num_inner=wanted, variant="paper",
      clip_x0=small)
  if name in PAPER and isinstance(experiment.task, tasks.SuperResolution):
    assert experiment.task.factor == 8


@pytest.mark.parametrize("name, table", list(
    zip(PAPER, (3, 4, 5, 5, 5), strict=True)))
def test_published_rows_name_their_table_and_images(name, table):
  experiment = support.row(name)
  assert experiment.published[-1].method == "Steered Diffusion"
  for row in experiment.published:
    assert row.source.endswith(f", Table {table}")
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
  for name in PAPER:
    experiment = support.row(name)
    measured = {m.name for m in (*experiment.metrics, *experiment.set_metrics)}
    published = {n for row in experiment.published for n in row.values}
    missing = {"niqe"} if installed else {"niqe", "fid", "lpips"}
    assert published - measured == missing & published
    assert {"psnr", "ssim", "consistency"} <= measured
    text = support.table(name.rpartition("/")[0]).description
    assert (("NIQE is not computed" in " ".join(text.split()))
            == ("niqe" in published))
  assert len(wanted) == len(PAPER) == 5
  text = (support.ROOT / "experiments" / "steered" / "README.md").read_text()
  assert all(w in text for w in wanted)


@pytest.mark.parametrize("name", LARGE)
def test_a_missing_prior_says_how_to_get_it(name, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  experiment = support.row(name)
  prior = experiment.prior
  with pytest.raises(FileNotFoundError) as caught:
    runner.evaluate(experiment, tmp_path / "run", stream=io.StringIO())
  text = str(caught.value)
  assert (f"jaxguide convert {prior.checkpoint} --card {prior.card} "
          f"--out {prior.path}") in text
  assert prior.checkpoint in text and "\n" not in text
  assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", LARGE)
def test_cards_exist_and_fit_the_images(name):
  experiment = support.row(name)
  card = cards.CARDS[experiment.prior.card]
  assert experiment.prior.checkpoint in card.file_names
  assert card.image_size == experiment.data.size


@pytest.mark.parametrize("name", LARGE)
def test_missing_images_say_what_is_wanted(name, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  experiment = support.row(name)
  with pytest.raises(FileNotFoundError) as caught:
    experiment.data.open()
  assert experiment.data.origin in str(caught.value)
  assert "--set data.path=" in str(caught.value)


@pytest.mark.parametrize("name", marks.slow_but(
    ("steered/ffhq_inpainting/thin", "steered/imagenet_figures/colorization",
     "steered/noto32/sr_x4"), LARGE + SMALL))
def test_runs_in_its_tiny_version(name, tmp_path, monkeypatch):
  # The compilation of LPIPS' network would be most of the time.
  monkeypatch.setattr(metrics, "installed_lpips", lambda: ())
  experiment = support.row(name, smoke=True)
  whole = support.row(name)
  assert type(experiment.task) is type(whole.task)
  assert experiment.method.num_steps == 2
  report = runner.evaluate(
      experiment, tmp_path, devices=1, limit=2, stream=io.StringIO())
  assert report.summary["counts"] == {"images": 2, "pictures": 2, "ok": 2}
  table = (tmp_path / "table.md").read_text()
  for row in whole.published:
    assert f"{row.method} (published)" in table
