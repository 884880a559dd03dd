"""Table 3 of Steered Diffusion: super-resolution of faces by 8.

  python experiments/evaluate.py --out results/ffhq_sr_x8 \\
      --config experiments/steered/configs/ffhq_sr_x8.py

Wanted: `models/ffhq_10m` (from `ffhq_10m.pt`, see README.md here) and
`data/celeba_hq`, a folder of CelebA-HQ faces whose first 300, by number, are
taken (--set data.count=none takes all).

Published, 300 images (FID, LPIPS, NIQE, PSNR, SSIM):

  Bicubic            130.3   0.4419  12.03  23.85  0.642
  ILVR                62.24  0.4164   7.38  20.54  0.5527
  PULSE               84.67  0.4365   5.04  21.08  0.5285
  Steered Diffusion   51.19  0.2593   9.24  26.02  0.711

100 steps, N = 1, both axes, as the paper describes. The released program
enlarges by 4, along the width only (--set task.factor=4 --set
task.axes=width --set method.variant=released), so the table was probably
made with another revision of it.
LPIPS is computed where the extra `lpips` is installed (VGG's; the paper does
not name the network), FID where
`checkpoints/pt_inception-2015-12-05-6726825d.pth` is (against the run's own
images; the paper names no reference set). NIQE is not computed; its
column holds published numbers alone.
"""

from jaxguide import evaluation
from jaxguide import metrics
from jaxguide.evaluation import methods
from jaxguide.evaluation import sources
from jaxguide.evaluation import tables
from jaxguide.evaluation import tasks

INCEPTION = "checkpoints/pt_inception-2015-12-05-6726825d.pth"
PUBLISHED = tables.published(
    "Nair et al., ICCV 2023, Table 3",
    ("fid", "lpips", "niqe", "psnr", "ssim"), {
        "Bicubic": (130.3, 0.4419, 12.03, 23.85, 0.642),
        "ILVR": (62.24, 0.4164, 7.38, 20.54, 0.5527),
        "PULSE": (84.67, 0.4365, 5.04, 21.08, 0.5285),
        "Steered Diffusion": (51.19, 0.2593, 9.24, 26.02, 0.711),
    }, num_images=300)


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  task = tasks.SuperResolution(factor=8)
  experiment = evaluation.Experiment(
      name="ffhq_sr_x8",
      prior=sources.ConvertedPrior(
          path="models/ffhq_10m", checkpoint="ffhq_10m.pt",
          card="ffhq_10m", origin="the FFHQ model released with ILVR"),
      data=sources.FolderImages(
          path="data/celeba_hq", size=256, count=300,
          origin="300 CelebA-HQ faces, 0.jpg to 299.jpg"),
      task=task,
      method=methods.steered_paper(task),
      metrics=(*task.default_metrics, *metrics.installed_lpips()),
      batch_size=8,
      seed=404,
      published=PUBLISHED,
      set_metrics=metrics.installed_inception(INCEPTION),
  )
  return experiment.tiny() if smoke else experiment
