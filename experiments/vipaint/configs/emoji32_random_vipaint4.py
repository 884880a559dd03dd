"""VIPaint-4 on an EDM prior of emoji: random masks.

  python experiments/evaluate.py --out results/emoji32_random_vipaint4 \\
      --config experiments/vipaint/configs/emoji32_random_vipaint4.py \\
      --limit 16

The first 16 of 64 held-out emoji (32 x 32), 4 samples each from one fit, 50
steps below T_s; prior and images come with the package. `scale` is the
published one times 8, as there are 8 times fewer steps: neither it nor
anything else was tuned on these priors. No perceptual
term, as in the paper's experiment with EDM.
"""

import dataclasses

from jaxguide import data
from jaxguide.evaluation import config
from jaxguide.evaluation import rows
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks


def get_config(smoke: bool = False) -> config.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "emoji32_rotated_vipaint2.py", smoke,
      task=tasks.Inpainting(
          sources.Masks(data.vipaint_masks.random_masks())),
      method=lambda m: dataclasses.replace(m, num_levels=4))
