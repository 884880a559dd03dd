"""Recorded EDM and DDPM networks, as modules of this project."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxguide.models import ddpm_unet
from jaxguide.models import edm_unet

EDM_CLASSES = ("EDMPrecond", "VPPrecond", "VEPrecond", "iDDPMPrecond")
DDPM_CLASSES = ("models.ddpm.Model",)

_DEFAULT_MODEL = {
    "EDMPrecond": "DhariwalUNet", "iDDPMPrecond": "DhariwalUNet",
    "VPPrecond": "SongUNet", "VEPrecond": "SongUNet"}
_NOT_THE_NETWORKS = (
    "img_channels", "model_type", "use_fp16", "sigma_min", "sigma_max",
    "sigma_data", "beta_d", "beta_min", "M", "epsilon_t", "C_1", "C_2")


def edm(config, **options):
  """The raw network of a recorded preconditioned one."""
  given = dict(config["kwargs"])
  kind = given.get("model_type", _DEFAULT_MODEL[config["cls"]])
  channels = given["img_channels"]
  fields = {
      name: tuple(value) if isinstance(value, list) else value
      for name, value in given.items() if name not in _NOT_THE_NETWORKS}
  if kind == "SongUNet":
    # The class and its defaults, as NVlabs/edm states them.
    fields = {"attn_resolutions": (16,), "num_blocks": 4, **fields}
  cls = {"SongUNet": edm_unet.SongUnet,
         "DhariwalUNet": edm_unet.DhariwalUnet}[kind]
  twice = 2 if config["cls"] == "iDDPMPrecond" else 1
  return cls(in_channels=channels, out_channels=channels * twice,
             **fields, **options)


def ddpm(config, **options):
  size = config["image_size"]
  return ddpm_unet.DdpmUnet(
      in_channels=config.get("in_channels", 3),
      out_channels=config.get("out_ch", 3), model_channels=config["ch"],
      channel_mult=tuple(config["ch_mult"]),
      num_res_blocks=config["num_res_blocks"],
      attention_factors=tuple(
          size // side for side in config["attn_resolutions"]),
      dropout=config.get("dropout", 0.0),
      resample_with_conv=config.get("resamp_with_conv", True), **options)


def without(prefix, tensors):
  """The tensors behind a prefix, without it."""
  return {
      name.removeprefix(prefix): array for name, array in tensors.items()
      if name.startswith(prefix)}


def fill(module, tensors, *args):
  """Parameters out of a state dict, and the tensors that are none."""
  shapes = jax.eval_shape(
      lambda: module.init(jax.random.key(0), *args))["params"]
  left = dict(tensors)

  def take(path, leaf):
    *names, kind = [part.key for part in path]
    kind = {"kernel": "weight", "scale": "weight"}.get(kind, kind)
    array = left.pop(".".join([*names, kind]))
    array = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T
    assert array.shape == leaf.shape, (path, array.shape, leaf.shape)
    return jnp.asarray(array, jnp.float32)

  return jax.tree_util.tree_map_with_path(take, shapes), left


def relative(a, b):
  a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
  return np.abs(a - b).max() / np.abs(b).max()
