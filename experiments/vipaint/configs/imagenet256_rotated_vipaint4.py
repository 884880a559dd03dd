"""Table 1 of VIPaint: ImageNet at 256 x 256, rotated windows, VIPaint-4.

  python experiments/evaluate.py --out results/imagenet256_rotated_vipaint4 \\
      --config experiments/vipaint/configs/imagenet256_rotated_vipaint4.py

Wanted: `models/ldm_cin256_v2` (see README.md here), `data/imagenet_val`,
whose first 100 pictures, by number, are taken, and
`data/imagenet_val_labels.txt`, a line "NAME CLASS" for each.

Published, LPIPS of 100 images:

  VIPaint-4  0.358
  VIPaint-2  0.392
  ReSample   0.537
  PSLD       0.576
  DPS        0.606

Half of the image is missing. The published masks are not released; a folder of
masks is named with --set task.masks.folder=FOLDER.

The released settings and formulas: 50 updates of 5 samples without guidance,
scale 3 in the sampling, every level below T_s. Which revision of the program
gave the table cannot be told. --set method.variant=paper is the mathematics.

100 images, 10 samples each from one fit; LPIPS (VGG, pictures cut off to 8
bits) is the mean over samples, then over images. It is computed where the
extra `lpips` is installed, which the fit needs too. FID and KID, against the
run's own images, are computed where
`checkpoints/pt_inception-2015-12-05-6726825d.pth` is.
"""

from jaxguide import evaluation
from jaxguide.evaluation import methods
from jaxguide.evaluation import rows


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "imagenet256_rotated_vipaint2.py", smoke,
      method=methods.vipaint_imagenet256(4))
