"""ILVR: male to female.

  python experiments/evaluate.py --out results/male2female_ilvr \\
      --config experiments/egsde/configs/male2female_ilvr.py

Prior, images, metrics and the whole table are those of
`male2female_egsde.py`. 100 respaced levels, factor 32, range_t = 0: the
defaults of the released ILVR; with which settings EGSDE's authors ran it is
not known beyond the factor. The network has no learned variance.

Recalled, to be verified (FID, L2, PSNR, SSIM):

  ILVR           46.12±0.33  52.17±0.10  18.59±0.02 0.510±0.001
"""

from jaxguide import evaluation
from jaxguide.evaluation import methods
from jaxguide.evaluation import rows


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "male2female_egsde.py", smoke,
      method=methods.Ilvr(
          num_steps=100, variance="fixed_small", variant="released"))
