"""Reads the architecture of an ADM network off its state dict.

The names and shapes tell widths, levels, blocks, attention and conditioning.
They do not tell the number of heads, the order of q, k and v, the image size,
the schedule or the meaning of the output: a card or the user says those.
"""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
import re
from typing import Any

from jaxguide.convert import errors

Shapes = Mapping[str, tuple[int, ...]]

# Names that every ADM network has, by which its prefix in a file is found.
ANCHORS = (
    "time_embed.0.weight", "time_embed.2.weight", "input_blocks.0.0.weight",
    "input_blocks.1.0.in_layers.2.weight", "middle_block.1.qkv.weight",
    "middle_block.2.out_layers.3.weight")
_HEADS = ("out", "I2Iout")


@dataclasses.dataclass(frozen=True)
class AdmLayout:
  """What an ADM state dict tells; the names are the constructors'.

  Attributes:
    classifier: whether it is the encoder classifier.
    pool: the classifier's head; None for a UNet.
    head_name: prefix of the head's names.
  """

  classifier: bool
  in_channels: int
  out_channels: int
  model_channels: int
  channel_mult: tuple[float, ...]
  num_res_blocks: int
  attention_factors: tuple[int, ...]
  use_scale_shift_norm: bool
  resblock_updown: bool
  conv_resample: bool
  num_classes: int | None
  pool: str | None
  head_name: str


@dataclasses.dataclass(frozen=True)
class _Block:
  """One input block: its widths, and whether attention follows."""

  inputs: int
  outputs: int
  attends: bool
  is_residual: bool


def infer(shapes: Shapes) -> AdmLayout:
  """The architecture of an ADM UNet or classifier.

  Args:
    shapes: PyTorch shapes by name, without a prefix.

  Returns:
    What they tell. That the shapes agree in full with it is not checked here:
    `rules.compare` does.

  Raises:
    ConversionError: the names are not those of an ADM network, or several
      divisions into levels and blocks would give these shapes.
  """
  embedding = _shape(shapes, "time_embed.0.weight", 2)
  width = embedding[1]
  blocks = _input_blocks(shapes)
  per_level = _blocks_per_level(shapes, blocks)
  levels = [blocks[i:i + per_level - 1]
            for i in range(1, len(blocks), per_level)]
  first = _shape(shapes, "input_blocks.1.0.emb_layers.1.weight", 2)
  head_name = _head_name(shapes)
  classifier = not any(name.startswith("output_blocks.") for name in shapes)
  downs = [f"input_blocks.{i}.0" for i in
           range(per_level, len(blocks), per_level)]
  updown = any(f"{name}.in_layers.2.weight" in shapes for name in downs)
  labels = shapes.get("label_emb.weight")
  return AdmLayout(
      classifier=classifier,
      in_channels=blocks[0].inputs,
      out_channels=_out_channels(shapes, head_name),
      model_channels=width,
      channel_mult=tuple(
          _ratio(level[-1].outputs, width) for level in levels),
      num_res_blocks=per_level - 1,
      attention_factors=tuple(
          2 ** i for i, level in enumerate(levels) if level[0].attends),
      use_scale_shift_norm=first[0] == 2 * blocks[1].outputs,
      resblock_updown=updown or not downs,
      conv_resample=(
          updown or not downs or f"{downs[0]}.op.weight" in shapes),
      num_classes=labels[0] if labels else None,
      pool=_pool(shapes, head_name) if classifier else None,
      head_name=head_name)


def describe(layout: AdmLayout) -> str:
  """The architecture in one line."""
  kind = f"classifier, {layout.pool} pool" if layout.classifier else "UNet"
  mult = ",".join(f"{m:g}" for m in layout.channel_mult)
  factors = ",".join(map(str, layout.attention_factors)) or "none"
  return (
      f"ADM {kind}: channels {layout.in_channels} -> {layout.out_channels}, "
      f"width {layout.model_channels} x ({mult}), {layout.num_res_blocks} "
      f"blocks per level, attention at factors {factors}, "
      f"{'scale-shift' if layout.use_scale_shift_norm else 'additive'} "
      f"embedding, {_resampling(layout)} resampling"
      + (f", {layout.num_classes} classes" if layout.num_classes else ""))


def _resampling(layout: AdmLayout) -> str:
  if layout.resblock_updown:
    return "residual-block"
  return "convolution" if layout.conv_resample else "pooling"


def _shape(shapes: Shapes, name: str, rank: int) -> tuple[int, ...]:
  shape = shapes.get(name)
  if shape is None or len(shape) != rank or 0 in shape:
    found = "missing" if shape is None else f"of shape {list(shape)}"
    raise errors.ConversionError(
        f"is no ADM network: {errors.quoted(name)} is {found}")
  return shape


