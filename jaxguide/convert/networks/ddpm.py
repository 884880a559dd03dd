"""The DDPM UNet: its rule table, and configs from what a state dict tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp

from jaxguide.convert import errors
from jaxguide.convert import model_config
from jaxguide.convert import rules
from jaxguide.convert.networks import adm
from jaxguide.models import ddpm_unet

RULES = (
    rules.Rule(r"temb\.dense\.[01]|.*\.temb_proj", "kernel", "weight",
               rules.LINEAR),
    # 3x3 convolutions, and 1x1 ones: nin_shortcut, q, k, v, proj_out.
    rules.Rule(r".*", "kernel", "weight", rules.CONV2D),
    rules.Rule(r".*", "scale", "weight", rules.SAME),
    rules.Rule(r".*", "bias", "bias", rules.SAME),
)

_NEEDED = ("image_size", "schedule", "prediction")
# One head over all channels, and q, k and v are apart.
_SENSELESS = ("num_heads", "num_head_channels", "qkv_order")


def _inputs(
    config: model_config.ModelConfig, module: nn.Module,
) -> dict[str, Any]:
  size, channels = config.image_size, module.in_channels
  return {
      "x": jax.ShapeDtypeStruct((1, size, size, channels), jnp.float32),
      "time": jax.ShapeDtypeStruct((1,), jnp.float32)}


UNET = rules.Family(ddpm_unet.DdpmUnet, RULES, _inputs)


def config_from(
    module: Mapping[str, Any],
    settings: adm.Settings,
    source: Mapping[str, Any],
) -> model_config.ModelConfig:
  """The config of a DDPM UNet without a card.

  Args:
    module: what its state dict told, of `ddpm_layout.infer`.
    settings: what the user says: image_size, schedule and prediction;
      num_steps and licence may be left out.
    source: where it comes from.

  Returns:
    The config.

  Raises:
    ConversionError: a setting is missing or means nothing here, or the output
      has neither the image's channels nor twice as many.
  """
  missing = [name for name in _NEEDED if getattr(settings, name) is None]
  if missing:
    raise errors.ConversionError(
        f"a state dict does not tell {', '.join(missing)}: give a card, or "
        "say")
  surplus = [name for name in _SENSELESS if getattr(settings, name) is not None]
  if surplus or settings.superres:
    raise errors.ConversionError(
        f"{', '.join(surplus) or 'superres'} means nothing for a DDPM UNet")
  channels, outputs = module["in_channels"], module["out_channels"]
  if outputs not in (channels, 2 * channels):
    raise errors.ConversionError(
        f"the network has {outputs} output channels; expected {channels} (an "
        f"image) or {2 * channels} (and a variance)")
  return model_config.ModelConfig(
      family="ddpm_unet", module=dict(module), image_size=settings.image_size,
      channels=channels, prediction=settings.prediction,
      learned_variance=outputs == 2 * channels,
      schedule={"kind": settings.schedule, "num_steps": settings.num_steps},
      licence=settings.licence, source=dict(source))
