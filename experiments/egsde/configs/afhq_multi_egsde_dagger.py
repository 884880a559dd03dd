"""EGSDE-dagger: cats and wild animals to dogs, one extractor.

  python experiments/evaluate.py --out results/afhq_multi_egsde_dagger \\
      --config experiments/egsde/configs/afhq_multi_egsde_dagger.py

Prior, images, metrics and the whole table are those of `afhq_multi_egsde.py`.
Weights 700 and 0.5 and M = 600 of 1000 levels, for realism at the cost of
likeness; that they are the same in this task as in cat to dog is recalled.
"""

from jaxguide import evaluation
from jaxguide.evaluation import methods
from jaxguide.evaluation import rows


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "afhq_multi_egsde.py", smoke,
      method=lambda egsde: methods.egsde_dagger(
          egsde.extractor, variant="released"))
