"""`jaxguide demo`: Steered Diffusion on pictures the prior has never seen."""

from collections.abc import Sequence
import json
import pathlib
import sys
import time
from typing import NamedTuple, TextIO

import jax

from jaxguide import data
from jaxguide import evaluation
from jaxguide import identities
from jaxguide import pixels
from jaxguide.evaluation import methods
from jaxguide.evaluation import pictures
from jaxguide.evaluation import scoring
from jaxguide.evaluation import sources
from jaxguide.evaluation import store
from jaxguide.evaluation import tables
from jaxguide.evaluation import tasks
from jaxguide.evaluation.reporting import reports
from jaxguide.evaluation.running import program_cache

NUM_STEPS = 50
NUM_IMAGES = 8
GRID_IMAGES = 8
TITLE = "Steered Diffusion on held-out emoji"
UNGUIDED = f"DDIM, no guidance ({NUM_STEPS} steps)"

# The paper does not say whether x0 is clipped. The embedded prior is small,
# and clips: at the noisiest levels its errors are multiplied by 150. With
# eta = 0 every third sample would keep what those first steps did to it.
_DDIM = methods.Ddim(NUM_STEPS, eta=1.0, clip_x0=True)


class _Task(NamedTuple):
  """A task of the demo and the N of the paper's Table 1."""

  name: str
  folder: str
  task: tasks.Task
  num_inner: int


class _Result(NamedTuple):
  """A method's report on one task."""

  method: str
  report: reports.Report


def run(
    out: str,
    *,
    num_images: int | None = None,
    seed: int = 0,
    stream: TextIO | None = None,
) -> str:
  """Inpaints, colours and enlarges held-out pictures with the embedded prior.

  The folder gets table.md, grid.png, timing.json, and a folder per row with
  every picture. Called again after an interruption, or for more images, it
  goes on.

  Args:
    out: the folder.
    num_images: held-out images per task, 1 to 64; 8 when left out.
    seed: seed of all noise.
    stream: text stream for progress; stderr when left out.

  Returns:
    The text of table.md.

  Raises:
    ValueError: `num_images` out of range, or a folder of another run.

  Example:
    >>> from jaxguide import demo
    >>> try:
    ...   demo.run("demo", num_images=65)
    ... except ValueError as error:
    ...   print(error)
    images must be in 1..64, got 65
  """
  count = NUM_IMAGES if num_images is None else num_images
  most = len(sources.EmbeddedImages().open().names)
  if not 1 <= count <= most:
    raise ValueError(f"images must be in 1..{most}, got {count}")
  started, folder = time.monotonic(), pathlib.Path(out)
  results = {}
  # Rows that differ in data alone share their compiled program.
  with program_cache.kept_for_now():
    for one in _tasks():
      results[one] = _run_task(folder, one, count, seed, stream)
  text = _write_results(folder, results, count)
  _write_timing(folder, results, time.monotonic() - started)
  return text


def _tasks() -> Sequence[_Task]:
  box = tasks.Inpainting(data.EmbeddedMasks("box"))
  strokes = tasks.Inpainting(data.EmbeddedMasks("free_form"))
  return (
      _Task("Inpainting, box", "inpaint_box", box, 3),
      _Task("Inpainting, strokes", "inpaint_strokes", strokes, 3),
      _Task("Colorization", "colorization", tasks.Colorization(), 3),
      _Task("Super-resolution x4", "sr_x4", tasks.SuperResolution(4), 1),
  )


def _run_task(
    folder: pathlib.Path,
    one: _Task,
    count: int,
    seed: int,
    stream: TextIO | None,
) -> list[_Result]:
  """Every method on one task."""
  options = {"limit": count, "stream": stream}

  def experiment(method: methods.Method) -> evaluation.Experiment:
    return evaluation.Experiment(
        name=f"{one.name}: {method.title}", prior=sources.EmbeddedPrior(),
        data=sources.EmbeddedImages(), task=one.task, method=method,
        batch_size=min(count, NUM_IMAGES), seed=seed)

  results = []
  steered = {f"steered_n{n}": methods.Steered(NUM_STEPS, n, clip_x0=True)
             for n in sorted({1, one.num_inner})}
  for name, method in steered.items():
    title = _title(method, one.num_inner)
    _say(stream, f"{one.name}: {title}")
    report = evaluation.evaluate(
        experiment(method), folder / one.folder / name, **options)
    results.append(_Result(title, report))
  return [_unguided(folder, one, experiment, options), *results]


