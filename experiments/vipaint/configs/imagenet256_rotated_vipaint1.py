"""VIPaint-1 on ImageNet at 256 x 256, rotated windows (paper's Fig. 10).

  python experiments/evaluate.py --out results/imagenet256_rotated_vipaint1 \\
      --config experiments/vipaint/configs/imagenet256_rotated_vipaint1.py

Wanted: `models/ldm_cin256_v2` (see README.md here), `data/imagenet_val`,
whose first 100 pictures, by number, are taken, and
`data/imagenet_val_labels.txt`, a line "NAME CLASS" for each.

One level, 100 updates, beta 200: the released file has these settings, and its
program stops before it uses them. No number of it survives in our copy of the
paper; the published rows are those of Table 1.
"""

from jaxguide import evaluation
from jaxguide.evaluation import methods
from jaxguide.evaluation import rows


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "imagenet256_rotated_vipaint2.py", smoke,
      method=methods.vipaint_imagenet256(1))
