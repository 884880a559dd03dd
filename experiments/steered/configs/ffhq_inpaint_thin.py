"""Table 5 of Steered Diffusion: inpainting of faces, thin masks.

  python experiments/evaluate.py --out results/ffhq_inpaint_thin \\
      --config experiments/steered/configs/ffhq_inpaint_thin.py

Wanted: `models/ffhq_10m` (from `ffhq_10m.pt`, see README.md here) and
`data/celeba_hq`, a folder of CelebA-HQ faces whose first 300, by number, are
taken (--set data.count=none takes all).

Published (FID, LPIPS, PSNR, SSIM); the number of images is not given, and
300 are taken as in the other tables:

  Degraded           371.03  0.676   7.847  0.201
  RePaint             43.35  0.304  17.99  0.671
  Steered Diffusion   30.85  0.183  24.92  0.833

100 steps, N = 3, as the paper describes; the released program has N = 1
(--set method.num_inner=1 --set method.variant=released).
The masks are drawn here in the manner of LaMa's thin ones. For a folder of
released masks, one per image and white where missing, add
--set task.masks.folder=FOLDER.
LPIPS is computed where the extra `lpips` is installed (VGG's; the paper does
not name the network), FID where
`checkpoints/pt_inception-2015-12-05-6726825d.pth` is (against the run's own
images; the paper names no reference set).
"""

from jaxguide import data
from jaxguide import evaluation
from jaxguide import metrics
from jaxguide.evaluation import methods
from jaxguide.evaluation import rows
from jaxguide.evaluation import sources
from jaxguide.evaluation import tables
from jaxguide.evaluation import tasks

PUBLISHED = tables.published(
    "Nair et al., ICCV 2023, Table 5", ("fid", "lpips", "psnr", "ssim"), {
        "Degraded": (371.03, 0.676, 7.847, 0.201),
        "RePaint": (43.35, 0.304, 17.99, 0.671),
        "Steered Diffusion": (30.85, 0.183, 24.92, 0.833),
    })


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  task = tasks.Inpainting(sources.Masks(data.masks.thin()))
  return rows.row_like(
      __file__, "ffhq_sr_x8.py", smoke, task=task,
      method=methods.steered_paper(task),
      metrics=(*task.default_metrics, *metrics.installed_lpips()),
      published=PUBLISHED)
