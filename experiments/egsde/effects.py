"""The effect of M and of each expert, from finished runs.

  python -m experiments.egsde.effects --out results/emoji32_effects \\
      --table experiments/egsde/tables/emoji32.py --row egsde \\
      --run M=300=results/emoji32/egsde_m300 \\
      --run EGSDE=results/emoji32/egsde \\
      --run "no domain expert=results/emoji32/egsde_no_domain" \\
      --run SDEdit=results/emoji32/sdedit

`table.md` and `grid.png` are those of `jaxguide compare`. `effects.png`
(with the extra `plots`) shows some of the metrics over M: runs that differ
from the row's method in M alone are joined by a line, every other one that
starts from a level is a point. Bars are standard deviations over seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import json
import pathlib
import sys
from typing import Any, NamedTuple

from absl import app
from absl import flags
import numpy as np

from jaxguide import evaluation
from jaxguide.evaluation import overrides
from jaxguide.evaluation import pictures
from jaxguide.evaluation import store
from jaxguide.evaluation import table_files
from jaxguide.evaluation import tables
from jaxguide.evaluation.reporting import comparison
from jaxguide.training import curves

SHOWN = ("l2_egsde", "frechet_vgg_relu4_3", "lpips_counterpart",
         "domain_accuracy")
FILE = "effects.png"


_DPI = 100
_PANEL = (320, 300)  # Pixels.
_COLUMNS = 2
# Fields of a method that follow from M.
_OF_M = ("first_level", "num_steps", "label")


class Point(NamedTuple):
  """A run in the plot.

  Attributes:
    label: of the run.
    level: M.
    varies_m: whether it differs from the row's method in M alone.
    values: by metric.
  """

  label: str
  level: int
  varies_m: bool
  values: Mapping[str, tables.Estimate]


def write(
    experiment: evaluation.Experiment,
    runs: Mapping[str, pathlib.Path | str],
    out: pathlib.Path | str,
    shown: Sequence[str] = SHOWN,
) -> tuple[Point, ...]:
  """Writes table.md, grid.png and, where matplotlib is, effects.png.

  Args:
    experiment: its method is the one that the others are compared with.
    runs: finished folders by what they shall be called.
    out: folder to write to; made if needed.
    shown: names of metrics to draw; those that no run has are left out.

  Returns:
    The runs that start from a level, by rising M.

  Raises:
    FileNotFoundError: if a folder holds no finished run.
    ValueError: if runs differ in images or signatures, or have none of the
      metrics.
  """
  rows = comparison.compare(experiment, runs, out)
  points = points_of(experiment, runs, rows)
  if not curves.installed():
    sys.stderr.write(f"effects: {curves.MISSING}\n")
    return points
  known = {m.name: m.higher_is_better for m in (
      *experiment.chosen_metrics, *experiment.set_metrics)}
  better = {name: known[name] for name in shown if name in known}
  store.write_atomic(
      pathlib.Path(out, FILE), pictures.encode_png(draw(points, better)))
  return points


def points_of(
    experiment: evaluation.Experiment,
    runs: Mapping[str, pathlib.Path | str],
    rows: Sequence[tables.Row],
) -> tuple[Point, ...]:
  """The runs that start from a level, by rising M.

  Args:
    experiment: see `write`.
    runs: see `write`.
    rows: of a table that begins with these runs.
  """
  base = _but_m(overrides.to_json(experiment.method))
  points = []
  for (label, folder), row in zip(runs.items(), rows, strict=False):
    summary = json.loads(
        pathlib.Path(folder, "summary.json").read_text("utf-8"))
    method = summary["experiment"]["method"]
    if method.get("first_level") is not None:
      points.append(Point(
          label, method["first_level"], _but_m(method) == base, row.values))
  return tuple(sorted(points, key=lambda point: point.level))


def draw(
    points: Sequence[Point], better: Mapping[str, bool]
) -> np.ndarray:
  """A panel per metric, the metric over M.

  Args:
    points: by rising M.
    better: for each metric to draw, whether more of it is better.

  Returns:
    uint8 `[H, W, 3]`.

  Raises:
    ModuleNotFoundError: matplotlib is not installed.
    ValueError: there is nothing to draw.
  """
  names = [name for name in better if any(name in p.values for p in points)]
  if not names:
    raise ValueError(
        f"metrics must be some that runs with a level have, got {list(better)}")
  if not curves.installed():
    raise ModuleNotFoundError(curves.MISSING)
  import matplotlib
  from matplotlib import figure
  from matplotlib.backends import backend_agg

  across = min(_COLUMNS, len(names))
  down = -(-len(names) // across)
  with matplotlib.rc_context(matplotlib.rcParamsDefault):
    page = figure.Figure(
        (across * _PANEL[0] / _DPI, down * _PANEL[1] / _DPI), dpi=_DPI,
        layout="constrained")
    canvas = backend_agg.FigureCanvasAgg(page)
    panels = page.subplots(down, across, squeeze=False).ravel()
    for panel, name in zip(panels, names, strict=False):
      _draw_panel(panel, points, name)
      panel.set(xlabel="M", title=f"{name} {'↑' if better[name] else '↓'}")
    for panel in panels[len(names):]:
      panel.set_axis_off()
    page.legend(
        *panels[0].get_legend_handles_labels(), loc="outside lower center",
        ncols=3, frameon=False, fontsize="small")
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]


def _draw_panel(panel: Any, points: Sequence[Point], name: str) -> None:
  line = [p for p in points if p.varies_m and name in p.values]
  others = [p for p in points if not p.varies_m and name in p.values]
  groups = [("EGSDE over M", line)] if line else []
  groups += [(p.label, [p]) for p in others]
  marks = "osD^vPX"
  for n, (label, members) in enumerate(groups):
    panel.errorbar(
        [p.level for p in members], [p.values[name].mean for p in members],
        yerr=[p.values[name].deviation or 0.0 for p in members],
        label=label, capsize=2, linestyle="-" if members is line else "none",
        marker=marks[n % len(marks)], markersize=5)
  panel.grid(color="0.9")
  panel.set_axisbelow(True)


def _but_m(method: Mapping[str, Any]) -> dict[str, Any]:
  return {name: value for name, value in method.items() if name not in _OF_M}


def _split(text: str) -> tuple[str, str]:
  """LABEL=DIR, where a label may be "M=300"."""
  label, _, folder = text.rpartition("=")
  if not (label and folder):
    raise ValueError(f"--run needs LABEL=DIR, got {text!r}")
  return label, folder


def define_flags() -> None:
  """The command's flags; not at import, where two commands would clash."""
  flags.DEFINE_string(
      "table", None, "Table file that holds the row; it is executed.")
  flags.DEFINE_string(
      "row", None, "Name of the row; not needed where there is one alone.")
  flags.DEFINE_string("out", None, "Folder to write to.")
  flags.DEFINE_multi_string(
      "run", [], "LABEL=DIR, split at the last =; repeated.")
  flags.DEFINE_list(
      "metrics", list(SHOWN), "Drawn by name, as far as the runs have them.")


def main(argv: Sequence[str]) -> int:
  """Reads the flags, writes the files and shows the table."""
  if len(argv) > 1:
    raise app.UsageError(f"unexpected argument: {argv[1]}")
  values = flags.FLAGS
  try:
    write(table_files.load_row(values.table, values.row),
          dict(_split(t) for t in values.run), values.out, values.metrics)
  except (OSError, ValueError) as error:
    sys.stderr.write(f"effects: {error}\n")
    return 1
  sys.stdout.write(
      pathlib.Path(values.out, "table.md").read_text(encoding="utf-8"))
  return 0


if __name__ == "__main__":
  define_flags()
  flags.mark_flags_as_required(["table", "out"])
  app.run(main)
