"""Which images an update sees: pure functions of the seed and the update.

A resumed training therefore sees what the uninterrupted one would have seen,
and no state of a generator has to be saved. Each kind of draw has a stream of
its own.
"""

from __future__ import annotations

import numpy as np

from jaxguide import arrays

ORDERS = ("epochs", "independent")

_EPOCH, _COIN, _INDEPENDENT = range(3)


def rows(
    order: str, number: int, step: int, batch_size: int, seed: int,
) -> np.ndarray:
  """`epoch_rows` or `independent_rows`, by name.

  Raises:
    ValueError: `order` is not one of `ORDERS`, or a batch does not fit.
  """
  arrays.check_choice("order", order, ORDERS)
  draw = epoch_rows if order == "epochs" else independent_rows
  return draw(number, step, batch_size, seed)


def epoch_rows(
    number: int, step: int, batch_size: int, seed: int,
) -> np.ndarray:
  """Rows of one update; every epoch is a fresh permutation.

  Batches run on across the end of an epoch.

  Args:
    number: count of the images.
    step: number of the update, from 0.
    batch_size: images per update.
    seed: number that sets the order.

  Returns:
    `[batch_size]` int64 in 0..number - 1.
  """
  positions = np.arange(step * batch_size, (step + 1) * batch_size)
  orders = {
      epoch: np.random.default_rng([seed, _EPOCH, epoch]).permutation(number)
      for epoch in set((positions // number).tolist())}
  return np.array(
      [orders[p // number][p % number] for p in positions.tolist()], np.int64)


def independent_rows(
    number: int, step: int, batch_size: int, seed: int,
) -> np.ndarray:
  """Rows of one update, drawn without regard to the other updates.

  Args:
    number: count of the images.
    step: number of the update, from 0.
    batch_size: images per update, all different.
    seed: number that sets the order.

  Returns:
    `[batch_size]` int64 in 0..number - 1.

  Raises:
    ValueError: there are fewer images than a batch holds.
  """
  if batch_size > number:
    raise ValueError(
        f"batch_size is {batch_size}; at most {number}, the number of images")
  rng = np.random.default_rng([seed, _INDEPENDENT, step])
  return rng.choice(number, batch_size, replace=False)


def coins(
    step: int, batch_size: int, seed: int, probability: float = 0.5,
) -> np.ndarray:
  """Which images of an update are mirrored, `[batch_size]` bool.

  Args:
    step: number of the update, from 0.
    batch_size: images per update.
    seed: number that sets the coins.
    probability: chance of True.
  """
  rng = np.random.default_rng([seed, _COIN, step])
  return rng.random(batch_size) < probability
