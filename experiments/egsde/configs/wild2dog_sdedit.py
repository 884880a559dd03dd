"""SDEdit: wild to dog.

  python experiments/evaluate.py --out results/wild2dog_sdedit \\
      --config experiments/egsde/configs/wild2dog_sdedit.py

Prior, images, metrics and the whole table are those of `wild2dog_egsde.py`. M
= 500 of 1000 levels: EGSDE with both weights 0, to the bit.

Recalled, to be verified (FID, L2, PSNR, SSIM):

  SDEdit         68.51±0.65  55.36±0.05  17.98±0.01 0.343±0.001
"""

from jaxguide import evaluation
from jaxguide.evaluation import methods
from jaxguide.evaluation import rows


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "wild2dog_egsde.py", smoke,
      method=methods.SdEdit(first_level=500, variant="released"))
