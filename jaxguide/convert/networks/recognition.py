"""Tells which family a file's tensors are of, and which cards fit."""

from __future__ import annotations

from collections.abc import Collection, Mapping
import contextlib
from typing import Any, NamedTuple

from jaxguide.convert import cards
from jaxguide.convert import errors
from jaxguide.convert import model_config
from jaxguide.convert.networks import families
from jaxguide.convert.networks import family as family_lib


class Recognised(NamedTuple):
  """What a network's tensors are.

  Attributes:
    family: family of the network.
    inferred: everything that names and shapes tell of it.
    cards: names of the cards of these shapes.
  """

  family: family_lib.Family
  inferred: family_lib.Inferred
  cards: tuple[str, ...]


class Told(NamedTuple):
  """What a file says about itself.

  Attributes:
    family: family of the network.
    config: config that its metadata make.
  """

  family: family_lib.Family
  config: model_config.ModelConfig


def nearest_family(names: Collection[str]) -> family_lib.Family:
  """The family most of whose anchors are among some names.

  Its anchors are the names by which a network's prefix in a file is found.

  Args:
    names: all of a file, or a network's.

  Raises:
    ConversionError: no family has any.
  """
  # Each name without any number of its leading parts.
  ends = {
      ".".join(parts[i:]) for name in names
      if (parts := name.split(".")) for i in range(len(parts))}
  candidates = [family for family in families.FAMILIES if family.anchors]
  found = [
      sum(anchor in ends for anchor in family.anchors) / len(family.anchors)
      for family in candidates]
  if not any(found):
    raise errors.ConversionError(
        "no tensor has a name of a known network; known are "
        f"{', '.join(family.name for family in candidates)}")
  return candidates[found.index(max(found))]


def recognise(shapes: family_lib.Shapes) -> Recognised:
  """The network of these tensors.

  Args:
    shapes: PyTorch shapes by name, without a prefix.

  Raises:
    ConversionError: they are none of the known families.
  """
  family = nearest_family(shapes)
  inferred = family.infer(shapes)
  return Recognised(family, inferred, tuple(
      card.name for card in cards.CARDS.values() if _fits(card, inferred)))


def _fits(card: cards.ModelCard, inferred: family_lib.Inferred) -> bool:
  return (
      card.family in inferred.networks
      and inferred.num_parameters in (None, card.num_parameters)
      and all(card.module.get(name) == value
              for name, value in inferred.module.items()
              if name not in family_lib.TRAINING))


def told(
    metadata: Mapping[str, Any],
    source: Mapping[str, Any],
    licence: str = "unknown",
) -> Told | None:
  """The network that a file says it holds; None where it does not say.

  Args:
    metadata: values that the file holds beside its tensors.
    source: entries that say where it comes from.
    licence: terms of the weights, which no file tells.

  Raises:
    ConversionError: what it says makes no network.
  """
  for family in families.FAMILIES:
    config = family.config_in(metadata, source, licence)
    if config is not None:
      return Told(family, config)
  return None


def check_agrees(
    told_config: model_config.ModelConfig, config: model_config.ModelConfig,
) -> None:
  """Raises ConversionError where a file contradicts its card.

  Files of the same tensors may be preconditioned in other ways.

  Args:
    told_config: config that the file tells.
    config: config of its card.
  """
  found, expected = _essence(told_config), _essence(config)
  wrong = [
      f"{name} is {errors.quoted(found.get(name))} in the file and "
      f"{errors.quoted(expected.get(name))} in the card"
      for name in sorted({*found, *expected})
      if found.get(name) != expected.get(name)]
  if wrong:
    raise errors.ConversionError("; ".join(wrong))


def _essence(config: model_config.ModelConfig) -> dict[str, Any]:
  module = {
      name: value for name, value in config.module.items()
      if name not in family_lib.TRAINING}
  return {"family": config.family, **module,
          "preconditioning": dict(config.preconditioning or {})}


def agreeing(config: model_config.ModelConfig) -> tuple[str, ...]:
  """Names of the cards of the network that a file says it is."""
  names = []
  for card in cards.CARDS.values():
    with contextlib.suppress(errors.ConversionError):
      check_agrees(config, card.config({}))
      names.append(card.name)
  return tuple(names)


def suggestion(names: Collection[str]) -> str:
  """The cards of these shapes as the end of an error's text."""
  return f" (cards of these shapes: {', '.join(names)})" if names else ""
