"""The network families that checkpoints can be converted to.

A new one is a file with its rule table and one line here.
"""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses
import functools
from typing import Any

from flax import linen as nn
import jax
import numpy as np

from jaxguide.convert import errors
from jaxguide.convert import model_config
from jaxguide.convert import rules
from jaxguide.convert.networks import adm
from jaxguide.convert.networks import ddpm
from jaxguide.convert.networks import edm
from jaxguide.convert.networks import ldm
from jaxguide.convert.networks import metric_networks

FAMILIES = {
    "adm_unet": adm.UNET,
    "adm_superres": adm.SUPERRES,
    "adm_classifier": adm.CLASSIFIER,
    "ddpm_unet": ddpm.UNET,
    "edm_song": edm.SONG,
    "edm_dhariwal": edm.DHARIWAL,
    "lpips": metric_networks.LPIPS,
    "inception_fid": metric_networks.INCEPTION,
    **ldm.FAMILIES,
}

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
  """
  module = _family(config).module
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
  inputs = _family(config).inputs(config, module)
  try:
    return jax.eval_shape(module.init, jax.random.key(0), **inputs)["params"]
  except (ValueError, TypeError, ZeroDivisionError, IndexError) as error:
    reason = " ".join(str(error).split())[:200]
    raise errors.ConversionError(
        f"module does not make a network: {reason}") from error


def table(config: model_config.ModelConfig) -> Sequence[rules.Entry]:
  """Both names and shapes of each of a config's parameters."""
  return rules.table(abstract_params(config), _family(config).rules)


def constants(config: model_config.ModelConfig) -> dict[str, np.ndarray]:
  """What a config's checkpoints hold beside its parameters, by name."""
  return _family(config).constants(config)


def _family(config: model_config.ModelConfig) -> rules.Family:
  if config.family not in FAMILIES:
    raise errors.ConversionError(
        f"family is {errors.quoted(config.family)}; known are "
        f"{', '.join(FAMILIES)}")
  return FAMILIES[config.family]
