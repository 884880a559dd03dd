"""The sources as they are: Twemoji, untranslated, measured like a translation.

  python experiments/evaluate.py --out results/emoji32_untranslated \\
      --config experiments/egsde/configs/emoji32_untranslated.py

Where the other rows start from, of set metrics too. Images and metrics are
those of `emoji32_egsde.py`; there is nothing to be drawn, hence one seed.
"""

from jaxguide import evaluation
from jaxguide.evaluation import methods
from jaxguide.evaluation import rows


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "emoji32_egsde.py", smoke, method=methods.Baseline(),
      samples_per_image=1, spread="images")
