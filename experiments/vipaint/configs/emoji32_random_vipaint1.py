"""VIPaint-1 on an EDM prior of emoji: random masks.

  python experiments/evaluate.py --out results/emoji32_random_vipaint1 \\
      --config experiments/vipaint/configs/emoji32_random_vipaint1.py \\
      --limit 16

All but the levels is as in `emoji32_random_vipaint2.py`.
"""

import dataclasses

from jaxguide import evaluation
from jaxguide.evaluation import rows


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "emoji32_random_vipaint2.py", smoke,
      method=lambda m: dataclasses.replace(m, num_levels=1))
