"""VIPaint-2 on a latent diffusion model of emoji with classes: rotated windows.

  python experiments/evaluate.py --out results/emoji64_rotated_vipaint2 \\
      --config experiments/vipaint/configs/emoji64_rotated_vipaint2.py \\
      --limit 16

The first 16 of 64 held-out emoji (64 x 64), 4 samples each from one fit, 50
steps below T_s; prior and images come with the package. Chosen on eight emoji
of the valid split, scale and guidance with one sample each and the published
start, the start then with two samples:

* the gradient's scale is the published one and there is no guidance (LPIPS
  0.327, 0.305, 0.300, 0.314, 0.327, 0.386 for scales 1/2, 1, 2, 4, 8, 16
  without guidance; 0.304, 0.313, 0.357, 0.368 for 2 to 16 with guidance 3);
* the start has less noise than the published one: none on the encoding, 0.1
  on mu_0, tau_1 = h_1, and missing pixels at the pictures' mean (LPIPS 0.266
  and 17.3 dB in the place of 0.288 and 16.8, with `marginal`; 0.295 and 16.5
  without either).

The distance in the fit is LPIPS, so the extra `lpips` has to be installed
(--set method.perceptual=none does without). --set method.variant=released has
the released formulas.
"""

from jaxguide import data
from jaxguide import evaluation
from jaxguide import metrics
from jaxguide import variational
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
      name="emoji64_rotated_vipaint2",
      prior=sources.EmbeddedPrior("emoji64_ldm"),
      data=sources.EmbeddedImages("noto64", 64),
      conditions=(sources.EmbeddedLabels("noto64"),),
      task=task,
      method=methods.Vipaint(
          levels=variational.LEVELS[2], num_steps=50, scale=2.0, fill=0.5,
          std_scale=0.2**0.5, mean_scale_top=0.1, encoding_noise=0.0,
          perceptual=sources.InstalledLpips(), remat=False),
      metrics=scoring.vipaint_metrics(task),
      batch_size=64,
      seed=10,
      samples_per_image=4,
      set_metrics=metrics.installed_trunk(),
      set_reference=set_scores.RunImages(repeats=4),
  )
  return experiment.tiny() if smoke else experiment
