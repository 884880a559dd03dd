"""Checkpoints of latent diffusion models, as CompVis' programs write them.

Such a file holds several networks behind prefixes, a moving average of one of
them perhaps, and tables. Here it is taken apart, by a card of `ldm_cards`, and
put together again; `latent_store` has the directory that lies between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import math
import os
import pathlib
from typing import Any, NamedTuple

import numpy as np

from jaxguide import schedules
from jaxguide.convert import errors
from jaxguide.convert import facts
from jaxguide.convert import latent_model
from jaxguide.convert import latent_store
from jaxguide.convert import model_store
from jaxguide.convert import provenance
from jaxguide.convert import rules
from jaxguide.convert.cards import ldm_cards
from jaxguide.convert.networks import families
from jaxguide.convert.reading import safetensors
from jaxguide.convert.reading import torch_reader
from jaxguide.convert.reading import weights as weights_lib

# In front of each network's names.
PREFIXES = {
    ldm_cards.UNET: "model.diffusion_model.",
    ldm_cards.FIRST_STAGE: "first_stage_model.",
    ldm_cards.COND_STAGE: "cond_stage_model."}
_AVERAGE = "model_ema."
_SCALE, _BETAS = "scale_factor", "betas"
# Counters of the average, and what only training an autoencoder needs.
_COUNTERS = ("decay", "num_updates")
_FOR_TRAINING = ("loss.", _AVERAGE)
# Names of the two halves of an autoencoder that is a file by itself.
_HALVES = ("encoder.conv_in.weight", "decoder.conv_in.weight")


class Taken(NamedTuple):
  """What a file held for a card.

  Attributes:
    parts: networks by `ldm_cards.PARTS`.
    scale_factor: factor of the latents over the autoencoder's own.
    unused: names of the file's other tensors.
  """

  parts: dict[str, model_store.Model]
  scale_factor: float
  unused: tuple[str, ...]


# What the names tell.


def behind(
    tensors: Mapping[str, np.ndarray], prefix: str,
) -> dict[str, str]:
  """Names behind a prefix, to the names with it; losses are left out."""
  return {
      name.removeprefix(prefix): name for name in tensors
      if name.startswith(prefix)
      and not name.removeprefix(prefix).startswith(_FOR_TRAINING)}


def _shadows(tensors: Mapping[str, np.ndarray]) -> set[str]:
  """Names of averaged weights."""
  return {
      name for name in tensors if name.startswith(_AVERAGE)
      and name.removeprefix(_AVERAGE) not in _COUNTERS}


def average(tensors: Mapping[str, np.ndarray]) -> dict[str, str]:
  """Where the moving average of a UNet's parameters is.

  Lightning's LitEma keeps the average of "model.diffusion_model.a.b" as
  "model_ema.diffusion_modelab", without any dot. The file's own raw names say
  where the dots were.

  Args:
    tensors: all of the file's, by name.

  Returns:
    Name in the network to name in the file.

  Raises:
    ConversionError: the file holds no average, or one of other parameters.
  """
  shadows = _shadows(tensors)
  if not shadows:
    raise errors.ConversionError(
        "the file holds no moving average (model_ema.*): take weights='raw'")
  raw = _behind(tensors, PREFIXES[ldm_cards.UNET])
  stem = _AVERAGE + PREFIXES[ldm_cards.UNET].split(".")[1]
  found = {name: stem + name.replace(".", "") for name in raw}
  if set(found.values()) != shadows or len(shadows) != len(found):
    odd = sorted(shadows.symmetric_difference(found.values()))
    raise errors.ConversionError(
        f"the moving average is of other parameters: {errors.listed(odd)}")
  return found


def _behind(
    tensors: Mapping[str, np.ndarray], prefix: str,
) -> dict[str, str]:
  found = behind(tensors, prefix)
  if not found:
    raise errors.ConversionError(
        f"no tensor's name begins with {errors.quoted(prefix)}")
  return found


def _parts(tensors: Mapping[str, np.ndarray]) -> dict[str, dict[str, str]]:
  """The networks in a file: name in the network to name in the file.

  Args:
    tensors: all of the file's, by name.

  Returns:
    By `ldm_cards.PARTS`; empty where the file is no latent diffusion model
    and no first stage.
  """
  found = {
      part: names for part, prefix in PREFIXES.items()
      if (names := behind(tensors, prefix))}
  if ldm_cards.FIRST_STAGE in found:
    return found
  if all(half in tensors for half in _HALVES):
    return {ldm_cards.FIRST_STAGE: behind(tensors, "")}
  return {}


def facts_of(tensors: Mapping[str, np.ndarray]) -> list[facts.Fact]:
  """What `jaxguide inspect` says of such a file.

  Args:
    tensors: all of the file's, by name.

  Returns:
    Each network's size, whether there are averaged weights, scale factor, ends
    of the schedule, cards whose networks have these sizes. Empty where the
    file is no such model.
  """
  found = _parts(tensors)
  if not found:
    return []
  sizes = {
      part: sum(tensors[name].size for name in names.values())
      for part, names in found.items()}
  known = [
      facts.Fact(part, f"{sizes[part]:,} parameters in {len(names)} tensors")
      for part, names in found.items()]
  if ldm_cards.UNET in found:
    known.append(facts.Fact(
        "weights", "raw and ema: choose one with --weights"
        if _shadows(tensors) else "one set (raw)"))
  fitting = [
      card.name for card in ldm_cards.CARDS.values()
      if card.num_parameters == {
          part: size for part, size in sizes.items()
          # Text encoders and shared first stages are not converted.
          if part != ldm_cards.COND_STAGE or card.classes}]
  return [*known, *_table_facts(tensors),
          facts.Fact("cards", ", ".join(fitting) or "none of these sizes")]


def _table_facts(tensors: Mapping[str, np.ndarray]) -> list[facts.Fact]:
  known = []
  if _SCALE in tensors and tensors[_SCALE].size == 1:
    known.append(facts.Fact(
        "scale factor", f"{float(tensors[_SCALE].reshape(())):g}"))
  if _BETAS in tensors and tensors[_BETAS].size > 1:
    first, *_, last = (float(beta) for beta in tensors[_BETAS].ravel())
    known.append(facts.Fact(
        "betas", f"{first:g} to {last:g} in {tensors[_BETAS].size} steps"))
  return known


# From a file to a directory.


def convert_latent_model(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    card: str | ldm_cards.LatentCard,
    weights: str | None = None,
    scale_factor: float | None = None,
    inert: Sequence[str] = (),
) -> str:
  """Converts a latent diffusion checkpoint to a directory of models.

  Args:
    path: a `.ckpt` as Lightning writes it, or the same names in safetensors.
    out: the new directory.
    card: the checkpoint's card or its name (`ldm_cards.CARDS`).
    weights: "raw", what the optimiser had last, or "ema", their moving
      average; a file may hold both, and programs differ in which they use
      (CompVis' samplers: the average; VIPaint: raw). None is enough for one
      that holds no average.
    scale_factor: factor of the latents, in place of the file's or the card's.
    inert: dotted names to keep as dead objects, see
      `torch_reader.read_checkpoint`.

  Returns:
    A report of what was done, one fact per line.

  Raises:
    ConversionError: the file cannot be read or does not fit the card, or `out`
      exists or cannot be written. One line; nothing is left behind.
  """
  path, out = pathlib.Path(path), pathlib.Path(out)
  card = ldm_cards.find(card) if isinstance(card, str) else card
  model_store.check_absent(out)
  checkpoint = torch_reader.read_checkpoint(path, inert=inert)
  with errors.naming(path):
    weights = _chosen(checkpoint.tensors, card, weights)
    source = provenance.source_of(path, checkpoint.container, weights=weights)
    provenance.check_is_of_card(source, card.name, card.sha256)
    taken = take(
        checkpoint.tensors, card, weights=weights, scale_factor=scale_factor,
        source=source)
  latent_store.save(
      out, taken.parts, taken.scale_factor, null_label=card.null_label,
      source={**source, "card": card.name})
  return _report(path, out, taken, card, source)


def take(
    tensors: Mapping[str, np.ndarray],
    card: ldm_cards.LatentCard,
    *,
    weights: str | None = None,
    scale_factor: float | None = None,
    source: Mapping[str, Any] | None = None,
) -> Taken:
  """The networks in the tensors of a file.

  Args:
    tensors: all of the file's, by name.
    card: card of the model.
    weights: "raw" or "ema", see `convert_latent_model`.
    scale_factor: factor of the latents, in place of the file's or the card's.
    source: entries that go into the configs.

  Returns:
    Parameters and configs of each part.

  Raises:
    ConversionError: a network's tensors are missing, left over or of another
      shape; or the file's schedule is not the card's; or nobody tells the
      scale factor.
  """
  weights = _chosen(tensors, card, weights)
  _check_betas(tensors, card)
  parts, used = {}, {_SCALE, _BETAS}
  for name, config in card.configs(source or {}).items():
    if name == ldm_cards.UNET and weights == "ema":
      found = average(tensors)
    elif card.unet is None:
      found = behind(tensors, "")
    else:
      found = _behind(tensors, PREFIXES[name])
    entries = families.table(config)
    named = {name: tensors[full] for name, full in found.items()}
    try:
      parts[name] = model_store.Model(rules.to_params(named, entries), config)
    except errors.ConversionError as error:
      raise errors.ConversionError(
          f"the file does not fit the {name} of card {card.name}: {error}"
      ) from error
    used.update(found.values())
  return Taken(
      parts, _scale_factor(tensors, card, scale_factor),
      tuple(name for name in tensors if name not in used))


def _chosen(
    tensors: Mapping[str, np.ndarray],
    card: ldm_cards.LatentCard,
    weights: str | None,
) -> str:
  """`weights`; None where there is no choice."""
  if weights is None:
    if card.unet is not None and _shadows(tensors):
      raise errors.ConversionError(
          "the file holds raw weights and their moving average; "
          "weights must say which of the two to convert: 'raw' or 'ema'")
    return "raw"
  if weights not in weights_lib.KINDS:
    raise errors.ConversionError(
        f"weights is {errors.quoted(weights)}; allowed are "
        f"{', '.join(weights_lib.KINDS)}")
  return weights


def _check_betas(
    tensors: Mapping[str, np.ndarray], card: ldm_cards.LatentCard,
) -> None:
  """A wrong schedule gives wrong samples and no error: compare it."""
  if card.unet is None or _BETAS not in tensors:
    return
  stored = np.asarray(tensors[_BETAS])
  expected = schedules.scaled_linear_betas(1000, *card.betas)
  if stored.shape != expected.shape or not np.allclose(
      stored, expected, rtol=1e-4, atol=0.0):
    ends = [float(beta) for beta in stored.ravel()[[0, -1]]]
    raise errors.ConversionError(
        f"the file's betas run from {ends[0]:g} to {ends[1]:g} in "
        f"{stored.size} steps, not as card {card.name} says "
        f"({card.betas[0]:g} to {card.betas[1]:g}, linear in their roots)")


def _scale_factor(
    tensors: Mapping[str, np.ndarray],
    card: ldm_cards.LatentCard,
    given: float | None,
) -> float:
  if given is None and _SCALE in tensors:
    given = float(np.asarray(tensors[_SCALE]).reshape(()))
  given = card.scale_factor if given is None else given
  if given is None:
    raise errors.ConversionError(
        "the file holds no scale_factor, and every model of card "
        f"{card.name} has its own: give scale_factor")
  if not math.isfinite(given) or given <= 0.0:
    raise errors.ConversionError(
        f"scale_factor is {errors.quoted(given)}; it must be positive")
  return float(given)


def _report(
    path: pathlib.Path,
    out: pathlib.Path,
    taken: Taken,
    card: ldm_cards.LatentCard,
    source: Mapping[str, Any],
) -> str:
  parts = []
  for name, part in taken.parts.items():
    size = sum(np.size(leaf) for _, leaf in rules.flatten(part.params))
    which = f", {source['weights']} weights" if name == ldm_cards.UNET else ""
    parts.append(facts.Fact(
        name, f"{part.config.family}, {size:,} parameters{which}"))
  return facts.lines([
      facts.Fact("read", f"{path} ({source['container']}, sha256 "
           f"{source['sha256']})"),
      *parts,
      facts.Fact("scale factor", f"{taken.scale_factor:g}"),
      facts.left_out(taken.unused),
      facts.Fact("licence", card.licence),
      facts.Fact("wrote", str(out))])


# From a directory to a file.


def export_latent_model(
    path: str | os.PathLike[str], out: str | os.PathLike[str],
) -> str:
  """Writes a latent model as CompVis' programs name its tensors.

  Args:
    path: a directory that `latent_store.save` wrote.
    out: the new safetensors file: each network's tensors behind its prefix
      (none for a first stage alone), "scale_factor", and "betas" of a
      schedule linear in their roots.

  Returns:
    A report of what was done, one fact per line.

  Raises:
    ConversionError: `path` holds no such model, or `out` exists or cannot be
      written.
  """
  path, out = pathlib.Path(path), pathlib.Path(out)
  model_store.check_absent(out)
  model = latent_model.load(path)
  tensors, metadata, known = {}, {}, [facts.Fact("read", str(path))]
  for part, network in _networks(model).items():
    prefix = PREFIXES[part] if model.unet else ""
    named = rules.to_state_dict(
        network.params, families.table(network.config))
    tensors |= {prefix + name: array for name, array in named.items()}
    metadata[f"config.{part}"] = network.config.to_json()
    size = sum(array.size for array in named.values())
    known.append(facts.Fact(
        part, f"{network.config.family}, {size:,} parameters"))
  if model.unet:
    tensors |= _tables(model)
  safetensors.write(out, tensors, metadata)
  return facts.lines([*known, facts.Fact("wrote", str(out))])


def _networks(
    model: latent_model.LatentModel,
) -> dict[str, model_store.Model]:
  named = {
      ldm_cards.UNET: model.unet, ldm_cards.FIRST_STAGE: model.first_stage,
      ldm_cards.COND_STAGE: model.cond_stage}
  return {part: network for part, network in named.items() if network}


def _tables(model: latent_model.LatentModel) -> dict[str, np.ndarray]:
  tables = {_SCALE: np.asarray(model.scale_factor, np.float32)}
  entry = model.unet.config.schedule or {}
  if entry.get("kind") == "scaled_linear":
    betas = schedules.scaled_linear_betas(
        entry["num_steps"], entry["start"], entry["end"])
    tables[_BETAS] = betas.astype(np.float32)
  return tables


def describe_directory(path: str | os.PathLike[str]) -> str:
  """What a directory of a latent model holds: its configs, and the scale.

  Raises:
    ConversionError: a part is missing or malformed.
  """
  path = pathlib.Path(path)
  entries = latent_model.read_entries(path)
  text = facts.lines([
      facts.Fact("directory", f"{path} (latent model)"),
      facts.Fact("scale factor", f"{entries['scale_factor']:g}"),
      facts.Fact("null label", f"{entries.get('null_label')}")])
  for part in ldm_cards.PARTS:
    if not (path / part).is_dir():
      continue
    config = model_store.read_config(path / part)
    size = sum(
        int(np.prod(entry.shape)) for entry in families.table(config))
    text += facts.lines([
        facts.Fact(part, f"{config.family}, {size:,} parameters, config")])
    text += config.to_json()
  return text
