"""The ADM family: its rule tables, and its architecture off a state dict.

The modules' names are the checkpoints' own, so that the rules only say how
the axes of each kind of layer differ. Names and shapes tell widths, levels,
blocks, attention and conditioning. They do not tell the number of heads, the
order of q, k and v, the image size, the schedule or the meaning of the output:
a card or the user says those.
"""

from __future__ import annotations

from collections.abc import Mapping
import re
from typing import Any, NamedTuple

from flax import linen as nn

from jaxguide import checkpoint_settings
from jaxguide import conditioning
from jaxguide.convert import errors
from jaxguide.convert import model_config
from jaxguide.convert import rules
from jaxguide.convert.networks import family
from jaxguide.models import adm_classifier
from jaxguide.models import adm_unet

# The attention pool of the classifier: [C, T + 1] -> [T + 1, C].
_POSITIONS = rules.Layout(2, lambda w: w.T, lambda w: w.T)

RULES = (
    rules.Rule(r"time_embed\.[02]", "kernel", "weight", rules.LINEAR),
    rules.Rule(r".*\.emb_layers\.1", "kernel", "weight", rules.LINEAR),
    rules.Rule(r"label_emb", "embedding", "weight", rules.SAME),
    # 3x3 and 1x1 convolutions: in_layers.2, out_layers.3, skip_connection, op,
    # conv, input_blocks.0.0, out.2, the adaptive head's out.3.
    rules.Rule(r".*", "kernel", "weight", rules.CONV2D),
    rules.Rule(
        r".*\.(qkv|proj_out|qkv_proj|c_proj)", "kernel", "weight",
        rules.CONV1D),
    # The spatial heads of the classifier.
    rules.Rule(r"(out|I2Iout)\.[023]", "kernel", "weight", rules.LINEAR),
    rules.Rule(
        r"(out|I2Iout)\.2", "positional_embedding", "positional_embedding",
        _POSITIONS),
    rules.Rule(r".*", "scale", "weight", rules.SAME),
    rules.Rule(r".*", "bias", "bias", rules.SAME),
)


# Names that every ADM network has.
_ANCHORS = (
    "time_embed.0.weight", "time_embed.2.weight", "input_blocks.0.0.weight",
    "input_blocks.1.0.in_layers.2.weight", "middle_block.1.qkv.weight",
    "middle_block.2.out_layers.3.weight")
_HEADS = ("out", "I2Iout")
_UNET, _SUPERRES, _CLASSIFIER = "adm_unet", "adm_superres", "adm_classifier"
_QKV_ORDERS = ("legacy", "new")


def _unet_inputs(
    config: model_config.ModelConfig, module: nn.Module,
) -> dict[str, Any]:
  inputs = family.image_and_time(config, module)
  if module.num_classes is not None:
    inputs["labels"] = family.labels()
  return inputs


def _superres_conditions(
    config: model_config.ModelConfig
) -> tuple[conditioning.Condition, ...]:
  low_res = conditioning.Condition("low_res", (None, None, config.channels))
  return (*family.classes(config), low_res)


def _superres_inputs(
    config: model_config.ModelConfig, module: nn.Module,
) -> dict[str, Any]:
  inputs = _unet_inputs(config, module)
  channels = module.in_channels - config.channels
  return {
      **inputs, "x": family.floats(*inputs["x"].shape[:3], channels),
      "low_res": family.floats(1, 1, 1, config.channels)}


class _Block(NamedTuple):
  """One input block: its widths, and whether attention follows."""

  inputs: int
  outputs: int
  attends: bool
  is_residual: bool


def infer(shapes: family.Shapes) -> family.Inferred:
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
  head = _head_name(shapes)
  module = _trunk(shapes, _out_channels(shapes, head))
  if _has_decoder(shapes):
    labels = shapes.get("label_emb.weight")
    module["num_classes"] = labels[0] if labels else None
    return family.Inferred(
        _description("UNet", module), (_UNET, _SUPERRES), module)
  module |= {"pool": _pool(shapes, head), "head_name": head}
  return family.Inferred(
      _description(f"classifier, {module['pool']} pool", module),
      (_CLASSIFIER,), module)


