"""Which files an experiment is said to need, against what it opens."""

import dataclasses

import pytest

from jaxguide import data
from jaxguide import metrics
from jaxguide.evaluation import methods
from jaxguide.evaluation import needed_files
from jaxguide.evaluation import set_scores
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks
from tests.evaluation import support

PRIOR = sources.ConvertedPrior("models/p", "p.pt", "ffhq_10m")
PICTURES = sources.FolderImages("photos", 16)


def test_what_comes_with_the_package_needs_nothing():
  whole = support.experiment(
      prior=sources.EmbeddedPrior(), data=sources.EmbeddedImages(),
      task=tasks.Inpainting(data.EmbeddedMasks("box")))
  assert needed_files.needed_files(whole) == ()


def test_every_source_names_its_place():
  fid = dataclasses.replace(metrics.psnr_metric(), name="set")
  found = needed_files.needed_files(support.experiment(
      prior=PRIOR, data=sources.SplitImages("all.npz", "all.json", 16),
      task=tasks.Inpainting(sources.Masks(data.masks.thin(), folder="masks")),
      conditions=(sources.LabelFile("labels.txt"),),
      set_metrics=(fid,), set_reference=set_scores.FolderPictures("real")))
  assert set(found) == {
      "models/p", "all.npz", "all.json", "masks", "labels.txt", "real"}
  assert found[0] == "models/p"


def test_what_is_not_read_is_not_needed():
  """A prior without use, drawn masks, a reference without a metric."""
  found = needed_files.needed_files(support.experiment(
      prior=PRIOR, data=PICTURES, method=methods.Baseline(),
      task=tasks.Inpainting(sources.Masks(data.masks.thin())),
      set_reference=set_scores.FolderPictures("real")))
  assert found == ("photos",)


@pytest.mark.parametrize("weight, needed", [(3.0, ("dse",)), (0.0, ())])
def test_a_network_without_weight_is_not_needed(weight, needed):
  method = methods.Egsde(
      sources.ConvertedExtractor("dse"), domain_weight=weight,
      first_level=500)
  assert needed_files.needed_files(support.experiment(
      method=method, task=tasks.Translation())) == needed


def test_counterparts_are_needed_once():
  found = needed_files.needed_files(support.experiment(
      data=PICTURES, task=tasks.Translation(PICTURES)))
  assert found == ("photos",)


def test_what_is_missing(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  (tmp_path / "photos").mkdir()
  experiment = support.experiment(prior=PRIOR, data=PICTURES)
  assert needed_files.needed_files(experiment) == ("models/p", "photos")
  assert needed_files.missing_files(experiment) == ("models/p",)
