"""SDEdit: cat to dog.

  python experiments/evaluate.py --out results/cat2dog_sdedit \\
      --config experiments/egsde/configs/cat2dog_sdedit.py

Prior, images, metrics and the whole table are those of `cat2dog_egsde.py`. M
= 500 of 1000 levels: EGSDE with both weights 0, to the bit.

Published (FID, L2, PSNR, SSIM, votes for EGSDE):

  SDEdit         74.17±1.01  47.88±0.06  19.19±0.01 0.423±0.001        65.2
"""

from jaxguide import evaluation
from jaxguide.evaluation import methods
from jaxguide.evaluation import rows


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "cat2dog_egsde.py", smoke,
      method=methods.SdEdit(first_level=500, variant="released"))
