"""ILVR: cats and wild animals to dogs, one extractor.

  python experiments/evaluate.py --out results/afhq_multi_ilvr \\
      --config experiments/egsde/configs/afhq_multi_ilvr.py

Prior, images, metrics and the whole table are those of `afhq_multi_egsde.py`.
100 respaced levels, factor 32, range_t = 0: the defaults of the released
ILVR; with which settings EGSDE's authors ran it is not known beyond the
factor.
"""

from jaxguide import evaluation
from jaxguide.evaluation import methods
from jaxguide.evaluation import rows


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "afhq_multi_egsde.py", smoke,
      method=methods.Ilvr(
          num_steps=100, variance="learned", variant="released"))
