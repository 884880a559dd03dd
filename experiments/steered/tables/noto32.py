"""Steered Diffusion on emoji: four tasks with what comes with the package.

64 held-out Noto emoji, 32 x 32 pixels, in 50 steps. x0 is clipped, as the
prior is small and the paper does not say.
"""

from jaxguide import data
from jaxguide import evaluation


def _row(task):
  return evaluation.Experiment(
      prior=evaluation.EmbeddedPrior("noto32"),
      data=evaluation.EmbeddedImages("noto32"),
      task=task,
      method=evaluation.steered_paper(task, num_steps=50, clip_x0=True),
      batch_size=16)


def _inpainting(masks):
  return _row(evaluation.Inpainting(data.EmbeddedMasks(masks)))


TABLE = evaluation.Table(
    title="Steered Diffusion on emoji",
    rows={
        "inpaint_box": lambda: _inpainting("box"),
        "inpaint_free_form": lambda: _inpainting("free_form"),
        "colorization": lambda: _row(evaluation.Colorization()),
        "sr_x4": lambda: _row(evaluation.SuperResolution(factor=4)),
    })
