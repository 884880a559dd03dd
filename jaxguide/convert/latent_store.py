"""Directories of latent models: several networks, and how they belong.

A converted latent diffusion model is a directory with one model directory per
network (`unet`, `first_stage`, and `cond_stage` for a class embedder; see
`model_store`) and `latent.json` beside them: {"scale_factor", "null_label",
"source"}. `latent_checkpoints` makes it of a file, `latent_model` loads it.
"""

from __future__ import annotations

from collections.abc import Mapping
import json
import os
import pathlib
from typing import Any

import numpy as np
from numpy import typing as npt

from jaxguide.convert import atomic
from jaxguide.convert import errors
from jaxguide.convert import model_store
from jaxguide.convert.cards import ldm_cards

FILE = "latent.json"


def save(
    path: str | os.PathLike[str],
    parts: Mapping[str, model_store.Model],
    scale_factor: float,
    *,
    null_label: int | None = None,
    source: Mapping[str, Any] | None = None,
    container: str = "orbax",
    dtype: npt.DTypeLike = np.float32,
) -> None:
  """Writes a directory of models, whole or not at all.

  Args:
    path: the new directory; its parent exists.
    parts: (params, config) by `ldm_cards.PARTS`; "unet" may be missing.
    scale_factor: factor of the latents over the autoencoder's own.
    null_label: class that stands for "no class"; None: there is none.
    source: entries that say where they come from.
    container: "orbax" or "safetensors", see `model_store.save_model`.
    dtype: stored type of the parameters.

  Raises:
    ConversionError: `path` exists or cannot be written, or parameters are not
      those of their config.
  """
  path = pathlib.Path(path)
  unknown = set(parts) - set(ldm_cards.PARTS)
  if unknown or ldm_cards.FIRST_STAGE not in parts:
    raise errors.ConversionError(
        f"parts are {errors.listed(parts)}; allowed are "
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
