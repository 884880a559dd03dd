"""Steered Diffusion on an EDM prior of emoji: small masks.

  python experiments/evaluate.py --out results/emoji32_small_steered \\
      --config experiments/vipaint/configs/emoji32_small_steered.py \\
      --limit 16

To be compared with `emoji32_small_vipaint2.py`, with its masks and seeds: the
paper's N, 100 steps, x0 clipped.
"""

from jaxguide import data
from jaxguide import evaluation
from jaxguide.evaluation import methods
from jaxguide.evaluation import rows
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  task = tasks.Inpainting(
      sources.Masks(data.vipaint_masks.small_masks()))
  return rows.row_like(
      __file__, "emoji32_small_vipaint2.py", smoke,
      method=methods.steered_paper(task, clip_x0=True))
