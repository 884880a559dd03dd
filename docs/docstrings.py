"""How docstrings become pages: indented formulas and tables stay as typed."""

from collections.abc import Iterator
import re
from typing import Any

import griffe

_SECTION = re.compile(r"^[A-Z][a-z]+:$")


class FormulasAsTyped(griffe.Extension):
  """Fences what a docstring indents below a blank line.

  The library indents formulas and small tables by two spaces, which Markdown
  would flow into one paragraph.
  """

  def on_instance(
      self, *, obj: griffe.Object | griffe.Alias, **_: Any) -> None:
    """Called for every object that was read."""
    if not obj.is_alias and obj.docstring is not None:
      lines = obj.docstring.value.splitlines()
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
