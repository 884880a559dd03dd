"""The extractor of male to female, by the released recipe.

  python -m experiments.egsde.train_extractor \\
      --config experiments/egsde/configs/male2female_extractor.py \\
      --data DIR --classifier models/adm_classifier256 \\
      --out runs/male2female_extractor

DIR holds CelebA-HQ as StarGAN v2 splits it: `train/{male,female}` and
`val/{male,female}`. (The released script reads its female training images
from `val/female`, which is taken for a slip.)
"""

from experiments.egsde import domains
from experiments.egsde import released


def get_config() -> domains.ExtractorTraining:
  """The configuration of the published extractor."""
  return released.released(
      "male2female_extractor", train=("train/male", "train/female"),
      held_out=("val/male", "val/female"))
