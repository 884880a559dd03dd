"""Runs a notebook in this process and can save what its cells show.

  python notebooks/run.py notebooks/steer_a_prior.ipynb --save

Nothing of Jupyter is needed. Like Jupyter, it shows what a cell prints and the
value of its last expression: a picture as PNG, anything else as text.
"""

import argparse
import ast
import base64
from collections.abc import Iterator, Mapping
import contextlib
import io
import json
import pathlib
import sys
from typing import Any

from PIL import Image


def read(path: pathlib.Path) -> dict[str, Any]:
  """The notebook as JSON."""
  return json.loads(path.read_text(encoding="utf-8"))


def run(notebook: Mapping[str, Any]) -> dict[str, Any]:
  """Runs all cells in order and puts what they show into the notebook.

  Args:
    notebook: from `read`; outputs of its code cells are replaced.

  Returns:
    The names that the cells defined.
  """
  names: dict[str, Any] = {"__name__": "__main__"}
  for number, cell in enumerate(notebook["cells"]):
    if cell["cell_type"] == "code":
      source = "".join(cell["source"])
      cell["outputs"] = list(_run_cell(source, f"cell {number}", names))
  return names


def _run_cell(
    source: str, title: str, names: dict[str, Any]) -> Iterator[dict[str, Any]]:
  tree = ast.parse(source, title)
  last = None
  if tree.body and isinstance(tree.body[-1], ast.Expr):
    last = ast.Expression(tree.body.pop().value)
  printed, value = io.StringIO(), None
  with contextlib.redirect_stdout(printed):
    exec(compile(tree, title, "exec"), names)
    if last is not None:
      value = eval(compile(last, title, "eval"), names)
  if printed.getvalue():
    yield {"name": "stdout", "output_type": "stream",
           "text": printed.getvalue().splitlines(keepends=True)}
  if value is not None:
    yield {"data": _shown(value), "execution_count": None, "metadata": {},
           "output_type": "execute_result"}


def _shown(value: Any) -> dict[str, Any]:
  if not isinstance(value, Image.Image):
    return {"text/plain": repr(value).splitlines(keepends=True)}
  encoded = io.BytesIO()
  value.save(encoded, "PNG", optimize=True)
  return {"image/png": base64.b64encode(encoded.getvalue()).decode("ascii")}


def save(path: pathlib.Path, notebook: Mapping[str, Any]) -> None:
  """Writes a notebook as Jupyter does."""
  text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True)
  path.write_text(text + "\n", encoding="utf-8")


def main(argv: list[str]) -> int:
  """Runs the notebooks that are named."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("notebook", nargs="+", type=pathlib.Path)
  parser.add_argument(
      "--save", action="store_true",
      help="Write what the cells show into the file.")
  args = parser.parse_args(argv)
  for path in args.notebook:
    notebook = read(path)
    run(notebook)
    if args.save:
      save(path, notebook)
    sys.stdout.write(f"{path}: every cell ran\n")
  return 0


if __name__ == "__main__":
  sys.exit(main(sys.argv[1:]))
