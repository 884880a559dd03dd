"""`jaxguide inspect` and `jaxguide convert`, as functions that return text."""

from __future__ import annotations

import collections
from collections.abc import Mapping, Sequence
import dataclasses
import hashlib
import os
import pathlib
from typing import Any

import numpy as np

from jaxguide.convert import cards
from jaxguide.convert import errors
from jaxguide.convert import latent_facts
from jaxguide.convert import model_config
from jaxguide.convert import model_store
from jaxguide.convert import rules
from jaxguide.convert.networks import adm
from jaxguide.convert.networks import ddpm
from jaxguide.convert.networks import edm
from jaxguide.convert.networks import families
from jaxguide.convert.networks import recognition
from jaxguide.convert.reading import safetensors
from jaxguide.convert.reading import torch_reader
from jaxguide.convert.reading import weights

_FIRST_KEYS = 8
_LABEL_WIDTH = 14


def inspect(
    path: str | os.PathLike[str], *, inert: Sequence[str] = (),
) -> str:
  """What is in a checkpoint or a model directory.

  Args:
    path: a file of any container that `read_checkpoint` reads, or a directory
      made by `convert`.
    inert: see `torch_reader.read_checkpoint`.

  Returns:
    Container, tensors, parameters, types, first names, and, for an ADM, EDM or
    DDPM network, its architecture and the cards that fit. One fact per line.

  Raises:
    ConversionError: neither; one line that names the path.
  """
  path = pathlib.Path(path)
  if path.is_dir():
    return _inspect_directory(path)
  checkpoint = torch_reader.read_checkpoint(path, inert=inert)
  tensors = checkpoint.tensors
  types = collections.Counter(str(a.dtype) for a in tensors.values())
  facts = [
      ("file", f"{path} ({path.stat().st_size / 1e6:,.1f} MB)"),
      ("container", checkpoint.container),
      ("tensors", f"{len(tensors):,} ("
                  f"{', '.join(f'{n:,} {t}' for t, n in types.items())})"),
      ("elements", f"{sum(a.size for a in tensors.values()):,}")]
  facts += [("metadata", f"{key}: {value}") for key, value in
            _short(checkpoint.metadata)]
  facts += [("name", f"{errors.quoted(name)[1:-1]} {list(tensors[name].shape)}")
            for name in list(tensors)[:_FIRST_KEYS]]
  if edm.is_told(checkpoint.metadata):
    with errors.naming(path):
      told = edm.config_from(checkpoint.metadata, {})
    fitting = recognition.agreeing(told)
    return _lines(facts + [
        ("architecture", edm.describe(told)),
        ("cards", ", ".join(fitting) or "none, and none is needed")])
  return _lines(
      facts + (latent_facts.facts(tensors) or _architecture(tensors)))


def _inspect_directory(path: pathlib.Path) -> str:
  config = model_store.read_config(path)
  with errors.naming(path):
    entries = families.table(config)
  size = sum(int(np.prod(entry.shape)) for entry in entries)
  return _lines([
      ("directory", str(path)), ("parameters", f"{size:,} in {len(entries)}"),
      ("config", "")]) + config.to_json()


def _short(metadata: Mapping[str, Any]) -> list[tuple[str, str]]:
  return [
      (errors.quoted(key)[1:-1], errors.quoted(str(value))[1:-1])
      for key, value in list(metadata.items())[:_FIRST_KEYS]]


def _architecture(
    tensors: Mapping[str, np.ndarray],
) -> list[tuple[str, str]]:
  try:
    selection = weights.select(tensors, recognition.anchors(tensors))
    network = recognition.recognise(_shapes(selection))
  except errors.ConversionError as error:
    return [("architecture", f"no known network found ({error})")]
  return [
      ("prefix", selection.prefix or "none"),
      ("architecture", network.description),
      ("cards", ", ".join(network.cards) or "none of these shapes; see --help "
       "for what has to be said instead")]


def _lines(facts: Sequence[tuple[str, str]]) -> str:
  return "".join(f"{name:<{_LABEL_WIDTH}}{value}\n" for name, value in facts)


def convert(
    path: str | os.PathLike[str],
    card: str | None,
    out: str | os.PathLike[str],
    *,
    settings: adm.Settings | None = None,
    select: str = "raw",
    prefix: str | None = None,
    inert: Sequence[str] = (),
) -> str:
  """Converts a checkpoint to a model directory, or one back to safetensors.

  Args:
    path: a checkpoint file; or a model directory.
    card: name of the checkpoint's card; None: it has none, or `path` is a
      model directory.
    out: the new model directory; or, from a directory, the new safetensors
      file with PyTorch's names and layouts.
    settings: what a state dict does not tell, where there is no card.
    select: "raw" weights, or "ema" for the average in a Lightning file.
    prefix: in front of the network's names; None: found.
    inert: see `torch_reader.read_checkpoint`.

  Returns:
    A report of what was done, one fact per line.

  Raises:
    ConversionError: `path` cannot be read or does not fit, or `out` exists or
      cannot be written. One line; nothing is left behind.
  """
  path, out = pathlib.Path(path), pathlib.Path(out)
  if path.is_dir():
    if card or settings:
      raise errors.ConversionError(
          f"{path}: is a model directory, which needs no card")
    return _convert_back(path, out)
  model_store.check_absent(out)
  found = None if card is None else cards.find(card)
  if found and settings:
    raise errors.ConversionError(
        f"{path}: give a card or settings, not both")
  checkpoint = torch_reader.read_checkpoint(path, inert=inert)
  with errors.naming(path):
    source = {
        "file_name": path.name, "sha256": sha256(path),
        "container": checkpoint.container, "weights": select}
    config = _config_of_card(found, source) if found else None
    if edm.is_told(checkpoint.metadata):
      config = _config_of_pickle(
          checkpoint.metadata, config, settings, source)
    entries = families.table(config) if config else ()
    selection = weights.select(
        checkpoint.tensors,
        [entry.name for entry in entries]
        or recognition.anchors(checkpoint.tensors),
        weights=select, prefix=prefix)
    if config is None:
      config = _config_of_settings(selection, settings, source)
      entries = families.table(config)
    selection = dataclasses.replace(
        selection, tensors=rules.without_constants(
            selection.tensors, families.constants(config)))
    params = _params(selection, entries, card)
  model_store.save_model(out, params, config)
  return _report(path, out, config, entries, selection)


