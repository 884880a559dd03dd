"""Every table file: its rows, its published numbers, its commands."""

import dataclasses
import re
import shlex
import textwrap

import pytest

from jaxguide.commands import evaluate as evaluate_command
from jaxguide.evaluation import overrides
from jaxguide.evaluation import set_scores
from jaxguide.evaluation import table_files
from tests.experiments import printed
from tests.experiments import support

ROWS = support.rows(*support.PATHS)
# They have other images than the table's numbers, or are of other tasks.
UNPUBLISHED = {f"vipaint/imagenet256/{n}" for n in
               ("rotated_label", "sr_x4", "deblur")}
UNPUBLISHED |= {f"vipaint/lsun256/{n}" for n in ("sr_x4", "deblur")}
TEXTS = sorted([
    support.ROOT / "README.md", *support.ROOT.glob("docs/**/*.md"),
    *support.ROOT.glob("experiments/*/README.md")])


def test_no_table_of_the_papers_and_of_emoji_is_lost():
  tables = {
      *(f"steered/{n}" for n in (
          "ffhq_super_resolution", "ffhq_colorization", "ffhq_inpainting",
          "imagenet_figures", "noto32")),
      *(f"vipaint/{n}" for n in (
          "imagenet64", "imagenet256", "lsun256", "emoji64", "emoji32",
          "noto32")),
      *(f"egsde/{n}" for n in (
          "cat2dog", "wild2dog", "male2female", "afhq_multi", "emoji32"))}
  assert tables <= set(support.PATHS)
  assert sum(len(support.table(name).names) for name in tables) == 98


@pytest.mark.parametrize("name", support.PATHS)
def test_a_file_says_what_it_is_and_names_its_rows(name):
  file = support.table(name)
  assert file.table.title and file.description
  for row in file.names:
    assert file.row(row).name == f"{file.path.stem}_{row}"


@pytest.mark.parametrize("name", support.PATHS)
def test_no_command_and_no_published_number_stands_in_a_docstring(name):
  text = support.table(name).description
  assert "jaxguide " not in text and "python" not in text
  for row in printed.PRINTED:
    if row.table == name:
      for line in row.text.strip().splitlines():
        assert not re.search(rf"^ *{re.escape(line.strip())}$", text, re.M)


def _cells(line, columns):
  """The method and the cells of a printed line: (value, deviation) or None."""
  method, *cells = re.split(r" {1,}(?=[\d-])", line.strip(), maxsplit=1)
  cells = cells[0].split()
  assert len(cells) == len(columns), line
  found = {}
  for column, cell in zip(columns, cells, strict=True):
    value, _, spread = cell.partition("±")
    if cell != "-":
      found[column] = (float(value), float(spread) if spread else None)
  return method.strip(), found


@pytest.mark.parametrize(
    "given", printed.PRINTED, ids=lambda p: f"{p.table}/{p.rows}")
def test_published_numbers_are_the_printed_ones(given):
  columns = given.columns.split()
  wanted = [_cells(line, columns) for line in given.text.strip().splitlines()]
  names = [n for n in support.rows(given.table)
           if n.rpartition("/")[2].startswith(given.rows)]
  assert names
  for name in names:
    if name in UNPUBLISHED:
      continue
    found = [
        (row.method, {c: (v, row.deviations.get(c))
                      for c, v in row.values.items()})
        for row in support.row(name).published]
    assert found == wanted, name


def test_every_published_row_is_checked():
  for name in ROWS:
    file, _, row = name.rpartition("/")
    known = any(p.table == file and row.startswith(p.rows)
                for p in printed.PRINTED) and name not in UNPUBLISHED
    assert bool(support.row(name).published) == known, name


@pytest.mark.parametrize("name", support.PATHS)
def test_a_list_names_every_row_and_what_it_needs(name):
  file = support.table(name)
  text = evaluate_command._listing(file)
  for row in file.names:
    experiment = file.row(row)
    (line,) = [
        line for line in text.splitlines() if line.startswith(f"  {row} ")]
    assert experiment.task.title in line
  embedded = file.path.stem.startswith(("noto", "emoji"))
  assert ("What every row needs comes with the package." in text) == embedded
  assert ("Needed by every row: " in text) == (not embedded)


@pytest.mark.parametrize("name", ROWS)
def test_rows_differ_from_each_other_by_more_than_their_name(name):
  file, _, _ = name.rpartition("/")
  said = overrides.to_json(dataclasses.replace(support.row(name), name=""))
  alike = [
      other for other in support.rows(file) if overrides.to_json(
          dataclasses.replace(support.row(other), name="")) == said]
  assert alike == [name]


@pytest.mark.parametrize("name", ROWS)
def test_a_set_is_compared_with_its_images_as_often_as_it_has_samples(name):
  experiment = support.row(name)
  if isinstance(experiment.set_reference, set_scores.RunImages):
    assert experiment.set_reference.repeats == experiment.samples_per_image


def _commands(text):
  """Every command on a table file in a text, as words."""
  joined = re.sub(r"\\+\n\s*", " ", text)
  for line in joined.splitlines():
    if re.match(r"\s*(jaxguide (evaluate|table|compare)|python -m experiments"
                r"\.(vipaint|egsde)\.\w+ .*--table) ", line):
      yield shlex.split(line.strip())


def _after(words, option):
  return words[words.index(option) + 1] if option in words else None


def _table_file(place, text, folder):
  """A table file of the repository, or one that the text itself shows."""
  if place.startswith("experiments/"):
    return support.table(
        place.removeprefix("experiments/").removesuffix(".py").replace(
            "/tables/", "/"))
  (shown,) = re.findall(
      rf'^```python title="{re.escape(place)}"\n(.*?)^```$', text, re.M | re.S)
  (folder / place).write_text(shown)
  return table_files.load(folder / place)


@pytest.mark.parametrize("path", TEXTS, ids=lambda p: p.name)
def test_commands_in_texts_name_files_and_rows_that_there_are(path, tmp_path):
  text = path.read_text("utf-8")
  for words in _commands(text):
    (place,) = [word for word in words if word.endswith(".py")]
    file = _table_file(place, text, tmp_path)
    rows = (_after(words, "--rows") or "").split(",")
    for row in [_after(words, "--row"), *rows]:
      assert not row or row.startswith("$") or row in file.names, words
    if words[1] in ("evaluate", "compare") and "--list" not in words:
      assert _after(words, "--row") or len(file.names) == 1, words


@pytest.mark.parametrize("example", [
    re.search(r"```python\n(.*?)```", (
        support.ROOT / "experiments/steered/README.md").read_text(), re.S)[1],
    textwrap.dedent(re.search(
        r"shortest one:\n\n(.*?)\n\nA `Table`", table_files.__doc__, re.S)[1])])
def test_the_shortest_table_file_that_texts_show_is_one(example, tmp_path):
  path = tmp_path / "mine.py"
  path.write_text(example)
  experiment = table_files.load_row(path)
  assert experiment.name == "mine_mine" and not experiment.published
  assert "What every row needs comes with the package." in (
      evaluate_command._listing(table_files.load(path)))


@pytest.mark.parametrize("system", ["steered", "vipaint", "egsde"])
def test_the_readme_of_a_system_names_every_table(system):
  text = (support.ROOT / "experiments" / system / "README.md").read_text()
  for name in support.PATHS:
    if name.startswith(f"{system}/"):
      assert f"`{name.partition('/')[2]}`" in text, name
