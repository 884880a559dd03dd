"""The DDPM UNet: its rule table."""

from __future__ import annotations

from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp

from jaxguide.convert import model_config
from jaxguide.convert import rules
from jaxguide.models import ddpm_unet

RULES = (
    rules.Rule(r"temb\.dense\.[01]|.*\.temb_proj", "kernel", "weight",
               rules.LINEAR),
    # 3x3 convolutions, and 1x1 ones: nin_shortcut, q, k, v, proj_out.
    rules.Rule(r".*", "kernel", "weight", rules.CONV2D),
    rules.Rule(r".*", "scale", "weight", rules.SAME),
    rules.Rule(r".*", "bias", "bias", rules.SAME),
)


def _inputs(
    config: model_config.ModelConfig, module: nn.Module,
) -> dict[str, Any]:
  size, channels = config.image_size, module.in_channels
  return {
      "x": jax.ShapeDtypeStruct((1, size, size, channels), jnp.float32),
      "time": jax.ShapeDtypeStruct((1,), jnp.float32)}


UNET = rules.Family(ddpm_unet.DdpmUnet, RULES, _inputs)
