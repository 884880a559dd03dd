"""EGSDE-dagger: male to female.

  python experiments/evaluate.py --out results/male2female_egsde_dagger \\
      --config experiments/egsde/configs/male2female_egsde_dagger.py

Prior, images, metrics and the whole table are those of
`male2female_egsde.py`. Weights 700 and 0.5 and M = 600 of 1000 levels, for
realism at the cost of likeness; that they are the same in this task as in cat
to dog is recalled.

Recalled, to be verified (FID, L2, PSNR, SSIM):

  EGSDE-dagger   30.61±0.19  53.44±0.09  18.32±0.02 0.510±0.001
"""

from jaxguide import evaluation
from jaxguide.evaluation import methods
from jaxguide.evaluation import rows


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "male2female_egsde.py", smoke,
      method=lambda egsde: methods.egsde_dagger(
          egsde.extractor, variant="released"))
