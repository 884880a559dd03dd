"""The rows of a whole table, measured and published, in one file.

Rows over the same images and the same task are a group: they are compared
with each other, and share their published rows. Where a table has several
groups a group is called after what the names of its rows begin with alike:
"rotated" for rotated_vipaint2 and rotated_vipaint4.
"""

from collections.abc import Mapping, Sequence
import json
import os
import pathlib
from typing import NamedTuple

from jaxguide.evaluation import experiments
from jaxguide.evaluation import overrides
from jaxguide.evaluation import pictures
from jaxguide.evaluation import tables
from jaxguide.evaluation.reporting import comparison
from jaxguide.evaluation.reporting import grids
from jaxguide.evaluation.reporting import reports

# Images per group in the grid of a table with several.
_FEW_IMAGES = 2


class FinishedRow(NamedTuple):
  """A row that was run to its end.

  Attributes:
    experiment: that was run.
    report: what it ended with.
  """

  experiment: experiments.Experiment
  report: reports.Report

  @property
  def title(self) -> str:
    """What the run's own table calls its method."""
    return [r.method for r in self.report.rows if not r.published][-1]


class _Group(NamedTuple):
  heading: str  # Empty where there is one group alone.
  members: Mapping[str, FinishedRow]
  compared: comparison.Comparison


def write(
    out: pathlib.Path,
    finished: Mapping[str, FinishedRow],
    *,
    title: str = "",
    notes: Sequence[str] = (),
) -> tuple[tables.Row, ...]:
  """Writes table.md and, where there are pictures, grid.png.

  Args:
    out: folder to write to.
    finished: rows by name, at least one.
    title: heading of the table.
    notes: lines below the table, before the others.

  Returns:
    The rows: of each group the measured ones, then the published ones.

  Raises:
    ValueError: if rows of one group differ in their images, in what was
      observed of them or in how a metric is computed.
  """
  groups = _groups(finished)
  rows = [row for group in groups for row in _rows(group)]
  # Columns of the first group that has them come first.
  columns = {c.name: c for g in reversed(groups) for c in g.compared.columns}
  below = [*notes, *(g.compared.spread for g in groups)]
  below += [f"{g.heading}: {note}" if g.heading else note
            for g in groups for note in g.compared.differences]
  below += [s for g in groups for s in g.compared.signatures]
  tables.write_table(
      out / "table.md", rows, list(columns.values()), title=title,
      notes=list(dict.fromkeys(below)))
  _write_grid(groups, out / "grid.png")
  return tuple(rows)


def _groups(finished: Mapping[str, FinishedRow]) -> list[_Group]:
  found: dict[str, dict[str, FinishedRow]] = {}
  for name, row in finished.items():
    found.setdefault(_given(row.experiment), {})[name] = row
  headings = _headings([list(members) for members in found.values()])
  count = grids.GRID_ROWS if len(found) == 1 else _FEW_IMAGES
  groups = []
  for heading, members in zip(headings, found.values(), strict=True):
    first = next(iter(members.values()))
    runs = {name: row.report.directory for name, row in members.items()}
    groups.append(_Group(heading, members, comparison.gather(
        first.experiment, runs, num_images=count)))
  return groups


def _given(experiment: experiments.Experiment) -> str:
  """What rows must have in common to be compared: images, task and seed."""
  return json.dumps(overrides.to_json(
      (experiment.data, experiment.task, experiment.seed)))


def _headings(groups: Sequence[Sequence[str]]) -> list[str]:
  """What groups of rows are called; nothing where there is one alone."""
  if len(groups) == 1:
    return [""]
  begun = ["_".join(os.path.commonprefix([n.split("_") for n in names]))
           for names in groups]
  return [
      text if text and begun.count(text) == 1 else ", ".join(names)
      for text, names in zip(begun, groups, strict=True)]


def _rows(group: _Group) -> list[tables.Row]:
  measured = [
      row._replace(
          group=group.heading,
          method=f"{name}: {group.members[name].title}")
      for name, row in zip(group.members, group.compared.rows, strict=True)]
  # Published rows hold dicts, which a set cannot.
  published: list[tables.Published] = []
  for member in group.members.values():
    published += [p for p in member.experiment.published
                  if p not in published]
  return measured + [
      tables.published_row(p, group.heading) for p in published]


def _write_grid(groups: Sequence[_Group], path: pathlib.Path) -> None:
  """A row per image; a column per thing given and method of any group."""
  columns = [_columns(group) for group in groups]
  labels = dict.fromkeys(label for own in columns for label in own)
  rows, titles = [], []
  for group, own in zip(groups, columns, strict=True):
    for image, cells in group.compared.pictures.items():
      found = dict(zip(own, cells, strict=True))
      rows.append([found.get(label, pictures.Cell(None)) for label in labels])
      titles.append(f"{group.heading}: {image}" if group.heading else image)
  if rows:
    pictures.write_grid(
        path, rows, column_labels=list(labels), row_labels=titles)


def _columns(group: _Group) -> list[str]:
  """What the columns of a group are called, each by a name of its own.

  Where there are several groups the rows of one method share a column: it is
  called after the method, or where a group has two of it, after the row.
  """
  labels: list[str] = []
  for label in group.compared.picture_labels:
    if group.heading and label in group.members:
      method = group.members[label].title
      method = method.partition(" (")[0].partition(",")[0]
      label = label if method in labels else method
    labels.append(label)
  return labels
