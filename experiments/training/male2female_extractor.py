"""The extractor of male to female, by the released recipe.

  jaxguide train experiments/training/male2female_extractor.py \\
      --data DIR --classifier models/adm_classifier256 \\
      --out runs/male2female_extractor

DIR holds CelebA-HQ as StarGAN v2 splits it: `train/{male,female}` and
`val/{male,female}`. (The released script reads its female training images
from `val/female`, which is taken for a slip.) The recipe is that of
`cat2dog_extractor.py`.
"""

import dataclasses

from jaxguide import training
from jaxguide.data import training_images


def get_config() -> training.ClassifierTraining:
  """The configuration of the published extractor."""
  return dataclasses.replace(
      training.beside(__file__, "cat2dog_extractor.py"),
      name="male2female_extractor",
      images=training_images.Domains(
          train=("train/male", "train/female"),
          held_out=("val/male", "val/female")))
