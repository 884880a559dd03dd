"""ILVR: Twemoji to Noto, with what comes with the package.

  python experiments/evaluate.py --out results/emoji32_ilvr \\
      --config experiments/egsde/configs/emoji32_ilvr.py

From pure noise in 50 respaced steps, the low frequencies (factor 4, as of
EGSDE's low-pass filter) replaced by the source's in each. Prior, images and
metrics are those of `emoji32_egsde.py`.
"""

from jaxguide import evaluation
from jaxguide.evaluation import methods
from jaxguide.evaluation import rows


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "emoji32_egsde.py", smoke,
      method=methods.Ilvr(num_steps=50, factor=4))
