"""VIPaint-2 on an EDM prior of emoji: rotated windows.

  python experiments/evaluate.py --out results/emoji32_rotated_vipaint2 \\
      --config experiments/vipaint/configs/emoji32_rotated_vipaint2.py \\
      --limit 16

The first 16 of 64 held-out emoji (32 x 32), 4 samples each from one fit, 50
steps below T_s; prior and images come with the package. No perceptual term,
as in the paper's experiment with EDM. Chosen on eight emoji of the valid
split, two samples each (LPIPS and PSNR; the published start, with scale 16,
has 0.299 and 13.8 dB without `marginal`):

  tau_1 = h_1 (std_scale) and little noise on mu_0    0.279  13.8
  the same with `marginal`                            0.225  16.6
  missing pixels start at the pictures' mean, 0.5     0.192  17.9
  scales 4, 8, 16, 32                         0.193 0.191 0.192 0.208
  levels at 3.0 and 1.6 in the place of 1.75 and 0.9  0.209  17.2
  rates of mu 0.04 and 0.25 in the place of 0.1       0.221  16.6, 0.201  17.4
  mixing logits from 1 in the place of 4              0.229  15.4

`docs/vipaint.md` has what else was tried.
"""

from jaxguide import data
from jaxguide import evaluation
from jaxguide import metrics
from jaxguide.evaluation import methods
from jaxguide.evaluation import scoring
from jaxguide.evaluation import set_scores
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  task = tasks.Inpainting(
      sources.Masks(data.vipaint_masks.rotated_windows()))
  experiment = evaluation.Experiment(
      name="emoji32_rotated_vipaint2",
      prior=sources.EmbeddedPrior("emoji32_edm"),
      data=sources.EmbeddedImages("noto32"),
      task=task,
      method=methods.Vipaint(
          num_levels=2, num_steps=50, scale=8.0, fill=0.5,
          std_scale=0.2**0.5, mean_scale_top=0.05, remat=False),
      metrics=scoring.vipaint_metrics(task),
      batch_size=64,
      seed=10,
      samples_per_image=4,
      set_metrics=metrics.installed_trunk(),
      set_reference=set_scores.RunImages(repeats=4),
  )
  return experiment.tiny() if smoke else experiment
