"""Model directories: parameters beside a `config.json`.

A directory holds `params/` (Orbax) or `params.safetensors` (PyTorch's names and
layouts; float16 or float32), and `config.json` (`ModelConfig`).
"""

from __future__ import annotations

from collections.abc import Mapping
import os
import pathlib
from typing import Any, NamedTuple

import numpy as np
from numpy import typing as npt

from jaxguide.convert import atomic
from jaxguide.convert import errors
from jaxguide.convert import model_config
from jaxguide.convert import orbax_store
from jaxguide.convert import rules
from jaxguide.convert.networks import families
from jaxguide.convert.reading import safetensors
from jaxguide.convert.reading import torch_reader

CONFIG = "config.json"
ORBAX = "params"
SAFETENSORS = "params.safetensors"
CONTAINERS = ("orbax", "safetensors")

# The module that a model's parameters are for.
build_module = families.build_module


class Model(NamedTuple):
  """A network's parameters (float32, numpy) and what it is.

  `build_module(config)` makes the module that they are for.

  Example:
    >>> from jaxguide import convert
    >>> from jaxguide.convert import model_directories
    >>> model = convert.load_model(model_directories.find("noto32"))
    >>> model.config.image_size, len(model.params) > 1
    (32, True)
  """

  params: dict[str, Any]
  config: model_config.ModelConfig


def load_model(path: str | os.PathLike[str]) -> Model:
  """Reads a model directory.

  Args:
    path: directory that `save_model` or `jaxguide convert` made.

  Returns:
    Parameters, float32 whatever was stored, and config.

  Raises:
    ConversionError: a part is missing, damaged or does not fit the config.
      One line, which starts with the path of the part.

  Example:
    >>> from jaxguide.convert import model_directories
    >>> params, config = load_model(model_directories.find("noto32"))
    >>> config.family, config.image_size, config.prediction
    ('adm_unet', 32, 'eps')
  """
  path = pathlib.Path(path)
  with errors.naming(path / CONFIG):
    config = read_config(path)
    abstract = families.abstract_params(config)
  if (path / ORBAX).is_dir():
    with errors.naming(path / ORBAX):
      return Model(orbax_store.restore_tree(path / ORBAX, abstract), config)
  if not (path / SAFETENSORS).exists():
    raise errors.ConversionError(
        f"{path}: the directory holds neither {ORBAX} nor {SAFETENSORS}")
  with errors.naming(path / SAFETENSORS):
    stored = torch_reader.read_checkpoint(path / SAFETENSORS).tensors
    return Model(rules.to_params(stored, families.table(config)), config)


def read_config(path: str | os.PathLike[str]) -> model_config.ModelConfig:
  """The config of a model directory, without its parameters.

  Raises:
    ConversionError: it is missing or malformed.

  Example:
    >>> from jaxguide.convert import model_directories
    >>> read_config(model_directories.find("noto32")).family
    'adm_unet'
  """
  file = pathlib.Path(path, CONFIG)
  with errors.naming(file):
    try:
      return model_config.ModelConfig.from_json(file.read_text("utf-8"))
    except UnicodeDecodeError as error:
      raise errors.ConversionError("the file is no UTF-8 text") from error


def save_model(
    path: str | os.PathLike[str],
    params: Mapping[str, Any],
    config: model_config.ModelConfig,
    *,
    container: str = "orbax",
    dtype: npt.DTypeLike = np.float32,
) -> None:
  """Writes a model directory, whole or not at all.

  Args:
    path: the new directory; its parent exists.
    params: the module's tree, without the outer {"params": ...}.
    config: config of the network that they are for.
    container: "orbax" or "safetensors".
    dtype: stored type; float16 halves the size and keeps 11 bits.

  Raises:
    ConversionError: `path` exists or cannot be written, or the parameters are
      not those of the config.

  Example:
    >>> import pathlib, tempfile
    >>> config = model_config.ModelConfig(
    ...     "class_embedder", {"num_classes": 2, "width": 3}, image_size=8,
    ...     prediction=None)
    >>> params = {"embedding": {"embedding": np.zeros((2, 3), np.float32)}}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...   save_model(pathlib.Path(folder, "model"), params, config)
    ...   load_model(pathlib.Path(folder, "model")).config == config
    True
  """
  path = pathlib.Path(path)
  if container not in CONTAINERS:
    raise errors.ConversionError(
        f"container is {errors.quoted(container)}; allowed are "
        f"{', '.join(CONTAINERS)}")
  check_absent(path)
  with errors.naming(path):
    state_dict = rules.to_state_dict(params, families.table(config))
    size = sum(array.size for array in state_dict.values())
    atomic.check_space(path, size * np.dtype(dtype).itemsize)
    with atomic.replacing(path) as temporary:
      temporary.mkdir()
      with open(temporary / CONFIG, "wb") as file:
        file.write(config.to_json().encode())
        atomic.flush(file)
      if container == "orbax":
        orbax_store.save_tree(temporary / ORBAX, _cast(params, dtype))
      else:
        safetensors.write(
            temporary / SAFETENSORS, _cast(state_dict, dtype))


def check_absent(path: pathlib.Path) -> None:
  """Raises ConversionError where `path` exists: nothing is overwritten."""
  if path.exists() or path.is_symlink():
    raise errors.ConversionError(
        f"{path}: exists already; remove it or choose another place")


def _cast(tree: Any, dtype: npt.DTypeLike) -> Any:
  if isinstance(tree, Mapping):
    return {name: _cast(value, dtype) for name, value in tree.items()}
  return np.asarray(tree).astype(dtype, copy=False)
