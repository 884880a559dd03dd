"""LPIPS against the updates of the fit, and against its seconds (Fig. 10).

  for n in 10 25 50 100; do
    jaxguide evaluate experiments/vipaint/tables/emoji64.py --limit 16 \\
        --row rotated_vipaint2 --set method.num_iterations=$n \\
        --out results/rotated_k2_$n
  done
  python -m experiments.vipaint.iterations --out results/rotated_iterations \\
      --table experiments/vipaint/tables/emoji64.py --row rotated_vipaint2 \\
      --run results/rotated_k2_10 --run results/rotated_k2_25 ...

and so on for other K. `table.md` and `grid.png` are those of `jaxguide
compare`, `iterations.csv` has a line per run, `iterations.png` (with the extra
`plots`) a curve per K and variant; bars are standard errors. Seconds are those
of the fit alone, per image, without compilation; they may be compared only
where the runs had the machine to themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import csv
import io
import json
import pathlib
import sys
from typing import Any, NamedTuple

from absl import app
from absl import flags
import numpy as np

from jaxguide import evaluation
from jaxguide.evaluation import pictures
from jaxguide.evaluation import store
from jaxguide.evaluation import table_files
from jaxguide.evaluation import tables
from jaxguide.evaluation.reporting import comparison
from jaxguide.training import curves

COLUMNS = ("num_levels", "variant", "num_iterations", "seconds_per_image",
           "mean", "standard_error")
CSV_FILE, CURVE_FILE = "iterations.csv", "iterations.png"
# Fields of the method that a curve or its points show.
_TOLD_APART = frozenset((
    "num_levels", "levels", "sigmas", "variant", "num_iterations", "label"))
# Whose published value depends on K.
_BY_DEPTH = frozenset(("beta",))
_DPI = 100
_SIZE = (720, 360)  # Pixels.


class Point(NamedTuple):
  """A run.

  Attributes:
    num_levels: K.
    variant: "paper" or "released".
    num_iterations: updates of the fit.
    seconds: of the fit, per image; None where the run was not timed.
    value: of the metric.
  """

  num_levels: int
  variant: str
  num_iterations: int
  seconds: float | None
  value: tables.Estimate


def write(
    experiment: evaluation.Experiment,
    runs: Sequence[pathlib.Path | str],
    out: pathlib.Path | str,
    metric: str = "lpips_vipaint",
) -> tuple[Point, ...]:
  """Writes what the module's text lists.

  Args:
    experiment: that the runs are of, but for the method.
    runs: folders of finished runs of VIPaint.
    out: folder to write to; made if needed.
    metric: name of the one that is drawn.

  Returns:
    The runs, by K, variant and rising number of updates.

  Raises:
    FileNotFoundError: if a folder holds no finished run.
    ValueError: if there is no run, or runs differ in images, signatures or
      other settings of the method, or one is not of VIPaint or has no such
      metric.
  """
  if not runs:
    raise ValueError("runs must be at least one folder, got none")
  methods = {str(folder): _method(folder) for folder in runs}
  check_alike(methods)
  labels = {_label(method): folder for folder, method in methods.items()}
  if len(labels) < len(methods):
    raise ValueError(
        "runs must differ in K, variant or updates; some do not: "
        f"{', '.join(methods)}")
  rows = comparison.compare(experiment, labels, out)
  points = []
  for folder, row in zip(labels.values(), rows, strict=False):
    if metric not in row.values:
      raise ValueError(
          f"metric {metric} is none of {folder}, which has "
          f"{', '.join(row.values)}")
    method = methods[folder]
    points.append(Point(
        _depth(method), method["variant"], method["num_iterations"],
        _seconds(folder), row.values[metric]))
  points = tuple(sorted(points, key=lambda point: point[:3]))
  store.write_atomic(pathlib.Path(out, CSV_FILE), _csv(points))
  if not curves.installed():
    sys.stderr.write(f"iterations: {curves.MISSING}\n")
    return points
  store.write_atomic(pathlib.Path(out, CURVE_FILE), pictures.encode_png(
      draw(points, metric)))
  return points


def draw(points: Sequence[Point], metric: str) -> np.ndarray:
  """The metric over updates and over seconds, uint8 `[H, W, 3]`.

  Args:
    points: from `write`.
    metric: its name.

  Raises:
    ModuleNotFoundError: matplotlib is not installed.
  """
  if not curves.installed():
    raise ModuleNotFoundError(curves.MISSING)
  import matplotlib
  from matplotlib import figure
  from matplotlib.backends import backend_agg

  groups: dict[str, list[Point]] = {}
  for point in points:
    name = f"VIPaint-{point.num_levels}, {point.variant}"
    groups.setdefault(name, []).append(point)
  with matplotlib.rc_context(matplotlib.rcParamsDefault):
    page = figure.Figure(
        [pixels / _DPI for pixels in _SIZE], dpi=_DPI, layout="constrained")
    canvas = backend_agg.FigureCanvasAgg(page)
    panels = page.subplots(1, 2, sharey=True)
    places = (
        ("updates", lambda p: p.num_iterations),
        ("seconds of the fit per image", lambda p: p.seconds))
    for panel, (title, x_of) in zip(panels, places, strict=True):
      for name, members in groups.items():
        known = [p for p in members if x_of(p) is not None]
        panel.errorbar(
            [x_of(p) for p in known], [p.value.mean for p in known],
            yerr=[p.value.standard_error or 0.0 for p in known], label=name,
            capsize=2, marker="o", markersize=4)
      panel.set(xlabel=title)
      panel.set_xlim(left=0)
      panel.grid(color="0.9")
      panel.set_axisbelow(True)
    panels[0].set(ylabel=metric)
    panels[0].legend(frameon=False, fontsize="small")
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]


def _method(folder: pathlib.Path | str) -> Mapping[str, Any]:
  path = pathlib.Path(folder, "summary.json")
  if not path.is_file():
    raise FileNotFoundError(f"{folder} holds no finished run")
  method = json.loads(path.read_text("utf-8"))["experiment"]["method"]
  if method.get("kind") != "Vipaint":
    raise ValueError(
        f"{folder} must be a run of Vipaint, got {method.get('kind')}")
  return method


def _depth(method: Mapping[str, Any]) -> int:
  """K; see `methods.Vipaint.depth`."""
  given = len(method["levels"] or method["sigmas"])
  return given or (2 if method["num_levels"] is None else method["num_levels"])


def check_alike(methods: Mapping[str, Mapping[str, Any]]) -> None:
  """Refuses runs that differ in more than what the curves tell apart.

  Args:
    methods: of the runs, as `overrides.to_json` has them, by their folders.

  Raises:
    ValueError: naming the field, both values and both folders.
  """
  names = {name for method in methods.values() for name in method}
  seen: dict[tuple[str, int], tuple[str, Any]] = {}
  for folder, method in methods.items():
    for name in sorted(names - _TOLD_APART):
      depth = _depth(method) if name in _BY_DEPTH else 0
      value = method.get(name)
      first, wanted = seen.setdefault((name, depth), (folder, value))
      if value != wanted:
        raise ValueError(
            "runs must differ in levels, variant and updates alone; method."
            f"{name} is {wanted!r} in {first} and {value!r} in {folder}")


def _label(method: Mapping[str, Any]) -> str:
  return (f"VIPaint-{_depth(method)}, {method['variant']}, "
          f"{method['num_iterations']} updates")


def _seconds(folder: pathlib.Path | str) -> float | None:
  """Of the fits of all sessions, per image."""
  path = pathlib.Path(folder, "timing.json")
  if not path.is_file():
    return None
  sessions = json.loads(path.read_text("utf-8"))["sessions"]
  fitted = sum(s.get("images_fitted", 0) for s in sessions)
  spent = sum(s.get("fit_seconds", 0.0) for s in sessions)
  return spent / fitted if fitted else None


def _csv(points: Sequence[Point]) -> bytes:
  buffer = io.StringIO()
  writer = csv.writer(buffer, lineterminator="\n")
  writer.writerow(COLUMNS)
  for p in points:
    seconds = "" if p.seconds is None else f"{p.seconds:.4g}"
    error = p.value.standard_error
    error = "" if error is None else f"{error:.6g}"
    writer.writerow([*p[:3], seconds, f"{p.value.mean:.6g}", error])
  return buffer.getvalue().encode()


def define_flags() -> None:
  """The command's flags; not at import, where two commands would clash."""
  flags.DEFINE_string(
      "table", None, "Table file that holds the row; it is executed.")
  flags.DEFINE_string(
      "row", None, "Name of the row; not needed where there is one alone.")
  flags.DEFINE_string("out", None, "Folder to write to.")
  flags.DEFINE_multi_string("run", [], "Folder of a run; repeated.")
  flags.DEFINE_string("metric", "lpips_vipaint", "What is drawn.")


def main(argv: Sequence[str]) -> int:
  """Reads the flags, writes the files and shows the table."""
  if len(argv) > 1:
    raise app.UsageError(f"unexpected argument: {argv[1]}")
  values = flags.FLAGS
  try:
    write(table_files.load_row(values.table, values.row), values.run,
          values.out, values.metric)
  except (OSError, ValueError) as error:
    sys.stderr.write(f"iterations: {error}\n")
    return 1
  sys.stdout.write(
      pathlib.Path(values.out, CSV_FILE).read_text(encoding="utf-8"))
  return 0


if __name__ == "__main__":
  define_flags()
  flags.mark_flags_as_required(["table", "out"])
  app.run(main)