def _trunk(shapes: family.Shapes, out_channels: int) -> dict[str, Any]:
  """Arguments that UNets and classifiers share."""
  width = _shape(shapes, "time_embed.0.weight", 2)[1]
  blocks = _input_blocks(shapes)
  per_level = _blocks_per_level(shapes, blocks)
  levels = [blocks[i:i + per_level - 1]
            for i in range(1, len(blocks), per_level)]
  first = _shape(shapes, "input_blocks.1.0.emb_layers.1.weight", 2)
  downs = [f"input_blocks.{i}.0" for i in
           range(per_level, len(blocks), per_level)]
  updown = not downs or any(
      f"{name}.in_layers.2.weight" in shapes for name in downs)
  return {
      "in_channels": blocks[0].inputs, "out_channels": out_channels,
      "model_channels": width,
      "channel_mult": tuple(
          _ratio(level[-1].outputs, width) for level in levels),
      "num_res_blocks": per_level - 1,
      "attention_factors": tuple(
          2 ** i for i, level in enumerate(levels) if level[0].attends),
      "use_scale_shift_norm": first[0] == 2 * blocks[1].outputs,
      "resblock_updown": updown,
      "conv_resample": updown or f"{downs[0]}.op.weight" in shapes}


def _has_decoder(shapes: family.Shapes) -> bool:
  return any(name.startswith("output_blocks.") for name in shapes)


def _description(kind: str, module: Mapping[str, Any]) -> str:
  mult = ",".join(f"{m:g}" for m in module["channel_mult"])
  factors = ",".join(map(str, module["attention_factors"])) or "none"
  classes = module.get("num_classes")
  return (
      f"ADM {kind}: channels {module['in_channels']} -> "
      f"{module['out_channels']}, width {module['model_channels']} x ({mult}), "
      f"{module['num_res_blocks']} blocks per level, attention at factors "
      f"{factors}, "
      f"{'scale-shift' if module['use_scale_shift_norm'] else 'additive'} "
      f"embedding, {_resampling(module)} resampling"
      + (f", {classes} classes" if classes else ""))


def _resampling(module: Mapping[str, Any]) -> str:
  if module["resblock_updown"]:
    return "residual-block"
  return "convolution" if module["conv_resample"] else "pooling"


def _shape(shapes: family.Shapes, name: str, rank: int) -> tuple[int, ...]:
  shape = shapes.get(name)
  if shape is None or len(shape) != rank or 0 in shape:
    found = "missing" if shape is None else f"of shape {list(shape)}"
    raise errors.ConversionError(
        f"this is no ADM network: {errors.quoted(name)} is {found}")
  return shape


def _input_blocks(shapes: family.Shapes) -> list[_Block | None]:
  """The input blocks in order; None where a bare pooling has no tensors."""
  pattern = re.compile(r"input_blocks\.(\d{1,4})\.")
  indices = {
      int(match[1]) for name in shapes if (match := pattern.match(name))}
  if 0 not in indices:
    raise errors.ConversionError(
        "this is no ADM network: no tensor begins with input_blocks.0")
  return [
      _block(shapes, f"input_blocks.{i}") if i in indices else None
      for i in range(1 + max(indices))]


def _block(shapes: family.Shapes, name: str) -> _Block:
  attends = f"{name}.1.qkv.weight" in shapes
  for part in ("0.in_layers.2", "0.op", "0"):
    if f"{name}.{part}.weight" in shapes:
      shape = _shape(shapes, f"{name}.{part}.weight", 4)
      return _Block(shape[1], shape[0], attends, part == "0.in_layers.2")
  raise errors.ConversionError(
      f"this is no ADM network: {name} is neither a residual block nor a "
      "convolution")


