"""EGSDE-dagger: wild to dog.

  python experiments/evaluate.py --out results/wild2dog_egsde_dagger \\
      --config experiments/egsde/configs/wild2dog_egsde_dagger.py

Prior, images, metrics and the whole table are those of `wild2dog_egsde.py`.
Weights 700 and 0.5 and M = 600 of 1000 levels, for realism at the cost of
likeness; that they are the same in this task as in cat to dog is recalled.

Recalled, to be verified (FID, L2, PSNR, SSIM):

  EGSDE-dagger   50.43±0.52  66.52±0.09  16.40±0.01 0.300±0.001
"""

from jaxguide import evaluation
from jaxguide.evaluation import methods
from jaxguide.evaluation import rows


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "wild2dog_egsde.py", smoke,
      method=lambda egsde: methods.egsde_dagger(
          egsde.extractor, variant="released"))
