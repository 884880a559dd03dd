"""The extractor of wild animal to dog, by the released recipe.

  python -m experiments.egsde.train_extractor \\
      --config experiments/egsde/configs/wild2dog_extractor.py \\
      --data DIR --classifier models/adm_classifier256 \\
      --out runs/wild2dog_extractor

DIR holds AFHQ: `train/{wild,dog}` and `val/{wild,dog}`.
"""

from experiments.egsde import domains
from experiments.egsde import released


def get_config() -> domains.ExtractorTraining:
  """The configuration of the published extractor."""
  return released.released(
      "wild2dog_extractor", train=("train/wild", "train/dog"),
      held_out=("val/wild", "val/dog"))
