"""EGSDE: cats and wild animals to dogs, one extractor.

  python experiments/evaluate.py --out results/afhq_multi_egsde \\
      --config experiments/egsde/configs/afhq_multi_egsde.py

Wanted: `models/afhq_dog` (from `afhq_dog_4m.pt`), `models/afhq_dse` (from
`afhq_dse.pt`, or trained here; see README.md) and `data/afhq/val`, AFHQ's val
with the folders cat and wild. FID needs `data/afhq/val/dog` and
`checkpoints/pt_inception-2015-12-05-6726825d.pth`; without the latter it is
left out.

No table of the paper gives numbers for it that are known here.

Weights 500 and 2, M = 500 of 1000 levels, every level visited. The variant is
"released", as the tables were most likely made so: the source's noise is
drawn once. The algorithm as the paper prints it, with a fresh one in every
step, is --set method.variant=paper. A row is the mean and deviation over 5
seeds.
"""

from jaxguide import metrics
from jaxguide.evaluation import config
from jaxguide.evaluation import networks
from jaxguide.evaluation import set_scores
from jaxguide.evaluation import sources
from jaxguide.evaluation import translation
from jaxguide.evaluation import translation_methods

INCEPTION = "checkpoints/pt_inception-2015-12-05-6726825d.pth"


def get_config(smoke: bool = False) -> config.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  extractor = networks.ConvertedExtractor(
      path="models/afhq_dse", checkpoint="afhq_dse.pt",
      card="egsde_dse_afhq3", origin="released with EGSDE")
  experiment = config.Experiment(
      name="afhq_multi_egsde",
      prior=sources.ConvertedPrior(
          path="models/afhq_dog",
          checkpoint="afhq_dog_4m.pt", card="afhq_dog",
          origin="the AFHQ dog model released with ILVR"),
      data=sources.FolderImages(
          path="data/afhq/val", size=256,
          resize="center_crop_bicubic",
          folders=("cat", "wild"),
          origin="AFHQ's val with the folders cat and wild"),
      task=translation.Translation(),
      method=translation_methods.egsde_published(
          extractor, variant="released"),
      metrics=metrics.egsde_metrics(),
      batch_size=8,
      seed=1234,
      samples_per_image=5,
      spread="seeds",
      set_metrics=metrics.installed_inception(INCEPTION),
      set_reference=set_scores.FolderPictures("data/afhq/val/dog"),
  )
  return config.tiny(experiment) if smoke else experiment
