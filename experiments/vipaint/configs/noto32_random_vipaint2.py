"""VIPaint-2 on a variance-preserving pixel prior of emoji: random masks.

  python experiments/evaluate.py --out results/noto32_random_vipaint2 \\
      --config experiments/vipaint/configs/noto32_random_vipaint2.py \\
      --limit 16

All but the prior, `noto32` (ADM, eps, 1000 levels), is as in
`emoji32_random_vipaint2.py`; nothing was tuned for it. On this schedule
--set method.variant=released has the released formulas in pixels.
"""

from jaxguide import evaluation
from jaxguide.evaluation import rows
from jaxguide.evaluation import sources


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "emoji32_random_vipaint2.py", smoke,
      prior=sources.EmbeddedPrior("noto32"))
