"""EGSDE without the domain's expert: Twemoji to Noto.

  python experiments/evaluate.py --out results/emoji32_egsde_no_domain \\
      --config experiments/egsde/configs/emoji32_egsde_no_domain.py

The low-pass filter alone guides. 2 seeds. All else is that of
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
          egsde, domain_weight=0.0))
