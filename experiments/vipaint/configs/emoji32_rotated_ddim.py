"""The EDM prior of emoji by itself: rotated windows.

  python experiments/evaluate.py --out results/emoji32_rotated_ddim \\
      --config experiments/vipaint/configs/emoji32_rotated_ddim.py \\
      --limit 16

To be compared with `emoji32_rotated_vipaint2.py`, with its masks and seeds:
samples that know nothing of the image.
"""

from jaxguide import evaluation
from jaxguide.evaluation import methods
from jaxguide.evaluation import rows


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "emoji32_rotated_vipaint2.py", smoke,
      method=methods.Ddim(num_steps=50, eta=1.0))
