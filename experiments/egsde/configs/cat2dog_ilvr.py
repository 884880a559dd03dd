"""ILVR: cat to dog.

  python experiments/evaluate.py --out results/cat2dog_ilvr \\
      --config experiments/egsde/configs/cat2dog_ilvr.py

Prior, images, metrics and the whole table are those of `cat2dog_egsde.py`.
100 respaced levels, factor 32, range_t = 0: the defaults of the released
ILVR; with which settings EGSDE's authors ran it is not known beyond the
factor.

Published (FID, L2, PSNR, SSIM, votes for EGSDE):

  ILVR           74.37±1.55  56.95±0.14  17.77±0.02 0.363±0.001        75.4
"""

from jaxguide import evaluation
from jaxguide.evaluation import methods
from jaxguide.evaluation import rows


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "cat2dog_egsde.py", smoke,
      method=methods.Ilvr(
          num_steps=100, variance="learned", variant="released"))
