"""EGSDE from M = 400 of 1000 levels: Twemoji to Noto.

  python experiments/evaluate.py --out results/emoji32_egsde_m400 \\
      --config experiments/egsde/configs/emoji32_egsde_m400.py

One level in twenty is visited, as of M = 500. 2 seeds. All else is that of
`emoji32_egsde.py`.
"""

import dataclasses

from jaxguide import evaluation
from jaxguide.evaluation import rows


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "emoji32_egsde.py", smoke, samples_per_image=2,
      method=lambda egsde: dataclasses.replace(
          egsde, first_level=400, num_steps=20))
