"""What the tables of VIPaint have in common: tasks, metrics, samples.

The images, masks and exact settings of the paper were not released: the masks
here are of its families with seeds of our own, the images the first by name.
"""

from collections.abc import Sequence
import functools

from jaxguide import data
from jaxguide import evaluation
from jaxguide import metrics
from jaxguide.evaluation import scoring
from jaxguide.metrics import preprocessing

INCEPTION = "checkpoints/pt_inception-2015-12-05-6726825d.pth"
# The families of masks. Half of the image is missing, 40 to 80 percent (as
# the paper says; the released files say 30 to 70), and 20 to 21 percent (the
# released ones, rectangles alone; "up to 20 percent" is what the paper says).
MASKS = {
    "rotated": data.vipaint_masks.rotated_windows(),
    "random": data.vipaint_masks.random_masks(),
    "small": data.vipaint_masks.small_masks(),
}


def inpainting(masks: str) -> evaluation.Inpainting:
  """Inpainting under one family of `MASKS`."""
  return evaluation.Inpainting(evaluation.Masks(MASKS[masks]))


def super_resolution() -> evaluation.SuperResolution:
  """Super-resolution by 4 under noise of deviation 0.05."""
  return evaluation.SuperResolution(factor=4, noise_std=0.05)


def deblurring() -> evaluation.GaussianDeblurring:
  """A blur of 3 pixels in a window of 61, noise of deviation 0.05."""
  return evaluation.GaussianDeblurring()


def published(
    rows: dict[str, float],
) -> tuple[evaluation.Published, ...]:
  """A column of Table 1: LPIPS over 100 images by method."""
  return evaluation.published(
      "Agarwal et al., arXiv:2411.18929, Table 1", ("lpips_vipaint",),
      {method: (value,) for method, value in rows.items()}, num_images=100)


def of_photographs(
    prior: evaluation.ConvertedPrior,
    images: evaluation.FolderImages,
    task: evaluation.Task,
    method: evaluation.Method,
    published: Sequence[evaluation.Published] = (),
    conditions: Sequence[evaluation.ConditionSource] = (),
) -> evaluation.Experiment:
  """A row of the paper's size: 10 samples of an image from one fit.

  LPIPS (VGG, pictures cut off to 8 bits) is the mean over samples, then over
  images.
  """
  return evaluation.Experiment(
      prior=prior,
      data=images,
      conditions=tuple(conditions),
      task=task,
      method=method,
      metrics=scoring.vipaint_metrics(task),
      batch_size=20,
      seed=10,
      quantise="uint8_truncated",
      samples_per_image=10,
      published=tuple(published),
      set_metrics=metrics.installed_inception(
          INCEPTION, preprocessing.CLEAN_LEGACY_PYTORCH),
      # As the paper's: the images as often as there are samples.
      set_reference=evaluation.RunImages(repeats=10))


# Quick to build once, slow for each of many rows.
_trunk = functools.cache(metrics.installed_trunk)


def of_emoji(
    prior: str,
    images: evaluation.EmbeddedImages,
    task: evaluation.Task,
    method: evaluation.Method,
    conditions: Sequence[evaluation.ConditionSource] = (),
) -> evaluation.Experiment:
  """A row for two CPU cores: 4 samples of an embedded image from one fit."""
  return evaluation.Experiment(
      prior=evaluation.EmbeddedPrior(prior),
      data=images,
      conditions=tuple(conditions),
      task=task,
      method=method,
      metrics=scoring.vipaint_metrics(task),
      batch_size=64,
      seed=10,
      samples_per_image=4,
      set_metrics=_trunk(),
      set_reference=evaluation.RunImages(repeats=4))
