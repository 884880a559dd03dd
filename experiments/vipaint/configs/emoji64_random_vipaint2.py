"""VIPaint-2 on a latent diffusion model of emoji with classes: random masks.

  python experiments/evaluate.py --out results/emoji64_random_vipaint2 \\
      --config experiments/vipaint/configs/emoji64_random_vipaint2.py \\
      --limit 16

All but the masks is as in `emoji64_rotated_vipaint2.py`.
"""

from jaxguide import data
from jaxguide import evaluation
from jaxguide.evaluation import rows
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "emoji64_rotated_vipaint2.py", smoke,
      task=tasks.Inpainting(
          sources.Masks(data.vipaint_masks.random_masks())))
