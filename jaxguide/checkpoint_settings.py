"""What the file of a network does not tell, so that its user has to say it.

`jaxguide.convert` reads a `Settings`; the options of `jaxguide convert` are
`options()`. This module lies outside `jaxguide.convert` and imports nothing, so
that `jaxguide convert --help` need not start JAX. A new setting is one field.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple


class Option(NamedTuple):
  """One setting as a command line shows it.

  Attributes:
    name: that of the field of `Settings`.
    kind: type of its value, which also reads it from a text.
    default: value where the user says nothing.
    help: one sentence for people.
  """

  name: str
  kind: type
  default: Any
  help: str


def _setting(kind: type, help_text: str, default: Any = None) -> Any:
  return dataclasses.field(
      default=default, metadata={"kind": kind, "help": help_text})


@dataclasses.dataclass(frozen=True)
class Settings:
  """What a user says of a network whose checkpoint has no card.

  Which of them a network needs and which mean nothing for it, its family
  knows; None, and every default, stands for "not said".

  Attributes:
    image_size: height and width that it was trained for, pixels.
    num_heads: attention heads; or else `num_head_channels`.
    num_head_channels: channels per attention head.
    num_heads_upsample: attention heads of the decoder; -1: as `num_heads`.
    qkv_order: "legacy" or "new", see `layers.split_qkv`.
    schedule: kind of the schedule, see `model_config.SCHEDULES`.
    prediction: what it predicts, see `model_config.PREDICTIONS`.
    num_steps: levels of the schedule.
    superres: whether it takes a low-resolution image too.
    licence: terms of the weights.

  Example:
    >>> Settings(image_size=256, schedule="linear", prediction="eps").said()
    ('image_size', 'schedule', 'prediction')
  """

  image_size: int | None = _setting(
      int, "Height and width, in pixels, that the network was trained for.")
  num_heads: int | None = _setting(
      int, "Number of attention heads; or give num_head_channels.")
  num_head_channels: int | None = _setting(
      int, "Channels of one attention head; or give num_heads.")
  num_heads_upsample: int = _setting(
      int, "Number of attention heads of the decoder; -1 means as many as "
      "num_heads.", -1)
  qkv_order: str | None = _setting(
      str, "Order of queries, keys and values in an ADM network's attention: "
      "legacy (by heads), or new (use_new_attention_order in the training).")
  schedule: str | None = _setting(
      str, "Noise schedule that the network was trained on: linear, cosine, "
      "scaled_linear or edm.")
  prediction: str | None = _setting(
      str, "Prediction of the network: eps, x0, v or edm.")
  num_steps: int = _setting(int, "Number of levels of the schedule.", 1000)
  superres: bool = _setting(
      bool, "Statement that the network takes a low-resolution image too, as "
      "one that enlarges does.", False)
  licence: str = _setting(
      str, "Licence of the weights, which goes into the model's config.json.",
      "unknown")

  def said(self) -> tuple[str, ...]:
    """Names of the settings that differ from their defaults."""
    return tuple(
        option.name for option in options()
        if getattr(self, option.name) != option.default)


def options() -> tuple[Option, ...]:
  """Every setting, in the order in which a help text lists them."""
  return tuple(
      Option(field.name, field.metadata["kind"], field.default,
             field.metadata["help"])
      for field in dataclasses.fields(Settings))
