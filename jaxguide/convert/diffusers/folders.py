"""Folders that Hugging Face's diffusers writes, as model directories.

One network is a folder with `config.json` beside its weights; a pipeline is a
folder of such folders with `model_index.json`, of which the UNet, the
autoencoder and the scheduler's config are read.
"""

from __future__ import annotations

from collections.abc import Mapping
import json
import os
import pathlib
from typing import Any

import numpy as np

from jaxguide.convert import errors
from jaxguide.convert import latent_store
from jaxguide.convert import model_config
from jaxguide.convert import model_store
from jaxguide.convert import provenance
from jaxguide.convert import rules
from jaxguide.convert.cards import ldm_cards
from jaxguide.convert.diffusers import configs
from jaxguide.convert.diffusers import names
from jaxguide.convert.networks import families
from jaxguide.convert.reading import torch_reader

CONFIG, INDEX = "config.json", "model_index.json"
SCHEDULER = pathlib.Path("scheduler", "scheduler_config.json")
WEIGHTS = (
    "diffusion_pytorch_model.safetensors",
    "diffusion_pytorch_model.fp16.safetensors", "diffusion_pytorch_model.bin")
_UNET, _FIRST_STAGES = "unet", ("vae", "vqvae")
_MARK = "_class_name"
# What AutoencoderKL's config means that says nothing.
_KL_SCALE = 0.18215


def is_folder(path: str | os.PathLike[str]) -> bool:
  """Whether `path` is a folder as diffusers writes it."""
  path = pathlib.Path(path)
  if (path / INDEX).is_file():
    return True
  try:
    return _MARK in _read_json(path / CONFIG)
  except errors.ConversionError:
    return False


def convert_folder(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    scale_factor: float | None = None,
    image_size: int | None = None,
    licence: str = "unknown",
) -> str:
  """Converts a folder of diffusers.

  A pipeline with an autoencoder becomes a latent model (`latent_store`),
  everything else one model directory. The weights are those in the folder;
  which of raw and averaged ones they are, it does not say.

  Args:
    path: a network's folder, or a pipeline's.
    out: the new directory.
    scale_factor: factor of a pipeline's latents; None: the autoencoder's
      "scaling_factor"; where that is missing, 0.18215 of an AutoencoderKL, as
      diffusers has it, and 1 of a VQModel.
    image_size: height and width of a network whose config has no
      "sample_size", pixels.
    licence: terms of the weights.

  Returns:
    A report of what was done, one fact per line.

  Raises:
    ConversionError: the folder cannot be read, or holds a network that we do
      not have, or `out` exists. One line; nothing is left behind.
  """
  path, out = pathlib.Path(path), pathlib.Path(out)
  model_store.check_absent(out)
  options = {"image_size": image_size, "licence": licence}
  if not (path / INDEX).is_file():
    params, config = read_network(
        path, scheduler=path.parent / SCHEDULER, **options)
    model_store.save_model(out, params, config)
    return _report(path, out, {path.name: (params, config)})
  first_stage = [n for n in _FIRST_STAGES if (path / n / CONFIG).is_file()]
  unet = read_network(
      path / _UNET, scheduler=path / SCHEDULER, latent=bool(first_stage),
      **options)
  if not first_stage:
    model_store.save_model(out, *unet)
    return _report(path, out, {_UNET: unet})
  parts = {
      ldm_cards.UNET: unet,
      ldm_cards.FIRST_STAGE: read_network(path / first_stage[0], **options)}
  with errors.naming(path):
    scale = _scale_factor(
        _read_json(path / first_stage[0] / CONFIG), scale_factor)
  latent_store.save(out, parts, scale, source={
      "file_name": path.name, "container": "diffusers"})
  return _report(path, out, parts) + f"scale factor  {scale:g}\n"


