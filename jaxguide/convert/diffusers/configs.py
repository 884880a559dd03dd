"""Configs of Hugging Face's diffusers as ours.

Only options that make a network which we have are accepted. One that we do
not know may be there, as long as it is not set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import math
from typing import Any

from jaxguide.convert import errors
from jaxguide.convert.networks import ldm

UNETS = ("UNet2DModel", "UNet2DConditionModel")
AUTOENCODERS = ("AutoencoderKL", "VQModel")
CLASSES = (*UNETS, *AUTOENCODERS)

# Per class, the values of each option that we have a network for; the first
# is what a file means that leaves the option out.
_ANY_UNET = {
    "center_input_sample": (False,), "mid_block_scale_factor": (1, 1.0),
    "act_fn": ("silu", "swish"), "time_embedding_type": ("positional",),
    "class_embed_type": (None,),
    "resnet_time_scale_shift": ("default", "scale_shift")}
_LIMITS = {
    "UNet2DModel": {
        **_ANY_UNET, "mid_block_type": ("UNetMidBlock2D",),
        "add_attention": (True,), "downsample_type": ("conv", "resnet"),
        "upsample_type": ("conv", "resnet")},
    "UNet2DConditionModel": {
        **_ANY_UNET, "mid_block_type": ("UNetMidBlock2DCrossAttn",),
        "only_cross_attention": (False,), "dual_cross_attention": (False,),
        "resnet_skip_time_act": (False,), "conv_in_kernel": (3,),
        "resnet_out_scale_factor": (1, 1.0), "conv_out_kernel": (3,),
        "attention_type": ("default",),
        # Neither changes a value: in float32, and by another layer.
        "upcast_attention": (False, True),
        "use_linear_projection": (False, True)},
    "AutoencoderKL": {
        "act_fn": ("silu", "swish"), "use_quant_conv": (True,),
        "use_post_quant_conv": (True,), "force_upcast": (True, False),
        "mid_block_add_attention": (True, False)},
    "VQModel": {
        "act_fn": ("silu", "swish"), "norm_type": ("group",),
        "lookup_from_codebook": (False,), "force_upcast": (False, True),
        "mid_block_add_attention": (True, False)},
}
# Read below, or of no matter to the network's values.
_READ = {
    "UNet2DModel": (
        "sample_size", "in_channels", "out_channels", "flip_sin_to_cos",
        "freq_shift", "down_block_types", "up_block_types",
        "block_out_channels", "layers_per_block", "downsample_padding",
        "dropout", "attention_head_dim", "norm_num_groups", "norm_eps",
        "attn_norm_num_groups", "num_class_embeds", "time_embedding_dim",
        "num_train_timesteps"),
    "AutoencoderKL": (
        "in_channels", "out_channels", "down_block_types", "up_block_types",
        "block_out_channels", "layers_per_block", "latent_channels",
        "norm_num_groups", "sample_size", "scaling_factor", "shift_factor"),
}
_READ["UNet2DConditionModel"] = (
    *_READ["UNet2DModel"], "cross_attention_dim", "num_attention_heads",
    "transformer_layers_per_block", "addition_embed_type_num_heads")
_READ["VQModel"] = (
    *_READ["AutoencoderKL"], "num_vq_embeddings", "vq_embed_dim")

# Block -> (attention, a residual block that resamples); None: as the config's
# downsample_type or upsample_type says.
_BLOCKS = {
    "DownBlock2D": (False, False), "UpBlock2D": (False, False),
    "AttnDownBlock2D": (True, None), "AttnUpBlock2D": (True, None),
    "CrossAttnDownBlock2D": (True, False), "CrossAttnUpBlock2D": (True, False),
    "ResnetDownsampleBlock2D": (False, True),
    "ResnetUpsampleBlock2D": (False, True),
    "DownEncoderBlock2D": (False, False), "UpDecoderBlock2D": (False, False),
    "AttnDownEncoderBlock2D": (True, False),
    "AttnUpDecoderBlock2D": (True, False),
}
_BLOCKS_OF = {
    "UNet2DModel": (
        "DownBlock2D", "UpBlock2D", "AttnDownBlock2D", "AttnUpBlock2D",
        "ResnetDownsampleBlock2D", "ResnetUpsampleBlock2D"),
    "UNet2DConditionModel": (
        "DownBlock2D", "UpBlock2D", "CrossAttnDownBlock2D",
        "CrossAttnUpBlock2D", "ResnetDownsampleBlock2D",
        "ResnetUpsampleBlock2D"),
}
_AUTOENCODER_BLOCKS = (
    "DownEncoderBlock2D", "UpDecoderBlock2D", "AttnDownEncoderBlock2D",
    "AttnUpDecoderBlock2D")

# (flip_sin_to_cos, freq_shift, norm_eps, downsample_padding) of the two kinds
# of UNet: ADM's and latent diffusion's, and DDPM's.
_ADM_KIND, _DDPM_KIND = (True, 0, 1e-5, 1), (False, 1, 1e-6, 0)


def network(
    options: Mapping[str, Any], *, latent: bool = False,
) -> tuple[str, dict[str, Any]]:
  """The family and the constructor arguments of a diffusers config.

  Args:
    options: the parsed `config.json` of one of `CLASSES`.
    latent: whether an unconditional UNet is of a latent model, whose module
      takes a context argument.

  Returns:
    One of `families.NETWORKS`, and the arguments of its module.

  Raises:
    ConversionError: an option is missing, or asks for a network that is not
      supported.
  """
  name = options.get("_class_name")
  if name not in CLASSES:
    raise errors.ConversionError(
        f"_class_name is {errors.quoted(name)}; supported are "
        f"{', '.join(CLASSES)}")
  ldm.check_options(options, _LIMITS[name])
  known = {*_LIMITS[name], *_READ[name]}
  unknown = [
      key for key, value in options.items() if not key.startswith("_")
      and key not in known and value not in (None, False)]
  if unknown:
    raise errors.ConversionError(
        f"a {name} with {errors.listed(unknown)} is not supported")
  if name in AUTOENCODERS:
    return _autoencoder(name, options)
  return _unet(name, options, latent)


def _unet(name, options, latent):
  kind = (
      bool(options.get("flip_sin_to_cos", True)), options.get("freq_shift", 0),
      options.get("norm_eps", 1e-5), options.get("downsample_padding", 1))
  if kind not in (_ADM_KIND, _DDPM_KIND):
    raise errors.ConversionError(
        "flip_sin_to_cos, freq_shift, norm_eps, downsample_padding are "
        f"{errors.quoted(kind)}; supported are {errors.quoted(_ADM_KIND)} and "
        f"{errors.quoted(_DDPM_KIND)}")
  fields = _common(options)
  width = fields["model_channels"]
  if options.get("time_embedding_dim") not in (None, 4 * width):
    raise errors.ConversionError(
        f"time_embedding_dim is {errors.quoted(options['time_embedding_dim'])}"
        f"; supported is {4 * width}")
  attention, resamples = _levels(name, options)
  fields["attention_factors"] = _factors(attention)
  if kind == _DDPM_KIND:
    return "ddpm_unet", _ddpm(name, options, fields, resamples)
  scale_shift = options.get("resnet_time_scale_shift") == "scale_shift"
  _check_mid_norm(name, options, fields["num_groups"], scale_shift)
  fields |= {
      "use_scale_shift_norm": scale_shift, "resblock_updown": resamples,
      "conv_resample": True, "qkv_order": "new",
      "num_classes": options.get("num_class_embeds"),
      "num_heads_upsample": -1, **_heads(name, options, attention)}
  if name == "UNet2DModel" and not latent:
    return "adm_unet", fields
  depth, context = 0, None
  if name == "UNet2DConditionModel":
    depth = options.get("transformer_layers_per_block", 1)
    context = _positive(options, "cross_attention_dim")
    if not isinstance(depth, int):
      raise errors.ConversionError(
          f"transformer_layers_per_block is {errors.quoted(depth)}; supported "
          "is one number")
  return "ldm_unet", {
      **fields, "transformer_depth": depth, "context_width": context}


def _common(options):
  """What all of these networks have."""
  widths = options.get("block_out_channels")
  if not isinstance(widths, (list, tuple)) or not widths or not all(
      _is_positive(width) for width in widths):
    raise errors.ConversionError(
        f"block_out_channels is {errors.quoted(widths)}; expected a list of "
        "positive integers")
  return {
      "in_channels": _positive(options, "in_channels"),
      "out_channels": _positive(options, "out_channels"),
      "model_channels": widths[0],
      "channel_mult": tuple(_ratio(width, widths[0]) for width in widths),
      "num_res_blocks": _positive(options, "layers_per_block"),
      "dropout": float(options.get("dropout") or 0.0),
      "num_groups": _positive(options, "norm_num_groups", 32)}


def _ratio(width: int, base: int) -> int | float:
  """A ratio r for which int(r base) is the width."""
  if width % base == 0:
    return width // base
  ratio = width / base
  return ratio if int(ratio * base) == width else math.nextafter(
      ratio, math.inf)


def _levels(
    name: str, options: Mapping[str, Any],
) -> tuple[list[bool], bool]:
  """Per level whether there is attention; whether residual blocks resample."""
  down, up = (
      _block_types(name, options, f"{side}_block_types")
      for side in ("down", "up"))
  attention = [_BLOCKS[block][0] for block in down]
  if [_BLOCKS[block][0] for block in up] != attention[::-1]:
    raise errors.ConversionError(
        "up_block_types attend at other levels than down_block_types do, of "
        "which they must be the mirror image")
  residual = set()
  # The last block of each side does not resample.
  for side, blocks in (("down", down[:-1]), ("up", up[:-1])):
    otherwise = options.get(f"{side}sample_type", "conv") == "resnet"
    for block in blocks:
      told = _BLOCKS[block][1]
      residual.add(otherwise if told is None else told)
  if len(residual) > 1:
    raise errors.ConversionError(
        "some levels are resampled by residual blocks and some are not")
  return attention, residual == {True}


def _block_types(name, options, key) -> Sequence[str]:
  blocks = options.get(key)
  allowed = _BLOCKS_OF.get(name, _AUTOENCODER_BLOCKS)
  count = len(options["block_out_channels"])
  if not isinstance(blocks, (list, tuple)) or len(blocks) != count:
    raise errors.ConversionError(
        f"{key} is {errors.quoted(blocks)}; it has to name {count} blocks, as "
        "many as block_out_channels has widths")
  odd = [block for block in blocks if block not in allowed]
  if odd:
    raise errors.ConversionError(
        f"{key} holds {errors.listed(odd)}; supported are "
        f"{', '.join(allowed)}")
  return blocks


def _factors(attention: Sequence[bool]) -> tuple[int, ...]:
  return tuple(2 ** level for level, has in enumerate(attention) if has)


def _check_mid_norm(name, options, groups, scale_shift) -> None:
  """There a scaling and shifting UNet may have attention without a norm."""
  told = options.get("attn_norm_num_groups")
  if name == "UNet2DModel" and told != groups and (
      told is not None or scale_shift):
    raise errors.ConversionError(
        f"attn_norm_num_groups is {errors.quoted(told)}; supported is "
        f"{groups}")


def _heads(name, options, attention) -> dict[str, int]:
  """Heads: their width in one class, their number in the other."""
  told = options.get("attention_head_dim", 8)
  if name == "UNet2DModel":
    if told is None:
      return {"num_heads": 1, "num_head_channels": -1}
    return {"num_heads": 1, "num_head_channels": _positive(
        options, "attention_head_dim", 8)}
  # Its attention_head_dim is a number of heads unless there is another.
  told = options.get("num_attention_heads") or told
  widths = options["block_out_channels"]
  counts = told if isinstance(told, (list, tuple)) else [told] * len(widths)
  if len(counts) != len(widths) or not all(map(_is_positive, counts)):
    raise errors.ConversionError(
        f"attention_head_dim is {errors.quoted(told)}; expected a positive "
        "integer, or one per level")
  # The middle block attends at the coarsest level in any case.
  used = [
      (count, width // count) for count, width, has
      in zip(counts, widths, [*attention[:-1], True], strict=True)
      if has]
  if len({count for count, _ in used}) == 1:
    return {"num_heads": used[0][0], "num_head_channels": -1}
  if len({width for _, width in used}) == 1:
    return {"num_heads": 1, "num_head_channels": used[0][1]}
  raise errors.ConversionError(
      f"attention_head_dim is {errors.quoted(told)}: neither the number of "
      "heads nor their width is one for all levels")


def _ddpm(name, options, fields, resamples) -> dict[str, Any]:
  """The UNet of DDPM has fewer options."""
  heads = _heads(name, options, [True]) if name == "UNet2DModel" else {}
  # One head where its width is that of every level that attends.
  factors, mult = fields["attention_factors"], fields["channel_mult"]
  widths = {
      fields["model_channels"] * mult[level] for level in range(len(mult))
      if 2 ** level in factors or level == len(mult) - 1}
  alone = heads.get("num_head_channels") == -1 or widths == {
      heads.get("num_head_channels")}
  if (name != "UNet2DModel" or resamples or not alone
      or options.get("num_class_embeds") is not None
      or options.get("resnet_time_scale_shift") == "scale_shift"
      or not all(isinstance(ratio, int) for ratio in mult)):
    raise errors.ConversionError(
        "a UNet with DDPM's time embedding is supported with one head, "
        "convolutions between the levels, widths that are multiples of the "
        "first, and neither classes nor scale_shift")
  return {**fields, "resample_with_conv": True}


def _autoencoder(name, options):
  if options.get("shift_factor") not in (None, 0, 0.0):
    raise errors.ConversionError(
        f"shift_factor is {errors.quoted(options['shift_factor'])}; supported "
        "is none")
  channels = _positive(options, "latent_channels", 4)
  attention, _ = _levels(name, options)
  fields = {
      **_common(options), "attention_factors": _factors(attention),
      "mid_attention": options.get("mid_block_add_attention", True),
      "z_channels": channels, "latent_channels": channels}
  if name == "AutoencoderKL":
    return "kl_autoencoder", fields
  if options.get("vq_embed_dim") is not None:
    fields["latent_channels"] = _positive(options, "vq_embed_dim")
  return "vq_autoencoder", {
      **fields, "num_codes": _positive(options, "num_vq_embeddings", 256)}


def image_size(options: Mapping[str, Any], given: int | None = None) -> int:
  """Height and width that a network was trained for: `sample_size`.

  Raises:
    ConversionError: the config does not say, nor does `given`.
  """
  size = options.get("sample_size") if given is None else given
  if isinstance(size, (list, tuple)) and len(set(size)) == 1:
    size = size[0]
  if not _is_positive(size):
    raise errors.ConversionError(
        f"sample_size is {errors.quoted(size)}; expected one positive "
        "integer: give image_size")
  return size


_SCHEDULES = {
    "linear": "linear", "scaled_linear": "scaled_linear",
    "squaredcos_cap_v2": "cosine"}
_PREDICTIONS = {"epsilon": "eps", "v_prediction": "v", "sample": "x0"}
# diffusers' classes whose table of alphas is that of the training, by the betas
# in the file. Others (consistency models, EDM, flow matching ...) noise by
# other rules or change the table, with betas in their files or without.
_SCHEDULERS = tuple(f"{name}Scheduler" for name in (
    "DDIM", "DDIMInverse", "DDIMParallel", "DDPM", "DDPMParallel",
    "DEISMultistep", "DPMSolverMultistep", "DPMSolverMultistepInverse",
    "DPMSolverSDE", "DPMSolverSinglestep", "EulerAncestralDiscrete",
    "EulerDiscrete", "HeunDiscrete", "KDPM2AncestralDiscrete",
    "KDPM2Discrete", "LCM", "LMSDiscrete", "PNDM", "RePaint", "SASolver",
    "TCD", "UniPCMultistep"))


def schedule(
    options: Mapping[str, Any],
) -> tuple[str, dict[str, Any]]:
  """What a network predicts, and its schedule: of `scheduler_config.json`.

  Raises:
    ConversionError: a schedule or a class of schedulers that is not supported.
  """
  name = options.get("_class_name", _SCHEDULERS[0])
  if name not in _SCHEDULERS:
    raise errors.ConversionError(
        f"_class_name of the scheduler is {errors.quoted(name)}; supported are "
        f"{', '.join(_SCHEDULERS)}")
  ldm.check_options(options, {
      "use_flow_sigmas": (False, None), "timestep_type": ("discrete",),
      "beta_schedule": tuple(_SCHEDULES), "trained_betas": (None,),
      "rescale_betas_zero_snr": (False,),
      "prediction_type": tuple(_PREDICTIONS)})
  kind = _SCHEDULES[options.get("beta_schedule", "linear")]
  steps = _positive(options, "num_train_timesteps", 1000)
  entry = {"kind": kind, "num_steps": steps}
  if kind != "cosine":
    # Our linear betas are for 1000 levels, scaled to as many as there are.
    scale = steps / 1000 if kind == "linear" else 1.0
    entry |= {
        "start": scale * options.get("beta_start", 1e-4),
        "end": scale * options.get("beta_end", 0.02)}
  return _PREDICTIONS[options.get("prediction_type", "epsilon")], entry


def _positive(
    options: Mapping[str, Any], name: str, default: int | None = None,
) -> int:
  value = options.get(name, default)
  if not _is_positive(value):
    raise errors.ConversionError(
        f"{name} is {errors.quoted(value)}; expected a positive integer")
  return value


def _is_positive(value: Any) -> bool:
  return isinstance(value, int) and not isinstance(value, bool) and value > 0
