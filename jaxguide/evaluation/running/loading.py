"""Batches of a fixed shape, with a place for what cannot be loaded."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from jaxguide import data
from jaxguide.evaluation import tasks
from jaxguide.evaluation.running import makers


def load_batch(
    dataset: data.Dataset,
    task: tasks.Task,
    shape: tuple[int, int, int],
    items: range,
    *,
    batch_size: int,
    samples_per_image: int,
    labels: Sequence[int] | None = None,
) -> makers.Batch:
  """The images of some items and what their task adds.

  Args:
    dataset: the images.
    task: gives the inputs, such as masks.
    shape: `(H, W, 3)` of every image.
    items: consecutive numbers n * samples_per_image + sample.
    batch_size: rows of the batch; the last item fills up what is left.
    samples_per_image: pictures of each image.
    labels: the classes of all images; None without classes.

  Returns:
    The batch. Where an image or its inputs cannot be loaded the row is that
    of another image (zeros if there is none), and `failures` says why.

  Raises:
    Whatever reading raises beside `data.ImageError`.
  """
  places = list(items) + [items[-1]] * (batch_size - len(items))
  images = np.asarray(places, np.int32) // samples_per_image
  loaded = {
      n: _load_one(dataset, task, shape, n)
      for n in dict.fromkeys(images.tolist())}
  spare = next((v for v in loaded.values() if v.failure is None), None)
  failures, rows, names = {}, [], []
  for place, n in enumerate(images.tolist()):
    entry = loaded[n]
    names.append(entry.name)
    if entry.failure is not None:
      if place < len(items):
        failures[place] = entry.failure
      entry = spare or entry
    rows.append(entry)
  return makers.Batch(
      items=items, images=images,
      samples=np.asarray(places, np.int32) % samples_per_image, names=names,
      references=np.stack([row.reference for row in rows]),
      inputs=_stack([row.inputs for row in rows]), failures=failures,
      labels=None if labels is None else np.asarray(labels, np.int32)[images],
  )


class _Loaded(NamedTuple):
  name: str
  reference: np.ndarray
  inputs: Mapping[str, np.ndarray]
  failure: makers.Failure | None


def _load_one(dataset, task, shape, index):
  name = dataset.name(index)
  try:
    reference = dataset.load(index)
    inputs = _inputs(task, index, name, shape[:2])
    return _Loaded(name, reference, inputs, None)
  except data.ImageError as error:
    failure = makers.Failure(error.status, error.reason)
    return _Loaded(name, np.zeros(shape, np.float32), {}, failure)


def _inputs(task, index, name, size):
  try:
    return task.inputs(index, name, size)
  except data.ImageError:
    raise
  except ValueError as error:
    reason = str(error).partition("\n")[0]
    raise data.ImageError(name, "no_mask", reason) from error


def _stack(inputs: Sequence[Mapping]) -> dict[str, np.ndarray]:
  return {k: np.stack([i[k] for i in inputs]) for k in inputs[0]}
