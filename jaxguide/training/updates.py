"""One optimiser update of parameters whose average is what is used later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

# loss(params, batch, key) -> [B]: the loss of each image, weights included.
Loss = Callable[[Any, Any, jax.Array], jax.Array]


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


Update = Callable[[TrainState, Any, jax.Array], TrainState]


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


def make_update(
    loss: Loss,
    optimizer: optax.GradientTransformation,
    *,
    ema_decay: float,
) -> Update:
  """Builds the function of one update, which descends the batch's mean loss.

  The loss is given the key `fold_in(key, state.step)`.

  Args:
    loss: loss of each image.
    optimizer: any optax transformation.
    ema_decay: decay of the averaged parameters in the long run; early on it
      is (1 + n) / (10 + n) after n updates, if that is less.

  Returns:
    `update(state, batch, key) -> state`.

  Raises:
    ValueError: `ema_decay` is not in [0, 1).
  """
  if not 0.0 <= ema_decay < 1.0:
    raise ValueError(f"ema_decay is {ema_decay}; allowed: 0 <= ema_decay < 1")

  def update(state: TrainState, batch: Any, key: jax.Array) -> TrainState:
    key = jax.random.fold_in(key, state.step)
    value, gradient = jax.value_and_grad(
        lambda params: jnp.mean(loss(params, batch, key)))(state.params)
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
        average_loss=slow * state.average_loss + (1.0 - slow) * value)

  return update
