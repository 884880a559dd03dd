"""Table 5 of Steered Diffusion: inpainting of faces, medium masks.

  python experiments/evaluate.py --out results/ffhq_inpaint_medium \\
      --config experiments/steered/configs/ffhq_inpaint_medium.py

Wanted: `models/ffhq_10m` (from `ffhq_10m.pt`, see README.md here) and
`data/celeba_hq`, a folder of CelebA-HQ faces whose first 300, by number, are
taken (--set data.count=none takes all).

Published (FID, LPIPS, PSNR, SSIM); the number of images is not given, and
300 are taken as in the other tables:

  Degraded           258.86  0.624   7.527  0.228
  RePaint             53.71  0.399  13.71  0.558
  Steered Diffusion   35.39  0.220  21.55  0.786

100 steps, N = 3, as the paper describes; the released program has N = 1
(--set method.num_inner=1 --set method.variant=released).
The masks are drawn here in the manner of LaMa's medium ones. For a folder of
released masks, one per image and white where missing, add
--set task.masks.folder=FOLDER.
LPIPS is computed where the extra `lpips` is installed (VGG's; the paper does
not name the network), FID where
`checkpoints/pt_inception-2015-12-05-6726825d.pth` is (against the run's own
images; the paper names no reference set).
"""

from jaxguide import data
from jaxguide import evaluation
from jaxguide.evaluation import rows
from jaxguide.evaluation import sources
from jaxguide.evaluation import tables
from jaxguide.evaluation import tasks

PUBLISHED = tables.published(
    "Nair et al., ICCV 2023, Table 5", ("fid", "lpips", "psnr", "ssim"), {
        "Degraded": (258.86, 0.624, 7.527, 0.228),
        "RePaint": (53.71, 0.399, 13.71, 0.558),
        "Steered Diffusion": (35.39, 0.220, 21.55, 0.786),
    })


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  task = tasks.Inpainting(sources.Masks(data.masks.medium()))
  return rows.row_like(
      __file__, "ffhq_inpaint_thin.py", smoke, task=task, published=PUBLISHED)
