"""EGSDE: Twemoji to Noto, 32 x 32 pixels, with what comes with the package.

  python experiments/evaluate.py --out results/emoji32_egsde \\
      --config experiments/egsde/configs/emoji32_egsde.py

The sources are 64 emoji of the test split in Twemoji's artwork. Neither the
prior, which knows Noto's artwork alone, nor the extractor was trained on these
concepts. Their true counterparts in Noto's artwork are known: every metric has
a second column against these. Realism is the Frechet and the kernel distance
of VGG features (relu4_3) to the counterparts, where `jaxguide[lpips]` is
installed; 64 pictures bias the Frechet distance upward, of every row alike.

The judge of `domain_accuracy`, the share of translations taken for Noto's, is
the extractor that guides EGSDE, and no independent one.

M = 500 of 1000 levels in 25 steps, one level in twenty, the source's noise
drawn anew in each (the paper's algorithm). 4 seeds; a row is the mean and
deviation over these.

The filter keeps 8 x 8 pixels, as with factor 32 of 256, and its weight is the
published 2. The weight of the extractor belongs to this extractor and was
chosen on 32 emoji of the valid split with 2 seeds, among 10, 30, 100 and 300
(all as faithful as SDEdit or more):

  weight          L2  Frechet distance  LPIPS to counterpart  taken for Noto
  SDEdit       12.09         1345 ± 174                0.454           0.969
  10            8.25         1435 ± 29                 0.378           0.969
  30            8.31         1438 ± 23                 0.380           0.984
  100           8.58         1449 ± 1                  0.387           0.953
  300           9.81         1595 ± 77                 0.423           0.797

10 and 30 cannot be told apart by realism; of these 30 is more often taken for
Noto's. The test emoji took no part in the choice.
"""

from jaxguide import convert
from jaxguide import evaluation
from jaxguide import metrics
from jaxguide.convert import model_directories
from jaxguide.evaluation import methods
from jaxguide.evaluation import set_scores
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  counterparts = sources.EmbeddedImages("noto32")
  task = tasks.Translation(counterparts)
  lpips = metrics.installed_lpips("vgg")
  extractor = sources.EmbeddedExtractor()
  judge = convert.load_model(model_directories.EMBEDDED / extractor.name)
  experiment = evaluation.Experiment(
      name="emoji32_egsde",
      prior=sources.EmbeddedPrior("noto32"),
      data=sources.EmbeddedImages("twemoji32"),
      task=task,
      method=methods.Egsde(
          extractor,
          domain_weight=30.0, lowpass_weight=2.0, first_level=500,
          num_steps=25, factor=4),
      metrics=(
          *task.default_metrics, *lpips,
          *(metrics.against(m, tasks.COUNTERPART) for m in lpips),
          metrics.domain_metric(judge, label=1)),
      batch_size=16,
      samples_per_image=4,
      spread="seeds",
      set_metrics=metrics.installed_trunk("vgg", ("relu4_3",)),
      set_reference=set_scores.SourceImages(counterparts),
  )
  return experiment.tiny() if smoke else experiment
