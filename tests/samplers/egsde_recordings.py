"""Recorded runs of the released EGSDE, SDEdit and ILVR, and their networks.

Everything is found by the keys that a file holds. Recordings are NCHW; what
is handed out here is NHWC.
"""

from collections.abc import Callable
import functools
import glob
import importlib
import json
import os
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import denoisers
from jaxguide import schedules
from jaxguide.convert.networks import adm
from jaxguide.models import adm_classifier
from jaxguide.models import adm_unet
from tests.models import recordings as model_recordings

# Not to be read off the shapes; the recordings' README states it.
NUM_HEAD_CHANNELS = 32

Arrays = dict[str, np.ndarray]


class Network(NamedTuple):
  """A recorded network.

  Attributes:
    kind: "unet", "ddpm" or "extractor".
    module: the Linen module.
    params: its parameters.
  """

  kind: str
  module: Any
  params: Any


def files() -> tuple[str, ...]:
  folder = os.path.join(os.environ.get("JAXGUIDE_RECORDED", ""), "egsde")
  return tuple(sorted(glob.glob(os.path.join(folder, "*.npz"))))


@functools.cache
def keys_of(path: str) -> frozenset[str]:
  with np.load(path) as archive:
    return frozenset(archive.files)


@functools.cache
def load(path: str) -> Arrays:
  """A file's arrays; those of images with channels last."""
  with np.load(path) as archive:
    stored = {k: archive[k] for k in archive.files}
  return {k: np.moveaxis(v, -3, -1) if v.ndim >= 4 or k == "mask" else v
          for k, v in stored.items()}


def pairs(array: np.ndarray, rank: int = 5) -> np.ndarray:
  """`[B, H, W, C]` as `[1, B, H, W, C]`; that and more axes stay."""
  return array if array.ndim >= rank else array[None]


def schedule_of(arrays: Arrays) -> schedules.Schedule:
  """Level i + 1 of this schedule is the recording's index i."""
  return schedules.from_betas(
      np.float64(arrays["betas"]), arrays.get("timestep_map"))


# Networks.


def networks(*kinds: str) -> list[Network]:
  return [net for path in files()
          if (net := _network(path)) and net.kind in kinds]


@functools.cache
def _network(path: str) -> Network | None:
  names = keys_of(path)
  if "conv_in.weight" in names:
    build = _ddpm
  elif "time_embed.0.weight" in names:
    build = _adm
  else:
    return None
  with np.load(path) as archive:
    tensors = {k: np.float32(archive[k]) for k in archive.files}
  return build(tensors)


def extractor_file(path: str) -> tuple[Network, Arrays, Arrays]:
  """A file with an extractor's weights: the network, inputs and outputs."""
  with np.load(path) as archive:
    stored = {k: archive[k] for k in archive.files}
  parts = {
      group: {k.removeprefix(f"{group}/"): np.float32(v)
              for k, v in stored.items() if k.startswith(f"{group}/")}
      for group in ("sd", "in", "out")}
  config = json.loads(str(stored.get("config", "{}")))
  images = [{k: np.moveaxis(v, 1, -1) if v.ndim == 4 else v
             for k, v in parts[group].items()} for group in ("in", "out")]
  tensors = {k.removeprefix("module."): v for k, v in parts["sd"].items()}
  return _adm(tensors, _head_channels(config)), *images


def _head_channels(config: Any) -> int:
  """`num_head_channels`, wherever in a config it stands."""
  if isinstance(config, dict):
    if isinstance(config.get("num_head_channels"), int):
      return config["num_head_channels"]
    found = [_head_channels(v) for v in config.values()]
    return next((n for n in found if n != NUM_HEAD_CHANNELS),
                NUM_HEAD_CHANNELS)
  return NUM_HEAD_CHANNELS


def _adm(
    tensors: Arrays, num_head_channels: int = NUM_HEAD_CHANNELS,
) -> Network:
  shapes = {k: v.shape for k, v in tensors.items()}
  inferred = adm.infer(shapes).module
  fields = dict(inferred, conv_impl="lax",
                num_head_channels=num_head_channels)
  side, is_classifier = 32, "head_name" in inferred
  if is_classifier:
    place = f"{inferred['head_name']}.2.positional_embedding"
    small = round((shapes[place][1] - 1) ** 0.5)
    side = small * 2 ** (len(inferred["channel_mult"]) - 1)
    # [C, T + 1]; the other tensors of two axes are [O, I].
    module = adm_classifier.AdmClassifier(image_size=side, **fields)
  else:
    module = adm_unet.AdmUnet(**fields)
  return Network("extractor" if is_classifier else "unet", module,
                 _filled(module, tensors, side))


def _filled(module, tensors, side):
  return model_recordings.fill(
      module, tensors, jnp.zeros((2, side, side, 3)), jnp.zeros(2))


def _ddpm(tensors: Arrays) -> Network | None:
  try:
    models = importlib.import_module("jaxguide.models.ddpm_unet")
  except ImportError:
    return None
  width = tensors["conv_in.weight"].shape[0]
  levels = _count(tensors, "down.")
  module = models.DdpmUnet(
      model_channels=width,
      channel_mult=tuple(
          tensors[f"down.{i}.block.0.conv1.weight"].shape[0] // width
          for i in range(levels)),
      num_res_blocks=_count(tensors, "down.0.block."),
      attention_factors=tuple(
          2**i for i in range(levels)
          if f"down.{i}.attn.0.q.weight" in tensors),
      resample_with_conv="down.0.downsample.conv.weight" in tensors,
      conv_impl="lax")
  return Network("ddpm", module, _filled(module, tensors, 32))


def _count(tensors, prefix):
  return 1 + max(int(k.removeprefix(prefix).split(".")[0])
                 for k in tensors if k.startswith(prefix))


def denoiser(net: Network, params: Any) -> denoisers.Denoiser:
  """eps of the network, and a learned variance if it has one."""

  def apply(params, x, time, cond):
    del cond
    return net.module.apply({"params": params}, x, time)

  return denoisers.from_apply(
      apply, params,
      learned_variance=net.module.out_channels == 2 * net.module.in_channels)


def features(net: Network, params: Any) -> Any:
  """The extractor's features, `(x, time) -> [B, h, w, C]`."""
  return lambda x, time: net.module.apply(
      {"params": params}, x, time, method="features")


def network_for(x: np.ndarray, time: float, eps: np.ndarray) -> Network:
  """The recorded network that gives eps at x, for eps known roughly."""
  found = networks("unet", "ddpm")
  if not found:
    pytest.skip("no recorded denoising network")
  gaps = []
  for net in found:
    out = jax.jit(net.module.apply)(
        {"params": net.params}, x, jnp.full(len(x), time, jnp.float32))
    gaps.append(np.sqrt(np.mean((out[..., :3] - eps) ** 2)))
  best = int(np.argmin(gaps))
  if gaps[best] > 0.2 * np.sqrt(np.mean(eps**2)):
    pytest.skip(f"the network of this recording is not here: gaps {gaps}")
  return found[best]


def extractor_for(gap: Callable[[Network], float]) -> Network:
  """The recorded extractor with the smallest gap, measured if several."""
  found = networks("extractor")
  if not found:
    pytest.skip("no recorded extractor")
  return found[0] if len(found) == 1 else min(found, key=gap)
