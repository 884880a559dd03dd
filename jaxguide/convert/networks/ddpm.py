"""The DDPM UNet: its rule table, and its architecture off a state dict.

Names and shapes tell everything but the dropout, which matters in training
alone; how the network is used, a card or the user says.
"""

from __future__ import annotations

from collections.abc import Mapping
import re
from typing import Any

from jaxguide import checkpoint_settings
from jaxguide.convert import errors
from jaxguide.convert import model_config
from jaxguide.convert import rules
from jaxguide.convert.networks import family
from jaxguide.models import ddpm_unet

RULES = (
    rules.Rule(r"temb\.dense\.[01]|.*\.temb_proj", "kernel", "weight",
               rules.LINEAR),
    # 3x3 convolutions, and 1x1 ones: nin_shortcut, q, k, v, proj_out.
    rules.Rule(r".*", "kernel", "weight", rules.CONV2D),
    rules.Rule(r".*", "scale", "weight", rules.SAME),
    rules.Rule(r".*", "bias", "bias", rules.SAME),
)

# Names that every DDPM UNet has.
_ANCHORS = (
    "temb.dense.0.weight", "conv_in.weight", "down.0.block.0.conv1.weight",
    "mid.attn_1.q.weight", "conv_out.weight")


def infer(shapes: family.Shapes) -> family.Inferred:
  """The architecture of a DDPM UNet.

  Args:
    shapes: PyTorch shapes by name, without a prefix.

  Returns:
    What they tell. That the shapes agree in full with it is not checked here:
    `rules.compare` does.

  Raises:
    ConversionError: the names are not those of a DDPM UNet, or a level's width
      is no multiple of the first convolution's.
  """
  first, last = _kernel(shapes, "conv_in"), _kernel(shapes, "conv_out")
  width, levels = first[0], 1 + _last(shapes, r"down\.(\d{1,2})\.block\.0\.")
  halved = "down.0.downsample.conv.weight" in shapes
  module = {
      "in_channels": first[1], "out_channels": last[0],
      "model_channels": width,
      "channel_mult": tuple(
          _multiple(shapes, level, width) for level in range(levels)),
      "num_res_blocks": 1 + _last(shapes, r"down\.0\.block\.(\d{1,3})\."),
      "attention_factors": tuple(
          2 ** level for level in range(levels)
          if f"down.{level}.attn.0.q.weight" in shapes),
      "dropout": 0.0, "resample_with_conv": halved or levels == 1}
  return family.Inferred(_description(module), ("ddpm_unet",), module)


def _description(module: Mapping[str, Any]) -> str:
  mult = ",".join(map(str, module["channel_mult"]))
  factors = ",".join(map(str, module["attention_factors"])) or "none"
  kind = "convolution" if module["resample_with_conv"] else "pooling"
  return (
      f"DDPM UNet: channels {module['in_channels']} -> "
      f"{module['out_channels']}, width {module['model_channels']} x ({mult}), "
      f"{module['num_res_blocks']} blocks per level, attention at factors "
      f"{factors}, {kind} resampling")


def _kernel(shapes: family.Shapes, name: str) -> tuple[int, ...]:
  shape = shapes.get(f"{name}.weight")
  if shape is None or len(shape) != 4 or 0 in shape:
    found = "missing" if shape is None else f"of shape {list(shape)}"
    raise errors.ConversionError(
        f"this is no DDPM UNet: '{name}.weight' is {found}")
  return shape


def _last(shapes: family.Shapes, pattern: str) -> int:
  """The largest index; of few digits, so that no name asks for much."""
  return max(
      (int(match[1]) for name in shapes if (match := re.match(pattern, name))),
      default=0)


def _multiple(shapes: family.Shapes, level: int, width: int) -> int:
  outputs = _kernel(shapes, f"down.{level}.block.0.conv1")[0]
  if outputs % width:
    raise errors.ConversionError(
        f"this is no DDPM UNet: level {level} has {outputs} channels, no "
        f"multiple of the first convolution's {width}")
  return outputs // width


def config_of(
    inferred: family.Inferred,
    settings: checkpoint_settings.Settings,
    source: Mapping[str, Any],
) -> model_config.ModelConfig:
  """The config of a DDPM UNet without a card.

  Args:
    inferred: everything that its state dict told.
    settings: words of the user: image_size, schedule and prediction;
      num_steps and licence may be left out. The network has one head over all
      channels, and q, k and v are apart: nothing is to be said of them.
    source: entries that say where it comes from.

  Returns:
    The config.

  Raises:
    ConversionError: a setting is missing or means nothing here, or the output
      has neither the image's channels nor twice as many.
  """
  family.check_settings(
      settings, ("image_size", "schedule", "prediction"), ("num_steps",),
      FAMILY.name)
  return family.unet_config(
      "ddpm_unet", inferred.module, inferred.module["in_channels"], settings,
      source)


FAMILY = family.Family(
    name="DDPM UNet",
    networks={
        "ddpm_unet": family.Network(
            ddpm_unet.DdpmUnet, RULES, family.image_and_time)},
    anchors=_ANCHORS, infer=infer, config_of=config_of)
