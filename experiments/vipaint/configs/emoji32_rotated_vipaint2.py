"""VIPaint-2 on an EDM prior of emoji: rotated windows.

  python experiments/evaluate.py --out results/emoji32_rotated_vipaint2 \\
      --config experiments/vipaint/configs/emoji32_rotated_vipaint2.py \\
      --limit 16

The first 16 of 64 held-out emoji (32 x 32), 4 samples each from one fit, 50
steps below T_s; prior and images come with the package. `scale` is the
published one times 8, as there are 8 times fewer steps; on eight emoji of the
valid split LPIPS is 0.307, 0.295, 0.290 and 0.299 for scales 2, 8, 16 and 32.
Fits that start as `vipaint_edm` has it are no better there (0.298 and 0.302
for 8 and 16, and 1.7 dB less). No perceptual term, as in the paper's
experiment with EDM.
"""

from jaxguide import data
from jaxguide import metrics
from jaxguide.evaluation import config
from jaxguide.evaluation import scoring
from jaxguide.evaluation import set_scores
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks
from jaxguide.evaluation import vipaint_method


def get_config(smoke: bool = False) -> config.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  task = tasks.Inpainting(
      sources.Masks(data.vipaint_masks.rotated_windows()))
  experiment = config.Experiment(
      name="emoji32_rotated_vipaint2",
      prior=sources.EmbeddedPrior("emoji32_edm"),
      data=sources.EmbeddedImages("noto32"),
      task=task,
      method=vipaint_method.Vipaint(
          num_levels=2, num_steps=50, scale=16.0, remat=False),
      metrics=scoring.vipaint_metrics(task),
      batch_size=64,
      seed=10,
      samples_per_image=4,
      set_metrics=metrics.installed_trunk(),
      set_reference=set_scores.RunImages(repeats=4),
  )
  return config.tiny(experiment) if smoke else experiment
