"""EGSDE-dagger: Twemoji to Noto, with what comes with the package.

  python experiments/evaluate.py --out results/emoji32_egsde_dagger \\
      --config experiments/egsde/configs/emoji32_egsde_dagger.py

More weight on the domain, less on the source, and M = 600: realism before
likeness. The weights depart from EGSDE's by the published factors, 700 / 500
and 0.5 / 2. All else is that of `emoji32_egsde.py`.
"""

import dataclasses

from jaxguide import evaluation
from jaxguide.evaluation import rows


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "emoji32_egsde.py", smoke,
      method=lambda egsde: dataclasses.replace(
          egsde, domain_weight=42.0, lowpass_weight=0.5, first_level=600,
          num_steps=30))
