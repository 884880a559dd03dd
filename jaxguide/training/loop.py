"""The training loop: updates, and what happens between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax


class Hook(NamedTuple):
  """Something done between updates.

  Attributes:
    every: done where the number of updates is a multiple of this, and after
      the last update.
    call: `call(state)`, on the host.
  """

  every: int
  call: Callable[[Any], None]


def train(
    state: Any,
    update: Callable[[Any, jax.Array, jax.Array], Any],
    batches: Iterator[Any],
    key: jax.Array,
    *,
    num_steps: int,
    hooks: Sequence[Hook] = (),
) -> Any:
  """Updates `state` until `num_steps` updates are done in all.

  Args:
    state: has a `step`; a state that was restored goes on where it was.
    update: `update(state, batch, key) -> state`, usually jitted; the state
      that it is given may be donated.
    batches: yields the batch of update `state.step`, then the next ones.
    key: passed to every update, which folds its own index in.
    num_steps: total number of updates.
    hooks: called in their order.

  Returns:
    The last state.

  Raises:
    ValueError: a hook's `every` is not positive, or `batches` ran out.
  """
  for hook in hooks:
    if hook.every < 1:
      raise ValueError(f"every is {hook.every}; a hook needs at least 1")
  for step in range(int(state.step), num_steps):
    try:
      batch = next(batches)
    except StopIteration:
      raise ValueError(
          f"batches ran out after {step} updates; num_steps is {num_steps}"
      ) from None
    state = update(state, batch, key)
    for hook in hooks:
      if (step + 1) % hook.every == 0 or step + 1 == num_steps:
        hook.call(state)
  return state
