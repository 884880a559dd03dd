"""Checkpoints of one network: to a model directory, and back to safetensors."""

from __future__ import annotations

import collections
from collections.abc import Mapping, Sequence
import dataclasses
import os
import pathlib
from typing import Any, NamedTuple

import numpy as np

from jaxguide import checkpoint_settings
from jaxguide.convert import cards
from jaxguide.convert import errors
from jaxguide.convert import facts
from jaxguide.convert import latent_checkpoints
from jaxguide.convert import model_config
from jaxguide.convert import model_store
from jaxguide.convert import provenance
from jaxguide.convert import rules
from jaxguide.convert.networks import families
from jaxguide.convert.networks import family as family_lib
from jaxguide.convert.networks import recognition
from jaxguide.convert.reading import safetensors
from jaxguide.convert.reading import torch_reader
from jaxguide.convert.reading import weights

_FIRST_KEYS = 8


class _Taken(NamedTuple):
  """A network out of a file.

  Attributes:
    model: its parameters and config.
    selection: its tensors as the file has them, without constants.
    num_tensors: number of its tensors.
  """

  model: model_store.Model
  selection: weights.Selection
  num_tensors: int


def inspect_file(
    path: str | os.PathLike[str], *, inert: Sequence[str] = (),
) -> str:
  """What is in a checkpoint file.

  Args:
    path: a file of any container that `read_checkpoint` reads.
    inert: dotted names to keep as dead objects, see
      `torch_reader.read_checkpoint`.

  Returns:
    Container, tensors, parameters, types, first names, and, for a network that
    is recognised, its architecture and the cards that fit. One fact per line.

  Raises:
    ConversionError: it is no checkpoint; one line that names the path.
  """
  path = pathlib.Path(path)
  checkpoint = torch_reader.read_checkpoint(path, inert=inert)
  tensors = checkpoint.tensors
  with errors.naming(path):
    told = recognition.told(checkpoint.metadata, {})
  if told is not None:
    known = [
        facts.Fact("architecture", told.family.describe(told.config)),
        facts.Fact("cards", ", ".join(recognition.agreeing(told.config))
             or "none, and none is needed")]
  else:
    known = latent_checkpoints.facts_of(tensors) or _architecture(tensors)
  return facts.lines([*_contents(path, checkpoint), *known])


def _contents(
    path: pathlib.Path, checkpoint: torch_reader.Checkpoint,
) -> list[facts.Fact]:
  tensors = checkpoint.tensors
  types = collections.Counter(str(a.dtype) for a in tensors.values())
  metadata = list(checkpoint.metadata.items())[:_FIRST_KEYS]
  return [
      facts.Fact("file", f"{path} ({path.stat().st_size / 1e6:,.1f} MB)"),
      facts.Fact("container", checkpoint.container),
      facts.Fact("tensors", f"{len(tensors):,} ("
           f"{', '.join(f'{n:,} {t}' for t, n in types.items())})"),
      facts.Fact("elements", f"{sum(a.size for a in tensors.values()):,}"),
      *(facts.Fact("metadata", f"{_bare(key)}: {_bare(str(value))}")
        for key, value in metadata),
      *(facts.Fact("name", f"{_bare(name)} {list(tensors[name].shape)}")
        for name in list(tensors)[:_FIRST_KEYS])]


def _bare(text: object) -> str:
  """A text out of a file, safe to print, without quotes."""
  return errors.quoted(text)[1:-1]


def _architecture(tensors: Mapping[str, np.ndarray]) -> list[facts.Fact]:
  try:
    family = recognition.nearest_family(tensors)
    selection = weights.select(tensors, family.anchors)
    found = recognition.recognise(_shapes(selection))
  except errors.ConversionError as error:
    return [facts.Fact("architecture", f"no known network found ({error})")]
  return [
      facts.Fact("prefix", selection.prefix or "none"),
      facts.Fact("architecture", found.inferred.description),
      facts.Fact(
          "cards", ", ".join(found.cards) or "none of these shapes; jaxguide "
          "convert --help lists what has to be said instead")]


def describe_directory(path: str | os.PathLike[str]) -> str:
  """What a model directory holds: number of parameters, and config.

  Raises:
    ConversionError: it is none; one line that names its config.
  """
  config = model_store.read_config(path)
  with errors.naming(path):
    entries = families.table(config)
  size = sum(int(np.prod(entry.shape)) for entry in entries)
  return facts.lines([
      facts.Fact("directory", str(path)),
      facts.Fact("parameters", f"{size:,} in {len(entries)}"),
      facts.Fact("config", "")]) + config.to_json()


