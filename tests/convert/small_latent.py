"""A small latent diffusion model, and the tensors of its checkpoint."""

import numpy as np

from jaxguide import schedules
from jaxguide.convert import latent_checkpoints
from jaxguide.convert.cards import ldm_cards
from jaxguide.convert.networks import families

_HALVES = {
    "z_channels": 2, "resolution": 16, "in_channels": 3, "out_ch": 3, "ch": 32,
    "ch_mult": (1, 1), "num_res_blocks": 1, "attn_type": "none"}
_UNET = {
    "in_channels": 2, "out_channels": 2, "model_channels": 32,
    "channel_mult": (1,), "num_res_blocks": 1, "attention_resolutions": (1,),
    "num_heads": 2, "use_spatial_transformer": True, "context_dim": 6}
CARD = ldm_cards.LatentCard(
    name="small", file_names=("small.ckpt",), origin="nobody", licence="CC0",
    image_size=16, num_parameters={}, unet=_UNET, classes=(5, 6),
    first_stage={
        "embed_dim": 2, "n_embed": 8,
        "ddconfig": {**_HALVES, "double_z": False}},
    scale_factor=None, null_label=4)
PREFIXES = latent_checkpoints.PREFIXES


def weights(seed):
  """Every tensor of the card's networks, by prefixed names."""
  random = np.random.default_rng(seed)
  return {
      PREFIXES[part] + entry.name: (
          random.normal(size=entry.torch_shape) / np.sqrt(
              np.prod(entry.torch_shape[1:]) or 1)).astype(np.float32)
      for part, config in CARD.configs({}).items()
      for entry in families.table(config)}


RAW, OTHER = weights(0), weights(1)
AVERAGE = {
    name: array for name, array in OTHER.items()
    if name.startswith(PREFIXES["unet"])}
BETAS = schedules.scaled_linear_betas(1000, *CARD.betas).astype(np.float32)


def state_dict(scale=0.5, average=True):
  """All tensors of a file, as a training program would have written it."""
  tensors = {**RAW, "betas": BETAS, "logvar": np.zeros(1000, np.float32)}
  if scale is not None:
    tensors["scale_factor"] = np.float32(scale).reshape(())
  if average:
    stem = "model_ema.diffusion_model"
    tensors |= {
        stem + name.removeprefix(PREFIXES["unet"]).replace(".", ""): array
        for name, array in AVERAGE.items()}
    tensors["model_ema.decay"] = np.float32(0.99).reshape(())
    tensors["model_ema.num_updates"] = np.int32(7).reshape(())
  return tensors
