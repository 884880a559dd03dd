"""Losses on held-out images, at noise that is the same every time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def mean_over_batches(
    loss: Callable[..., jax.Array], data: tuple[np.ndarray, ...],
    batch_size: int,
) -> Callable[[Any], float]:
  """The mean of a loss per image over whole batches, by the parameters.

  Args:
    loss: `(params, *rows of data)` -> `[batch_size]`.
    data: arrays of N rows each.
    batch_size: rows at once, a divisor of N.
  """
  number = len(data[0])
  data = tuple(jnp.asarray(a) for a in data)
  batch_loss = jax.jit(loss)

  def held_out(params: Any) -> float:
    parts = [
        batch_loss(params, *(a[i:i + batch_size] for a in data))
        for i in range(0, number, batch_size)]
    return float(jnp.mean(jnp.concatenate(parts)))

  return held_out


def fixed_noise(shape: tuple[int, ...]) -> np.ndarray:
  """Standard normal numbers, the same at every call."""
  return np.random.default_rng(1).standard_normal(shape, np.float32)


def fixed_order(number: int) -> np.ndarray:
  """0..number - 1 in an order that is the same at every call."""
  return np.random.default_rng(0).permutation(number)


def spread_levels(number: int, num_levels: int) -> np.ndarray:
  """Levels 1..num_levels, spread evenly over that many images in a fixed order.

  Args:
    number: count of the images.
    num_levels: number of levels of the schedule.
  """
  return 1 + fixed_order(number) * num_levels // number


def whole_batches(images: np.ndarray, batch_size: int) -> np.ndarray:
  """The first images, as many as fill batches.

  Raises:
    ValueError: there are fewer than one batch.
  """
  number = len(images) // batch_size * batch_size
  if not number:
    raise ValueError(
        f"batch_size is {batch_size}; there are {len(images)} held-out images")
  return images[:number]
