"""Table 1 of VIPaint: ImageNet at 64 x 64, rotated windows, VIPaint-4.

  python experiments/evaluate.py --out results/imagenet64_rotated_vipaint4 \\
      --config experiments/vipaint/configs/imagenet64_rotated_vipaint4.py

Wanted: `models/adm_imagenet64_cond_edm` (see README.md here),
`data/imagenet_val`, whose first 100 pictures, by number, are taken, and
`data/imagenet_val_labels.txt`, a line "NAME CLASS" for each.

Published, LPIPS of 100 images:

  VIPaint-4   0.289
  VIPaint-2   0.300
  CoPaint-TT  0.316
  CoPaint     0.347
  RePaint     0.3213
  DPS         0.3203
  Blended     0.3409
  RedDiff     0.463
  RedDiff-V   0.407

Half of the image is missing. The published masks are not released; a folder of
masks is named with --set task.masks.folder=FOLDER.

The paper's settings for this prior are lost: levels are matched by signal to
noise, and nothing was tuned. No perceptual term, as the paper says. The
diffusion loss is averaged over z_0, which the paper's is not
(--set method.marginal=false has it as printed).

100 images, 10 samples each from one fit; LPIPS (VGG, pictures cut off to 8
bits) is the mean over samples, then over images. It is computed where the
extra `lpips` is installed. FID and KID, against the
run's own images, are computed where
`checkpoints/pt_inception-2015-12-05-6726825d.pth` is.
"""

from jaxguide import data
from jaxguide import evaluation
from jaxguide import metrics
from jaxguide.evaluation import methods
from jaxguide.evaluation import scoring
from jaxguide.evaluation import set_scores
from jaxguide.evaluation import sources
from jaxguide.evaluation import tables
from jaxguide.evaluation import tasks
from jaxguide.metrics import preprocessing

INCEPTION = "checkpoints/pt_inception-2015-12-05-6726825d.pth"
PUBLISHED = tables.published(
    "Agarwal et al., arXiv:2411.18929, Table 1", ("lpips_vipaint",), {
        "VIPaint-4": (0.289,),
        "VIPaint-2": (0.3,),
        "CoPaint-TT": (0.316,),
        "CoPaint": (0.347,),
        "RePaint": (0.3213,),
        "DPS": (0.3203,),
        "Blended": (0.3409,),
        "RedDiff": (0.463,),
        "RedDiff-V": (0.407,),
    }, num_images=100)


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  task = tasks.Inpainting(
      sources.Masks(data.vipaint_masks.rotated_windows()))
  experiment = evaluation.Experiment(
      name="imagenet64_rotated_vipaint4",
      prior=sources.ConvertedPrior(
          path="models/adm_imagenet64_cond_edm",
          checkpoint="edm-imagenet-64x64-cond-adm.pkl",
          card="adm_imagenet64_cond_edm",
          origin="released with EDM"),
      data=sources.FolderImages(
          path="data/imagenet_val", size=64, resize="center_crop_box",
          count=100, origin="ImageNet's validation images"),
      conditions=(sources.LabelFile("data/imagenet_val_labels.txt"),),
      task=task,
      method=methods.vipaint_edm(4),
      metrics=scoring.vipaint_metrics(task),
      batch_size=20,
      seed=10,
      quantise="uint8_truncated",
      samples_per_image=10,
      published=PUBLISHED,
      set_metrics=metrics.installed_inception(
          INCEPTION, preprocessing.CLEAN_LEGACY_PYTORCH),
      # As the paper's: the images as often as there are samples.
      set_reference=set_scores.RunImages(repeats=10),
  )
  return experiment.tiny() if smoke else experiment
