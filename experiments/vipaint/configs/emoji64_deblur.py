"""VIPaint-2 on a latent diffusion model of emoji: Gaussian deblurring.

  python experiments/evaluate.py --out results/emoji64_deblur \\
      --config experiments/vipaint/configs/emoji64_deblur.py --limit 16

The images, prior, start and seeds of `emoji64_rotated_vipaint2.py`, noise of
deviation 0.05, and no perceptual term, as in the paper. The blur has
deviation 3 pixels in a window of 61. The gradient's scale was chosen on eight
emoji of the valid split, two samples each: 8 has LPIPS 0.233 and 21.2 dB, 32
has 0.272 and 19.1 (the observation 0.541 and 17.2).
"""

import dataclasses

from jaxguide import evaluation
from jaxguide.evaluation import rows
from jaxguide.evaluation import scoring
from jaxguide.evaluation import tasks


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  task = tasks.GaussianDeblurring()
  return rows.row_like(
      __file__, "emoji64_rotated_vipaint2.py", smoke,
      task=task, metrics=scoring.vipaint_metrics(task),
      method=lambda method: dataclasses.replace(
          method, perceptual=None, scale=8.0))
