"""Tables of results in Markdown: measured rows and published ones."""

from collections.abc import Mapping, Sequence
import dataclasses
import math
import pathlib
import statistics
from typing import NamedTuple

from jaxguide import metrics
from jaxguide.evaluation import store


class Estimate(NamedTuple):
  """A mean over images.

  Attributes:
    mean: the mean of the finite values; NaN of none.
    standard_error: standard error of the mean; None where it is not known (a
      published number, or a single image).
    num_images: how many images, None where that is not known.
    deviation: standard deviation of such means over seeds; None of one run.

  Example:
    >>> from jaxguide import evaluation
    >>> evaluation.Estimate(mean=24.5, standard_error=0.3, num_images=100).mean
    24.5
  """

  mean: float
  standard_error: float | None = None
  num_images: int | None = None
  deviation: float | None = None


def estimate(values: Sequence[float]) -> Estimate:
  """Mean and standard error of one number per image.

  By `metrics.summarise`: exact sums, so the order of the images does not
  matter; infinities (the PSNR of equal pictures) are left out of the mean.

  Args:
    values: one per image.

  Example:
    >>> from jaxguide import evaluation
    >>> e = evaluation.estimate([20.0, 22.0, 24.0])
    >>> e.mean, round(e.standard_error, 4), e.num_images
    (22.0, 1.1547, 3)
  """
  summary = metrics.summarise("", values)
  error = summary.standard_error
  return Estimate(
      summary.mean, None if math.isnan(error) else error, summary.num_images)


def estimate_over_seeds(
    runs: Sequence[Estimate | float], num_images: int | None = None
) -> Estimate:
  """Mean and standard deviation (of a sample, N - 1) over seeds.

  Args:
    runs: the mean of each run; those that are NaN are left out.
    num_images: number of images of one run.
  """
  means = [r.mean if isinstance(r, Estimate) else r for r in runs]
  means = [m for m in means if not math.isnan(m)]
  if len(means) < 2:
    return Estimate(means[0] if means else math.nan, None, num_images)
  return Estimate(
      statistics.fmean(means), None, num_images, statistics.stdev(means))


@dataclasses.dataclass(frozen=True)
class Published:
  """A row of a paper's table, as printed there; see `published`.

  Attributes:
    method: name as the paper calls it.
    source: paper and table.
    values: printed numbers by metric name.
    num_images: how many images they are over; None where the paper does not
      say.
    note: what a reader has to know to compare.
    deviations: printed deviations over seeds, by metric name.
    recalled: whether the numbers were written down from memory, and are to be
      verified before anybody quotes them.

  Example:
    >>> from jaxguide import evaluation
    >>> row = evaluation.Published(
    ...     "Theirs", "Their paper, Table 1", {"psnr": 24.5}, num_images=100)
    >>> row.values["psnr"]
    24.5
  """

  method: str
  source: str
  values: Mapping[str, float]
  num_images: int | None = None
  note: str = ""
  deviations: Mapping[str, float] = dataclasses.field(default_factory=dict)
  recalled: bool = False


def published(
    source: str,
    names: Sequence[str],
    rows: Mapping[str, Sequence[float | tuple[float, float] | None]],
    num_images: int | None = None,
    *,
    recalled: bool = False,
    note: str = "",
) -> tuple[Published, ...]:
  """A printed table, row by row.

  Args:
    source: paper and table.
    names: names of the metrics in its columns.
    rows: rows by method, as printed: a number, (mean, deviation over seeds), or
      None where nothing is.
    num_images: how many images they are over; None where the paper does not
      say.
    recalled: whether they were written down from memory.
    note: note shown under the table.

  Raises:
    ValueError: if a row has another number of columns.

  Example:
    >>> from jaxguide import evaluation
    >>> rows = evaluation.published(
    ...     "Their paper, Table 1", ("psnr", "ssim"),
    ...     {"Theirs": (24.5, 0.8), "Another": (23.1, None)})
    >>> [(row.method, dict(row.values)) for row in rows]
    [('Theirs', {'psnr': 24.5, 'ssim': 0.8}), ('Another', {'psnr': 23.1})]
  """
  found = []
  for method, cells in rows.items():
    cells = dict(zip(names, cells, strict=True))
    pairs = {k: c if isinstance(c, tuple) else (c, None)
             for k, c in cells.items() if c is not None}
    found.append(Published(
        method, source, {k: value for k, (value, _) in pairs.items()},
        num_images, note,
        {k: spread for k, (_, spread) in pairs.items() if spread is not None},
        recalled))
  return tuple(found)


class Row(NamedTuple):
  """A row of a table.

  Attributes:
    method: first column (after the group).
    values: what is known, by metric name.
    num_images: images behind the row; None where that is not known.
    published: whether the numbers were copied from a paper.
    recalled: whether they were written down from memory.
    group: what the row belongs to (a task); the column is left out where no
      row has one.
    note: shown under the table.

  Example:
    >>> from jaxguide import evaluation
    >>> row = evaluation.Row("Ours", {"psnr": evaluation.Estimate(24.5)})
    >>> row.method, row.values["psnr"].mean
    ('Ours', 24.5)
  """

  method: str
  values: Mapping[str, Estimate]
  num_images: int | None = None
  published: bool = False
  group: str = ""
  note: str = ""
  recalled: bool = False


class Column(NamedTuple):
  """How a metric is shown.

  Attributes:
    name: name of the metric.
    label: heading.
    higher_is_better: direction of the arrow; None without one.
    digits: after the point.
  """

  name: str
  label: str
  higher_is_better: bool | None = None
  digits: int = 4