def _say(stream: TextIO | None, text: str) -> None:
  """A line before a row's progress, which does not name the row."""
  (sys.stderr if stream is None else stream).write(f"{text}\n")


def _title(method: methods.Steered, paper_num_inner: int) -> str:
  preset = (", paper preset" if method.num_inner == paper_num_inner else "")
  return f"Steered, N={method.num_inner}{preset} ({NUM_STEPS} steps)"


def _unguided(folder, one, experiment, options) -> _Result:
  """Unguided pictures are made once and scored for every task."""
  made = folder / "unguided"
  _say(options["stream"], f"{one.name}: {UNGUIDED}")
  if one == _tasks()[0]:
    report = evaluation.evaluate(
        experiment(_DDIM), made, **options)
    return _Result(UNGUIDED, report)
  # What is scored is the folder as it is: with more images it is another.
  report = evaluation.score_outputs(
      experiment(_DDIM), made / "images",
      folder / one.folder / f"unguided_{options['limit']}",
      method_name=UNGUIDED, **options)
  return _Result(UNGUIDED, report)


def _write_results(
    folder: pathlib.Path, results: dict[_Task, list[_Result]], count: int
) -> str:
  rows, cells, labels = [], [], []
  for one, found in results.items():
    rows += _rows(one, found)
    drawn = _drawn(one, found, min(count, GRID_IMAGES))
    labels += [label for label, _ in drawn]
    cells += [row for _, row in drawn]
  columns = scoring.columns(tasks.Colorization().default_metrics)
  text = tables.format_table(
      rows, columns, title=TITLE, notes=_notes(results))
  store.write_atomic(folder / "table.md", text)
  pictures.write_grid(
      folder / "grid.png", cells, row_labels=labels, cell_size=96)
  return text


def _rows(one: _Task, found: Sequence[_Result]) -> list[tables.Row]:
  degraded, *_ = found[-1].report.rows
  rows = [degraded._replace(group=one.name)]
  for result in found:
    measured = result.report.rows[-1]
    rows.append(measured._replace(method=result.method, group=one.name))
  return rows


def _drawn(one, found, count):
  """Labelled rows of the grid: observed, the paper's preset, original."""
  best = found[-1].report
  images, task = sources.EmbeddedImages().open(), one.task
  scorer = evaluation.Scorer(task, (), seed=0)
  original, observed, made = [], [], []
  for index in range(count):
    reference = images.load(index)
    inputs = task.inputs(index, images.names[index], reference.shape[:2])
    original.append(pixels.to_uint8(reference))
    observed.append(scorer.baseline(reference, inputs, index))
    path = best.records[index].picture
    made.append(pictures.Cell(
        pictures.decode(best.directory / path) if path else None))
  return [(f"{one.name}: observed", observed), ("Steered", made),
          ("original", original)]


def _notes(results: dict[_Task, list[_Result]]) -> list[str]:
  signatures = dict.fromkeys(
      signature for found in results.values()
      for signature in found[-1].report.summary["metrics"].values())
  return [
      "Mean ± standard error over images that the prior was not trained on.",
      "x0 is clipped to [-1, 1] in every row that samples; DDIM has eta = 1.",
      "Consistency is the RMS difference to the observation on the [-1, 1] "
      "scale, of pictures rounded to 8 bits (whose step is 0.0078).",
      "Super-resolution meets its observation approximately: the bicubic "
      "upsampling that takes residuals back, as the paper has it, is no right "
      "inverse of the bicubic downsampling.",
      *(f"`{signature}`" for signature in signatures),
  ]


def _write_timing(folder, results, wall_seconds: float) -> None:
  """Adds up the rows' timing.json; what they say is described in `note`."""
  sessions = []
  for file in sorted(folder.glob("**/timing.json")):
    if file.parent != folder:
      sessions += json.loads(file.read_text(encoding="utf-8"))["sessions"]
  compiled = sum(s.get("compile_seconds", 0.0) for s in sessions)
  sampled = sum(s.get("sampling_seconds", 0.0) for s in sessions)
  store.write_atomic(folder / "timing.json", identities.to_json({
      "wall_seconds": wall_seconds,
      "compile_seconds": compiled,
      "sampling_seconds": sampled,
      "rows": sum(len(found) for found in results.values()),
      "device": f"{jax.device_count()} x {jax.devices()[0].device_kind}",
      "note": "wall_seconds are those of the last call, the others of all; "
              "compiling costs the same for any number of images; sampling "
              "is bound by the network (about 0.8 GFLOP per image and "
              "evaluation) and grows with --images",
  }))
