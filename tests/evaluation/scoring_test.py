"""Scores of single pictures."""

import numpy as np
import pytest

from jaxguide import data
from jaxguide import metrics
from jaxguide import pixels
from jaxguide.evaluation import scoring
from jaxguide.evaluation import tasks


def _set(count=3):
  rng = np.random.default_rng(0)
  references = rng.uniform(-1, 1, (count, 16, 16, 3)).astype(np.float32)
  noise = rng.normal(0, 0.1, references.shape)
  return pixels.to_uint8(references + noise), references


def test_scores_are_the_metrics_of_the_batch():
  outputs, references = _set()
  found = scoring.score(outputs, references, tasks.Colorization())
  x = pixels.to_float(outputs)
  for metric in (metrics.psnr_metric(), metrics.ssim_metric()):
    np.testing.assert_allclose(
        found[metric.name], metric.function(x, references), rtol=1e-5)


def test_consistency_of_inpainting_is_over_what_was_seen():
  outputs, references = _set()
  task = tasks.Inpainting(data.masks.Half(missing="right"))
  found = scoring.score(outputs, references, task)["consistency"]
  error = (pixels.to_float(outputs) - references)[:, :, :8]
  np.testing.assert_allclose(
      found, np.sqrt(np.mean(error**2, axis=(1, 2, 3))), rtol=1e-5)


def test_chosen_metrics_replace_the_default_ones():
  outputs, references = _set()
  chosen = (metrics.l1_metric(),)
  found = scoring.score(
      outputs, references, tasks.Colorization(), chosen=chosen)
  assert list(found) == ["l1"]


def test_masks_belong_to_the_numbers_of_the_images():
  outputs, references = _set()
  task = tasks.Inpainting(data.masks.Box(seed=1))
  whole = scoring.score(outputs, references, task)
  one = scoring.score(outputs[2:], references[2:], task, indices=[2])
  for name in whole:
    assert one[name][0] == whole[name][2]


def test_lengths_must_agree():
  outputs, references = _set()
  with pytest.raises(ValueError, match="zip"):
    scoring.score(outputs, references[:2], tasks.Colorization())


def test_default_metrics_and_their_columns():
  assert [m.name for m in tasks.Colorization().default_metrics] == [
      "psnr", "ssim", "consistency"]
  signature = tasks.Inpainting(data.masks.Box()).default_metrics[2].signature
  assert "region=observed" in signature
  columns = scoring.columns((metrics.psnr_metric(), metrics.l2_metric()))
  assert columns[0].label == "PSNR [dB]"
  assert columns[1].name == "l2" and columns[1].higher_is_better is False
