"""Steered Diffusion on generic images: inpainting, thick masks.

  python experiments/evaluate.py --out results/imagenet_inpaint \\
      --config experiments/steered/configs/imagenet_inpaint.py

Wanted: `models/adm_imagenet256_uncond` (from `256x256_diffusion_uncond.pt`,
see README.md here) and `data/imagenet_val`, a folder of pictures of any size:
the shorter side is scaled to 256 and the centre is taken.

The paper shows generic images in figures and prints no numbers for them.

The masks are drawn here in the manner of LaMa's thick ones; a folder of mask
pictures is named with --set task.masks.folder=FOLDER.
"""

from jaxguide import data
from jaxguide import evaluation
from jaxguide.evaluation import methods
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  task = tasks.Inpainting(sources.Masks(data.masks.thick()))
  experiment = evaluation.Experiment(
      name="imagenet_inpaint",
      prior=sources.ConvertedPrior(
          path="models/adm_imagenet256_uncond",
          checkpoint="256x256_diffusion_uncond.pt",
          card="adm_imagenet256_uncond",
          origin="the unconditional ImageNet model of guided-diffusion"),
      data=sources.FolderImages(
          path="data/imagenet_val", size=256, resize="center_crop_box",
          origin="pictures, such as ImageNet's validation images"),
      task=task,
      method=methods.steered_paper(task),
      batch_size=4,
      seed=404,
  )
  return experiment.tiny() if smoke else experiment
