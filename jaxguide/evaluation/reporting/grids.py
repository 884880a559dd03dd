"""grid.png: the first images of a run beside what was made of them."""

from collections.abc import Mapping, Sequence

from jaxguide import data
from jaxguide.evaluation import experiments
from jaxguide.evaluation import pictures
from jaxguide.evaluation import scoring
from jaxguide.evaluation import store
from jaxguide.evaluation import tasks

GRID_ROWS = 8
GRID_SAMPLES = 4


def write(
    experiment: experiments.Experiment,
    folder: store.Store,
    dataset: data.Dataset,
    scorer: scoring.Scorer,
    records: Sequence[Mapping],
) -> None:
  """Writes grid.png.

  Args:
    experiment: of the run.
    folder: holds the pictures.
    dataset: the images.
    scorer: makes the degraded pictures.
    records: of the journal.
  """
  shown = list(dict.fromkeys(
      r["index"] for r in records if r["status"] == "ok"))[:GRID_ROWS]
  if not shown:
    return
  samples = min(experiment.samples_per_image, GRID_SAMPLES)
  rows = []
  for index in shown:
    first = index * experiment.samples_per_image
    made = [
        pictures.Cell(r.get("picture") and pictures.decode(
            folder.directory / r["picture"]))
        for r in records[first:first + samples]
    ]
    rows.append([*given(experiment, dataset, scorer, index), *made])
  title = experiment.method.title
  labels = [*given_labels(experiment.task),
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
  """An image and its degraded picture; empty if it can be read no more.

  Of a translation they are the source and, if any, its counterpart.

  Args:
    experiment: its task says what there is.
    dataset: the images.
    scorer: makes the degraded picture.
    index: of the image.
  """
  task = experiment.task
  try:
    reference = dataset.load(index)
    inputs = task.inputs(index, dataset.name(index), reference.shape[:2])
  except ValueError:
    return [pictures.Cell(None)] * len(given_labels(task))
  if isinstance(task, tasks.Translation):
    shown = [reference, *inputs.values()]
    return [pictures.Cell(pictures.to_uint8(x)) for x in shown]
  return [pictures.Cell(pictures.to_uint8(reference)),
          pictures.Cell(scorer.degraded(reference, inputs, index))]


def given_labels(task: tasks.Task) -> list[str]:
  """What the columns of `given` are called."""
  if not isinstance(task, tasks.Translation):
    return ["input", "degraded"]
  known = task.counterparts is not None
  return ["source", *([tasks.COUNTERPART] if known else [])]
