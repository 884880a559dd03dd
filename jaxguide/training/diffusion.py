"""Losses of diffusion models: noise prediction, and EDM's denoisers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxguide import preconditioning as preconditionings
from jaxguide import schedules
from jaxguide.training import updates

# apply(params, x_t, time, dropout_key | None) -> the network's output; None:
# evaluation.
Apply = Callable[..., jax.Array]


def spread_uniform(key: jax.Array, batch: int) -> jax.Array:
  """Uniform numbers `[batch]` in [0, 1), spread evenly.

  One draw is shared and image i is offset by i / batch: every value is as
  likely as before for each image, and the batch's mean loss varies less
  (Kingma et al., arXiv:2107.00630, appendix I.1).
  """
  offsets = jnp.arange(batch) / batch
  return jnp.mod(jax.random.uniform(key) + offsets, 1.0)


def spread_levels(key: jax.Array, batch: int, num_levels: int) -> jax.Array:
  """Uniform levels 1..num_levels, `[batch]` int32; see `spread_uniform`."""
  uniform = spread_uniform(key, batch)
  level = 1 + jnp.floor(uniform * num_levels).astype(jnp.int32)
  return jnp.minimum(level, num_levels)


def spread_sigmas(
    key: jax.Array, batch: int, mean: float, std: float,
) -> jax.Array:
  """Log-normal sigmas `[batch]`, spread evenly over their distribution.

  ln sigma is normal (Karras et al., arXiv:2206.00364, section 5).

  Args:
    key: random key of the one draw; see `spread_uniform`.
    batch: number of sigmas.
    mean: mean of ln sigma, their P_mean.
    std: standard deviation of ln sigma, their P_std.
  """
  # The quantile of 0 would be minus infinity.
  uniform = jnp.clip(spread_uniform(key, batch), 1e-6, 1 - 1e-6)
  return jnp.exp(mean + std * jax.scipy.special.ndtri(uniform))


def noised(
    schedule: schedules.Schedule,
    x0: jax.Array,
    level: jax.Array,
    eps: jax.Array,
) -> tuple[jax.Array, jax.Array]:
  """x_t = alpha x0 + sigma eps, and the time that a network is fed with it.

  Args:
    schedule: tables of alpha, sigma, time.
    x0: clean images `[B, ...]`.
    level: `[B]`, 0..N.
    eps: standard normal, of the shape of x0.

  Returns:
    x_t, of the shape of x0; time, `[B]`.
  """
  point = schedule.at_level(level)
  x_t = _spread(point.alpha, x0) * x0 + _spread(point.sigma, x0) * eps
  return x_t, point.time


def eps_loss(
    apply: Apply,
    schedule: schedules.Schedule,
    params: Any,
    x0: jax.Array,
    level: jax.Array,
    eps: jax.Array,
    dropout_key: jax.Array | None = None,
) -> jax.Array:
  """Mean squared error of the predicted noise (arXiv:2006.11239, Eq. 14).

  Args:
    apply: `apply(params, x_t, time, dropout_key)` -> predicted eps.
    schedule: tables of alpha, sigma, time.
    params: the network's parameters.
    x0: clean images `[B, H, W, C]` in [-1, 1].
    level: `[B]`, 1..N.
    eps: standard normal, of the shape of x0.
    dropout_key: key of the dropout; None: evaluation mode.

  Returns:
    `[B]`, the loss of each image.
  """
  x_t, time = noised(schedule, x0, level, eps)
  return _mean_square(apply(params, x_t, time, dropout_key) - eps)


def eps_training_loss(
    apply: Apply, schedule: schedules.Schedule, weight_limit: float = 1.0,
) -> updates.Loss:
  """The weighted `eps_loss` of batches x0 `[B, H, W, C]`, at random levels.

  Order of random draws, from the key split in three: levels, noise, dropout.

  Args:
    apply: network, see `eps_loss`.
    schedule: the diffusion.
    weight_limit: bound on the loss weights min(1 / alpha^2, limit); 1 is the
      plain loss. 1 / alpha^2 is the loss of v (Salimans and Ho,
      arXiv:2202.00512, section 4): without it an error of eps at the noisiest
      levels weighs nothing, and moves the colour of the whole picture.

  Raises:
    ValueError: `weight_limit` is below 1.
  """
  if weight_limit < 1.0:
    raise ValueError(f"weight_limit is {weight_limit}; it must be at least 1")

  def loss(params: Any, x0: jax.Array, key: jax.Array) -> jax.Array:
    keys = jax.random.split(key, 3)
    level = spread_levels(keys[0], x0.shape[0], schedule.num_levels)
    eps = jax.random.normal(keys[1], x0.shape)
    weight = jnp.minimum(schedule.at_level(level).alpha**-2, weight_limit)
    return weight * eps_loss(apply, schedule, params, x0, level, eps, keys[2])

  return loss


def edm_loss(
    apply: Apply,
    preconditioning: preconditionings.Preconditioning,
    params: Any,
    x0: jax.Array,
    sigma: jax.Array,
    eps: jax.Array,
    dropout_key: jax.Array | None = None,
) -> jax.Array:
  """Mean of |D(x0 + sigma eps; sigma) - x0|^2 / c_out(sigma)^2.

  The error of the raw network F, whose targets have unit variance at every
  sigma (Karras et al., arXiv:2206.00364, Eq. 8 with lambda = 1 / c_out^2).

  Args:
    apply: `apply(params, x, c_noise, dropout_key)` -> F.
    preconditioning: its scaling.
    params: the network's parameters.
    x0: clean images `[B, H, W, C]` in [-1, 1].
    sigma: `[B]`, positive.
    eps: standard normal, of the shape of x0.
    dropout_key: key of the dropout; None: evaluation mode.

  Returns:
    `[B]`, the loss of each image.
  """
  x = x0 + _spread(sigma, x0) * eps
  denoise = preconditionings.precondition(
      lambda x, noise: apply(params, x, noise, dropout_key), preconditioning)
  weight = preconditioning.coefficients(sigma).out ** -2
  return weight * _mean_square(denoise(x, sigma) - x0)


def edm_training_loss(
    apply: Apply,
    preconditioning: preconditionings.Preconditioning,
    *,
    mean: float = -1.2,
    std: float = 1.2,
) -> updates.Loss:
  """The `edm_loss` of batches x0 `[B, H, W, C]`, at log-normal sigmas.

  Order of random draws, from the key split in three: sigmas, noise, dropout.

  Args:
    apply: network, see `edm_loss`.
    preconditioning: scaling, see `edm_loss`.
    mean: mean of ln sigma.
    std: standard deviation of ln sigma.

  Raises:
    ValueError: `std` is not positive.
  """
  if not std > 0:
    raise ValueError(f"std is {std}; it must be > 0")

  def loss(params: Any, x0: jax.Array, key: jax.Array) -> jax.Array:
    keys = jax.random.split(key, 3)
    sigma = spread_sigmas(keys[0], x0.shape[0], mean, std)
    eps = jax.random.normal(keys[1], x0.shape)
    return edm_loss(apply, preconditioning, params, x0, sigma, eps, keys[2])

  return loss


def _spread(values, x):
  return values.reshape((-1,) + (1,) * (x.ndim - 1))


def _mean_square(x):
  return jnp.mean(jnp.square(x), axis=tuple(range(1, x.ndim)))
