"""Steered Diffusion on generic images: super-resolution by 4.

  python experiments/evaluate.py --out results/imagenet_sr_x4 \\
      --config experiments/steered/configs/imagenet_sr_x4.py

Wanted: `models/adm_imagenet256_uncond` (from `256x256_diffusion_uncond.pt`,
see README.md here) and `data/imagenet_val`, a folder of pictures of any size:
the shorter side is scaled to 256 and the centre is taken.

The paper shows generic images in figures and prints no numbers for them.
"""

from jaxguide import evaluation
from jaxguide.evaluation import methods
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  task = tasks.SuperResolution(factor=4)
  experiment = evaluation.Experiment(
      name="imagenet_sr_x4",
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