# Headings of metrics that a published row may have and a run may not.
COLUMNS = (
    Column("psnr", "PSNR [dB]", True, 2),
    Column("ssim", "SSIM", True, 4),
    Column("lpips", "LPIPS", False, 4),
    Column("fid", "FID", False, 2),
    Column("kid", "KID", False, 4),
    Column("niqe", "NIQE", False, 2),
    Column("lpips_vipaint", "LPIPS", False, 4),
    Column("psnr_vipaint", "PSNR, peak 1 [dB]", True, 2),
    Column("l2_egsde", "L2", False, 2),
    Column("psnr_egsde", "PSNR [dB]", True, 2),
    Column("votes", "votes for EGSDE [%]", None, 1),
    Column("consistency", "Consistency RMSE", False, 4),
)


def published_row(published: Published, group: str = "") -> Row:
  """The row of a table for a published one."""
  values = {k: Estimate(float(v), None, published.num_images,
                        published.deviations.get(k))
            for k, v in published.values.items()}
  note = f"{published.method}: published in {published.source}"
  if published.recalled:
    note += "; recalled from memory, verify before quoting"
  if published.note:
    note += f"; {published.note}"
  return Row(published.method, values, published.num_images, True, group, note,
             published.recalled)


def columns_of(
    rows: Sequence[Row], columns: Sequence[Column] = ()
) -> list[Column]:
  """The columns that some row fills: the given ones first, then the others.

  Args:
    rows: rows of the table.
    columns: columns of the metrics of this run, in their order.
  """
  names = dict.fromkeys(name for row in rows for name in row.values)
  known = {c.name: c for c in (*COLUMNS, *columns)}
  first = [c for c in columns if c.name in names]
  taken = {c.name for c in first}
  rest = [c for c in known.values() if c.name in names and
          c.name not in taken]
  taken |= {c.name for c in rest}
  others = [Column(n, n) for n in names if n not in taken]
  return first + rest + others


def format_table(
    rows: Sequence[Row],
    columns: Sequence[Column] = (),
    *,
    title: str = "",
    notes: Sequence[str] = (),
) -> str:
  """A Markdown table: mean +- standard error, "-" where nothing is known.

  Args:
    rows: measured and published, in the order wanted.
    columns: columns of the run's metrics; others that rows fill are added.
    title: a heading above.
    notes: lines below, before the notes of the rows.
  """
  columns = columns_of(rows, columns)
  groups = any(row.group for row in rows)
  head = (["Task"] if groups else []) + ["Method", "Images"]
  lines = [head + [_heading(c) for c in columns]]
  for row in rows:
    cells = [row.group] if groups else []
    cells += [_method(row), _count(row.num_images)]
    lines.append(cells + [_cell(row, c) for c in columns])
  aligned = ["left"] * (len(head) - 1) + ["right"] * (len(columns) + 1)
  text = f"# {title}\n\n" if title else ""
  text += _markdown(lines, aligned)
  below = [*notes, *dict.fromkeys(row.note for row in rows if row.note)]
  if any(row.published for row in rows):
    below.insert(0, "Rows marked (published) are copied from the paper and "
                    "were not run here.")
  return text + "".join(f"\n- {note}" if i else f"\n\n- {note}"
                        for i, note in enumerate(below)) + "\n"


def write_table(
    path: pathlib.Path | str,
    rows: Sequence[Row],
    columns: Sequence[Column] = (),
    *,
    title: str = "",
    notes: Sequence[str] = (),
) -> None:
  """Writes `format_table` atomically; arguments are its own.

  Example:
    >>> import pathlib
    >>> from jaxguide import evaluation
    >>> row = evaluation.Row(
    ...     "Ours", {"psnr": evaluation.estimate([20.0, 22.0, 24.0])}, 3)
    >>> evaluation.write_table("table.md", [row])
    >>> print(pathlib.Path("table.md").read_text())
    | Method | Images |  PSNR [dB] ↑ |
    | ------ | -----: | -----------: |
    | Ours   |      3 | 22.00 ± 1.15 |
    <BLANKLINE>
  """
  text = format_table(rows, columns, title=title, notes=notes)
  store.write_atomic(path, text)


def _heading(column: Column) -> str:
  arrow = {True: " ↑", False: " ↓", None: ""}[column.higher_is_better]
  return column.label + arrow


def _method(row: Row) -> str:
  if not row.published:
    return row.method
  return f"{row.method} (published{', recalled' if row.recalled else ''})"


def _count(count: int | None) -> str:
  return "-" if count is None else str(count)


def _cell(row: Row, column: Column) -> str:
  found = row.values.get(column.name)
  if found is None or math.isnan(found.mean):
    return "-"
  if row.published:
    # As printed: a paper's 0.711 must not become 0.7110.
    spread = found.deviation
    return repr(found.mean) + (f" ± {spread!r}" if spread is not None else "")
  text = f"{found.mean:.{column.digits}f}"
  spread = (found.standard_error if found.deviation is None
            else found.deviation)
  if spread is not None:
    text += f" ± {spread:.{column.digits}f}"
  return text


def _markdown(lines: Sequence[Sequence[str]], aligned: Sequence[str]) -> str:
  escaped = [[c.replace("|", "\\|") for c in line] for line in lines]
  widths = [max(3, *(len(line[i]) for line in escaped))
            for i in range(len(aligned))]
  rule = [("-" * (w - 1) + ":") if a == "right" else "-" * w
          for w, a in zip(widths, aligned, strict=True)]
  out = []
  for line in (escaped[0], rule, *escaped[1:]):
    cells = [c.rjust(w) if a == "right" else c.ljust(w)
             for c, w, a in zip(line, widths, aligned, strict=True)]
    out.append("| " + " | ".join(cells) + " |")
  return "\n".join(out)
