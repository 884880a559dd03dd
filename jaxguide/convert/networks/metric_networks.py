"""The metric networks, LPIPS and FID's Inception: their rule tables."""

from __future__ import annotations

from typing import Any

from flax import linen as nn
import jax

from jaxguide.convert import model_config
from jaxguide.convert import rules
from jaxguide.convert.networks import family
from jaxguide.models import inception
from jaxguide.models import lpips

_CONVOLUTIONS = (
    rules.Rule(r".*", "kernel", "weight", rules.CONV2D),
    rules.Rule(r".*", "bias", "bias", rules.SAME),
)


def _images(config: model_config.ModelConfig) -> jax.ShapeDtypeStruct:
  size = config.image_size
  return family.floats(1, size, size, config.channels)


def _lpips_inputs(
    config: model_config.ModelConfig, module: nn.Module,
) -> dict[str, Any]:
  del module
  return {"x": _images(config), "reference": _images(config)}


def _inception_inputs(
    config: model_config.ModelConfig, module: nn.Module,
) -> dict[str, Any]:
  del module
  return {"x": _images(config)}


_INCEPTION_RULES = (
    *_CONVOLUTIONS,
    rules.Rule(r"fc", "kernel", "weight", rules.LINEAR),
    rules.Rule(r".*\.bn", "scale", "weight", rules.SAME),
    rules.Rule(r".*\.bn", "mean", "running_mean", rules.SAME),
    rules.Rule(r".*\.bn", "var", "running_var", rules.SAME),
)

# `metric_files` reads their files, each of which has ways of its own.
FAMILY = family.Family(
    name="metric networks",
    networks={
        "lpips": family.Network(lpips.Lpips, _CONVOLUTIONS, _lpips_inputs),
        "inception_fid": family.Network(
            inception.InceptionV3, _INCEPTION_RULES, _inception_inputs)})


def lpips_config(
    net: str, version: str, licence: str = "BSD", **source: Any
) -> model_config.ModelConfig:
  """The config of an LPIPS network.

  Args:
    net: "alex" or "vgg".
    version: "0.1" or "0.0".
    licence: terms of the weights.
    **source: entries that say where the weights come from.
  """
  return model_config.ModelConfig(
      family="lpips", module={"net": net, "version": version},
      image_size=64, prediction=None, licence=licence, source=source)


def inception_config(**source: Any) -> model_config.ModelConfig:
  """The config of FID's Inception network.

  Args:
    **source: entries that say where the weights come from.
  """
  return model_config.ModelConfig(
      family="inception_fid", module={}, image_size=299, prediction=None,
      licence="Apache-2.0", source=source)
