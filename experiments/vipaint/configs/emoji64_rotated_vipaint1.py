"""VIPaint-1 on a latent diffusion model of emoji with classes: rotated windows.

  python experiments/evaluate.py --out results/emoji64_rotated_vipaint1 \\
      --config experiments/vipaint/configs/emoji64_rotated_vipaint1.py \\
      --limit 16

The first 16 of 64 held-out emoji (64 x 64), 4 samples each from one fit, 50
steps below T_s; prior and images come with the package. `scale` is the
published one times 8, as there are 8 times fewer steps: neither it nor
anything else was tuned on these priors. The distance in the fit is LPIPS, so
the extra `lpips` has to be installed (--set method.perceptual=none does
without). --set method.variant=released has the released formulas.
"""

import dataclasses

from jaxguide import variational
from jaxguide.evaluation import config
from jaxguide.evaluation import rows


def get_config(smoke: bool = False) -> config.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "emoji64_rotated_vipaint2.py", smoke,
      method=lambda m: dataclasses.replace(
          m, num_levels=1, levels=variational.LEVELS[1]))
