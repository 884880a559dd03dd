"""VIPaint-2 on a latent diffusion model of emoji with classes: small masks.

  python experiments/evaluate.py --out results/emoji64_small_vipaint2 \\
      --config experiments/vipaint/configs/emoji64_small_vipaint2.py \\
      --limit 16

The first 16 of 64 held-out emoji (64 x 64), 4 samples each from one fit, 50
steps below T_s; prior and images come with the package. `scale` is the
published one times 8, as there are 8 times fewer steps: neither it nor
anything else was tuned on these priors. The distance in the fit is LPIPS, so
the extra `lpips` has to be installed (--set method.perceptual=none does
without). --set method.variant=released has the released formulas.
"""

from jaxguide import data
from jaxguide.evaluation import config
from jaxguide.evaluation import rows
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks


def get_config(smoke: bool = False) -> config.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "emoji64_rotated_vipaint2.py", smoke,
      task=tasks.Inpainting(
          sources.Masks(data.vipaint_masks.small_masks())))
