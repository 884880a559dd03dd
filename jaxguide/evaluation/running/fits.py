"""One fit per image, for all its samples, through one compiled function."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from jaxguide import arrays
from jaxguide import parallel
from jaxguide.evaluation.running import compiled
from jaxguide.evaluation.running import pipeline


class Fits:
  """What is fitted to the images of a batch of samples, each image once.

  Attributes:
    program: the compiled function.
  """

  def __init__(
      self, fn: parallel.Mapped, samples_per_image: int, **options: Any
  ):
    """Compiles nothing yet.

    Args:
      fn: `pipeline.Pipeline.fit`.
      samples_per_image: a call fits as many images as a batch of samples
        has, and at least one.
      **options: arguments of `compiled.Program`.
    """
    self.program = compiled.Program(fn, purpose="fit", **options)
    self._samples_per_image = samples_per_image
    # Of the last batch: its last image may have further samples.
    self._kept: dict[int, arrays.PyTree] = {}
    self._count = 0

  def __call__(
      self,
      shared: parallel.Replicated,
      rows: pipeline.Rows,
      *,
      failed: Sequence[int] = (),
  ) -> arrays.PyTree:
    """What was fitted to the image of each row, leaves `[B, ...]`.

    Args:
      shared: replicated argument of the program.
      rows: the samples' images, one row per sample.
      failed: images whose rows hold another image: not kept for later.

    Raises:
      OutOfMemory: if the device has no room for this batch.
    """
    numbers = [int(n) for n in rows.indices]
    places = {n: numbers.index(n) for n in dict.fromkeys(numbers)}
    found = {n: self._kept[n] for n in places if n in self._kept}
    missing = [n for n in places if n not in found]
    size = max(1, len(numbers) // self._samples_per_image)
    for first in range(0, len(missing), size):
      group = missing[first:first + size]
      found.update(zip(group, self._fit(
          shared, rows, [places[n] for n in group], size), strict=True))
    self._kept = {n: f for n, f in found.items() if n not in failed}
    return jax.tree.map(
        lambda *parts: np.stack(parts), *(found[n] for n in numbers))

  def timing(self) -> dict[str, Any]:
    """For timing.json: fits are not among the pictures made."""
    return {
        "fit_seconds": self.program.seconds, "images_fitted": self._count}

  def _fit(
      self,
      shared: parallel.Replicated,
      rows: pipeline.Rows,
      places: Sequence[int],
      size: int,
  ) -> list[arrays.PyTree]:
    """Fits the images at some places; every call has the same shape."""
    chosen = np.asarray([*places, *places[-1:] * (size - len(places))])
    out = self.program(
        shared, jax.tree.map(lambda leaf: leaf[chosen], rows), size)
    self._count += len(places)
    return [jax.tree.map(lambda leaf: leaf[i], out)  # noqa: B023
            for i in range(len(places))]
