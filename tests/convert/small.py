"""Small ADM networks of every option, for tests of conversion."""

import numpy as np

from jaxguide.convert import model_config
from jaxguide.convert import rules
from jaxguide.convert.networks import families

_BASE = {
    "in_channels": 3, "out_channels": 6, "model_channels": 32,
    "channel_mult": (1, 2), "num_res_blocks": 1, "attention_factors": (2,),
    "dropout": 0.0, "num_heads": 2, "num_head_channels": -1,
    "num_heads_upsample": -1, "num_classes": None,
    "use_scale_shift_norm": True, "resblock_updown": True,
    "conv_resample": True, "qkv_order": "legacy"}

_UNETS = {
    "plain": {},
    "class-conditional": {"num_classes": 7, "num_head_channels": 16},
    "convolutions": {"resblock_updown": False, "use_scale_shift_norm": False},
    "pooling": {"resblock_updown": False, "conv_resample": False},
    "three levels": {
        "channel_mult": (1, 1, 2), "num_res_blocks": 2,
        "attention_factors": (2, 4), "out_channels": 3},
    "one level": {
        "channel_mult": (1,), "num_res_blocks": 3, "attention_factors": ()},
    "narrow first level": {
        "model_channels": 64, "channel_mult": (0.5, 1, 1.5),
        "attention_factors": (1, 4)},
    "one channel": {"in_channels": 1, "out_channels": 1},
}


def unet(**fields):
  module = {**_BASE, **fields}
  channels = module["in_channels"]
  return model_config.ModelConfig(
      family="adm_unet", module=module, image_size=16, channels=channels,
      learned_variance=module["out_channels"] == 2 * channels,
      schedule={"kind": "linear", "num_steps": 1000})


def superres():
  module = {**_BASE, "in_channels": 6, "num_classes": 5}
  return model_config.ModelConfig(
      family="adm_superres", module=module, image_size=16,
      learned_variance=True, schedule={"kind": "cosine", "num_steps": 1000})


def classifier(pool, head_name="out"):
  module = {
      **_BASE, "out_channels": 5, "num_head_channels": 16, "num_heads": 1,
      "channel_mult": (1, 2, 2), "num_res_blocks": 2, "image_size": 16,
      "attention_factors": (2, 4), "pool": pool, "head_name": head_name}
  del module["num_classes"], module["num_heads_upsample"]
  return model_config.ModelConfig(
      family="adm_classifier", module=module, image_size=16, prediction=None)


def configs():
  """Every small network by a name."""
  named = {name: unet(**fields) for name, fields in _UNETS.items()}
  named["superres"] = superres()
  for pool in ("attention", "adaptive", "spatial", "spatial_v2"):
    named[f"classifier, {pool}"] = classifier(pool)
  named["domain classifier"] = classifier("attention", "I2Iout")
  return named


def state_dict(config, seed=0):
  """A random state dict in PyTorch's names and layouts."""
  random = np.random.default_rng(seed)
  return {
      entry.name: random.normal(size=entry.torch_shape).astype(np.float32)
      for entry in families.table(config)}


def params(config, seed=0):
  return rules.to_params(state_dict(config, seed), families.table(config))
