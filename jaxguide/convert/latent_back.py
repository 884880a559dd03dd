"""Latent models as one safetensors file, and what a directory holds."""

from __future__ import annotations

import os
import pathlib

import numpy as np

from jaxguide import schedules
from jaxguide.convert import latent_facts
from jaxguide.convert import latent_model
from jaxguide.convert import model_store
from jaxguide.convert import rules
from jaxguide.convert.cards import ldm_cards
from jaxguide.convert.networks import families
from jaxguide.convert.reading import safetensors


def convert_back(
    path: str | os.PathLike[str], out: str | os.PathLike[str],
) -> str:
  """Writes a latent model as CompVis' programs name its tensors.

  Args:
    path: a directory that `latent.save` wrote.
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
  tensors, metadata, lines = {}, {}, [f"read          {path}"]
  for part in ldm_cards.PARTS:
    network = getattr(model, part)
    if network is None:
      continue
    prefix = latent_facts.PREFIXES[part] if model.unet else ""
    named = rules.to_state_dict(
        network.params, families.table(network.config))
    tensors |= {prefix + name: array for name, array in named.items()}
    metadata[f"config.{part}"] = network.config.to_json()
    size = sum(array.size for array in named.values())
    lines.append(f"{part:<14}{network.config.family}, {size:,} parameters")
  if model.unet:
    tensors |= _tables(model)
  safetensors.write(out, tensors, metadata)
  return "\n".join([*lines, f"wrote         {out}"]) + "\n"


def _tables(model: latent_model.LatentModel) -> dict[str, np.ndarray]:
  tables = {latent_facts.SCALE: np.asarray(model.scale_factor, np.float32)}
  entry = model.unet.config.schedule or {}
  if entry.get("kind") == "scaled_linear":
    betas = schedules.scaled_linear_betas(
        entry["num_steps"], entry["start"], entry["end"])
    tables[latent_facts.BETAS] = betas.astype(np.float32)
  return tables


def describe(path: str | os.PathLike[str]) -> str:
  """What a directory of a latent model holds: its configs, and the scale.

  Raises:
    ConversionError: a part is missing or malformed.
  """
  path = pathlib.Path(path)
  entries = latent_model.read_entries(path)
  lines = [
      f"directory     {path} (latent model)",
      f"scale factor  {entries['scale_factor']:g}",
      f"null label    {entries.get('null_label')}"]
  for part in ldm_cards.PARTS:
    if not (path / part).is_dir():
      continue
    config = model_store.read_config(path / part)
    size = sum(
        int(np.prod(entry.shape)) for entry in families.table(config))
    lines.append(f"{part:<14}{config.family}, {size:,} parameters, config")
    lines.append(config.to_json().rstrip("\n"))
  return "\n".join(lines) + "\n"