def _input_blocks(shapes: Shapes) -> list[_Block | None]:
  """The input blocks in order; None where a bare pooling has no tensors."""
  pattern = re.compile(r"input_blocks\.(\d{1,4})\.")
  indices = {
      int(match[1]) for name in shapes if (match := pattern.match(name))}
  return [
      _block(shapes, f"input_blocks.{i}") if i in indices else None
      for i in range(1 + max(indices, default=0))]


def _block(shapes: Shapes, name: str) -> _Block:
  attends = f"{name}.1.qkv.weight" in shapes
  for part in ("0.in_layers.2", "0.op", "0"):
    if f"{name}.{part}.weight" in shapes:
      shape = _shape(shapes, f"{name}.{part}.weight", 4)
      return _Block(shape[1], shape[0], attends, part == "0.in_layers.2")
  raise errors.ConversionError(
      f"is no ADM network: {name} is no residual block or convolution")


def _blocks_per_level(shapes: Shapes, blocks: list[_Block | None]) -> int:
  """Input blocks per level, the one that halves the size included.

  With L levels of n residual blocks there are L (n + 1) input blocks: 1 at the
  start, L n residual and L - 1 halving ones. A division fits where all blocks
  of a level look alike and the halving ones change nothing. A UNet has a
  module with tensors wherever its output blocks double the size, unless it
  pools, which shows as input blocks without tensors.
  """
  total = len(blocks)
  mirrored = None not in blocks and any(
      name.startswith("output_blocks.") for name in shapes)
  ups = [
      name for name in shapes if re.fullmatch(
          r"output_blocks\.\d+\.[12]\.(in_layers\.2|conv)\.weight", name)]
  fitting = [
      size for size in range(2, total + 1)
      if total % size == 0 and _fits(blocks, size)
      and (not mirrored or total // size == 1 + len(ups))]
  if len(fitting) == 1:
    return fitting[0]
  if not fitting:
    raise errors.ConversionError(
        f"is no ADM network: its {total} input blocks do not divide into "
        "levels")
  choices = ", ".join(f"{total // n} x {n - 1}" for n in fitting)
  raise errors.ConversionError(
      f"levels x blocks cannot be told from the shapes ({choices} would fit): "
      "a card has to say")


def _fits(blocks: list[_Block | None], size: int) -> bool:
  for start in range(1, len(blocks), size):
    level = blocks[start:start + size - 1]
    if not all(block is not None and block.is_residual for block in level):
      return False
    if len({(block.outputs, block.attends) for block in level}) != 1:
      return False
    if any(block.inputs != block.outputs for block in level[1:]):
      return False
  halving = [blocks[i] for i in range(size, len(blocks), size)]
  kinds = {block and block.is_residual for block in halving}
  return len(kinds) <= 1 and all(
      block is None or (block.inputs == block.outputs and not block.attends)
      for block in halving)


def _head_name(shapes: Shapes) -> str:
  for name in _HEADS:
    if any(key.startswith(f"{name}.") for key in shapes):
      return name
  raise errors.ConversionError(
      f"is no ADM network: no tensor begins with {' or '.join(_HEADS)}")


# The last layer of each head and the pool it belongs to, most specific first.
_LAST_LAYERS = (
    ("2.c_proj.weight", "attention"), ("3.weight", None),
    ("2.weight", "spatial"))


def _out_channels(shapes: Shapes, head: str) -> int:
  for layer, _ in _LAST_LAYERS:
    if f"{head}.{layer}" in shapes and shapes[f"{head}.{layer}"]:
      return shapes[f"{head}.{layer}"][0]
  raise errors.ConversionError(f"is no ADM network: {head} has no last layer")


def _pool(shapes: Shapes, head: str) -> str:
  if f"{head}.2.c_proj.weight" in shapes:
    return "attention"
  last = shapes.get(f"{head}.3.weight")
  if last is None:
    return "spatial"
  return "adaptive" if len(last) == 4 else "spatial_v2"


def _ratio(width: int, base: int) -> float:
  """Whole numbers stay whole, as users write them."""
  ratio = width / base
  return int(ratio) if ratio == int(ratio) else ratio


def module_fields(layout: AdmLayout) -> dict[str, Any]:
  """What `layout` fixes of the module's constructor arguments."""
  fields = dataclasses.asdict(layout)
  if fields.pop("classifier"):
    del fields["num_classes"]
  else:
    del fields["pool"], fields["head_name"]
  return fields
