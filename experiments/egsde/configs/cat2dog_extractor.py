"""The extractor of cat to dog, by the released recipe.

  python -m experiments.egsde.train_extractor \\
      --config experiments/egsde/configs/cat2dog_extractor.py \\
      --data DIR --classifier models/adm_classifier256 \\
      --out runs/cat2dog_extractor

DIR holds AFHQ: `train/{cat,dog}` and `val/{cat,dog}`.
"""

from experiments.egsde import domains
from experiments.egsde import released


def get_config() -> domains.ExtractorTraining:
  """The configuration of the published extractor."""
  return released.released(
      "cat2dog_extractor", train=("train/cat", "train/dog"),
      held_out=("val/cat", "val/dog"))
