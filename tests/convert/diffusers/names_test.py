"""Names and rearrangements of diffusers' layout, without diffusers."""

import re

import numpy as np
import pytest

from jaxguide.convert import errors
from jaxguide.convert import model_config
from jaxguide.convert.cards import ldm_cards
from jaxguide.convert.diffusers import names
from jaxguide.convert.networks import families
from tests.convert import small

_OLD = {"to_q": "query", "to_k": "key", "to_v": "value",
        "to_out.0": "proj_attn"}


def _latent(**fields):
  return model_config.ModelConfig("ldm_unet", {
      **small.unet().module, "in_channels": 3, "out_channels": 3,
      "num_head_channels": 16, **fields}, 16)


def test_known_names_of_released_networks():
  """A few that everybody who has opened such a file has seen."""
  card = ldm_cards.CARDS["sd_v1"]
  configs = card.configs({})
  unet, first_stage = configs["unet"], configs["first_stage"]
  for ours, theirs in (
      ("time_embed.2.bias", "time_embedding.linear_2.bias"),
      ("input_blocks.0.0.weight", "conv_in.weight"),
      ("input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight",
       "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight"),
      ("input_blocks.6.0.op.bias", "down_blocks.1.downsamplers.0.conv.bias"),
      ("input_blocks.11.0.in_layers.2.weight",
       "down_blocks.3.resnets.1.conv1.weight"),
      ("middle_block.1.proj_in.bias", "mid_block.attentions.0.proj_in.bias"),
      ("output_blocks.2.1.conv.bias", "up_blocks.0.upsamplers.0.conv.bias"),
      ("output_blocks.5.2.conv.bias", "up_blocks.1.upsamplers.0.conv.bias"),
      ("output_blocks.11.0.skip_connection.weight",
       "up_blocks.3.resnets.2.conv_shortcut.weight"),
      ("out.2.bias", "conv_out.bias")):
    assert names.names(ours, unet) == (theirs,)
  for ours, theirs in (
      ("encoder.down.2.downsample.conv.weight",
       "encoder.down_blocks.2.downsamplers.0.conv.weight"),
      ("encoder.mid.attn_1.proj_out.bias",
       "encoder.mid_block.attentions.0.to_out.0.bias"),
      ("decoder.up.3.block.0.nin_shortcut.weight",
       "decoder.up_blocks.0.resnets.0.conv_shortcut.weight"),
      ("decoder.up.1.upsample.conv.weight",
       "decoder.up_blocks.2.upsamplers.0.conv.weight"),
      ("decoder.norm_out.weight", "decoder.conv_norm_out.weight"),
      ("quant_conv.weight", "quant_conv.weight")):
    assert names.names(ours, first_stage) == (theirs,)


@pytest.mark.parametrize("fields", [
    {"qkv_order": "new"},
    {"qkv_order": "new", "resblock_updown": False, "num_classes": 4},
    {"transformer_depth": 2, "context_width": 6},
])
def test_there_and_back_again(fields):
  config = _latent(**fields)
  tensors = small.state_dict(config)
  theirs = names.from_reference(tensors, config)
  # The files of old versions too, and attention as convolutions.
  old = {
      re.sub(
          r"(attentions\.\d+\.)(to_[qkv]|to_out\.0)\.",
          lambda m: f"{m[1]}{_OLD[m[2]]}.", name): array
      for name, array in theirs.items()}
  assert set(old) != set(theirs) or config.module.get("transformer_depth")
  wide = {
      name: array[..., None, None] if "attentions" in name and array.ndim == 2
      else array for name, array in theirs.items()}
  for found in (theirs, old, wide):
    back = names.to_reference(
        found, families.table(config), config)
    assert set(back) == set(tensors)
    for name, array in tensors.items():
      np.testing.assert_array_equal(back[name], array)


def test_rows_of_the_legacy_order_are_sorted():
  """Row (head, s, i) of qkv is row head d + i of tensor s of q, k, v."""
  config = _latent(num_head_channels=8)
  tensors = small.state_dict(config)
  theirs = names.from_reference(tensors, config)
  qkv = tensors["middle_block.1.qkv.weight"][:, :, 0]
  width, channels = 8, qkv.shape[1]
  for s, part in enumerate(("to_q", "to_k", "to_v")):
    found = theirs[f"mid_block.attentions.0.{part}.weight"]
    for row in range(channels):
      head, i = divmod(row, width)
      np.testing.assert_array_equal(
          found[row], qkv[head * 3 * width + s * width + i])


def test_tensors_that_do_not_fit():
  config = _latent(qkv_order="new")
  entries = families.table(config)
  theirs = names.from_reference(small.state_dict(config), config)
  for change, message in (
      ({"conv_in.bias": None}, "1 tensors are missing: 'conv_in.bias'"),
      ({"conv_on.bias": np.zeros(3)}, "not of this network: 'conv_on.bias'"),
      ({"conv_in.bias": np.zeros(3)}, r"conv_in.bias is \[3\] in place of")):
    tensors = {
        name: array for name, array in {**theirs, **change}.items()
        if array is not None}
    with pytest.raises(errors.ConversionError, match=message):
      names.to_reference(tensors, entries, config)
