"""Our networks as folders that Hugging Face's diffusers loads."""

from __future__ import annotations

from collections.abc import Mapping
import json
import os
import pathlib
from typing import Any

import numpy as np

from jaxguide.convert import atomic
from jaxguide.convert import errors
from jaxguide.convert import model_config
from jaxguide.convert import model_store
from jaxguide.convert import rules
from jaxguide.convert.diffusers import names
from jaxguide.convert.networks import families
from jaxguide.convert.reading import safetensors

CONFIG = "config.json"
WEIGHTS = "diffusion_pytorch_model.safetensors"
_CLASSES = {
    "adm_unet": "UNet2DModel", "ldm_unet": "UNet2DModel",
    "ddpm_unet": "UNet2DModel", "kl_autoencoder": "AutoencoderKL",
    "vq_autoencoder": "VQModel"}
_EMBEDDINGS = {
    "adm_unet": {
        "flip_sin_to_cos": True, "freq_shift": 0, "norm_eps": 1e-5,
        "downsample_padding": 1},
    "ddpm_unet": {
        "flip_sin_to_cos": False, "freq_shift": 1, "norm_eps": 1e-6,
        "downsample_padding": 0}}
_EMBEDDINGS["ldm_unet"] = _EMBEDDINGS["adm_unet"]


def export_folder(
    path: str | os.PathLike[str], out: str | os.PathLike[str],
) -> str:
  """Writes a model directory of one network as a folder of diffusers.

  Args:
    path: a model directory: a UNet without low-resolution input, or an
      autoencoder.
    out: the new folder: `config.json`, and the weights in float32.

  Returns:
    A report of what was done, one fact per line.

  Raises:
    ConversionError: `path` holds no such network, or one with options that
      diffusers lacks; or `out` exists or cannot be written. One line.
  """
  path, out = pathlib.Path(path), pathlib.Path(out)
  model_store.check_absent(out)
  params, config = model_store.load_model(path)
  with errors.naming(path):
    options = options_of(config)
    tensors = names.from_reference(
        rules.to_state_dict(params, families.table(config)), config)
  with errors.naming(out), atomic.replacing(out) as temporary:
    temporary.mkdir()
    with open(temporary / CONFIG, "wb") as file:
      file.write((json.dumps(options, indent=2) + "\n").encode())
      atomic.flush(file)
    safetensors.write(temporary / WEIGHTS, {
        name: np.ascontiguousarray(array) for name, array in tensors.items()},
        {"format": "pt"})
  size = sum(array.size for array in tensors.values())
  return (
      f"read          {path}\n"
      f"network       {options['_class_name']}, {size:,} parameters in "
      f"{len(tensors)} tensors\n"
      f"wrote         {out}\n")


def options_of(config: model_config.ModelConfig) -> dict[str, Any]:
  """The `config.json` of diffusers for a config of ours.

  Raises:
    ConversionError: diffusers has no such network.
  """
  if config.family not in _CLASSES:
    raise errors.ConversionError(
        f"family is {errors.quoted(config.family)}; diffusers has "
        f"{', '.join(_CLASSES)}")
  fields = config.module
  widths = [
      int(ratio * fields["model_channels"])
      for ratio in fields["channel_mult"]]
  if widths[0] != fields["model_channels"]:
    raise errors.ConversionError(
        f"channel_mult begins with {fields['channel_mult'][0]}; diffusers "
        "has networks that begin with 1 alone")
  options = {
      "_class_name": _CLASSES[config.family],
      "sample_size": config.image_size, "act_fn": "silu",
      "in_channels": fields["in_channels"],
      "out_channels": fields["out_channels"],
      "layers_per_block": fields["num_res_blocks"],
      "block_out_channels": widths,
      "norm_num_groups": fields.get("num_groups", 32)}
  attention = [
      2 ** level in fields["attention_factors"]
      for level in range(len(widths))]
  if config.family in _EMBEDDINGS:
    return options | _unet(config, attention)
  return options | _autoencoder(config, attention)


