"""Configs as they are published, against the cards of the same networks."""

import pytest

from jaxguide.convert import errors
from jaxguide.convert.cards import ldm_cards
from jaxguide.convert.diffusers import configs
from jaxguide.convert.diffusers import export

_PIXEL = {
    "_class_name": "UNet2DModel", "_diffusers_version": "0.0.4",
    "act_fn": "silu", "center_input_sample": False, "in_channels": 3,
    "layers_per_block": 2, "mid_block_scale_factor": 1, "out_channels": 3,
    "norm_num_groups": 32, "time_embedding_type": "positional"}
LDM_FACES = {
    **_PIXEL, "sample_size": 64, "attention_head_dim": 32,
    "block_out_channels": [224, 448, 672, 896], "flip_sin_to_cos": True,
    "freq_shift": 0, "norm_eps": 1e-5, "downsample_padding": 1,
    "down_block_types": ["DownBlock2D", *["AttnDownBlock2D"] * 3],
    "up_block_types": [*["AttnUpBlock2D"] * 3, "UpBlock2D"]}
DDPM = {
    **_PIXEL, "sample_size": 32, "attention_head_dim": None,
    "block_out_channels": [128, 256, 256, 256], "flip_sin_to_cos": False,
    "freq_shift": 1, "norm_eps": 1e-6, "downsample_padding": 0,
    "down_block_types": [
        "DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"],
    "up_block_types": [
        "UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"]}
SD = {
    "_class_name": "UNet2DConditionModel", "act_fn": "silu", "sample_size": 64,
    "attention_head_dim": 8, "block_out_channels": [320, 640, 1280, 1280],
    "center_input_sample": False, "cross_attention_dim": 768,
    "down_block_types": [*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"],
    "up_block_types": ["UpBlock2D", *["CrossAttnUpBlock2D"] * 3],
    "downsample_padding": 1, "flip_sin_to_cos": True, "freq_shift": 0,
    "in_channels": 4, "out_channels": 4, "layers_per_block": 2,
    "mid_block_scale_factor": 1, "norm_eps": 1e-5, "norm_num_groups": 32}
_HALVES = {"act_fn": "silu", "in_channels": 3, "out_channels": 3,
           "layers_per_block": 2, "norm_num_groups": 32}
KL_F8 = {
    **_HALVES, "_class_name": "AutoencoderKL", "latent_channels": 4,
    "sample_size": 512, "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4}
VQ_F4 = {
    **_HALVES, "_class_name": "VQModel", "latent_channels": 3,
    "sample_size": 256, "block_out_channels": [128, 256, 512],
    "vq_embed_dim": 3, "num_vq_embeddings": 8192,
    "down_block_types": ["DownEncoderBlock2D"] * 3,
    "up_block_types": ["UpDecoderBlock2D"] * 3}


def _comparable(fields):
  return {
      **fields, "qkv_order": None, "num_groups": 32,
      "attention_factors": set(fields["attention_factors"])}


@pytest.mark.parametrize("options, card, part", [
    (LDM_FACES, "ldm_celebahq256", "unet"), (SD, "sd_v1", "unet"),
    (KL_F8, "sd_v1", "first_stage"), (VQ_F4, "ldm_celebahq256", "first_stage"),
])
def test_both_layouts_are_of_one_network(options, card, part):
  family, fields = configs.network(options, latent=True)
  expected = ldm_cards.CARDS[card].configs({})[part]
  assert family == expected.family
  # The order of qkv is ours to choose where its parts lie apart, and levels
  # with attention are a set.
  assert _comparable(fields) == _comparable(expected.module)
  assert fields["num_groups"] == 32
  # And back: what we write means the same.
  written = export.options_of(expected)
  assert configs.network(written, latent=True) == (family, fields)


def test_ddpm():
  family, fields = configs.network(DDPM)
  assert family == "ddpm_unet"
  assert fields["channel_mult"] == (1, 2, 2, 2)
  assert fields["attention_factors"] == (2,)


def test_sizes():
  assert configs.image_size({"sample_size": 64}) == 64
  assert configs.image_size({"sample_size": [32, 32]}) == 32
  assert configs.image_size({"sample_size": None}, 16) == 16
  for size in (None, [32, 64], 0, True):
    with pytest.raises(errors.ConversionError, match="give image_size"):
      configs.image_size({"sample_size": size})


@pytest.mark.parametrize("options, message", [
    ({"trained_betas": [0.1]}, "trained_betas is"),
    ({"beta_schedule": "sigmoid"}, "beta_schedule is 'sigmoid'"),
    ({"rescale_betas_zero_snr": True}, "rescale_betas_zero_snr is"),
    ({"num_train_timesteps": 0}, "num_train_timesteps is 0"),
])
def test_schedules_that_we_do_not_have(options, message):
  with pytest.raises(errors.ConversionError, match=message):
    configs.schedule(options)


@pytest.mark.parametrize("base, change, message", [
    (DDPM, {"num_class_embeds": 3}, "DDPM's time embedding"),
    (DDPM, {"attention_head_dim": 8}, "DDPM's time embedding"),
    (DDPM, {"block_out_channels": [128, 192, 256, 256]},
     "DDPM's time embedding"),
    (SD, {"block_out_channels": [320, 640]}, "has to name 2 blocks"),
    (SD, {"block_out_channels": "320"}, "block_out_channels is"),
    (SD, {"cross_attention_dim": [768] * 4}, "cross_attention_dim is"),
    (SD, {"down_block_types": ["AttnDownBlock2D"] * 4}, "down_block_types"),
    (SD, {"time_embedding_dim": 7}, "time_embedding_dim is 7"),
    (SD, {"class_embed_type": "timestep"}, "class_embed_type is"),
    (LDM_FACES, {"resnet_time_scale_shift": "scale_shift"},
     "attn_norm_num_groups is None"),
    (VQ_F4, {"num_vq_embeddings": None}, "num_vq_embeddings is None"),
    (KL_F8, {"latents_mean": [0.0] * 4}, "latents_mean"),
])
def test_networks_that_we_do_not_have(base, change, message):
  with pytest.raises(errors.ConversionError, match=message):
    configs.network({**base, **change})
