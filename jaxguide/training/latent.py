"""Losses of latent diffusion: the first stage, and the model on its latents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxguide import schedules
from jaxguide.training import diffusion
from jaxguide.training import updates


class Latents(NamedTuple):
  """A batch of encoded images, of a variational autoencoder.

  Attributes:
    mean: `[B, h, w, c]`, scaled to unit variance over the data.
    std: the same, of the distribution of one image's latents.
    label: `[B]` int, the class of each image.
  """

  mean: jax.Array
  std: jax.Array
  label: jax.Array


def autoencoder_loss(
    apply: Callable[..., Any],
    *,
    kl_weight: float,
    distance: Callable[[jax.Array, jax.Array], jax.Array] | None = None,
    distance_weight: float = 1.0,
) -> updates.Loss:
  """Absolute error, perceptual distance and divergence of an autoencoder.

  mean |x - x'| + distance_weight d(x', x) + kl_weight KL / dim z, the loss of
  Rombach et al. (arXiv:2112.10752, appendix G) without its discriminator,
  for x' decoded from a sample of the latents.

  Args:
    apply: `(params, x0, key or None)` -> (x', `models.autoencoders.Gaussian`
      of the latents); the key draws the sample, None decodes the mean.
    kl_weight: of the divergence per number of the latent, in nats.
    distance: d of two batches in [-1, 1], `[B]`; None: no such term.
    distance_weight: of d.

  Returns:
    The loss of batches x0 `[B, H, W, C]` in [-1, 1]; its key may be None.

  Raises:
    ValueError: a weight is negative.
  """
  for name, value in (
      ("kl_weight", kl_weight), ("distance_weight", distance_weight)):
    if value < 0:
      raise ValueError(f"{name} is {value}; it must be >= 0")

  def loss(
      params: Any, x0: jax.Array, key: jax.Array | None
  ) -> jax.Array:
    x, latents = apply(params, x0, key)
    axes = tuple(range(1, x0.ndim))
    total = jnp.mean(jnp.abs(x - x0), axis=axes)
    numbers = latents.mean[0].size
    total = total + (kl_weight / numbers) * latents.kl()
    if distance is None:
      return total
    return total + distance_weight * distance(x, x0)

  return loss


def eps_training_loss(
    apply: Callable[..., jax.Array],
    schedule: schedules.Schedule,
    *,
    null_label: int,
    drop_rate: float,
    weight_limit: float = 1.0,
) -> updates.Loss:
  """`diffusion.eps_training_loss` of sampled latents, labels withheld at times.

  Labels are withheld for classifier-free guidance (Ho and Salimans,
  arXiv:2207.12598, algorithm 1). Order of random draws, from the key split in
  three: latents, which labels are withheld, the diffusion loss.

  Args:
    apply: `(params, z_t, time, label [B], dropout_key or None)` -> eps.
    schedule: the diffusion.
    null_label: the class that stands for "no class".
    drop_rate: probability that a label is withheld.
    weight_limit: see `diffusion.eps_training_loss`.

  Returns:
    The loss of batches of `Latents`.

  Raises:
    ValueError: `drop_rate` is not in [0, 1], or `weight_limit` is below 1.
  """
  if not 0.0 <= drop_rate <= 1.0:
    raise ValueError(f"drop_rate is {drop_rate}; allowed: 0 <= drop_rate <= 1")

  def loss(params: Any, batch: Latents, key: jax.Array) -> jax.Array:
    keys = jax.random.split(key, 3)
    z0 = batch.mean + batch.std * jax.random.normal(keys[0], batch.mean.shape)
    withheld = jax.random.bernoulli(keys[1], drop_rate, batch.label.shape)
    label = jnp.where(withheld, null_label, batch.label)
    bound = lambda params, z_t, time, key: apply(params, z_t, time, label, key)
    return diffusion.eps_training_loss(bound, schedule, weight_limit)(
        params, z0, keys[2])

  return loss
