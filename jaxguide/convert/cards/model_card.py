"""What a card of a released checkpoint holds."""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
from typing import Any

from jaxguide.convert import model_config


@dataclasses.dataclass(frozen=True)
class ModelCard:
  """A released checkpoint.

  Attributes:
    name: name of the card.
    file_names: names of the file where it is published.
    origin: program that it belongs to.
    licence: terms of that program; "unknown" where the weights have no stated
      ones.
    num_parameters: number of the network's parameters, label embedding
      included, constants left out.
    sha256: hash of the file; None where nobody has recorded it.
    note: anything else a user has to know.

  The rest is as in `model_config.ModelConfig`.

  Example:
    >>> from jaxguide import convert
    >>> card = convert.cards.find("ffhq_10m")
    >>> card.image_size, card.config(source={}).family
    (256, 'adm_unet')
  """

  name: str
  file_names: tuple[str, ...]
  origin: str
  licence: str
  family: str
  module: Mapping[str, Any]
  image_size: int
  num_parameters: int
  prediction: str | None = "eps"
  learned_variance: bool = True
  schedule: Mapping[str, Any] | None = dataclasses.field(
      default_factory=lambda: {"kind": "linear", "num_steps": 1000})
  channels: int = 3
  value_range: tuple[float, float] = (-1.0, 1.0)
  preconditioning: Mapping[str, Any] | None = None
  sha256: str | None = None
  note: str = ""

  def config(self, source: Mapping[str, Any]) -> model_config.ModelConfig:
    """The config of a model converted by this card from `source`."""
    return model_config.ModelConfig(
        family=self.family, module=dict(self.module),
        image_size=self.image_size, channels=self.channels,
        prediction=self.prediction, learned_variance=self.learned_variance,
        schedule=self.schedule, value_range=self.value_range,
        preconditioning=self.preconditioning, licence=self.licence,
        source={**source, "card": self.name})