def _blocks_per_level(
    shapes: family.Shapes, blocks: list[_Block | None],
) -> int:
  """Input blocks per level, the one that halves the size included.

  With L levels of n residual blocks there are L (n + 1) input blocks: 1 at the
  start, L n residual and L - 1 halving ones. A division fits where all blocks
  of a level look alike and the halving ones change nothing. A UNet has a
  module with tensors wherever its output blocks double the size, unless it
  pools, which shows as input blocks without tensors.
  """
  total = len(blocks)
  mirrored = None not in blocks and _has_decoder(shapes)
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
        f"this is no ADM network: its {total} input blocks do not divide into "
        "levels")
  choices = ", ".join(f"{total // n} x {n - 1}" for n in fitting)
  raise errors.ConversionError(
      f"levels x blocks cannot be told from the shapes ({choices} would fit): "
      "name the checkpoint's card")


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


def _head_name(shapes: family.Shapes) -> str:
  for name in _HEADS:
    if any(key.startswith(f"{name}.") for key in shapes):
      return name
  raise errors.ConversionError(
      f"this is no ADM network: no tensor begins with {' or '.join(_HEADS)}")


# The last layer of each head and the pool it belongs to, most specific first.
_LAST_LAYERS = (
    ("2.c_proj.weight", "attention"), ("3.weight", None),
    ("2.weight", "spatial"))


def _out_channels(shapes: family.Shapes, head: str) -> int:
  for layer, _ in _LAST_LAYERS:
    if f"{head}.{layer}" in shapes and shapes[f"{head}.{layer}"]:
      return shapes[f"{head}.{layer}"][0]
  raise errors.ConversionError(
        f"this is no ADM network: {head} has no last layer")


def _pool(shapes: family.Shapes, head: str) -> str:
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


def config_of(
    inferred: family.Inferred,
    settings: checkpoint_settings.Settings,
    source: Mapping[str, Any],
) -> model_config.ModelConfig:
  """The config of an ADM checkpoint without a card.

  Args:
    inferred: everything that its state dict told.
    settings: everything that the user says; nothing is guessed.
    source: entries that say where it comes from.

  Returns:
    The config.

  Raises:
    ConversionError: a setting is missing, or the output has neither the
      image's channels nor twice as many.
  """
  is_classifier = _CLASSIFIER in inferred.networks
  _check_settings(settings, is_classifier)
  module = {
      **inferred.module, "num_heads": settings.num_heads or 1,
      "num_head_channels": settings.num_head_channels or -1,
      "qkv_order": settings.qkv_order}
  channels = module["in_channels"]
  if is_classifier:
    return model_config.ModelConfig(
        family=_CLASSIFIER,
        module={**module, "image_size": settings.image_size},
        image_size=settings.image_size, channels=channels, prediction=None,
        licence=settings.licence, source=dict(source))
  module["num_heads_upsample"] = settings.num_heads_upsample
  if settings.superres:
    return family.unet_config(
        _SUPERRES, module, channels // 2, settings, source)
  return family.unet_config(_UNET, module, channels, settings, source)


def _check_settings(
    settings: checkpoint_settings.Settings, is_classifier: bool,
) -> None:
  of_unet = ("schedule", "prediction")
  heads = "num_heads or num_head_channels"
  family.check_settings(
      settings,
      ("image_size", "qkv_order", *(() if is_classifier else of_unet), heads),
      (*of_unet, "num_steps", "num_heads_upsample", "superres"), FAMILY.name)
  if settings.qkv_order not in _QKV_ORDERS:
    raise errors.ConversionError(
        f"qkv_order is {errors.quoted(settings.qkv_order)}; allowed are "
        f"{', '.join(_QKV_ORDERS)}")


FAMILY = family.Family(
    name="ADM",
    networks={
        _UNET: family.Network(adm_unet.AdmUnet, RULES, _unet_inputs),
        _SUPERRES: family.Network(
            adm_unet.AdmSuperResUnet, RULES, _superres_inputs,
            conditions=_superres_conditions),
        _CLASSIFIER: family.Network(
            adm_classifier.AdmClassifier, RULES, family.image_and_time)},
    anchors=_ANCHORS, infer=infer, config_of=config_of)
