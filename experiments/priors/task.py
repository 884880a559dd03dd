"""What a training needs beside its loop, whatever is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxguide.training import updates

# Of the pictures that are drawn in a training.
ROWS, COLUMNS = 4, 16


class Task(NamedTuple):
  """A loss, its data, and how progress is seen.

  Attributes:
    loss: of each image of a batch.
    batches: the index of the first update to its batch and all after it.
    held_out: parameters to their loss on the valid split, at fixed noise.
    draw: parameters to rows of images `[N, H, W, 3]`, to be looked at.
  """

  loss: updates.Loss
  batches: Callable[[int], Iterator[Any]]
  held_out: Callable[[Any], float]
  draw: Callable[[Any], list[np.ndarray]]


def mean_over_batches(
    loss: Callable[..., jax.Array], data: tuple[np.ndarray, ...],
    batch_size: int,
) -> Callable[[Any], float]:
  """The mean of a loss per image over whole batches.

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


def whole_batches(images: np.ndarray, batch_size: int) -> np.ndarray:
  """The first images, as many as fill batches.

  Raises:
    ValueError: there are fewer than one batch.
  """
  number = len(images) // batch_size * batch_size
  if not number:
    raise ValueError(
        f"batch_size is {batch_size}; the valid split has {len(images)} images")
  return images[:number]


def half_hidden(
    images: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Held-out images of a picture, and what `preview.fill_in` is told.

  Args:
    images: `[N, H, W, C]`, of which `COLUMNS` are taken.

  Returns:
    Those images; then for `ROWS` rows of `COLUMNS` images what is observed,
    and where: nothing but the upper halves of the last row.
  """
  chosen = images[columns(len(images))]
  number = ROWS * COLUMNS
  observed = np.zeros((number, *images.shape[1:]), np.float32)
  mask = np.zeros((number, *images.shape[1:3], 1), np.float32)
  observed[-COLUMNS:] = chosen
  mask[-COLUMNS:, :images.shape[1] // 2] = 1.0
  return chosen, observed, mask


def columns(number: int) -> np.ndarray:
  """The rows that make a picture's columns, out of `number`."""
  return np.linspace(0, number - 1, COLUMNS).astype(int)


def in_rows(images: np.ndarray) -> list[np.ndarray]:
  """`ROWS` * `COLUMNS` images as rows."""
  images = np.asarray(images)
  return list(images.reshape(ROWS, COLUMNS, *images.shape[1:]))
