"""Table 1 of VIPaint: ImageNet at 256 x 256, rotated windows, VIPaint-2.

  python experiments/evaluate.py --out results/imagenet256_rotated_vipaint2 \\
      --config experiments/vipaint/configs/imagenet256_rotated_vipaint2.py

Wanted: `models/ldm_cin256_v2` (see README.md here), `data/imagenet_val`,
whose first 100 pictures, by number, are taken, and
`data/imagenet_val_labels.txt`, a line "NAME CLASS" for each.

Published, LPIPS of 100 images:

  VIPaint-4  0.358
  VIPaint-2  0.392
  ReSample   0.537
  PSLD       0.576
  DPS        0.606

Half of the image is missing. The published masks are not released; a folder of
masks is named with --set task.masks.folder=FOLDER.

The released settings and formulas: 50 updates of 5 samples without guidance,
scale 3 in the sampling, every level below T_s. Which revision of the program
gave the table cannot be told. --set method.variant=paper is the mathematics.

100 images, 10 samples each from one fit; LPIPS (VGG, pictures cut off to 8
bits) is the mean over samples, then over images. It is computed where the
extra `lpips` is installed, which the fit needs too. FID and KID, against the
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
        "VIPaint-4": (0.358,),
        "VIPaint-2": (0.392,),
        "ReSample": (0.537,),
        "PSLD": (0.576,),
        "DPS": (0.606,),
    }, num_images=100)


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  task = tasks.Inpainting(
      sources.Masks(data.vipaint_masks.rotated_windows()))
  experiment = evaluation.Experiment(
      name="imagenet256_rotated_vipaint2",
      prior=sources.ConvertedPrior(
          path="models/ldm_cin256_v2", checkpoint="model.ckpt",
          card="ldm_cin256_v2", weights="raw",
          origin="cin256-v2, released with latent diffusion"),
      data=sources.FolderImages(
          path="data/imagenet_val", size=256, resize="center_crop_box",
          count=100, origin="ImageNet's validation images"),
      conditions=(sources.LabelFile("data/imagenet_val_labels.txt"),),
      task=task,
      method=methods.vipaint_imagenet256(2),
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
