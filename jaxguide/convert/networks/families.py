"""The families of networks that checkpoints can be converted to.

A new one is a file of this package that holds a `FAMILY`, and its name here.
"""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses
import functools
import importlib
from typing import Any

from flax import linen as nn
import jax
import numpy as np

from jaxguide import conditioning
from jaxguide.convert import errors
from jaxguide.convert import model_config
from jaxguide.convert import rules
from jaxguide.convert.networks import family as family_lib

# Files of this package.
NAMES = (
    "adm",
    "ddpm",
    "edm",
    "ldm",
    "metric_networks",
)

FAMILIES: tuple[family_lib.Family, ...] = tuple(
    importlib.import_module(f"{__package__}.{name}").FAMILY for name in NAMES)

# What `ModelConfig.family` may name.
NETWORKS: dict[str, family_lib.Network] = {
    name: network for family in FAMILIES
    for name, network in family.networks.items()}

# What Linen adds to a module's fields.
_LINEN_FIELDS = ("parent", "name")


def build_module(
    config: model_config.ModelConfig, **options: Any,
) -> nn.Module:
  """The Linen module of a config.

  Args:
    config: family and architecture.
    **options: further constructor arguments: dtype, remat, attention_impl,
      conv_impl; they may also replace the config's.

  Returns:
    The module; call it with `module.apply({"params": params}, ...)`.

  Raises:
    ConversionError: the family is unknown, or its module has no such argument.

  Example:
    >>> from jaxguide import convert
    >>> config = convert.ModelConfig(
    ...     "class_embedder", {"num_classes": 5, "width": 8}, image_size=16,
    ...     prediction=None)
    >>> convert.build_module(config).num_classes
    5
  """
  module = _network(config).module
  allowed = [
      field.name for field in dataclasses.fields(module)
      if field.name not in _LINEN_FIELDS]
  arguments = {**config.module, **options}
  model_config.check_names(arguments, allowed, f"{config.family} argument")
  return module(**arguments)


def abstract_params(config: model_config.ModelConfig) -> dict[str, Any]:
  """The shapes of a config's parameters; computes none.

  Raises:
    ConversionError: the config's values do not make a network.
  """
  bare = model_config.ModelConfig(
      config.family, config.module, config.image_size, config.channels)
  return _trace(bare.to_json())


@functools.lru_cache(maxsize=16)
def _trace(text: str) -> dict[str, Any]:
  """Tracing a large network takes seconds, and a conversion asks thrice."""
  config = model_config.ModelConfig.from_json(text)
  module = build_module(config)
  inputs = _network(config).inputs(config, module)
  try:
    return jax.eval_shape(module.init, jax.random.key(0), **inputs)["params"]
  except (ValueError, TypeError, ZeroDivisionError, IndexError) as error:
    reason = " ".join(str(error).split())[:200]
    raise errors.ConversionError(
        f"the module does not make a network: {reason}") from error


def table(config: model_config.ModelConfig) -> Sequence[rules.Entry]:
  """Both names and shapes of each of a config's parameters."""
  return rules.table(abstract_params(config), _network(config).rules)


def constants(config: model_config.ModelConfig) -> dict[str, np.ndarray]:
  """What a config's checkpoints hold beside its parameters, by name."""
  return _network(config).constants(config)


def conditions_of(
    config: model_config.ModelConfig
) -> tuple[conditioning.Condition, ...]:
  """What a config's network is conditioned on.

  Args:
    config: its own entries where it has them, else what its family says.

  Example:
    >>> from jaxguide import convert
    >>> from jaxguide.convert import model_directories
    >>> config = convert.read_config(model_directories.find("noto32"))
    >>> convert.conditions_of(config)  # It is unconditional.
    ()
  """
  if config.conditions is None:
    return _network(config).conditions(config)
  return tuple(
      conditioning.Condition(**entry)._replace(
          shape=tuple(entry.get("shape", ())))
      for entry in config.conditions)


def _network(config: model_config.ModelConfig) -> family_lib.Network:
  if config.family not in NETWORKS:
    raise errors.ConversionError(
        f"family is {errors.quoted(config.family)}; known are "
        f"{', '.join(NETWORKS)}")
  return NETWORKS[config.family]