def _unet(
    config: model_config.ModelConfig, attention: list[bool],
) -> dict[str, Any]:
  fields = config.module
  resnet = fields.get("resblock_updown", False)
  context = fields.get("context_width")
  if fields.get("transformer_depth") and context is None:
    raise errors.ConversionError(
        "diffusers has no transformers without a context")
  if not (fields.get("resample_with_conv", True)
          and (resnet or fields.get("conv_resample", True))):
    raise errors.ConversionError(
        "diffusers has no resampling without parameters")
  if fields.get("num_heads_upsample", -1) not in (
      -1, fields.get("num_heads", 1)) and not context:
    raise errors.ConversionError(
        "diffusers has no decoder with other heads than the encoder's")
  options = {
      **_EMBEDDINGS[config.family], "dropout": fields.get("dropout", 0.0),
      "resnet_time_scale_shift": (
          "scale_shift" if fields.get("use_scale_shift_norm") else "default"),
      "num_class_embeds": fields.get("num_classes")}
  if context is not None:
    return options | _conditioned(fields, attention, resnet)
  kind = "resnet" if resnet else "conv"
  plain = ("ResnetDownsampleBlock2D", "ResnetUpsampleBlock2D") if resnet else (
      "DownBlock2D", "UpBlock2D")
  down = [
      "AttnDownBlock2D" if has else plain[0] for has in attention]
  up = ["AttnUpBlock2D" if has else plain[1] for has in attention[::-1]]
  return options | {
      "down_block_types": down, "up_block_types": up,
      "downsample_type": kind, "upsample_type": kind,
      "attn_norm_num_groups": fields.get("num_groups", 32),
      "attention_head_dim": _head_width(fields, attention)}


def _head_width(
    fields: Mapping[str, Any], attention: list[bool],
) -> int | None:
  """The width of a head, which has to be one for the whole network."""
  if fields.get("num_head_channels", -1) != -1:
    return fields["num_head_channels"]
  if fields.get("num_heads", 1) == 1:
    return None
  found = {
      int(ratio * fields["model_channels"]) // fields["num_heads"]
      for ratio, has in zip(
          fields["channel_mult"], [*attention[:-1], True], strict=True)
      if has}
  if len(found) > 1:
    raise errors.ConversionError(
        f"num_heads is {fields['num_heads']} at several widths; diffusers "
        "has heads of one width alone")
  return found.pop()


def _conditioned(
    fields: Mapping[str, Any], attention: list[bool], resnet: bool,
) -> dict[str, Any]:
  if resnet:
    raise errors.ConversionError(
        "diffusers has no UNet with a context and residual resampling")
  widths = [
      int(ratio * fields["model_channels"]) for ratio in fields["channel_mult"]]
  heads = [fields["num_heads"]] * len(widths)
  if fields.get("num_head_channels", -1) != -1:
    heads = [width // fields["num_head_channels"] for width in widths]
  return {
      "_class_name": "UNet2DConditionModel",
      "cross_attention_dim": fields["context_width"],
      # In that class this is the number of heads.
      "attention_head_dim": heads,
      "transformer_layers_per_block": fields["transformer_depth"],
      "down_block_types": [
          "CrossAttnDownBlock2D" if has else "DownBlock2D"
          for has in attention],
      "up_block_types": [
          "CrossAttnUpBlock2D" if has else "UpBlock2D"
          for has in attention[::-1]]}


def _autoencoder(
    config: model_config.ModelConfig, attention: list[bool],
) -> dict[str, Any]:
  fields = config.module
  options = {
      "latent_channels": fields["z_channels"],
      "mid_block_add_attention": fields.get("mid_attention", True),
      # Any scale belongs to the model of the latents, not to this network.
      "scaling_factor": 1.0,
      "down_block_types": [
          "AttnDownEncoderBlock2D" if has else "DownEncoderBlock2D"
          for has in attention],
      "up_block_types": [
          "AttnUpDecoderBlock2D" if has else "UpDecoderBlock2D"
          for has in attention[::-1]]}
  if config.family == "vq_autoencoder":
    return options | {
        "num_vq_embeddings": fields["num_codes"],
        "vq_embed_dim": fields["latent_channels"]}
  if fields["z_channels"] != fields["latent_channels"]:
    raise errors.ConversionError(
        f"z_channels is {fields['z_channels']} and latent_channels "
        f"{fields['latent_channels']}; diffusers has one number for both")
  return options
