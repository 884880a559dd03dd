"""What we write for diffusers, read by our own reader."""

import jax
import numpy as np
import pytest

from jaxguide.convert import errors
from jaxguide.convert import model_config
from jaxguide.convert import model_store
from jaxguide.convert.diffusers import export
from jaxguide.convert.diffusers import folders
from jaxguide.convert.networks import families
from tests.convert import small

_HALVES = {
    "in_channels": 3, "out_channels": 3, "model_channels": 32,
    "channel_mult": (1, 2), "num_res_blocks": 1, "attention_factors": (2,),
    "mid_attention": True, "z_channels": 4, "latent_channels": 4}
CONFIGS = {
    "adm_unet": small.unet(
        qkv_order="new", num_heads=1, num_head_channels=16),
    "context": model_config.ModelConfig("ldm_unet", {
        "in_channels": 4, "out_channels": 4, "model_channels": 64,
        "channel_mult": (1, 1.5), "num_res_blocks": 1, "num_heads": 2,
        "attention_factors": (1,), "transformer_depth": 1,
        "context_width": 6}, 8, 4),
    "ddpm_unet": model_config.ModelConfig("ddpm_unet", {
        "in_channels": 3, "out_channels": 3, "model_channels": 32,
        "channel_mult": (1, 2), "num_res_blocks": 1,
        "attention_factors": (2,)}, 16),
    "kl_autoencoder": model_config.ModelConfig(
        "kl_autoencoder", _HALVES, 16, prediction=None),
    "vq_autoencoder": model_config.ModelConfig(
        "vq_autoencoder",
        {**_HALVES, "latent_channels": 3, "num_codes": 8,
         "mid_attention": False}, 16, prediction=None),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_there_and_back_again_to_the_bit(tmp_path, name):
  config = CONFIGS[name]
  params = small.params(config)
  model_store.save_model(tmp_path / "model", params, config)
  report = export.export_folder(tmp_path / "model", tmp_path / "folder")
  assert str(tmp_path / "folder") in report
  back, found = folders.read_network(tmp_path / "folder")
  jax.tree.map(np.testing.assert_array_equal, back, params)
  assert found.family == config.family
  assert found.channels == config.channels
  # The same network: what its config leaves out has the default's value.
  ours, theirs = (
      families.build_module(c, dtype=np.float32) for c in (config, found))
  if name == "context":
    theirs = theirs.copy(qkv_order=ours.qkv_order)
  assert ours == theirs


@pytest.mark.parametrize("config, message", [
    (small.classifier("attention"), "family is 'adm_classifier'"),
    (small.unet(channel_mult=(0.5, 1), model_channels=64),
     "channel_mult begins with 0.5"),
    (small.unet(resblock_updown=False, conv_resample=False), "without param"),
    (small.unet(num_heads=2, num_heads_upsample=4), "other heads"),
    (small.unet(num_heads=2, attention_factors=(1,)), "heads of one width"),
])
def test_networks_that_diffusers_lacks(config, message):
  with pytest.raises(errors.ConversionError, match=message):
    export.options_of(config)
