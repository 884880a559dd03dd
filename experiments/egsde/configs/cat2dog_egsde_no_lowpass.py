"""EGSDE without the domain-independent expert: cat to dog.

  python experiments/evaluate.py --out results/cat2dog_egsde_no_lowpass \\
      --config experiments/egsde/configs/cat2dog_egsde_no_lowpass.py

Prior, images, metrics and the whole table are those of `cat2dog_egsde.py`.
Weights 500 and 0. The paper studies it; its numbers are not known here.
"""

import dataclasses

from jaxguide import evaluation
from jaxguide.evaluation import rows


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "cat2dog_egsde.py", smoke,
      method=lambda egsde: dataclasses.replace(egsde, lowpass_weight=0.0))
