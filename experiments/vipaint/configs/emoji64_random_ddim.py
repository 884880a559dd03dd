"""The latent model of emoji by itself: random masks.

  python experiments/evaluate.py --out results/emoji64_random_ddim \\
      --config experiments/vipaint/configs/emoji64_random_ddim.py \\
      --limit 16

To be compared with `emoji64_random_vipaint2.py`, with its masks and seeds:
samples of the image's class that know nothing of its pixels.
"""

from jaxguide import evaluation
from jaxguide.evaluation import methods
from jaxguide.evaluation import rows


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "emoji64_random_vipaint2.py", smoke,
      method=methods.Ddim(num_steps=50, eta=1.0))
