"""grid.png: the first images of a run beside what was made of them."""

from collections.abc import Sequence

import numpy as np

from jaxguide import data
from jaxguide import pixels
from jaxguide.evaluation import experiments
from jaxguide.evaluation import pictures
from jaxguide.evaluation import records
from jaxguide.evaluation import scoring
from jaxguide.evaluation import store

GRID_ROWS = 8
GRID_SAMPLES = 4


def write(
    experiment: experiments.Experiment,
    folder: store.Store,
    dataset: data.Dataset,
    scorer: scoring.Scorer,
    made: Sequence[records.Record],
) -> None:
  """Writes grid.png.

  Args:
    experiment: experiment of the run.
    folder: holds the pictures.
    dataset: the images.
    scorer: makes the degraded pictures.
    made: records of the journal.
  """
  shown = list(dict.fromkeys(
      r.index for r in made if r.is_ok))[:GRID_ROWS]
  if not shown:
    return
  samples = min(experiment.samples_per_image, GRID_SAMPLES)
  rows = []
  for index in shown:
    first = index * experiment.samples_per_image
    cells = [
        pictures.Cell(pictures.decode(folder.directory / r.picture)
                      if r.picture else None)
        for r in made[first:first + samples]
    ]
    rows.append([*given(experiment, dataset, scorer, index), *cells])
  title = experiment.method.title
  labels = [*experiment.task.shown_labels,
            title.partition(" (")[0].partition(",")[0]]
  if samples > 1:
    labels[-1:] = [f"sample {s}" for s in range(samples)]
  pictures.write_grid(
      folder.directory / "grid.png", rows, column_labels=labels,
      row_labels=[dataset.name(i) for i in shown])


def given(
    experiment: experiments.Experiment,
    dataset: data.Dataset,
    scorer: scoring.Scorer,
    index: int,
) -> list[pictures.Cell]:
  """What the task shows of an image; empty if it can be read no more.

  Args:
    experiment: its task says what there is.
    dataset: the images.
    scorer: makes the observation's picture.
    index: number of the image.
  """
  task = experiment.task
  try:
    reference = dataset.load(index)
    inputs = task.inputs(index, dataset.name(index), reference.shape[:2])
  except ValueError:
    return [pictures.Cell(None)] * len(task.shown_labels)
  shown = task.shown(
      reference, inputs, lambda: scorer.baseline(reference, inputs, index))
  return [pictures.Cell(_as_uint8(picture)) for picture in shown]


def _as_uint8(picture: np.ndarray) -> np.ndarray:
  if picture.dtype == np.uint8:
    return picture
  return pixels.to_uint8(picture)
