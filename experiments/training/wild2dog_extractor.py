"""The extractor of wild animal to dog, by the released recipe.

  jaxguide train experiments/training/wild2dog_extractor.py \\
      --data DIR --classifier models/adm_classifier256 \\
      --out runs/wild2dog_extractor

DIR holds AFHQ: `train/{wild,dog}` and `val/{wild,dog}`. The recipe is that of
`cat2dog_extractor.py`.
"""

import dataclasses

from jaxguide import training
from jaxguide.data import training_images


def get_config() -> training.ClassifierTraining:
  """The configuration of the published extractor."""
  return dataclasses.replace(
      training.beside(__file__, "cat2dog_extractor.py"),
      name="wild2dog_extractor",
      images=training_images.Domains(
          train=("train/wild", "train/dog"), held_out=("val/wild", "val/dog")))
