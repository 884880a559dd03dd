"""The examples in the library's docstrings, run as they stand.

To add one, end the docstring of a public name with a few lines of `>>>` and
what they print:

  >>> from jaxguide import schedules
  >>> schedules.linear(1000).num_levels
  1000

It is found by itself. Import what a user would import; keep arrays tiny and
what is compiled small (a second for all examples of a module); use no
network. Files may be written by relative names: each module runs in a folder
of its own. Numpy prints four digits and no exponents, and where a number is
not the point, print its shape. "..." in the output stands for anything.
"""

import ast
import doctest
import functools
import importlib
import pathlib

import numpy as np
import pytest

import jaxguide

ROOT = pathlib.Path(jaxguide.__file__).parent
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)


@functools.cache
def examples(path: pathlib.Path) -> int:
  """How many examples the docstrings of a file have."""
  tree = ast.parse(path.read_text(), str(path))
  docstrings = [ast.get_docstring(node) or "" for node in ast.walk(tree)
                if isinstance(node, _DOCUMENTED)]
  parser = doctest.DocTestParser()
  return sum(len(parser.get_examples(text)) for text in docstrings)


def _name(path: pathlib.Path) -> str:
  parts = path.relative_to(ROOT.parent).with_suffix("").parts
  return ".".join(p for p in parts if p != "__init__")


MODULES = {_name(path): path for path in sorted(ROOT.rglob("*.py"))
           if examples(path)}


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module(name, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  module = importlib.import_module(name)
  found = doctest.DocTestFinder().find(module, name)
  runner = doctest.DocTestRunner(optionflags=OPTIONS)
  told = []
  with np.printoptions(precision=4, suppress=True, linewidth=80):
    for test in found:
      runner.run(test, out=told.append)
  assert not runner.failures, "".join(told)
  # One that is not found would pass unseen.
  assert runner.tries == examples(MODULES[name])
