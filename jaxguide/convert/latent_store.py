"""Latent diffusion checkpoints: several networks in one file, and back.

A converted model is a directory with one model directory per network (`unet`,
`first_stage`, and `cond_stage` for a class embedder; see `model_store`) and
`latent.json` beside them: {"scale_factor", "null_label", "source"}.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import json
import math
import os
import pathlib
from typing import Any, NamedTuple

import numpy as np

from jaxguide import schedules
from jaxguide.convert import atomic
from jaxguide.convert import commands
from jaxguide.convert import errors
from jaxguide.convert import latent_facts
from jaxguide.convert import model_config
from jaxguide.convert import model_store
from jaxguide.convert import rules
from jaxguide.convert.cards import ldm_cards
from jaxguide.convert.networks import families
from jaxguide.convert.reading import torch_reader
from jaxguide.convert.reading import weights as weights_lib

FILE = "latent.json"
_PREFIXES = latent_facts.PREFIXES
_SCALE, _BETAS = latent_facts.SCALE, latent_facts.BETAS


class Part(NamedTuple):
  """One network out of a file: its parameters and what they are for."""

  params: dict[str, Any]
  config: model_config.ModelConfig


class Taken(NamedTuple):
  """What a file held for a card.

  Attributes:
    parts: by `ldm_cards.PARTS`.
    scale_factor: of the latents.
    unused: names of the file's other tensors.
  """

  parts: dict[str, Part]
  scale_factor: float
  unused: tuple[str, ...]


def convert(
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
    scale_factor: of the latents, in place of the file's or the card's.
    inert: see `torch_reader.read_checkpoint`.

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
    source = {
        "file_name": path.name, "sha256": commands.sha256(path),
        "container": checkpoint.container, "weights": weights}
    if card.sha256 not in (None, source["sha256"]):
      raise errors.ConversionError(
          f"has sha256 {source['sha256']}, and the file of card {card.name} "
          f"has {card.sha256}")
    taken = take(
        checkpoint.tensors, card, weights=weights, scale_factor=scale_factor,
        source=source)
  save(
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
    tensors: the file's.
    card: what they are.
    weights: "raw" or "ema", see `convert`.
    scale_factor: see `convert`.
    source: goes into the configs.

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
      found = latent_facts.behind(tensors, "")
    else:
      found = _behind(tensors, _PREFIXES[name])
    entries = families.table(config)
    named = {name: tensors[full] for name, full in found.items()}
    try:
      parts[name] = Part(rules.to_params(named, entries), config)
    except errors.ConversionError as error:
      raise errors.ConversionError(
          f"does not fit the {name} of card {card.name}: {error}") from error
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
    if card.unet is not None and latent_facts.shadows(tensors):
      raise errors.ConversionError(
          "the file holds raw weights and their moving average: say which, "
          "weights is raw or ema")
    return "raw"
  if weights not in weights_lib.KINDS:
    raise errors.ConversionError(
        f"weights is {errors.quoted(weights)}; allowed are "
        f"{', '.join(weights_lib.KINDS)}")
  return weights


def _behind(
    tensors: Mapping[str, np.ndarray], prefix: str,
) -> dict[str, str]:
  """Names behind a prefix, to the names with it."""
  found = latent_facts.behind(tensors, prefix)
  if not found:
    raise errors.ConversionError(
        f"no tensor's name begins with {errors.quoted(prefix)}")
  return found


def average(tensors: Mapping[str, np.ndarray]) -> dict[str, str]:
  """Where the moving average of a UNet's parameters is.

  Lightning's LitEma keeps the average of "model.diffusion_model.a.b" as
  "model_ema.diffusion_modelab", without any dot. The file's own raw names say
  where the dots were.

  Args:
    tensors: the file's.

  Returns:
    Name in the network to name in the file.

  Raises:
    ConversionError: the file holds no average, or one of other parameters.
  """
  shadows = latent_facts.shadows(tensors)
  if not shadows:
    raise errors.ConversionError(
        "the file holds no moving average (model_ema.*): take weights='raw'")
  raw = _behind(tensors, _PREFIXES[ldm_cards.UNET])
  stem = latent_facts.AVERAGE + _PREFIXES[ldm_cards.UNET].split(".")[1]
  found = {name: stem + name.replace(".", "") for name in raw}
  if set(found.values()) != shadows or len(shadows) != len(found):
    odd = sorted(shadows.symmetric_difference(found.values()))
    raise errors.ConversionError(
        f"the moving average is of other parameters: {errors.listed(odd)}")
  return found


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


def save(
    path: str | os.PathLike[str],
    parts: Mapping[str, Any],
    scale_factor: float,
    *,
    null_label: int | None = None,
    source: Mapping[str, Any] | None = None,
    container: str = "orbax",
    dtype: Any = np.float32,
) -> None:
  """Writes a directory of models, whole or not at all.

  Args:
    path: the new directory; its parent exists.
    parts: (params, config) by `ldm_cards.PARTS`; "unet" may be missing.
    scale_factor: of the latents.
    null_label: the class that stands for "no class".
    source: where they come from.
    container: of the parameters, see `model_store.save_model`.
    dtype: stored type of the parameters.

  Raises:
    ConversionError: `path` exists or cannot be written, or parameters are not
      those of their config.
  """
  path = pathlib.Path(path)
  unknown = set(parts) - set(ldm_cards.PARTS)
  if unknown or ldm_cards.FIRST_STAGE not in parts:
    raise errors.ConversionError(
        f"parts are {errors.listed(parts)}; known are "
        f"{errors.listed(ldm_cards.PARTS)}, of which the first stage is "
        "required")
  model_store.check_absent(path)
  with errors.naming(path), atomic.replacing(path) as temporary:
    temporary.mkdir()
    for name, (params, config) in parts.items():
      model_store.save_model(
          temporary / name, params, config, container=container, dtype=dtype)
    entries = {
        "scale_factor": float(scale_factor), "null_label": null_label,
        "source": dict(source or {})}
    with open(temporary / FILE, "wb") as file:
      file.write((json.dumps(entries, indent=2) + "\n").encode())
      atomic.flush(file)


def is_directory(path: str | os.PathLike[str]) -> bool:
  """Whether `path` is a directory that `save` wrote."""
  return pathlib.Path(path, FILE).is_file()


def _report(path, out, taken, card, source) -> str:
  count = lambda tree: sum(np.size(leaf) for _, leaf in rules.flatten(tree))
  lines = [f"read          {path} ({source['container']}, sha256 "
           f"{source['sha256']})"]
  lines += [
      f"{name:<14}{part.config.family}, {count(part.params):,} parameters"
      + (f", {source['weights']} weights" if name == ldm_cards.UNET else "")
      for name, part in taken.parts.items()]
  unused = f": {errors.listed(taken.unused)}" if taken.unused else ""
  lines += [
      f"scale factor  {taken.scale_factor:g}",
      f"left out      {len(taken.unused)} other tensors{unused}",
      f"licence       {card.licence}", f"wrote         {out}"]
  return "\n".join(lines) + "\n"
