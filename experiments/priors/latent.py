"""A class-conditional model of the latents of emoji."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.priors import autoencoder
from experiments.priors import emoji
from experiments.priors import pixel
from experiments.priors import preview
from experiments.priors import task as tasks
from jaxguide import convert
from jaxguide import denoisers
from jaxguide import schedules
from jaxguide.convert import latent_store
from jaxguide.convert.cards import ldm_cards
from jaxguide.data import embedded
from jaxguide.models import ldm_unet
from jaxguide.training import config as training_config
from jaxguide.training import diffusion
from jaxguide.training import latent as latent_losses

Config = training_config.LatentTraining

# "No class", behind the categories.
NULL_LABEL = len(embedded.CATEGORIES)
_UNET, _EMBEDDER = ldm_cards.UNET, ldm_cards.COND_STAGE


def init_params(config: Config) -> dict[str, Any]:
  """The parameters before training, of the network and the class embedder."""
  unet, embedder = _modules(config)
  side = _latent_size(config)
  z, zeros = jnp.zeros((2, side, side, unet.in_channels)), jnp.zeros(2)

  @jax.jit
  def init(key):
    keys = jax.random.split(key)
    labels = embedder.init(keys[0], jnp.zeros(2, jnp.int32))
    context = jnp.zeros((2, 1, unet.context_width))
    return {
        _UNET: unet.init(keys[1], z, zeros, context)["params"],
        _EMBEDDER: labels["params"]}

  return init(jax.random.key(config.seed))


def make_apply(config: Config) -> Callable[..., jax.Array]:
  """`(params, z_t, time, label [B], dropout_key or None)` -> eps."""
  unet, embedder = _modules(config)
  unet = unet.clone(**config.train_module)

  def apply(
      params: Any, z_t: jax.Array, time: jax.Array, label: jax.Array,
      dropout_key: jax.Array | None = None,
  ) -> jax.Array:
    context = embedder.apply({"params": params[_EMBEDDER]}, label)
    variables = {"params": params[_UNET]}
    if dropout_key is None:
      return unet.apply(variables, z_t, time, context)
    return unet.apply(
        variables, z_t, time, context, train=True,
        rngs={"dropout": dropout_key})

  return apply


def make_task(
    config: Config, data: str | os.PathLike[str],
) -> tasks.Task:
  """The training of a model of the latents of the emoji in `data`."""
  first_stage = convert.load_latent_model(config.first_stage)
  apply = make_apply(config)
  schedule = _schedule(config)
  loss = latent_losses.eps_training_loss(
      apply, schedule, null_label=NULL_LABEL, drop_rate=config.drop_rate,
      weight_limit=config.weight_limit)
  valid = emoji.load(data, "valid", config.image_size)
  images = tasks.whole_batches(valid.images, config.batch_size)
  means, _ = _scaled_latents(first_stage, images)
  label = valid.label[:len(images)]
  level = 1 + (
      tasks.fixed_order(len(images)) * schedule.num_levels // len(images))

  def held_out(params, z0, label, level, eps):
    bound = lambda params, z_t, time, key: apply(params, z_t, time, label, key)
    return diffusion.eps_loss(bound, schedule, params, z0, level, eps)

  return tasks.Task(
      loss=loss,
      batches=_batches(config, first_stage, data),
      held_out=tasks.mean_over_batches(
          held_out, (means, label, level, tasks.fixed_noise(means.shape)),
          config.batch_size),
      draw=_pictures(config, first_stage, images, label, means))


def save(
    config: Config,
    params: Any,
    destination: str | os.PathLike[str],
    source: Mapping[str, Any],
    data: str | os.PathLike[str] | None = None,
) -> None:
  """Writes a latent model's directory in float16; `data` is not needed."""
  del data
  first_stage = convert.load_latent_model(config.first_stage)
  common = {"licence": pixel.LICENCE, "source": source}
  configs = {
      _UNET: convert.ModelConfig(
          family="ldm_unet", module=config.module,
          image_size=_latent_size(config),
          channels=config.module["out_channels"], prediction="eps",
          schedule={
              "kind": "scaled_linear", "num_steps": config.num_levels,
              "start": config.betas[0], "end": config.betas[1]}, **common),
      _EMBEDDER: convert.ModelConfig(
          family="class_embedder",
          module={
              "num_classes": NULL_LABEL + 1,
              "width": config.module["context_width"]},
          image_size=config.image_size, prediction=None, **common)}
  parts = {name: (params[name], c) for name, c in configs.items()}
  parts[ldm_cards.FIRST_STAGE] = first_stage.first_stage
  latent_store.save(
      destination, parts, first_stage.scale_factor, null_label=NULL_LABEL,
      source=source, container="safetensors", dtype=np.float16)


def _modules(config):
  return ldm_unet.LdmUnet(**config.module), ldm_unet.ClassEmbedder(
      NULL_LABEL + 1, config.module["context_width"])


def _schedule(config):
  return schedules.scaled_linear(config.num_levels, *config.betas)


def _latent_size(config):
  first = convert.read_config(
      os.path.join(config.first_stage, ldm_cards.FIRST_STAGE))
  return config.image_size // convert.build_module(first).factor


def _scaled_latents(first_stage, images):
  model, scale = first_stage.first_stage, first_stage.scale_factor
  mean, std = autoencoder.encode(model.config.module, model.params, images)
  return scale * mean, scale * std


def _batches(
    config: Config, first_stage: convert.LatentModel,
    data: str | os.PathLike[str],
) -> Callable[[int], Iterator[latent_losses.Latents]]:
  """Batches of latents, which are encoded once, mirrored and not."""
  train_set = emoji.load(data, "train", config.image_size)
  both = [
      _scaled_latents(first_stage, images)
      for images in (train_set.images, train_set.images[:, :, ::-1])]
  means, stds = (np.stack(parts) for parts in zip(*both, strict=True))

  def batches(first: int) -> Iterator[latent_losses.Latents]:
    step = first
    while True:
      rows, mirrored = emoji.draw(
          train_set.may_flip, step, config.batch_size, config.seed)
      at = (mirrored.astype(int), rows)
      yield latent_losses.Latents(means[at], stds[at], train_set.label[rows])
      step += 1

  return batches


def _pictures(
    config: Config, first_stage: convert.LatentModel, images: np.ndarray,
    label: np.ndarray, means: np.ndarray,
) -> Callable[[Any], list[np.ndarray]]:
  """Samples of all classes, and held-out latents half filled in, decoded."""
  apply = make_apply(config)
  codec = first_stage.codec()
  chosen = tasks.columns(len(images))
  _, observed, mask = tasks.half_hidden(means)
  classes = np.arange(tasks.ROWS * tasks.COLUMNS) % NULL_LABEL
  classes[-tasks.COLUMNS:] = label[chosen]
  known = images[chosen].copy()
  known[:, known.shape[1] // 2:] = 0.0

  @jax.jit
  def sample(params):
    denoise = denoisers.from_apply(
        lambda params, z, time, cond: apply(params, z, time, cond), params,
        cond={"label": jnp.asarray(classes, jnp.int32)})
    return codec.decode(preview.fill_in(
        denoise, _schedule(config), observed, mask, jax.random.key(0)))

  def draw(params: Any) -> list[np.ndarray]:
    *samples, filled = tasks.in_rows(sample(params))
    return [*samples, known, filled, images[chosen]]

  return draw
