"""ILVR: wild to dog.

  python experiments/evaluate.py --out results/wild2dog_ilvr \\
      --config experiments/egsde/configs/wild2dog_ilvr.py

Prior, images, metrics and the whole table are those of `wild2dog_egsde.py`.
100 respaced levels, factor 32, range_t = 0: the defaults of the released
ILVR; with which settings EGSDE's authors ran it is not known beyond the
factor.

Recalled, to be verified (FID, L2, PSNR, SSIM):

  ILVR           75.33±1.22  63.40±0.15  16.85±0.02 0.287±0.001
"""

from jaxguide import evaluation
from jaxguide.evaluation import methods
from jaxguide.evaluation import rows


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "wild2dog_egsde.py", smoke,
      method=methods.Ilvr(
          num_steps=100, variance="learned", variant="released"))
