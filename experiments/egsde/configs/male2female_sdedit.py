"""SDEdit: male to female.

  python experiments/evaluate.py --out results/male2female_sdedit \\
      --config experiments/egsde/configs/male2female_sdedit.py

Prior, images, metrics and the whole table are those of
`male2female_egsde.py`. M = 500 of 1000 levels: EGSDE with both weights 0, to
the bit.

Recalled, to be verified (FID, L2, PSNR, SSIM):

  SDEdit         49.43±0.47  43.70±0.03  20.03±0.01 0.572±0.000
"""

from jaxguide import evaluation
from jaxguide.evaluation import methods
from jaxguide.evaluation import rows


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "male2female_egsde.py", smoke,
      method=methods.SdEdit(first_level=500, variant="released"))
