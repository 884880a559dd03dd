"""Table 1 of VIPaint: ImageNet at 256 x 256, small masks, VIPaint-2.

  python experiments/evaluate.py --out results/imagenet256_small_vipaint2 \\
      --config experiments/vipaint/configs/imagenet256_small_vipaint2.py

Wanted: `models/ldm_cin256_v2` (see README.md here), `data/imagenet_val`,
whose first 100 pictures, by number, are taken, and
`data/imagenet_val_labels.txt`, a line "NAME CLASS" for each.

Published, LPIPS of 100 images:

  VIPaint-4  0.292
  VIPaint-2  0.197
  ReSample   0.381
  PSLD       0.534
  DPS        0.564

VIPaint-4 is printed as worse than VIPaint-2 here alone.

The released masks: 20 to 21 percent missing, rectangles alone; "up to 20
percent" is what the paper says. A folder of masks is named with --set
task.masks.folder=FOLDER.

The released settings and formulas: 50 updates of 5 samples without guidance,
scale 3 in the sampling, every level below T_s. Which revision of the program
gave the table cannot be told. --set method.variant=paper is the mathematics.

100 images, 10 samples each from one fit; LPIPS (VGG, pictures cut off to 8
bits) is the mean over samples, then over images. It is computed where the
extra `lpips` is installed, which the fit needs too. FID and KID, against the
run's own images, are computed where
`checkpoints/pt_inception-2015-12-05-6726825d.pth` is.
"""

from jaxguide import data
from jaxguide import evaluation
from jaxguide.evaluation import rows
from jaxguide.evaluation import sources
from jaxguide.evaluation import tables
from jaxguide.evaluation import tasks

PUBLISHED = tables.published(
    "Agarwal et al., arXiv:2411.18929, Table 1", ("lpips_vipaint",), {
        "VIPaint-4": (0.292,),
        "VIPaint-2": (0.197,),
        "ReSample": (0.381,),
        "PSLD": (0.534,),
        "DPS": (0.564,),
    }, num_images=100)


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "imagenet256_rotated_vipaint2.py", smoke,
      task=tasks.Inpainting(sources.Masks(data.vipaint_masks.small_masks())),
      published=PUBLISHED)
