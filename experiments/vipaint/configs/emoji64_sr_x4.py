"""VIPaint-2 on a latent diffusion model of emoji: super-resolution by 4.

  python experiments/evaluate.py --out results/emoji64_sr_x4 \\
      --config experiments/vipaint/configs/emoji64_sr_x4.py --limit 16

The images, prior, start and seeds of `emoji64_rotated_vipaint2.py`, noise of
deviation 0.05, and no perceptual term, as in the paper. The gradient's scale
was chosen on eight emoji of the valid split, two samples each: 8 has LPIPS
0.193 and 22.8 dB, 32 has 0.235 and 20.2 (bicubic 0.312 and 19.8).
"""

import dataclasses

from jaxguide import evaluation
from jaxguide.evaluation import rows
from jaxguide.evaluation import scoring
from jaxguide.evaluation import tasks


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  task = tasks.SuperResolution(factor=4, noise_std=0.05)
  return rows.row_like(
      __file__, "emoji64_rotated_vipaint2.py", smoke,
      task=task, metrics=scoring.vipaint_metrics(task),
      method=lambda method: dataclasses.replace(
          method, perceptual=None, scale=8.0))
