"""EGSDE with M = 0.4T: cat to dog.

  python experiments/evaluate.py --out results/cat2dog_egsde_m400 \\
      --config experiments/egsde/configs/cat2dog_egsde_m400.py

Prior, images, metrics and the whole table are those of `cat2dog_egsde.py`.
Weights 500 and 2, M = 400 of 1000 levels (`cat2dog_egsde.py` has 500): a
larger M should lower FID and raise L2. The paper studies it; its numbers are
not known here.
"""

import dataclasses

from jaxguide import evaluation
from jaxguide.evaluation import rows


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "cat2dog_egsde.py", smoke,
      method=lambda egsde: dataclasses.replace(egsde, first_level=400))
