"""EGSDE-dagger: cat to dog.

  python experiments/evaluate.py --out results/cat2dog_egsde_dagger \\
      --config experiments/egsde/configs/cat2dog_egsde_dagger.py

Prior, images, metrics and the whole table are those of `cat2dog_egsde.py`.
Weights 700 and 0.5 and M = 600 of 1000 levels, for realism at the cost of
likeness.

Published (FID, L2, PSNR, SSIM, votes for EGSDE):

  EGSDE-dagger   51.04±0.37  62.06±0.10  17.17±0.02 0.361±0.001           -
"""

from jaxguide import evaluation
from jaxguide.evaluation import methods
from jaxguide.evaluation import rows


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "cat2dog_egsde.py", smoke,
      method=lambda egsde: methods.egsde_dagger(
          egsde.extractor, variant="released"))
