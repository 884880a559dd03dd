"""How docstrings become pages, and which names of a package have one."""

import ast
from collections.abc import Iterator
import re
from typing import Any

import griffe

_SECTION = re.compile(r"^[A-Z][a-z]+:$")


class PublicNames(griffe.Extension):
  """Tells the names that a package's `__init__` repeats, `x as x`.

  `__all__` follows from them when the package is imported; here nothing is.
  """

  def on_module_members(
      self, *, node: ast.AST | griffe.ObjectNode, mod: griffe.Module, **_: Any
  ) -> None:
    """Called for every module when all of its members are known."""
    if not isinstance(node, ast.Module) or not mod.is_init_module:
      return
    names = [
        alias.name for entry in node.body if isinstance(entry, ast.ImportFrom)
        for alias in entry.names if alias.asname == alias.name]
    if names:
      own = [name for name, member in mod.members.items()
             if not member.is_alias and not member.is_module
             and not name.startswith("_")]
      mod.exports = [*names, *own]


class FormulasAsTyped(griffe.Extension):
  """Fences what a docstring indents below a blank line.

  The library indents formulas and small tables by two spaces, which Markdown
  would flow into one paragraph.
  """

  def on_instance(
      self, *, obj: griffe.Object | griffe.Alias, **_: Any) -> None:
    """Called for every object that was read."""
    if not obj.is_alias and obj.docstring is not None:
      # By its plural the section is known to hold code.
      text = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.M)
      lines = text.splitlines()
      obj.docstring.value = "\n".join(_fenced(lines))


def _fenced(lines: list[str]) -> Iterator[str]:
  """The lines, with fences round indented blocks ahead of any section."""
  inside, before, held = False, "", 0
  for number, line in enumerate(lines):
    if _SECTION.match(line):
      if inside:
        yield "```"
        yield from [""] * held
      yield from lines[number:]
      return
    indented = line.startswith("  ")
    if inside and not line.strip():
      held += 1
      continue
    if inside and not indented:
      yield "```"
      inside = False
    yield from [""] * held
    held = 0
    if indented and not inside and not before.strip() and number:
      yield "```text"
      inside = True
    yield line
    before = line
  if inside:
    yield "```"
