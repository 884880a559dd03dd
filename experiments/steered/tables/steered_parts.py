"""What the tables of faces have in common: prior, images, metrics.

Wanted on the disk: `models/ffhq_10m` and `data/celeba_hq`, a folder of
CelebA-HQ faces whose first 300, by number, are taken (--set data.count=none
takes all). experiments/steered/README.md says where they come from, and which
metrics need what.
"""

from collections.abc import Sequence

from jaxguide import evaluation
from jaxguide import metrics

INCEPTION = "checkpoints/pt_inception-2015-12-05-6726825d.pth"


def of_faces(
    task: evaluation.Task, published: Sequence[evaluation.Published]
) -> evaluation.Experiment:
  """A row on 300 faces, with the settings of the paper's text."""
  return evaluation.Experiment(
      prior=evaluation.ConvertedPrior(
          path="models/ffhq_10m", checkpoint="ffhq_10m.pt", card="ffhq_10m",
          origin="the FFHQ model released with ILVR"),
      data=evaluation.FolderImages(
          path="data/celeba_hq", size=256, count=300,
          origin="300 CelebA-HQ faces, 0.jpg to 299.jpg"),
      task=task,
      method=evaluation.steered_paper(task),
      metrics=(*task.default_metrics, *metrics.installed_lpips()),
      batch_size=8,
      seed=404,
      published=tuple(published),
      set_metrics=metrics.installed_inception(INCEPTION))
