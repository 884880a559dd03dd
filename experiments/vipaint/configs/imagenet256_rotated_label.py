"""Images completed under another class (paper's Fig. 24).

  python experiments/evaluate.py --out results/imagenet256_rotated_label \\
      --config experiments/vipaint/configs/imagenet256_rotated_label.py \\
      --limit 4

Wanted: `models/ldm_cin256_v2` (see README.md here), `data/imagenet_val`,
whose first 100 pictures, by number, are taken, and
`data/imagenet_val_labels.txt`, a line "NAME CLASS" for each.

Every image has the class 207; `--set labels.value=N` is another one. Runs of
several classes are shown side by side by `experiments/compare.py`.
"""

from jaxguide import evaluation
from jaxguide.evaluation import rows
from jaxguide.evaluation import sources


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "imagenet256_rotated_vipaint2.py", smoke,
      conditions=(sources.FixedLabel(207),),
      published=())
