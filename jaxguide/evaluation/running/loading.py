"""Batches of a run: images, what their task adds, and their conditions."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from jaxguide import data
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks


class Failure(NamedTuple):
  """An item without a picture.

  Attributes:
    status: a word for counting: "unreadable", "wrong_size", "no_mask",
      "missing", "non_finite".
    error: one line on what went wrong.
  """

  status: str
  error: str


class Batch(NamedTuple):
  """Items that are made together; arrays have a leading axis B.

  Attributes:
    items: numbers of the items; shorter than B in the last batch.
    indices: int32 `[B]`, numbers of the images.
    samples: int32 `[B]`, which sample of its image.
    names: names of the images.
    references: float32 `[B, H, W, C]` in [-1, 1].
    inputs: inputs of the task by name.
    failures: what could not be loaded, by place in the batch; the arrays
      hold another image there.
    conditions: values of the prior's conditions by name.
  """

  items: Sequence[int]
  indices: np.ndarray
  samples: np.ndarray
  names: Sequence[str]
  references: np.ndarray
  inputs: Mapping[str, np.ndarray]
  failures: Mapping[int, Failure]
  conditions: Mapping[str, np.ndarray]


class Loader(NamedTuple):
  """Everything that a batch is loaded from.

  Attributes:
    dataset: the images.
    task: gives the inputs, such as masks.
    conditions: conditions of all images; None where no prior is used.
    shape: `(H, W, 3)` of every image.
    samples_per_image: pictures of each image.
  """

  dataset: data.Dataset
  task: tasks.Task
  conditions: sources.ImageConditions | None
  shape: tuple[int, int, int]
  samples_per_image: int

  def batch(self, items: range, batch_size: int) -> Batch:
    """Loads the images of some items.

    Args:
      items: consecutive numbers n * samples_per_image + sample.
      batch_size: rows of the batch; the last item fills up what is left.

    Returns:
      The batch. Where an image or its inputs cannot be loaded the row is that
      of another image (zeros if there is none), and `failures` says why.

    Raises:
      OSError: whatever reading raises beside `data.ImageError`.
    """
    places = list(items) + [items[-1]] * (batch_size - len(items))
    indices = np.asarray(places, np.int32) // self.samples_per_image
    loaded = {n: self._load(n) for n in dict.fromkeys(indices.tolist())}
    spare = next((v for v in loaded.values() if v.failure is None), None)
    failures, rows, names = {}, [], []
    for place, n in enumerate(indices.tolist()):
      entry = loaded[n]
      names.append(entry.name)
      if entry.failure is not None:
        if place < len(items):
          failures[place] = entry.failure
        entry = spare or entry
      rows.append(entry)
    return Batch(
        items=items, indices=indices,
        samples=np.asarray(places, np.int32) % self.samples_per_image,
        names=names, references=np.stack([row.reference for row in rows]),
        inputs=_stack([row.inputs for row in rows]), failures=failures,
        conditions=_stack([row.conditions for row in rows]))

  def _load(self, index: int) -> "_Loaded":
    name = self.dataset.name(index)
    try:
      reference = self.dataset.load(index)
      inputs = _inputs(self.task, index, name, self.shape[:2])
      values = {} if self.conditions is None else self.conditions.load(index)
      return _Loaded(name, reference, inputs, values, None)
    except data.ImageError as error:
      failure = Failure(error.status, error.reason)
      return _Loaded(name, np.zeros(self.shape, np.float32), {}, {}, failure)


class _Loaded(NamedTuple):
  name: str
  reference: np.ndarray
  inputs: Mapping[str, np.ndarray]
  conditions: Mapping[str, np.ndarray]
  failure: Failure | None


def _inputs(
    task: tasks.Task, index: int, name: str, size: tuple[int, int]
) -> Mapping[str, np.ndarray]:
  try:
    return task.inputs(index, name, size)
  except data.ImageError:
    raise
  except ValueError as error:
    reason = str(error).partition("\n")[0]
    raise data.ImageError(name, "no_mask", reason) from error


def _stack(rows: Sequence[Mapping]) -> dict[str, np.ndarray]:
  stacked = {}
  for name in rows[0]:
    shapes = {np.shape(row[name]) for row in rows}
    if len(shapes) > 1:
      raise ValueError(
          f"{name} must have one shape for all images of a batch, got "
          f"{' and '.join(map(str, sorted(shapes)))}; pad what is shorter")
    stacked[name] = np.stack([row[name] for row in rows])
  return stacked
