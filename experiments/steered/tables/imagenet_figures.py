"""Steered Diffusion on generic images: the paper's figures.

The paper shows generic images in figures and prints no numbers for them.
Wanted on the disk: `models/adm_imagenet256_uncond` and `data/imagenet_val`, a
folder of pictures of any size: the shorter side is scaled to 256 and the
centre is taken. Masks are drawn here in the manner of LaMa's thick ones; a
folder of mask pictures is named with --set task.masks.folder=FOLDER.
"""

from jaxguide import data
from jaxguide import evaluation


def _row(task):
  return evaluation.Experiment(
      prior=evaluation.ConvertedPrior(
          path="models/adm_imagenet256_uncond",
          checkpoint="256x256_diffusion_uncond.pt",
          card="adm_imagenet256_uncond",
          origin="the unconditional ImageNet model of guided-diffusion"),
      data=evaluation.FolderImages(
          path="data/imagenet_val", size=256, resize="center_crop_box",
          origin="pictures, such as ImageNet's validation images"),
      task=task,
      method=evaluation.steered_paper(task),
      batch_size=4,
      seed=404)


TABLE = evaluation.Table(
    title="Steered Diffusion on generic images",
    rows={
        "sr_x4": lambda: _row(evaluation.SuperResolution(factor=4)),
        "colorization": lambda: _row(evaluation.Colorization()),
        "inpaint": lambda: _row(evaluation.Inpainting(
            evaluation.Masks(data.masks.thick()))),
    })
