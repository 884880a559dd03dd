"""Table 4 of Steered Diffusion: colorization of faces.

  python experiments/evaluate.py --out results/ffhq_colorization \\
      --config experiments/steered/configs/ffhq_colorization.py

Wanted: `models/ffhq_10m` (from `ffhq_10m.pt`, see README.md here) and
`data/celeba_hq`, a folder of CelebA-HQ faces whose first 300, by number, are
taken (--set data.count=none takes all).

Published, 300 images (FID, LPIPS, NIQE):

  Grayscale input     69.27  0.2781  5.07
  ILVR                67.66  0.5270  7.54
  Steered Diffusion   49.72  0.3311  5.91

100 steps, N = 3, as the paper describes; the released program has N = 1
(--set method.num_inner=1 --set method.variant=released).
LPIPS is computed where the extra `lpips` is installed (VGG's; the paper does
not name the network), FID where
`checkpoints/pt_inception-2015-12-05-6726825d.pth` is (against the run's own
images; the paper names no reference set). NIQE is not computed; its
column holds published numbers alone.
"""

from jaxguide import evaluation
from jaxguide.evaluation import methods
from jaxguide.evaluation import rows
from jaxguide.evaluation import tables
from jaxguide.evaluation import tasks

PUBLISHED = tables.published(
    "Nair et al., ICCV 2023, Table 4", ("fid", "lpips", "niqe"), {
        "Grayscale input": (69.27, 0.2781, 5.07),
        "ILVR": (67.66, 0.5270, 7.54),
        "Steered Diffusion": (49.72, 0.3311, 5.91),
    }, num_images=300)


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  task = tasks.Colorization()
  return rows.row_like(
      __file__, "ffhq_sr_x8.py", smoke, task=task,
      method=methods.steered_paper(task), published=PUBLISHED)
