"""VIPaint without the perceptual term (paper's Fig. 9).

  python experiments/evaluate.py --out results/imagenet256_rotated_no_lpips \\
      --config experiments/vipaint/configs/imagenet256_rotated_no_lpips.py

Wanted: `models/ldm_cin256_v2` (see README.md here), `data/imagenet_val`,
whose first 100 pictures, by number, are taken, and
`data/imagenet_val_labels.txt`, a line "NAME CLASS" for each.

As `imagenet256_rotated_vipaint2`, the absolute error alone. The paper shows
pictures.
"""

import dataclasses

from jaxguide import evaluation
from jaxguide.evaluation import rows


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "imagenet256_rotated_vipaint2.py", smoke,
      method=lambda m: dataclasses.replace(m, perceptual=None))
