"""The extractor of cat or wild animal to dog, by the released recipe.

  jaxguide train experiments/training/afhq3_extractor.py \\
      --data DIR --classifier models/adm_classifier256 \\
      --out runs/afhq3_extractor

DIR holds AFHQ: `train/{cat,wild,dog}` and `val/{cat,wild,dog}`. The recipe is
that of `cat2dog_extractor.py`, over twice as many updates.
"""

import dataclasses

from jaxguide import training
from jaxguide.convert import cards
from jaxguide.data import training_images


def get_config() -> training.ClassifierTraining:
  """The configuration of the published extractor."""
  return dataclasses.replace(
      training.beside(__file__, "cat2dog_extractor.py"),
      name="afhq3_extractor",
      module=dict(cards.find("egsde_dse_afhq3").module),
      images=training_images.Domains(
          train=("train/cat", "train/wild", "train/dog"),
          held_out=("val/cat", "val/wild", "val/dog")),
      num_steps=10_000)
