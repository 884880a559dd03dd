"""SDEdit: Twemoji to Noto, with what comes with the package.

  python experiments/evaluate.py --out results/emoji32_sdedit \\
      --config experiments/egsde/configs/emoji32_sdedit.py

EGSDE with both weights 0, to the bit. Prior, images and metrics are those of
`emoji32_egsde.py`.
"""

from jaxguide import evaluation
from jaxguide.evaluation import methods
from jaxguide.evaluation import rows


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "emoji32_egsde.py", smoke,
      method=methods.SdEdit(first_level=500, num_steps=25))
