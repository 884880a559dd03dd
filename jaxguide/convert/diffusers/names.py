"""Hugging Face's names of the networks that we have by other names.

Such files hold the same parameters as the checkpoints that our modules are
named after. Two things differ beside names: query, key and value of plain
attention lie apart, and 1x1 convolutions of attention may be matrices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import re

import numpy as np

from jaxguide.convert import errors
from jaxguide.convert import model_config
from jaxguide.convert import rules

UNETS = ("adm_unet", "ldm_unet")

_TOP = {
    "time_embed.0": "time_embedding.linear_1",
    "time_embed.2": "time_embedding.linear_2",
    "label_emb": "class_embedding",
    "input_blocks.0.0": "conv_in",
    "out.0": "conv_norm_out",
    "out.2": "conv_out",
}
_RESIDUAL = {
    "in_layers.0": "norm1", "in_layers.2": "conv1",
    "emb_layers.1": "time_emb_proj", "out_layers.0": "norm2",
    "out_layers.3": "conv2", "skip_connection": "conv_shortcut",
}
_RESAMPLING = {"op": "conv", "conv": "conv"}
_MIDDLE = {
    "0": "mid_block.resnets.0", "1": "mid_block.attentions.0",
    "2": "mid_block.resnets.1"}
_QKV = ("to_q", "to_k", "to_v")
# What stands last in the names of the other two kinds of network.
_DDPM_TOP = {
    "temb.dense.0": "time_embedding.linear_1",
    "temb.dense.1": "time_embedding.linear_2",
    "norm_out": "conv_norm_out", "mid.block_1": "mid_block.resnets.0",
    "mid.attn_1": "mid_block.attentions.0",
    "mid.block_2": "mid_block.resnets.1"}
_DDPM_RESIDUAL = {
    "temb_proj": "time_emb_proj", "nin_shortcut": "conv_shortcut"}
_ATTENTION = {
    "norm": "group_norm", "q": "to_q", "k": "to_k", "v": "to_v",
    "proj_out": "to_out.0"}
_DDPM_PARTS = {
    "block": "resnets", "attn": "attentions", "downsample": "downsamplers.0",
    "upsample": "upsamplers.0"}

# Before version 0.13 the parts of plain attention had other names.
_OLD = {
    "query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
_OLD_NAME = re.compile(
    r"(.*attentions\.\d+\.)(query|key|value|proj_attn)(\..*)")

_UNET_NAME = re.compile(r"(input|output)_blocks\.(\d+)\.(\d+)\.(.*)")
_LEVEL_NAME = re.compile(
    r"(down|up)\.(\d+)\.(block|attn|downsample|upsample)\.?(\d*)\.(.*)")


def names(name: str, config: model_config.ModelConfig) -> tuple[str, ...]:
  """What a tensor of a config's network is called there.

  Args:
    name: the tensor's name where our modules' names come from.
    config: config of the network, of a family of `UNETS`, "ddpm_unet" or an
      autoencoder.

  Returns:
    One name, or the names of the three thirds of a `qkv`.
  """
  module, _, kind = name.rpartition(".")
  rename = _in_unet if config.family in UNETS else _in_ddpm
  return tuple(f"{found}.{kind}" for found in rename(module, config.module))


def _in_unet(module: str, fields: Mapping) -> list[str]:
  if module in _TOP:
    return [_TOP[module]]
  if module.startswith("middle_block."):
    _, part, rest = module.split(".", 2)
    return [f"{_MIDDLE[part]}.{end}" for end in _inside(rest, fields)]
  side, index, part, rest = _UNET_NAME.fullmatch(module).groups()
  blocks = fields["num_res_blocks"] + (side == "output")
  # The encoder's first entry is the first convolution, and a resampling one
  # follows the blocks of each level.
  period, offset = fields["num_res_blocks"] + 1, int(side == "input")
  level, block = divmod(int(index) - offset, period)
  is_residual = rest in _RESIDUAL
  if side == "input":
    resamples = block == blocks
  else:
    resamples = rest in _RESAMPLING or (is_residual and part != "0")
  place = f"{'down' if side == 'input' else 'up'}_blocks.{level}."
  if resamples:
    place += "downsamplers.0" if side == "input" else "upsamplers.0"
  else:
    place += f"{'resnets' if is_residual else 'attentions'}.{block}"
  return [f"{place}.{end}" for end in _inside(rest, fields)]


def _inside(rest: str, fields: Mapping) -> list[str]:
  """The name inside a block, which tells which kind of block it is."""
  if rest in _RESIDUAL:
    return [_RESIDUAL[rest]]
  if rest in _RESAMPLING:
    return [_RESAMPLING[rest]]
  if fields.get("transformer_depth"):
    return [rest]
  return list(_QKV) if rest == "qkv" else [_ATTENTION[rest]]


def _in_ddpm(module: str, fields: Mapping) -> list[str]:
  """Of the DDPM UNet, and of the halves of an autoencoder."""
  half = ""
  if module.startswith(("encoder.", "decoder.")):
    half, module = module[:8], module[8:]
  for name, found in _DDPM_TOP.items():
    if module == name:
      return [half + found]
    if module.startswith(f"{name}."):
      rest = module.removeprefix(f"{name}.")
      return [f"{half}{found}.{_in_level(rest, 'attn' in name)}"]
  matched = _LEVEL_NAME.fullmatch(module)
  if matched is None:
    return [half + module]
  side, level, part, index, rest = matched.groups()
  # There the decoder's levels are counted in the order of their use.
  level = int(level)
  if side == "up":
    level = len(fields["channel_mult"]) - 1 - level
  place = f"{half}{side}_blocks.{level}.{_DDPM_PARTS[part]}"
  place += f".{index}" if index else ""
  return [f"{place}.{_in_level(rest, part == 'attn')}"]


def _in_level(rest: str, is_attention: bool) -> str:
  return (_ATTENTION if is_attention else _DDPM_RESIDUAL).get(rest, rest)


def to_reference(
    tensors: Mapping[str, np.ndarray],
    entries: Sequence[rules.Entry],
    config: model_config.ModelConfig,
) -> dict[str, np.ndarray]:
  """Tensors by the names that our modules come from.

  Args:
    tensors: a file's, exactly those of the network.
    entries: the network's, `families.table(config)`.
    config: config of the network; plain attention has qkv_order "new".

  Returns:
    The tensors of `entries`, of their shapes.

  Raises:
    ConversionError: tensors are missing, left over or of another shape.
  """
  left = {_modern(name): array for name, array in tensors.items()}
  found, missing, wrong = {}, [], []
  for entry in entries:
    parts = names(entry.name, config)
    missing += [name for name in parts if name not in left]
    arrays = [left.pop(name) for name in parts if name in left]
    if len(arrays) < len(parts):
      continue
    joined = np.concatenate(arrays) if len(parts) > 1 else arrays[0]
    if _bare(joined.shape) != _bare(entry.torch_shape):
      wrong.append(
          f"{parts[0]} is {list(arrays[0].shape)} in place of "
          f"{list(entry.torch_shape)}")
      continue
    found[entry.name] = joined.reshape(entry.torch_shape)
  faults = [
      f"{len(items)} tensors {what}: {errors.listed(items)}"
      for items, what in (
          (missing, "are missing"), (sorted(left), "are not of this network"),
          (wrong, "have another shape")) if items]
  if faults:
    raise errors.ConversionError("; ".join(faults))
  return found


def _modern(name: str) -> str:
  matched = _OLD_NAME.fullmatch(name)
  if matched is None:
    return name
  place, part, end = matched.groups()
  return place + _OLD[part] + end


def _bare(shape: Sequence[int]) -> tuple[int, ...]:
  """A shape without the sides of a 1x1 kernel."""
  shape = tuple(shape)
  while len(shape) > 2 and shape[-1] == 1:
    shape = shape[:-1]
  return shape


def from_reference(
    state_dict: Mapping[str, np.ndarray],
    config: model_config.ModelConfig,
) -> dict[str, np.ndarray]:
  """The inverse of `to_reference`, for any order of qkv.

  Args:
    state_dict: the network's tensors by the names our modules come from.
    config: config of the network.

  Returns:
    Tensors by Hugging Face's names, in the shapes of its present version.
  """
  found = {}
  for name, array in state_dict.items():
    parts = names(name, config)
    if len(parts) > 1:
      array = _thirds(array, name, config.module)
      found.update(zip(parts, np.split(_flat(array), 3), strict=True))
    elif re.search(r"attentions\.\d+\.to_", parts[0]):
      found[parts[0]] = _flat(array)
    else:
      found[parts[0]] = array
  return found


def _flat(array: np.ndarray) -> np.ndarray:
  return array.reshape(_bare(array.shape))


def _thirds(
    array: np.ndarray, name: str, fields: Mapping,
) -> np.ndarray:
  """A `qkv` with its rows in the order query, key, value."""
  if fields.get("qkv_order", "legacy") == "new":
    return array
  channels = array.shape[0] // 3
  heads = fields.get("num_heads", 1)
  if fields.get("num_heads_upsample", -1) != -1 and name.startswith("output"):
    heads = fields["num_heads_upsample"]
  if fields.get("num_head_channels", -1) != -1:
    heads = channels // fields["num_head_channels"]
  rows = array.reshape(heads, 3, channels // heads, *array.shape[1:])
  return rows.swapaxes(0, 1).reshape(array.shape)
