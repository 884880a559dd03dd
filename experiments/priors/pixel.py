"""Priors of pixels: ADM's UNet predicting noise, and EDM's networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.priors import emoji
from experiments.priors import preview
from experiments.priors import task as tasks
from jaxguide import convert
from jaxguide import denoisers
from jaxguide import models
from jaxguide import preconditioning as preconditionings
from jaxguide import schedules
from jaxguide.convert.networks import edm as edm_configs
from jaxguide.models import edm_unet
from jaxguide.training import config as training_config
from jaxguide.training import diffusion

LICENCE = "Apache-2.0; trained on Noto Emoji (Google, Apache-2.0)"

Config = training_config.PriorTraining | training_config.EdmTraining


def make_apply(config: Config) -> diffusion.Apply:
  """`apply(params, x, time, dropout_key)`; None: evaluation."""
  module = _module(config).clone(**config.train_module)

  def apply(
      params: Any, x: jax.Array, time: jax.Array,
      dropout_key: jax.Array | None = None,
  ) -> jax.Array:
    if dropout_key is None:
      return module.apply({"params": params}, x, time)
    return module.apply(
        {"params": params}, x, time, train=True, rngs={"dropout": dropout_key})

  return apply


def init_params(config: Config) -> dict[str, Any]:
  """The parameters before training."""
  module = _module(config)
  size = config.image_size
  x = jnp.zeros((2, size, size, module.in_channels))
  init = jax.jit(module.init)
  return init(jax.random.key(config.seed), x, jnp.zeros(2))["params"]


def make_task(
    config: Config, data: str | os.PathLike[str],
) -> tasks.Task:
  """The training of a prior on the emoji in `data`."""
  train_set = emoji.load(data, "train", config.image_size)
  images = tasks.whole_batches(
      emoji.load(data, "valid", config.image_size).images, config.batch_size)
  apply = make_apply(config)
  if isinstance(config, training_config.PriorTraining):
    schedule = schedules.linear(config.num_levels)
    loss = diffusion.eps_training_loss(apply, schedule, config.weight_limit)
    held_out = _eps_held_out(apply, schedule, images, config.batch_size)
  else:
    scaling = _preconditioning(config)
    loss = diffusion.edm_training_loss(
        apply, scaling, mean=config.sigma_mean, std=config.sigma_std)
    held_out = _edm_held_out(apply, scaling, images, config)
  return tasks.Task(
      loss=loss,
      batches=lambda first: emoji.batches(
          train_set, first, config.batch_size, config.seed),
      held_out=held_out,
      draw=_pictures(config, images))


def save(
    config: Config,
    params: Any,
    destination: str | os.PathLike[str],
    source: Mapping[str, Any],
    data: str | os.PathLike[str] | None = None,
) -> None:
  """Writes a model directory in float16; `data` is not needed."""
  del data
  if isinstance(config, training_config.PriorTraining):
    kind = dict(
        family="adm_unet", module=config.module, prediction="eps",
        schedule={"kind": "linear", "num_steps": config.num_levels})
  else:
    kind = dict(
        family="edm_song",
        module=edm_configs.module_fields("SongUNet", **config.module),
        prediction="edm", schedule={"kind": "edm", "num_steps": 1000},
        preconditioning={"kind": "edm", "sigma_data": config.sigma_data})
  model_config = convert.ModelConfig(
      image_size=config.image_size, channels=3, learned_variance=False,
      licence=LICENCE, source=source, **kind)
  convert.save_model(
      destination, params, model_config, container="safetensors",
      dtype=np.float16)


def _module(config):
  if isinstance(config, training_config.PriorTraining):
    return models.AdmUnet(**config.module)
  return edm_unet.SongUnet(**config.module)


def _preconditioning(config):
  return preconditionings.edm(config.sigma_data)


def _eps_held_out(apply, schedule, images, batch_size):
  order = tasks.fixed_order(len(images))
  level = 1 + order * schedule.num_levels // len(images)
  return tasks.mean_over_batches(
      lambda params, *rows: diffusion.eps_loss(apply, schedule, params, *rows),
      (images, level, tasks.fixed_noise(images.shape)), batch_size)


def _edm_held_out(apply, scaling, images, config):
  spread = (tasks.fixed_order(len(images)) + 0.5) / len(images)
  normal = jax.scipy.special.ndtri(spread.astype(np.float32))
  sigma = np.exp(config.sigma_mean + config.sigma_std * np.asarray(normal))
  return tasks.mean_over_batches(
      lambda params, *rows: diffusion.edm_loss(apply, scaling, params, *rows),
      (images, sigma, tasks.fixed_noise(images.shape)),
      config.batch_size)


def _pictures(
    config: Config, images: np.ndarray,
) -> Callable[[Any], list[np.ndarray]]:
  """Samples, and held-out images whose lower half is filled in."""
  apply = make_apply(config)
  options = {"prediction": "eps"}
  if isinstance(config, training_config.EdmTraining):
    options = {
        "prediction": "edm", "preconditioning": _preconditioning(config)}
  held_out, observed, mask = tasks.half_hidden(images)

  @jax.jit
  def sample(params):
    denoise = denoisers.clip_x0(denoisers.from_apply(
        lambda params, x, time, cond: apply(params, x, time), params,
        **options))
    return preview.fill_in(
        denoise, schedules.linear(), observed, mask, jax.random.key(0))

  def draw(params: Any) -> list[np.ndarray]:
    *samples, filled = tasks.in_rows(sample(params))
    return [*samples, held_out * mask[-tasks.COLUMNS:], filled, held_out]

  return draw
