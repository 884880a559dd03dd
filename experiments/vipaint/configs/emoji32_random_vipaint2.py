"""VIPaint-2 on an EDM prior of emoji: random masks.

  python experiments/evaluate.py --out results/emoji32_random_vipaint2 \\
      --config experiments/vipaint/configs/emoji32_random_vipaint2.py \\
      --limit 16

All but the masks is as in `emoji32_rotated_vipaint2.py`.
"""

from jaxguide import data
from jaxguide import evaluation
from jaxguide.evaluation import rows
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "emoji32_rotated_vipaint2.py", smoke,
      task=tasks.Inpainting(
          sources.Masks(data.vipaint_masks.random_masks())))
