"""Tells which network a file's tensors are, and which cards fit.

ADM networks and DDPM UNets are inferred from names and shapes. An EDM network
is recognised, but its preconditioning is not in its tensors: EDM, VP, VE and
iDDPM files of one network look alike.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
import contextlib
import dataclasses
from typing import Any

import numpy as np

from jaxguide.convert import cards
from jaxguide.convert import errors
from jaxguide.convert import model_config
from jaxguide.convert.networks import adm_layout
from jaxguide.convert.networks import ddpm_layout
from jaxguide.convert.networks import edm

Shapes = Mapping[str, tuple[int, ...]]

@dataclasses.dataclass(frozen=True)
class Network:
  """What the names and shapes of a network's tensors tell.

  Attributes:
    kind: "adm", "ddpm" or "edm".
    description: the architecture in one line.
    cards: names of the cards of these shapes.
    layout: of an ADM network, else None.
    module: constructor arguments of a DDPM UNet, else None.
  """

  kind: str
  description: str
  cards: tuple[str, ...]
  layout: adm_layout.AdmLayout | None = None
  module: Mapping[str, Any] | None = None


def anchors(names: Collection[str]) -> tuple[str, ...]:
  """Names of a network, by which its prefix among `names` is found.

  Args:
    names: all of a file.

  Returns:
    The anchors of the family that all occur, an ADM network's if none do.
  """
  for wanted in (ddpm_layout.ANCHORS, edm.ANCHORS):
    if all(
        any(full == name or full.endswith(f".{name}") for full in names)
        for name in wanted):
      return wanted
  return adm_layout.ANCHORS


def recognise(shapes: Shapes) -> Network:
  """The network of these tensors.

  Args:
    shapes: PyTorch shapes by name, without a prefix.

  Raises:
    ConversionError: they are none of the known families.
  """
  if all(name in shapes for name in ddpm_layout.ANCHORS):
    module = ddpm_layout.infer(shapes)
    return Network(
        "ddpm", ddpm_layout.describe(module), _cards(module, ("ddpm_unet",)),
        module=module)
  if all(name in shapes for name in edm.ANCHORS):
    return _edm(shapes)
  layout = adm_layout.infer(shapes)
  families = ("adm_classifier",) if layout.classifier else (
      "adm_unet", "adm_superres")
  return Network(
      "adm", adm_layout.describe(layout),
      _cards(adm_layout.module_fields(layout), families), layout=layout)


def _cards(
    told: Mapping[str, Any], families: Collection[str],
) -> tuple[str, ...]:
  """Cards whose networks have the arguments that the shapes told."""
  return tuple(
      card.name for card in cards.CARDS.values()
      if card.family in families and all(
          card.module.get(key) == value for key, value in told.items()
          if key != "dropout"))


def _edm(shapes: Shapes) -> Network:
  """Its cards are those of equal size, which tells the released ones apart."""
  kind, family = ("DhariwalUNet", "edm_dhariwal") if (
      "out_norm.weight" in shapes) else ("SongUNet", "edm_song")
  size = sum(
      int(np.prod(shape)) for name, shape in shapes.items()
      if not name.endswith((".resample_filter", ".freqs")))
  return Network(
      "edm",
      f"EDM {kind}: {size:,} parameters; its preconditioning is not told",
      tuple(card.name for card in cards.CARDS.values()
            if card.family == family and card.num_parameters == size))


def agreeing(config: model_config.ModelConfig) -> tuple[str, ...]:
  """Names of the cards of the network that an EDM pickle says it is."""
  names = []
  for card in cards.CARDS.values():
    with contextlib.suppress(errors.ConversionError):
      edm.check_agrees(config, card.config({}))
      names.append(card.name)
  return tuple(names)


def suggestion(names: Collection[str]) -> str:
  """The cards of these shapes as the end of an error's text."""
  return f" (of these shapes: {', '.join(names)})" if names else ""
