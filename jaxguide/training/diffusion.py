"""One optimiser update of a noise-predicting diffusion model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxguide import schedules

# apply(params, x_t, time, dropout_key | None) -> eps; None: evaluation.
Apply = Callable[..., jax.Array]


class TrainState(NamedTuple):
  """All that an interrupted training needs to go on exactly.

  Attributes:
    step: int32, updates done.
    params: the parameters.
    ema: their exponential moving average.
    opt_state: the optimiser's state.
    average_loss: exponential moving average of the loss, for the log.
  """

  step: jax.Array
  params: Any
  ema: Any
  opt_state: Any
  average_loss: jax.Array


def init_state(
    params: Any, optimizer: optax.GradientTransformation,
) -> TrainState:
  """The state before the first update."""
  return TrainState(
      step=jnp.zeros((), jnp.int32), params=params,
      ema=jax.tree.map(jnp.copy, params), opt_state=optimizer.init(params),
      average_loss=jnp.zeros((), jnp.float32))


def warmup_stable_decay(
    peak: float, *, warmup_steps: int, num_steps: int, decay_steps: int,
) -> optax.Schedule:
  """Learning rate: linear up, constant, linear to zero over the last steps.

  The constant trunk does not depend on `num_steps`, so that a run can be
  ended, or prolonged, from any checkpoint of its trunk
  (Hu et al., arXiv:2404.06395, section 4).

  Args:
    peak: learning rate of the trunk.
    warmup_steps: updates of the rise.
    num_steps: all updates.
    decay_steps: updates of the fall.

  Returns:
    A function of the update's index.

  Raises:
    ValueError: rise and fall do not fit into `num_steps`.
  """
  shortest = min(warmup_steps, decay_steps)
  if shortest < 1 or warmup_steps + decay_steps > num_steps:
    raise ValueError(
        f"warmup_steps ({warmup_steps}) and decay_steps ({decay_steps}) must "
        f"be positive and fit into num_steps ({num_steps})")
  return optax.join_schedules(
      [optax.linear_schedule(peak / warmup_steps, peak, warmup_steps - 1),
       optax.constant_schedule(peak),
       optax.linear_schedule(peak, 0.0, decay_steps)],
      [warmup_steps - 1, num_steps - decay_steps])


def spread_levels(key: jax.Array, batch: int, num_levels: int) -> jax.Array:
  """Uniform levels 1..num_levels, `[batch]` int32, spread evenly.

  One uniform draw is shared and image i is offset by i / batch: every level
  is as likely as before for each image, and the batch's mean loss varies
  less (Kingma et al., arXiv:2107.00630, appendix I.1).
  """
  offsets = jnp.arange(batch) / batch
  uniform = jnp.mod(jax.random.uniform(key) + offsets, 1.0)
  level = 1 + jnp.floor(uniform * num_levels).astype(jnp.int32)
  return jnp.minimum(level, num_levels)


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
  spread = (-1,) + (1,) * (x0.ndim - 1)
  x_t = point.alpha.reshape(spread) * x0 + point.sigma.reshape(spread) * eps
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
  error = apply(params, x_t, time, dropout_key) - eps
  return jnp.mean(jnp.square(error), axis=tuple(range(1, x0.ndim)))


def make_update(
    apply: Apply,
    optimizer: optax.GradientTransformation,
    schedule: schedules.Schedule,
    *,
    ema_decay: float,
    weight_limit: float = 1.0,
) -> Callable[[TrainState, jax.Array, jax.Array], TrainState]:
  """Builds the function of one update.

  Order of random draws, from `fold_in(key, state.step)` split in three:
  levels, noise, dropout.

  Args:
    apply: see `eps_loss`.
    optimizer: any optax transformation.
    schedule: the diffusion.
    ema_decay: decay of the averaged parameters in the long run; early on it
      is (1 + n) / (10 + n) after n updates, if that is less.
    weight_limit: bound on the loss weights min(1 / alpha^2, limit); 1 is the
      plain loss. 1 / alpha^2 is the loss of v (Salimans and Ho,
      arXiv:2202.00512, section 4): without it an error of eps at the noisiest
      levels weighs nothing, and moves the colour of the whole picture.

  Returns:
    `update(state, x0 [B, H, W, C], key) -> state`.

  Raises:
    ValueError: `ema_decay` is not in [0, 1), or `weight_limit` is below 1.
  """
  if not 0.0 <= ema_decay < 1.0:
    raise ValueError(f"ema_decay is {ema_decay}; allowed: 0 <= ema_decay < 1")
  if weight_limit < 1.0:
    raise ValueError(f"weight_limit is {weight_limit}; it must be at least 1")

  def update(
      state: TrainState, x0: jax.Array, key: jax.Array
  ) -> TrainState:
    keys = jax.random.split(jax.random.fold_in(key, state.step), 3)
    level = spread_levels(keys[0], x0.shape[0], schedule.num_levels)
    eps = jax.random.normal(keys[1], x0.shape)

    weight = jnp.minimum(schedule.at_level(level).alpha**-2, weight_limit)

    def mean_loss(params: Any) -> jax.Array:
      return jnp.mean(
          weight * eps_loss(apply, schedule, params, x0, level, eps, keys[2]))

    loss, gradient = jax.value_and_grad(mean_loss)(state.params)
    change, opt_state = optimizer.update(
        gradient, state.opt_state, state.params)
    params = optax.apply_updates(state.params, change)
    count = state.step.astype(jnp.float32)
    decay = jnp.minimum(ema_decay, (1.0 + count) / (10.0 + count))
    slow = jnp.minimum(0.99, count / (1.0 + count))
    return TrainState(
        step=state.step + 1, params=params, opt_state=opt_state,
        ema=jax.tree.map(
            lambda old, new: old + (1.0 - decay) * (new - old),
            state.ema, params),
        average_loss=slow * state.average_loss + (1.0 - slow) * loss)

  return update