def read_network(
    path: str | os.PathLike[str],
    *,
    scheduler: str | os.PathLike[str] | None = None,
    latent: bool = False,
    image_size: int | None = None,
    licence: str = "unknown",
) -> model_store.Model:
  """The parameters and config of one network's folder.

  Args:
    path: folder that holds `config.json` and one of `WEIGHTS`.
    scheduler: a `scheduler_config.json`, which says what a UNet predicts and
      at which noise levels; None or missing: eps, at levels not known.
    latent: whether a UNet is of a latent model.
    image_size: height and width that it was trained for, pixels, where its
      config has no "sample_size".
    licence: terms of the weights.

  Raises:
    ConversionError: something is missing, damaged or not supported. One line.
  """
  path = pathlib.Path(path)
  with errors.naming(path / CONFIG):
    options = _read_json(path / CONFIG)
    family, fields = configs.network(options, latent=latent)
    size = configs.image_size(options, image_size)
  file = _weights(path)
  checkpoint = torch_reader.read_checkpoint(file)
  source = provenance.source_of(
      file, checkpoint.container, layout="diffusers")
  config = model_config.ModelConfig(
      family, fields, size, licence=licence, source=source,
      **_use(options, fields, scheduler))
  with errors.naming(file):
    entries = families.table(config)
    named = names.to_reference(checkpoint.tensors, entries, config)
    return model_store.Model(rules.to_params(named, entries), config)


def _use(
    options: Mapping[str, Any],
    fields: Mapping[str, Any],
    scheduler: str | os.PathLike[str] | None,
) -> dict[str, Any]:
  """What a network is used for."""
  channels = fields["in_channels"]
  if options[_MARK] in configs.AUTOENCODERS:
    return {"channels": channels, "prediction": None}
  prediction, schedule = "eps", None
  if scheduler is not None and pathlib.Path(scheduler).is_file():
    with errors.naming(scheduler):
      prediction, schedule = configs.schedule(_read_json(scheduler))
  varied = fields["out_channels"] == 2 * channels
  return {
      "channels": channels if varied else fields["out_channels"],
      "prediction": prediction, "schedule": schedule,
      "learned_variance": varied}


def _weights(path: pathlib.Path) -> pathlib.Path:
  for name in WEIGHTS:
    if (path / name).is_file():
      return path / name
  raise errors.ConversionError(
      f"{path}: the folder holds none of {', '.join(WEIGHTS)} (weights in "
      "several files are not supported)")


def _read_json(file: str | os.PathLike[str]) -> dict[str, Any]:
  with errors.naming(file):
    try:
      entries = json.loads(pathlib.Path(file).read_text("utf-8"))
    except (ValueError, RecursionError) as error:
      raise errors.ConversionError("the file is not valid JSON") from error
    if not isinstance(entries, dict):
      raise errors.ConversionError("the file is JSON, but not a JSON object")
  return entries


def _scale_factor(
    options: Mapping[str, Any], given: float | None,
) -> float:
  otherwise = _KL_SCALE if options[_MARK] == "AutoencoderKL" else 1.0
  told = options.get("scaling_factor") or otherwise
  scale = told if given is None else given
  if isinstance(scale, bool) or not isinstance(scale, (int, float)) or not (
      0.0 < scale < float("inf")):
    raise errors.ConversionError(
        f"scale_factor is {errors.quoted(scale)}; it must be a positive "
        "number")
  return float(scale)


def describe_folder(path: str | os.PathLike[str]) -> str:
  """What is in a folder of diffusers, one fact per line.

  Raises:
    ConversionError: a config cannot be read.
  """
  path = pathlib.Path(path)
  inner = [path]
  if (path / INDEX).is_file():
    inner = sorted(file.parent for file in path.glob(f"*/{CONFIG}"))
  lines = [f"folder        {path} (diffusers)"]
  for folder in inner:
    options = _read_json(folder / CONFIG)
    name = errors.quoted(options.get(_MARK))[1:-1]
    try:
      family, fields = configs.network(options)
      text = f"{name}, a {family}: {fields}"
    except errors.ConversionError as error:
      text = f"{name}, not converted ({error})"
    lines.append(f"{folder.name:<13} {text}")
  return "\n".join(lines) + "\n"


def _report(
    path: pathlib.Path, out: pathlib.Path, parts: Mapping[str, Any],
) -> str:
  lines = [f"read          {path} (diffusers)"]
  for name, (params, config) in parts.items():
    size = sum(np.size(leaf) for _, leaf in rules.flatten(params))
    schedule = config.schedule and config.schedule["kind"]
    lines.append(
        f"{name:<13} {config.family}, {size:,} parameters"
        + (f", predicts {config.prediction}, schedule {schedule}"
           if config.prediction else ""))
  lines.append(f"wrote         {out}")
  return "\n".join(lines) + "\n"
