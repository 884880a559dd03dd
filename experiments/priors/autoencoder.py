"""The first stage of a latent model: a KL autoencoder of emoji."""

from __future__ import annotations

from collections.abc import Callable, Mapping
import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.priors import emoji
from experiments.priors import pixel
from experiments.priors import task as tasks
from jaxguide import convert
from jaxguide import energies
from jaxguide.convert import latent_store
from jaxguide.convert import metric_files
from jaxguide.convert.cards import ldm_cards
from jaxguide.models import autoencoders
from jaxguide.training import config as training_config
from jaxguide.training import latent as latent_losses

Config = training_config.AutoencoderTraining
_ENCODE_BATCH = 32


def init_params(config: Config) -> dict[str, Any]:
  """The parameters before training."""
  module = autoencoders.KlAutoencoder(**config.module)
  size = config.image_size
  x = jnp.zeros((2, size, size, module.in_channels))
  return jax.jit(module.init)(jax.random.key(config.seed), x)["params"]


def make_apply(
    config: Config,
) -> Callable[..., tuple[jax.Array, autoencoders.Gaussian]]:
  """`(params, x, key or None)` -> reconstruction, latents; see the loss."""
  module = autoencoders.KlAutoencoder(**config.module)
  module = module.clone(**config.train_module)

  def apply(
      params: Any, x: jax.Array, key: jax.Array | None,
  ) -> tuple[jax.Array, autoencoders.Gaussian]:
    if key is None:
      return module.apply({"params": params}, x)
    side = config.image_size // module.factor
    shape = (x.shape[0], side, side, module.latent_channels)
    draw, dropout = jax.random.split(key)
    return module.apply(
        {"params": params}, x, jax.random.normal(draw, shape), train=True,
        rngs={"dropout": dropout})

  return apply


def make_task(
    config: Config, data: str | os.PathLike[str],
) -> tasks.Task:
  """The training of an autoencoder on the emoji in `data`."""
  train_set = emoji.load(data, "train", config.image_size)
  images = tasks.whole_batches(
      emoji.load(data, "valid", config.image_size).images, config.batch_size)
  apply = make_apply(config)
  loss = latent_losses.autoencoder_loss(
      apply, kl_weight=config.kl_weight, distance=_distance(config),
      distance_weight=config.perceptual_weight)
  shown = images[tasks.columns(len(images))]
  reconstruct = jax.jit(lambda params: apply(params, shown, None)[0])
  return tasks.Task(
      loss=loss,
      batches=lambda first: emoji.batches(
          train_set, first, config.batch_size, config.seed),
      held_out=tasks.mean_over_batches(
          lambda params, x0: loss(params, x0, None), (images,),
          config.batch_size),
      draw=lambda params: [shown, np.asarray(reconstruct(params))])


def save(
    config: Config,
    params: Any,
    destination: str | os.PathLike[str],
    source: Mapping[str, Any],
    data: str | os.PathLike[str] | None = None,
) -> None:
  """Writes a latent model's directory with a first stage alone, in float16.

  Args:
    config: of the training.
    params: what is written.
    destination: the new directory.
    source: where the parameters come from.
    data: folder of the emoji, whose latents' standard deviation over the train
      split is one over the scale factor.

  Raises:
    ValueError: there is no `data`, or the destination exists.
  """
  if data is None:
    raise ValueError("data is missing; the latents' scale is measured on it")
  model_config = convert.ModelConfig(
      family="kl_autoencoder", module=config.module,
      image_size=config.image_size, channels=3, prediction=None,
      licence=pixel.LICENCE, source=source)
  # Measured on the parameters as they are stored.
  params = jax.tree.map(lambda a: np.asarray(a, np.float16), params)
  images = emoji.load(data, "train", config.image_size).images
  mean, std = encode(config.module, params, images)
  spread = np.sqrt(mean.var(dtype=np.float64) + np.square(std).mean())
  latent_store.save(
      destination, {ldm_cards.FIRST_STAGE: (params, model_config)},
      float(1 / spread), source=source, container="safetensors",
      dtype=np.float16)


def encode(
    module: Mapping[str, Any], params: Any, images: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
  """Means and standard deviations of the latents, each `[N, h, w, c]`.

  Args:
    module: constructor fields of the autoencoder.
    params: its parameters.
    images: `[N, H, W, 3]` in [-1, 1].
  """
  network = autoencoders.KlAutoencoder(**module)
  params = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), params)

  @jax.jit
  def batch(x):
    latents = network.apply({"params": params}, x, method="encode")
    return latents.mean, latents.std

  # Filled up by repetition: one shape, one program.
  number = len(images)
  whole = -(-number // _ENCODE_BATCH) * _ENCODE_BATCH
  padded = np.resize(np.arange(number), whole)
  parts = [
      batch(images[padded[i:i + _ENCODE_BATCH]])
      for i in range(0, len(padded), _ENCODE_BATCH)]
  mean, std = (np.concatenate(p)[:number] for p in zip(*parts, strict=True))
  return mean, std


def _distance(config):
  if config.perceptual is None:
    return None
  model = metric_files.load_lpips(config.perceptual)
  return energies.lpips_distance(model.params, **model.config.module)
