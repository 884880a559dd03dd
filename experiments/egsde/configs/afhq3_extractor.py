"""The extractor of cat or wild animal to dog, by the released recipe.

  python -m experiments.egsde.train_extractor \\
      --config experiments/egsde/configs/afhq3_extractor.py \\
      --data DIR --classifier models/adm_classifier256 \\
      --out runs/afhq3_extractor

DIR holds AFHQ: `train/{cat,wild,dog}` and `val/{cat,wild,dog}`.
"""

from experiments.egsde import domains
from experiments.egsde import released


def get_config() -> domains.ExtractorTraining:
  """The configuration of the published extractor."""
  return released.released(
      "afhq3_extractor", train=("train/cat", "train/wild", "train/dog"),
      held_out=("val/cat", "val/wild", "val/dog"), num_steps=10_000)
