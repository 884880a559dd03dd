"""Reads the architecture of a DDPM UNet off its state dict.

Everything but the dropout, which matters in training alone, can be told.
"""

from __future__ import annotations

from collections.abc import Mapping
import re
from typing import Any

from jaxguide.convert import errors

Shapes = Mapping[str, tuple[int, ...]]

# Names that every DDPM UNet has, by which its prefix in a file is found.
ANCHORS = (
    "temb.dense.0.weight", "conv_in.weight", "down.0.block.0.conv1.weight",
    "mid.attn_1.q.weight", "conv_out.weight")


def infer(shapes: Shapes) -> dict[str, Any]:
  """Arguments of `ddpm_unet.DdpmUnet` for a state dict.

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
  return {
      "in_channels": first[1], "out_channels": last[0],
      "model_channels": width,
      "channel_mult": tuple(
          _multiple(shapes, level, width) for level in range(levels)),
      "num_res_blocks": 1 + _last(shapes, r"down\.0\.block\.(\d{1,3})\."),
      "attention_factors": tuple(
          2 ** level for level in range(levels)
          if f"down.{level}.attn.0.q.weight" in shapes),
      "dropout": 0.0, "resample_with_conv": halved or levels == 1}


def describe(module: Mapping[str, Any]) -> str:
  """The architecture that `infer` returned, in one line."""
  mult = ",".join(map(str, module["channel_mult"]))
  factors = ",".join(map(str, module["attention_factors"])) or "none"
  kind = "convolution" if module["resample_with_conv"] else "pooling"
  return (
      f"DDPM UNet: channels {module['in_channels']} -> "
      f"{module['out_channels']}, width {module['model_channels']} x ({mult}), "
      f"{module['num_res_blocks']} blocks per level, attention at factors "
      f"{factors}, {kind} resampling")


def _kernel(shapes: Shapes, name: str) -> tuple[int, ...]:
  shape = shapes.get(f"{name}.weight")
  if shape is None or len(shape) != 4 or 0 in shape:
    found = "missing" if shape is None else f"of shape {list(shape)}"
    raise errors.ConversionError(
        f"is no DDPM UNet: '{name}.weight' is {found}")
  return shape


def _last(shapes: Shapes, pattern: str) -> int:
  """The largest index; of few digits, so that no name asks for much."""
  return max(
      (int(match[1]) for name in shapes if (match := re.match(pattern, name))),
      default=0)


def _multiple(shapes: Shapes, level: int, width: int) -> int:
  outputs = _kernel(shapes, f"down.{level}.block.0.conv1")[0]
  if outputs % width:
    raise errors.ConversionError(
        f"is no DDPM UNet: level {level} has {outputs} channels, no multiple "
        f"of the first convolution's {width}")
  return outputs // width