def convert_network(
    path: str | os.PathLike[str],
    card: str | None,
    out: str | os.PathLike[str],
    *,
    settings: checkpoint_settings.Settings | None = None,
    select: str = "raw",
    prefix: str | None = None,
    inert: Sequence[str] = (),
) -> str:
  """Converts a checkpoint file of one network to a model directory.

  Args:
    path: a checkpoint file.
    card: name of the checkpoint's card; None: it has none.
    out: the new model directory.
    settings: everything that a state dict does not tell, where there is no
      card.
    select: "raw" weights, or "ema" for the average in a Lightning file.
    prefix: text in front of the network's names; None: found.
    inert: dotted names to keep as dead objects, see
      `torch_reader.read_checkpoint`.

  Returns:
    A report of what was done, one fact per line.

  Raises:
    ConversionError: `path` cannot be read or does not fit, or `out` exists or
      cannot be written. One line; nothing is left behind.
  """
  path, out = pathlib.Path(path), pathlib.Path(out)
  model_store.check_absent(out)
  found = None if card is None else cards.find(card)
  if found and settings:
    raise errors.ConversionError(
        f"{path}: give a card or settings, not both; a card says all that "
        "settings do")
  checkpoint = torch_reader.read_checkpoint(path, inert=inert)
  with errors.naming(path):
    source = provenance.source_of(path, checkpoint.container, weights=select)
    config = _stated_config(checkpoint.metadata, found, settings, source)
    selection = weights.select(
        checkpoint.tensors, _names(checkpoint.tensors, config),
        weights=select, prefix=prefix)
    if config is None:
      config = _inferred_config(selection, settings, source)
    taken = _take(selection, config, card)
  model_store.save_model(out, *taken.model)
  return _report(path, out, taken)


def _stated_config(
    metadata: Mapping[str, Any],
    card: cards.ModelCard | None,
    settings: checkpoint_settings.Settings | None,
    source: dict[str, Any],
) -> model_config.ModelConfig | None:
  """What the card says, or the file itself; they must not contradict."""
  by_card = None
  if card is not None:
    provenance.check_is_of_card(source, card.name, card.sha256)
    by_card = card.config(source)
  licence = settings.licence if settings else "unknown"
  told = recognition.told(metadata, source, licence)
  if told is None:
    return by_card
  if settings and set(settings.said()) - {"licence"}:
    raise errors.ConversionError(
        "the file says itself what network it holds: of all settings only "
        "licence can be given")
  if by_card is None:
    return told.config
  recognition.check_agrees(told.config, by_card)
  return by_card


def _names(
    tensors: Mapping[str, np.ndarray],
    config: model_config.ModelConfig | None,
) -> Sequence[str]:
  """Names of the network, by which its prefix is found."""
  if config is None:
    return recognition.nearest_family(tensors).anchors
  return [entry.name for entry in families.table(config)]


def _inferred_config(
    selection: weights.Selection,
    settings: checkpoint_settings.Settings | None,
    source: Mapping[str, Any],
) -> model_config.ModelConfig:
  found = recognition.recognise(_shapes(selection))
  try:
    return found.family.config_of(
        found.inferred, settings or checkpoint_settings.Settings(), source)
  except errors.ConversionError as error:
    raise errors.ConversionError(
        f"{error}{recognition.suggestion(found.cards)}") from error


def _take(
    selection: weights.Selection,
    config: model_config.ModelConfig,
    card: str | None,
) -> _Taken:
  entries = families.table(config)
  kept = rules.without_constants(
      selection.tensors, families.constants(config))
  selection = dataclasses.replace(selection, tensors=kept)
  try:
    params = rules.to_params(kept, entries)
  except errors.ConversionError as error:
    wanted = f"card {card}" if card else "the architecture"
    raise errors.ConversionError(
        f"the file does not fit {wanted}: {error}{_other_cards(selection)}"
    ) from error
  return _Taken(model_store.Model(params, config), selection, len(entries))


def _other_cards(selection: weights.Selection) -> str:
  try:
    found = recognition.recognise(_shapes(selection))
  except errors.ConversionError:
    return ""
  return recognition.suggestion(found.cards)


def _shapes(selection: weights.Selection) -> family_lib.Shapes:
  return {name: array.shape for name, array in selection.tensors.items()}


def _report(path: pathlib.Path, out: pathlib.Path, taken: _Taken) -> str:
  config, selection = taken.model.config, taken.selection
  types = {str(array.dtype) for array in selection.tensors.values()}
  size = sum(array.size for array in selection.tensors.values())
  return facts.lines([
      facts.Fact("read", f"{path} ({config.source['container']}, sha256 "
           f"{config.source['sha256']})"),
      facts.Fact("network", f"{config.family}, {size:,} parameters in "
           f"{taken.num_tensors} tensors of {', '.join(sorted(types))}"),
      facts.Fact("prefix", selection.prefix or "none"),
      facts.left_out(selection.unused),
      facts.Fact("licence", config.licence),
      facts.Fact("wrote", str(out))])


def export_network(
    path: str | os.PathLike[str], out: str | os.PathLike[str],
) -> str:
  """Writes a model directory as its checkpoint names its tensors.

  Args:
    path: a model directory of one network.
    out: the new safetensors file, with PyTorch's names and layouts and the
      network's constants.

  Returns:
    A report of what was done, one fact per line.

  Raises:
    ConversionError: `path` holds no network, or `out` exists or cannot be
      written.
  """
  path, out = pathlib.Path(path), pathlib.Path(out)
  model_store.check_absent(out)
  params, config = model_store.load_model(path)
  with errors.naming(path):
    state_dict = {
        **rules.to_state_dict(params, families.table(config)),
        **families.constants(config)}
  safetensors.write(out, state_dict, {"config": config.to_json()})
  size = sum(array.size for array in state_dict.values())
  return facts.lines([
      facts.Fact("read", str(path)),
      facts.Fact("network", f"{config.family}, {size:,} parameters in "
           f"{len(state_dict)} tensors"),
      facts.Fact("wrote", str(out))])
