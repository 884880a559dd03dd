"""Table 1 of VIPaint: ImageNet at 64 x 64, random masks, VIPaint-4.

  python experiments/evaluate.py --out results/imagenet64_random_vipaint4 \\
      --config experiments/vipaint/configs/imagenet64_random_vipaint4.py

Wanted: `models/adm_imagenet64_cond_edm` (see README.md here),
`data/imagenet_val`, whose first 100 pictures, by number, are taken, and
`data/imagenet_val_labels.txt`, a line "NAME CLASS" for each.

Published, LPIPS of 100 images:

  VIPaint-4   0.231
  VIPaint-2   0.227
  CoPaint-TT  0.245
  CoPaint     0.278
  RePaint     0.2575
  DPS         0.2880
  Blended     0.2763
  RedDiff     0.409
  RedDiff-V   0.671

40 to 80 percent missing, as the paper says (the released files say 30 to 70).
A folder of masks is named with --set task.masks.folder=FOLDER.

The paper's settings for this prior are lost: levels are matched by signal to
noise, and nothing was tuned. No perceptual term, as the paper says. The
diffusion loss is averaged over z_0, which the paper's is not
(--set method.marginal=false has it as printed).

100 images, 10 samples each from one fit; LPIPS (VGG, pictures cut off to 8
bits) is the mean over samples, then over images. It is computed where the
extra `lpips` is installed. FID and KID, against the
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
        "VIPaint-4": (0.231,),
        "VIPaint-2": (0.227,),
        "CoPaint-TT": (0.245,),
        "CoPaint": (0.278,),
        "RePaint": (0.2575,),
        "DPS": (0.288,),
        "Blended": (0.2763,),
        "RedDiff": (0.409,),
        "RedDiff-V": (0.671,),
    }, num_images=100)


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "imagenet64_rotated_vipaint4.py", smoke,
      task=tasks.Inpainting(sources.Masks(data.vipaint_masks.random_masks())),
      published=PUBLISHED)
