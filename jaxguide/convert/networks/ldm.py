"""The latent diffusion family: rule tables, and the reference's own options.

The modules' names are the checkpoints' own, so that the rules only say how
the axes of each kind of layer differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flax import linen as nn

from jaxguide.convert import errors
from jaxguide.convert import model_config
from jaxguide.convert import rules
from jaxguide.convert.networks import family
from jaxguide.models import autoencoders
from jaxguide.models import ldm_unet

_NORMS = (
    rules.Rule(r".*", "scale", "weight", rules.SAME),
    rules.Rule(r".*", "bias", "bias", rules.SAME),
)

UNET_RULES = (
    rules.Rule(r"time_embed\.[02]", "kernel", "weight", rules.LINEAR),
    rules.Rule(r".*\.emb_layers\.1", "kernel", "weight", rules.LINEAR),
    rules.Rule(r"label_emb", "embedding", "weight", rules.SAME),
    # Plain attention; a transformer's own proj_out has four axes.
    rules.Rule(r".*\.(qkv|proj_out)", "kernel", "weight", rules.CONV1D),
    rules.Rule(
        r".*\.transformer_blocks\.\d+\..*", "kernel", "weight", rules.LINEAR),
    rules.Rule(r".*", "kernel", "weight", rules.CONV2D),
    *_NORMS,
)

AUTOENCODER_RULES = (
    rules.Rule(r"quantize\.embedding", "embedding", "weight", rules.SAME),
    rules.Rule(r".*", "kernel", "weight", rules.CONV2D),
    *_NORMS,
)

_EMBEDDER_RULES = (
    rules.Rule(r"embedding", "embedding", "weight", rules.SAME),)


def _unet_inputs(
    config: model_config.ModelConfig, module: nn.Module,
) -> dict[str, Any]:
  inputs = family.image_and_time(config, module)
  if module.context_width is not None:
    inputs["context"] = family.floats(1, 1, module.context_width)
  if module.num_classes is not None:
    inputs["labels"] = family.labels()
  return inputs


def _image_inputs(
    config: model_config.ModelConfig, module: nn.Module,
) -> dict[str, Any]:
  return {"x": family.image_and_time(config, module)["x"]}


def _label_inputs(
    config: model_config.ModelConfig, module: nn.Module,
) -> dict[str, Any]:
  del config, module
  return {"labels": family.labels()}


AUTOENCODERS = {
    "kl_autoencoder": family.Network(
        autoencoders.KlAutoencoder, AUTOENCODER_RULES, _image_inputs),
    "vq_autoencoder": family.Network(
        autoencoders.VqAutoencoder, AUTOENCODER_RULES, _image_inputs),
}

# `latent_checkpoints` takes their files apart, by cards of their own.
FAMILY = family.Family(
    name="latent diffusion",
    networks={
        "ldm_unet": family.Network(
            ldm_unet.LdmUnet, UNET_RULES, _unet_inputs),
        **AUTOENCODERS,
        "class_embedder": family.Network(
            ldm_unet.ClassEmbedder, _EMBEDDER_RULES, _label_inputs)})

# Options of the reference's UNet that ask for a network we do not have,
# with the values that do not.
_UNET_LIMITS = {
    "dims": (2,), "n_embed": (None,), "use_fp16": (False,)}
_AUTOENCODER_LIMITS = {
    "attn_type": ("vanilla", "none"), "resamp_with_conv": (True,),
    "tanh_out": (False,), "give_pre_end": (False,),
    "use_linear_attn": (False,)}


def check_options(
    options: Mapping[str, Any], allowed: Mapping[str, tuple[Any, ...]],
) -> None:
  """Raises ConversionError for an option with a value that is not allowed."""
  for name, values in allowed.items():
    value = options.get(name, values[0])
    if value not in values:
      raise errors.ConversionError(
          f"{name} is {errors.quoted(value)}; supported are "
          f"{', '.join(map(str, values))}")


def unet_fields(options: Mapping[str, Any]) -> dict[str, Any]:
  """`LdmUnet`'s constructor arguments from those of CompVis' UNetModel.

  Args:
    options: `unet_config.params` of a released configuration; what it leaves
      out has the reference's default.

  Returns:
    The arguments, dtype and formulations left out.

  Raises:
    ConversionError: a required option is missing, or one asks for a network
      that is not supported.
  """
  check_options(options, _UNET_LIMITS)
  transformer = options.get("use_spatial_transformer", False)
  fields = {
      "in_channels": _required(options, "in_channels"),
      "out_channels": _required(options, "out_channels"),
      "model_channels": _required(options, "model_channels"),
      "channel_mult": tuple(options.get("channel_mult", (1, 2, 4, 8))),
      "num_res_blocks": _required(options, "num_res_blocks"),
      "attention_factors": tuple(_required(options, "attention_resolutions")),
      "dropout": float(options.get("dropout", 0.0)),
      "num_heads": options.get("num_heads", -1),
      "num_head_channels": options.get("num_head_channels", -1),
      "num_heads_upsample": options.get("num_heads_upsample", -1),
      "use_scale_shift_norm": options.get("use_scale_shift_norm", False),
      "resblock_updown": options.get("resblock_updown", False),
      "conv_resample": options.get("conv_resample", True),
      "qkv_order": (
          "new" if options.get("use_new_attention_order") else "legacy"),
      "num_classes": options.get("num_classes"),
      "transformer_depth": (
          options.get("transformer_depth", 1) if transformer else 0),
      "context_width": options.get("context_dim") if transformer else None,
  }
  if -1 == fields["num_heads"] == fields["num_head_channels"]:
    raise errors.ConversionError(
        "the configuration lacks num_heads or num_head_channels")
  if transformer or not options.get("legacy", True):
    # There the reference divides the width by num_heads everywhere.
    fields["num_heads_upsample"] = -1
  fields["num_heads"] = max(fields["num_heads"], 1)
  return fields


def autoencoder_fields(
    options: Mapping[str, Any],
) -> tuple[str, dict[str, Any]]:
  """The family of a first stage and its constructor arguments.

  Args:
    options: `first_stage_config.params` of a released configuration:
      "ddconfig", "embed_dim", and "n_embed" for a codebook.

  Returns:
    "vq_autoencoder" or "kl_autoencoder", and the arguments of that module.

  Raises:
    ConversionError: a required option is missing, or one asks for a network
      that is not supported.
  """
  halves = _required(options, "ddconfig")
  check_options(halves, _AUTOENCODER_LIMITS)
  codes = options.get("n_embed")
  family = "vq_autoencoder" if codes else "kl_autoencoder"
  if halves.get("double_z", True) == bool(codes):
    raise errors.ConversionError(
        f"double_z is {halves.get('double_z', True)}; expected "
        f"{not codes} of a {family}")
  fields = {
      "in_channels": _required(halves, "in_channels"),
      "out_channels": _required(halves, "out_ch"),
      "model_channels": _required(halves, "ch"),
      "channel_mult": tuple(_required(halves, "ch_mult")),
      "num_res_blocks": _required(halves, "num_res_blocks"),
      "attention_factors": tuple(
          _required(halves, "resolution") // size
          for size in halves.get("attn_resolutions", ())),
      "mid_attention": halves.get("attn_type", "vanilla") != "none",
      "z_channels": _required(halves, "z_channels"),
      "latent_channels": _required(options, "embed_dim"),
      "dropout": float(halves.get("dropout", 0.0)),
  }
  return family, {**fields, "num_codes": codes} if codes else fields


def _required(options: Mapping[str, Any], name: str) -> Any:
  if name not in options:
    raise errors.ConversionError(f"the configuration lacks {name}")
  return options[name]
