"""What the tensors of a latent diffusion checkpoint tell."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from jaxguide.convert.cards import ldm_cards

# In front of each network's names, as CompVis' programs write them.
PREFIXES = {
    ldm_cards.UNET: "model.diffusion_model.",
    ldm_cards.FIRST_STAGE: "first_stage_model.",
    ldm_cards.COND_STAGE: "cond_stage_model."}
AVERAGE = "model_ema."
SCALE, BETAS = "scale_factor", "betas"
# Counters of the average, and what only training an autoencoder needs.
COUNTERS = ("decay", "num_updates")
FOR_TRAINING = ("loss.", AVERAGE)
# Names of the two halves of an autoencoder that is a file by itself.
_HALVES = ("encoder.conv_in.weight", "decoder.conv_in.weight")


def behind(
    tensors: Mapping[str, np.ndarray], prefix: str,
) -> dict[str, str]:
  """Names behind a prefix, to the names with it; losses are left out."""
  return {
      name.removeprefix(prefix): name for name in tensors
      if name.startswith(prefix)
      and not name.removeprefix(prefix).startswith(FOR_TRAINING)}


def shadows(tensors: Mapping[str, np.ndarray]) -> set[str]:
  """Names of averaged weights."""
  return {
      name for name in tensors if name.startswith(AVERAGE)
      and name.removeprefix(AVERAGE) not in COUNTERS}


def parts(tensors: Mapping[str, np.ndarray]) -> dict[str, dict[str, str]]:
  """The networks in a file: name in the network to name in the file.

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


def facts(tensors: Mapping[str, np.ndarray]) -> list[tuple[str, str]]:
  """What `jaxguide inspect` says of such a file.

  Args:
    tensors: the file's.

  Returns:
    (name, text) per fact: each network's size, whether there are averaged
    weights, scale factor, ends of the schedule, cards whose networks have
    these sizes. Empty where the file is no such model.
  """
  found = parts(tensors)
  if not found:
    return []
  sizes = {
      part: sum(tensors[name].size for name in names.values())
      for part, names in found.items()}
  lines = [
      (part, f"{sizes[part]:,} parameters in {len(names)} tensors")
      for part, names in found.items()]
  if ldm_cards.UNET in found:
    lines.append(("weights", "raw and ema: choose one with --weights"
                  if shadows(tensors) else "one set (raw)"))
  if SCALE in tensors and tensors[SCALE].size == 1:
    lines.append(("scale factor", f"{float(tensors[SCALE].reshape(())):g}"))
  if BETAS in tensors and tensors[BETAS].size > 1:
    first, *_, last = (float(beta) for beta in tensors[BETAS].ravel())
    lines.append((
        "betas", f"{first:g} to {last:g} in {tensors[BETAS].size} steps"))
  fitting = [
      card.name for card in ldm_cards.CARDS.values()
      if card.num_parameters == {
          part: size for part, size in sizes.items()
          # Text encoders and shared first stages are not converted.
          if part != ldm_cards.COND_STAGE or card.classes}]
  return [*lines, ("cards", ", ".join(fitting) or "none of these sizes")]
