"""The table files of the repository and their rows."""

import functools
import pathlib

from jaxguide.evaluation import table_files

ROOT = pathlib.Path(__file__).parents[2]
# By "vipaint/imagenet256"; what tables have in common is no table.
PATHS = {
    f"{path.parents[1].name}/{path.stem}": path
    for path in sorted(ROOT.glob("experiments/*/tables/*.py"))
    if not path.stem.endswith("_parts")}


@functools.cache
def table(name):
  """The executed table file, "vipaint/imagenet256"."""
  return table_files.load(PATHS[name])


def row(name, smoke=False):
  """An experiment by file and row, "vipaint/imagenet256/rotated_vipaint2"."""
  file, _, wanted = name.rpartition("/")
  return table(file).row(wanted, smoke=smoke)


def rows(*files):
  """The names of all rows of some tables, as `row` takes them."""
  return [f"{file}/{name}" for file in files for name in table(file).names]
