"""The ADM family: rule tables, and configs from what a state dict tells.

The modules' names are the checkpoints' own, so that the rules only say how
the axes of each kind of layer differ.
"""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp

from jaxguide.convert import errors
from jaxguide.convert import model_config
from jaxguide.convert import rules
from jaxguide.convert.networks import adm_layout
from jaxguide.models import adm_classifier
from jaxguide.models import adm_unet

# The attention pool of the classifier: [C, T + 1] -> [T + 1, C].
_POSITIONS = rules.Layout(2, lambda w: w.T, lambda w: w.T)

_QKV_ORDERS = ("legacy", "new")

RULES = (
    rules.Rule(r"time_embed\.[02]", "kernel", "weight", rules.LINEAR),
    rules.Rule(r".*\.emb_layers\.1", "kernel", "weight", rules.LINEAR),
    rules.Rule(r"label_emb", "embedding", "weight", rules.SAME),
    # 3x3 and 1x1 convolutions: in_layers.2, out_layers.3, skip_connection, op,
    # conv, input_blocks.0.0, out.2, the adaptive head's out.3.
    rules.Rule(r".*", "kernel", "weight", rules.CONV2D),
    rules.Rule(
        r".*\.(qkv|proj_out|qkv_proj|c_proj)", "kernel", "weight",
        rules.CONV1D),
    # The spatial heads of the classifier.
    rules.Rule(r"(out|I2Iout)\.[023]", "kernel", "weight", rules.LINEAR),
    rules.Rule(
        r"(out|I2Iout)\.2", "positional_embedding", "positional_embedding",
        _POSITIONS),
    rules.Rule(r".*", "scale", "weight", rules.SAME),
    rules.Rule(r".*", "bias", "bias", rules.SAME),
)


def _inputs(config: model_config.ModelConfig, module: nn.Module) -> dict:
  """Abstract arguments of the module's `__call__`."""
  size, channels = config.image_size, module.in_channels
  return {
      "x": jax.ShapeDtypeStruct((1, size, size, channels), jnp.float32),
      "time": jax.ShapeDtypeStruct((1,), jnp.float32)}


def _unet_inputs(config: model_config.ModelConfig, module: nn.Module) -> dict:
  inputs = _inputs(config, module)
  if module.num_classes is not None:
    inputs["labels"] = jax.ShapeDtypeStruct((1,), jnp.int32)
  return inputs


def _superres_inputs(
    config: model_config.ModelConfig, module: nn.Module,
) -> dict:
  inputs = _unet_inputs(config, module)
  low_res = (1, 1, 1, config.channels)
  x = (*inputs["x"].shape[:3], module.in_channels - config.channels)
  return {
      **inputs, "x": jax.ShapeDtypeStruct(x, jnp.float32),
      "low_res": jax.ShapeDtypeStruct(low_res, jnp.float32)}


UNET = rules.Family(adm_unet.AdmUnet, RULES, _unet_inputs)
SUPERRES = rules.Family(adm_unet.AdmSuperResUnet, RULES, _superres_inputs)
CLASSIFIER = rules.Family(adm_classifier.AdmClassifier, RULES, _inputs)


@dataclasses.dataclass(frozen=True)
class Settings:
  """What a state dict does not tell, for a checkpoint that has no card.

  Attributes:
    image_size: height and width that it was trained for, in pixels.
    num_heads: attention heads; or else
    num_head_channels: channels per head.
    qkv_order: "legacy" or "new": see `layers.split_qkv`.
    schedule: kind of the schedule, for a UNet.
    prediction: what a UNet predicts.
    num_steps: levels of the schedule.
    num_heads_upsample: heads of the decoder; -1: as `num_heads`.
    superres: whether the network takes a low-resolution image too.
    licence: of the weights.
  """

  image_size: int | None = None
  num_heads: int | None = None
  num_head_channels: int | None = None
  qkv_order: str | None = None
  schedule: str | None = None
  prediction: str | None = None
  num_steps: int = 1000
  num_heads_upsample: int = -1
  superres: bool = False
  licence: str = "unknown"


def config_from(
    layout: adm_layout.AdmLayout,
    settings: Settings,
    source: Mapping[str, Any],
) -> model_config.ModelConfig:
  """The config of an ADM checkpoint without a card.

  Args:
    layout: what its state dict told.
    settings: what the user says; nothing is guessed.
    source: where it comes from.

  Returns:
    The config.

  Raises:
    ConversionError: a setting is missing, or the output has neither the
      image's channels nor twice as many.
  """
  _check_settings(layout, settings)
  module = adm_layout.module_fields(layout)
  module["num_heads"] = settings.num_heads or 1
  module["num_head_channels"] = settings.num_head_channels or -1
  module["qkv_order"] = settings.qkv_order
  common = {
      "image_size": settings.image_size, "licence": settings.licence,
      "source": dict(source)}
  if layout.classifier:
    module["image_size"] = settings.image_size
    return model_config.ModelConfig(
        family="adm_classifier", module=module, channels=layout.in_channels,
        prediction=None, schedule=None, **common)
  module["num_heads_upsample"] = settings.num_heads_upsample
  channels = layout.in_channels // (2 if settings.superres else 1)
  if layout.out_channels not in (channels, 2 * channels):
    raise errors.ConversionError(
        f"the network has {layout.out_channels} output channels; expected "
        f"{channels} (an image) or {2 * channels} (and a variance)")
  return model_config.ModelConfig(
      family="adm_superres" if settings.superres else "adm_unet",
      module=module, channels=channels, prediction=settings.prediction,
      learned_variance=layout.out_channels == 2 * channels,
      schedule={"kind": settings.schedule, "num_steps": settings.num_steps},
      **common)


def _check_settings(
    layout: adm_layout.AdmLayout, settings: Settings,
) -> None:
  needed = ["image_size", "qkv_order"]
  if not layout.classifier:
    needed += ["schedule", "prediction"]
  missing = [name for name in needed if getattr(settings, name) is None]
  if settings.num_heads is None and settings.num_head_channels is None:
    missing.append("num_heads or num_head_channels")
  if missing:
    raise errors.ConversionError(
        f"a state dict does not tell {', '.join(missing)}: give a card, or "
        "say")
  if settings.qkv_order not in _QKV_ORDERS:
    raise errors.ConversionError(
        f"qkv_order is {errors.quoted(settings.qkv_order)}; allowed are "
        f"{', '.join(_QKV_ORDERS)}")
