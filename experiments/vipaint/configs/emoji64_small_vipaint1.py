"""VIPaint-1 on a latent diffusion model of emoji with classes: small masks.

  python experiments/evaluate.py --out results/emoji64_small_vipaint1 \\
      --config experiments/vipaint/configs/emoji64_small_vipaint1.py \\
      --limit 16

All but the levels is as in `emoji64_small_vipaint2.py`.
"""

import dataclasses

from jaxguide import evaluation
from jaxguide import variational
from jaxguide.evaluation import rows


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "emoji64_small_vipaint2.py", smoke,
      method=lambda m: dataclasses.replace(
          m, levels=variational.LEVELS[1]))
