"""SDEdit: Twemoji to Noto, with what comes with the package.

  python experiments/evaluate.py --out results/emoji32_sdedit \\
      --config experiments/egsde/configs/emoji32_sdedit.py

EGSDE with both weights 0, to the bit. Prior, images and metrics are those of
`emoji32_egsde.py`.
"""

from jaxguide.evaluation import config
from jaxguide.evaluation import rows
from jaxguide.evaluation import translation_methods


def get_config(smoke: bool = False) -> config.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "emoji32_egsde.py", smoke,
      method=translation_methods.SdEdit(first_level=500, num_steps=25))
