"""Recorded networks: found by what they hold, read without the converter."""

import json
import os
import pathlib
from typing import Any, NamedTuple

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxguide.models import adm_classifier
from jaxguide.models import adm_unet
from tests import recorded_kinds

_LEAVES = {"kernel": "weight", "scale": "weight", "embedding": "weight"}


class Recording(NamedTuple):
  """One recorded network: `config`, `sd` (PyTorch's layout), `in_`, `out`."""

  config: dict[str, Any]
  sd: dict[str, np.ndarray]
  in_: dict[str, np.ndarray]
  out: dict[str, np.ndarray]


def folder() -> pathlib.Path | None:
  root = os.environ.get("JAXGUIDE_RECORDED")
  return pathlib.Path(root) if root else None


def files() -> list[pathlib.Path]:
  root = folder()
  return sorted(root.glob("networks/*.npz")) if root else []


def config_of(path: pathlib.Path) -> dict[str, Any]:
  with np.load(path) as archive:
    if "config" not in archive.files:
      return {}
    return json.loads(str(archive["config"]))


def load(path: pathlib.Path) -> Recording:
  with np.load(path) as archive:
    groups = {"sd": {}, "in": {}, "out": {}, "feat": {}}
    for key in archive.files:
      group, _, name = key.partition("/")
      if group in groups and name:
        array = archive[key]
        if array.dtype == np.float16:
          array = array.astype(np.float32)
        groups[group][name] = array
    config = json.loads(str(archive["config"]))
  out = groups["out"] | {f"feat/{k}": v for k, v in groups["feat"].items()}
  return Recording(config, groups["sd"], groups["in"], out)


def parametrized(*classes: str):
  """One case per recording of the named reference classes."""
  paths = [p for p in files() if config_of(p).get("cls") in classes]
  return recorded_kinds.cases("path", paths, " or ".join(classes))


def _trunk(config: dict[str, Any], factors: str = "attention_resolutions"):
  """Constructor fields from those of the reference classes."""
  new_order = config.get("use_new_attention_order", False)
  return dict(
      in_channels=config.get("in_channels", 3),
      out_channels=config["out_channels"],
      model_channels=config["model_channels"],
      channel_mult=tuple(config["channel_mult"]),
      num_res_blocks=config["num_res_blocks"],
      attention_factors=tuple(config[factors]),
      dropout=config.get("dropout", 0.0),
      num_heads=config.get("num_heads", 1),
      num_head_channels=config.get("num_head_channels", -1),
      use_scale_shift_norm=config.get("use_scale_shift_norm", False),
      resblock_updown=config.get("resblock_updown", False),
      conv_resample=config.get("conv_resample", True),
      qkv_order="new" if new_order else "legacy")


def unet(config: dict[str, Any], **options: Any) -> adm_unet.AdmUnet:
  cls = adm_unet.AdmUnet
  fields = _trunk(config)
  if config["cls"] == "SuperResModel":
    cls = adm_unet.AdmSuperResUnet
    fields["in_channels"] = 2 * config.get("in_channels", 3)
  return cls(
      **fields, num_heads_upsample=config.get("num_heads_upsample", -1),
      num_classes=config.get("num_classes"), **options)


def classifier(
    config: dict[str, Any], **options: Any,
) -> adm_classifier.AdmClassifier:
  return adm_classifier.AdmClassifier(
      **_trunk(config), image_size=config["image_size"],
      pool=config.get("pool", "adaptive"), **options)


def fill(module: nn.Module, sd: dict[str, np.ndarray], *args: Any, **kw: Any):
  """The module's parameters out of a state dict; every tensor is used once."""
  shapes = jax.eval_shape(
      lambda: module.init(jax.random.key(0), *args, **kw))["params"]
  left = dict(sd)

  def take(path, leaf):
    names = [part.key for part in path]
    name = ".".join([*names[:-1], _LEAVES.get(names[-1], names[-1])])
    array = left.pop(name)
    if array.ndim == 4:
      array = array.transpose(2, 3, 1, 0)
    elif array.ndim == 3:
      array = array[:, :, 0].T
    elif array.ndim == 2 and names[-1] != "embedding":
      array = array.T
    assert array.shape == leaf.shape, name
    return jnp.asarray(array, jnp.float32)

  params = jax.tree_util.tree_map_with_path(take, shapes)
  assert not left, f"unused: {sorted(left)}"
  return params


def channels_last(x: np.ndarray) -> np.ndarray:
  return np.moveaxis(x, 1, -1)
