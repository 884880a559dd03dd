"""Docstrings say what a thing is: read off the source of the library.

A public name has a docstring; the entries of its sections begin with a noun;
a section of arguments names every argument and no other. `NOT_YET` lists the
modules and packages that do not hold to this so far.
"""

import ast
from collections.abc import Iterator
import inspect
import pathlib
import re
from typing import NamedTuple

import pytest

import jaxguide

ROOT = pathlib.Path(jaxguide.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
# What an entry must not begin with: "of the mask" does not say what it is.
FORBIDDEN = frozenset((
    "of", "see", "for", "as", "likewise", "where", "in", "to", "when"))
SECTIONS = ("Args", "Attributes", "Returns", "Yields", "Raises")
# Top-level modules and packages still to be gone through. The list may only
# shrink: with `ONLY_SHRINKS` one that is free of faults must leave it.
NOT_YET = ()
ONLY_SHRINKS = True


class Entry(NamedTuple):
  """One entry of a section: "mask: 1 = observed".

  Attributes:
    section: name of the section, one of `SECTIONS`.
    name: what stands before the colon; empty in "Returns" and "Yields".
    text: the text behind it.
  """

  section: str
  name: str
  text: str


def _entries(docstring: str) -> Iterator[Entry]:
  section = None
  for line in inspect.cleandoc(docstring).splitlines():
    head = re.fullmatch(r"(\w+):", line)
    if line and not line.startswith(" "):
      section = head[1] if head and head[1] in SECTIONS else None
      first = True
    elif section in ("Returns", "Yields"):
      if line and first:
        yield Entry(section, "", line.strip())
        first = False
    elif section and re.match(r"  \S", line):
      name, _, text = line.strip().partition(":")
      yield Entry(section, name, text.strip())


def _first_word(text: str) -> str:
  return (re.findall(r"[\w-]+", text) or [""])[0].lower()


def _arguments(node: ast.AST) -> set[str]:
  """The arguments that a caller gives."""
  a = node.args
  found = [*a.posonlyargs, *a.args, *a.kwonlyargs]
  names = {n.arg for n in found} | {
      f"{stars}{n.arg}" for stars, n in (("*", a.vararg), ("**", a.kwarg)) if n}
  return names - {"self", "cls"}


def _definitions(
    body: list[ast.stmt], place: str = ""
) -> Iterator[tuple[str, ast.AST]]:
  """Public functions, classes and methods, with their dotted names."""
  for node in body:
    if isinstance(node, (ast.If, ast.Try)):
      yield from _definitions(node.body, place)
    elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
      if any("overload" in ast.unparse(d) for d in node.decorator_list):
        continue  # The function itself is documented.
      public = not node.name.startswith("_") or node.name in (
          "__call__", "__init__")
      if public:
        yield f"{place}{node.name}", node
        if isinstance(node, ast.ClassDef):
          yield from _definitions(node.body, f"{place}{node.name}.")


def _is_property(node: ast.AST) -> bool:
  return any("property" in ast.unparse(d) for d in node.decorator_list)


def _faults_of(name: str, node: ast.AST) -> Iterator[str]:
  docstring = ast.get_docstring(node)
  if not docstring:
    if not name.rsplit(".")[-1].startswith("__"):
      yield f"{name} has no docstring"
    return
  entries = list(_entries(docstring))
  for entry in entries:
    if _first_word(entry.text) in FORBIDDEN:
      yield (f"{name}, {entry.section}: {entry.name} begins with "
             f"{_first_word(entry.text)!r}, not with a noun")
    elif not entry.text:
      yield f"{name}, {entry.section}: {entry.name} has no text"
  if isinstance(node, ast.ClassDef) or _is_property(node):
    return
  told = {n.strip() for e in entries if e.section == "Args"
          for n in e.name.split(",")}
  wanted = _arguments(node)
  if told:
    yield from (f"{name}: Args lacks {n}" for n in sorted(wanted - told))
    yield from (f"{name}: Args has {n}, which it does not take"
                for n in sorted(told - wanted))


def faults(path: pathlib.Path) -> list[str]:
  """What is wrong in one file."""
  tree = ast.parse(path.read_text(), str(path))
  found = [] if ast.get_docstring(tree) else ["the module has no docstring"]
  for name, node in _definitions(tree.body):
    found += _faults_of(name, node)
  where = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name
  return [f"{where}: {fault}" for fault in found]


def _unit(path: pathlib.Path) -> str:
  return path.relative_to(ROOT).parts[0].removesuffix(".py")


UNITS = sorted({_unit(path) for path in FILES})


def _faults_of_unit(unit: str) -> list[str]:
  return [f for path in FILES if _unit(path) == unit for f in faults(path)]


@pytest.mark.parametrize("unit", [u for u in UNITS if u not in NOT_YET])
def test_docstrings_say_what_things_are(unit):
  found = _faults_of_unit(unit)
  assert not found, "\n".join(found)


@pytest.mark.skipif(not ONLY_SHRINKS, reason="ONLY_SHRINKS is off")
@pytest.mark.parametrize("unit", NOT_YET)
def test_what_is_without_faults_leaves_the_list(unit):
  assert unit in UNITS, f"{unit} is no module or package of the library"
  assert _faults_of_unit(unit), f"{unit} is free of faults: take it off NOT_YET"


def test_the_checks_can_fail(tmp_path):
  path = tmp_path / "bad.py"
  path.write_text(
      "def f(x, *rest, y=0):\n"
      '  """Adds.\n\n'
      "  Args:\n"
      "    x: of a sum.\n"
      "    z: the other,\n"
      "      see the text.\n\n"
      "  Returns:\n"
      "    See `g`.\n\n"
      "  Raises:\n"
      '    ValueError: for nothing.\n  """\n\n\n'
      "class C:\n"
      '  """Holds.\n\n  Attributes:\n    a: likewise.\n  """\n\n'
      "  def m(self):\n    pass\n\n"
      "  def _n(self):\n    pass\n")
  text = "\n".join(faults(path))
  for fault in (
      "the module has no docstring",
      "f, Args: x begins with 'of', not with a noun",
      "f, Returns:  begins with 'see', not with a noun",
      "f, Raises: ValueError begins with 'for', not with a noun",
      "f: Args lacks *rest", "f: Args lacks y",
      "f: Args has z, which it does not take",
      "C, Attributes: a begins with 'likewise', not with a noun",
      "C.m has no docstring"):
    assert f"bad.py: {fault}" in text, fault
  assert len(text.splitlines()) == 9
