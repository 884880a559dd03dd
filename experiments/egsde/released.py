"""The released recipe of EGSDE's extractors, for any square domains.

Levels are uniform, batches of 32 are drawn independently, half of the images
are mirrored; AdamW with decay 0.05 on all parameters, its rate from 3e-4
linearly to 0; 5,000 updates for two domains, 10,000 for three; the trunk
starts from the converted ADM ImageNet classifier (--classifier).
"""

from __future__ import annotations

from experiments.egsde import domains
from jaxguide.convert import cards
from jaxguide.training import config


def released(
    name: str,
    train: tuple[str, ...],
    held_out: tuple[str, ...],
    num_steps: int = 5_000,
) -> domains.ExtractorTraining:
  """The recipe at 256 x 256 pixels.

  Args:
    name: of the extractor.
    train: a folder per domain; the first one is label 0, the source.
    held_out: the same for the held-out images.
    num_steps: updates.
  """
  card = cards.find("egsde_dse")
  return domains.ExtractorTraining(
      recipe=config.ClassifierTraining(
          name=name, module={**card.module, "out_channels": len(train)},
          image_size=card.image_size, num_steps=num_steps),
      domains=domains.Domains(train=train, held_out=held_out))
