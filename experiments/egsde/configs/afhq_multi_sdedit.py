"""SDEdit: cats and wild animals to dogs, one extractor.

  python experiments/evaluate.py --out results/afhq_multi_sdedit \\
      --config experiments/egsde/configs/afhq_multi_sdedit.py

Prior, images, metrics and the whole table are those of `afhq_multi_egsde.py`.
M = 500 of 1000 levels: EGSDE with both weights 0, to the bit.
"""

from jaxguide import evaluation
from jaxguide.evaluation import methods
from jaxguide.evaluation import rows


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "afhq_multi_egsde.py", smoke,
      method=methods.SdEdit(first_level=500, variant="released"))