def _config_of_card(
    card: cards.ModelCard, source: Mapping[str, Any],
) -> model_config.ModelConfig:
  if card.sha256 not in (None, source["sha256"]):
    raise errors.ConversionError(
        f"has sha256 {source['sha256']}, and the file of card {card.name} has "
        f"{card.sha256}")
  return card.config(source)


def _config_of_pickle(
    metadata: Mapping[str, Any],
    config: model_config.ModelConfig | None,
    settings: adm.Settings | None,
    source: Mapping[str, Any],
) -> model_config.ModelConfig:
  """The config of a file that says what it is; a card must not contradict."""
  licence = settings.licence if settings else "unknown"
  if settings not in (None, adm.Settings(licence=licence)):
    raise errors.ConversionError(
        "says itself what network it holds: of all settings only licence can "
        "be given")
  told = edm.config_from(metadata, source, licence)
  if config is None:
    return told
  edm.check_agrees(told, config)
  return config


def _config_of_settings(
    selection: weights.Selection,
    settings: adm.Settings | None,
    source: Mapping[str, Any],
) -> model_config.ModelConfig:
  network = recognition.recognise(_shapes(selection))
  try:
    if network.kind == "adm":
      return adm.config_from(
          network.layout, settings or adm.Settings(), source)
    if network.kind == "ddpm":
      return ddpm.config_from(
          network.module, settings or adm.Settings(), source)
    raise errors.ConversionError(
        "the state dict of an EDM network does not tell its preconditioning: "
        "give a card, or convert the .pkl file itself")
  except errors.ConversionError as error:
    raise errors.ConversionError(
        f"{error}{recognition.suggestion(network.cards)}") from error


def _params(
    selection: weights.Selection,
    entries: Sequence[rules.Entry],
    card: str | None,
) -> dict[str, Any]:
  try:
    return rules.to_params(selection.tensors, entries)
  except errors.ConversionError as error:
    wanted = f"card {card}" if card else "the architecture"
    raise errors.ConversionError(
        f"does not fit {wanted}: {error}{_other_cards(selection)}") from error


def _other_cards(selection: weights.Selection) -> str:
  try:
    network = recognition.recognise(_shapes(selection))
  except errors.ConversionError:
    return ""
  return recognition.suggestion(network.cards)


def _shapes(selection: weights.Selection) -> dict[str, tuple[int, ...]]:
  return {name: array.shape for name, array in selection.tensors.items()}


def _report(
    path: pathlib.Path,
    out: pathlib.Path,
    config: model_config.ModelConfig,
    entries: Sequence[rules.Entry],
    selection: weights.Selection,
) -> str:
  types = {str(array.dtype) for array in selection.tensors.values()}
  size = sum(array.size for array in selection.tensors.values())
  return _lines([
      ("read", f"{path} ({config.source['container']}, sha256 "
               f"{config.source['sha256']})"),
      ("network", f"{config.family}, {size:,} parameters in {len(entries)} "
                  f"tensors of {', '.join(sorted(types))}"),
      ("prefix", selection.prefix or "none"),
      ("left out", f"{len(selection.unused)} other tensors"
       + (f": {errors.listed(selection.unused)}" if selection.unused else "")),
      ("licence", config.licence),
      ("wrote", str(out))])


def _convert_back(path: pathlib.Path, out: pathlib.Path) -> str:
  model_store.check_absent(out)
  params, config = model_store.load_model(path)
  with errors.naming(path):
    state_dict = {
        **rules.to_state_dict(params, families.table(config)),
        **families.constants(config)}
  safetensors.write(out, state_dict, {"config": config.to_json()})
  size = sum(array.size for array in state_dict.values())
  return _lines([
      ("read", str(path)),
      ("network", f"{config.family}, {size:,} parameters in "
                  f"{len(state_dict)} tensors"),
      ("wrote", str(out))])


def sha256(path: str | os.PathLike[str]) -> str:
  """The SHA-256 of a file, in hexadecimal.

  Raises:
    ConversionError: it cannot be read.
  """
  with errors.naming(path), open(path, "rb") as file:
    return hashlib.file_digest(file, "sha256").hexdigest()
