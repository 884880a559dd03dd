"""The extractor of cat to dog, by the released recipe.

  jaxguide train experiments/training/cat2dog_extractor.py \\
      --data DIR --classifier models/adm_classifier256 \\
      --out runs/cat2dog_extractor

DIR holds AFHQ: `train/{cat,dog}` and `val/{cat,dog}`. Levels are uniform,
batches of 32 are drawn independently, half of the images are mirrored; AdamW
with decay 0.05 on all parameters, its rate from 3e-4 linearly to 0, over 5,000
updates; the trunk starts from the converted ADM ImageNet classifier.
"""

from jaxguide import training
from jaxguide.convert import cards
from jaxguide.data import training_images


def get_config() -> training.ClassifierTraining:
  """The configuration of the published extractor."""
  card = cards.find("egsde_dse")
  return training.ClassifierTraining(
      name="cat2dog_extractor",
      module=dict(card.module),
      image_size=card.image_size,
      images=training_images.Domains(
          train=("train/cat", "train/dog"), held_out=("val/cat", "val/dog")),
      num_steps=5_000,
  )
