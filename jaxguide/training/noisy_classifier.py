"""One optimiser update of a classifier that sees noisy images and their time.

EGSDE's domain extractor (Zhao et al., arXiv:2207.06635) is trained in this
way, and so are the classifiers of Dhariwal and Nichol (arXiv:2105.05233,
section 4), with other rates.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxguide import schedules
from jaxguide.training import diffusion
from jaxguide.training import image_sets

# apply(params, x_t, time) -> logits [B, classes].
Apply = Callable[[Any, jax.Array, jax.Array], jax.Array]


class Scores(NamedTuple):
  """How a classifier did on each image.

  Attributes:
    loss: `[B]`, cross-entropy in nats.
    correct: `[B]` float, 1 where the likeliest class is the label.
  """

  loss: jax.Array
  correct: jax.Array


class ClassifierState(NamedTuple):
  """All that an interrupted training needs to go on exactly.

  Attributes:
    step: int32, updates done.
    params: the parameters.
    opt_state: the optimiser's state.
    average_loss: exponential moving average of the loss, for the log.
    average_accuracy: the same of the share of right answers.
  """

  step: jax.Array
  params: Any
  opt_state: Any
  average_loss: jax.Array
  average_accuracy: jax.Array


Update = Callable[
    [ClassifierState, image_sets.Labelled, jax.Array], ClassifierState]


def init_state(
    params: Any, optimizer: optax.GradientTransformation,
) -> ClassifierState:
  """The state before the first update."""
  return ClassifierState(
      step=jnp.zeros((), jnp.int32), params=params,
      opt_state=optimizer.init(params),
      average_loss=jnp.zeros((), jnp.float32),
      average_accuracy=jnp.zeros((), jnp.float32))


def annealed_adamw(
    learning_rate: float, num_steps: int, weight_decay: float,
) -> optax.GradientTransformation:
  """AdamW whose rate at update k (from 0) is learning_rate (1 - k/num_steps).

  Decay is decoupled (arXiv:1711.05101) and acts on every parameter, norms and
  biases too, as in the released program.
  """
  return optax.adamw(
      optax.linear_schedule(learning_rate, 0.0, num_steps),
      b1=0.9, b2=0.999, eps=1e-8, weight_decay=weight_decay)


def scores(
    apply: Apply, params: Any, x_t: jax.Array, time: jax.Array,
    label: jax.Array,
) -> Scores:
  """Cross-entropy and right answers on images that are noisy already.

  Args:
    apply: `apply(params, x_t, time)` -> logits.
    params: the network's parameters.
    x_t: noisy images `[B, H, W, C]`.
    time: `[B]`, what the network is fed.
    label: `[B]` int.
  """
  logits = apply(params, x_t, time)
  loss = optax.softmax_cross_entropy_with_integer_labels(logits, label)
  return Scores(loss, (jnp.argmax(logits, axis=-1) == label).astype(loss.dtype))


def descend(
    apply: Apply,
    optimizer: optax.GradientTransformation,
    state: ClassifierState,
    x_t: jax.Array,
    time: jax.Array,
    label: jax.Array,
) -> ClassifierState:
  """One update on images that are noisy already; see `scores`.

  The loss is the mean cross-entropy of the batch.
  """

  def mean_loss(params: Any) -> tuple[jax.Array, jax.Array]:
    found = scores(apply, params, x_t, time, label)
    return jnp.mean(found.loss), jnp.mean(found.correct)

  (loss, accuracy), gradient = jax.value_and_grad(mean_loss, has_aux=True)(
      state.params)
  change, opt_state = optimizer.update(gradient, state.opt_state, state.params)
  count = state.step.astype(jnp.float32)
  slow = jnp.minimum(0.99, count / (1.0 + count))
  return ClassifierState(
      step=state.step + 1, params=optax.apply_updates(state.params, change),
      opt_state=opt_state,
      average_loss=slow * state.average_loss + (1.0 - slow) * loss,
      average_accuracy=slow * state.average_accuracy + (1.0 - slow) * accuracy)


def make_update(
    apply: Apply,
    optimizer: optax.GradientTransformation,
    schedule: schedules.Schedule,
) -> Update:
  """Builds the function of one update.

  Order of random draws, from `fold_in(key, state.step)` split in two: levels
  (uniform on 1..N, for each image by itself), noise.

  Args:
    apply: network, see `scores`.
    optimizer: any optax transformation.
    schedule: the diffusion.

  Returns:
    `update(state, image_sets.Labelled, key) -> state`.
  """

  def update(
      state: ClassifierState, batch: image_sets.Labelled, key: jax.Array
  ) -> ClassifierState:
    keys = jax.random.split(jax.random.fold_in(key, state.step))
    level = jax.random.randint(
        keys[0], batch.label.shape, 1, schedule.num_levels + 1)
    eps = jax.random.normal(keys[1], batch.x0.shape)
    x_t, time = diffusion.noised(schedule, batch.x0, level, eps)
    return descend(apply, optimizer, state, x_t, time, batch.label)

  return update
