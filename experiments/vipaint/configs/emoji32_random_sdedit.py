"""SDEdit under the mask, on an EDM prior of emoji: random masks.

  python experiments/evaluate.py --out results/emoji32_random_sdedit \\
      --config experiments/vipaint/configs/emoji32_random_sdedit.py \\
      --limit 16

To be compared with `emoji32_random_vipaint2.py`, with its masks and seeds:
once from the last level, where the degraded picture is next to pure noise, in
100 steps, each of which takes what is observed from the noised picture.
--set prior.name=noto32 takes the other prior.
"""

from jaxguide import evaluation
from jaxguide.evaluation import methods
from jaxguide.evaluation import rows


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  return rows.row_like(
      __file__, "emoji32_random_vipaint2.py", smoke,
      method=methods.SdEdit(first_level=1000, num_steps=100))
