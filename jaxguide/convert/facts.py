"""Reports for people: one fact per line, its name in front of its text."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from jaxguide.convert import errors

_NAME_WIDTH = 14


class Fact(NamedTuple):
  """One line of a report.

  Attributes:
    name: subject of the line, short.
    text: rest of the line.
  """

  name: str
  text: str


def lines(facts: Iterable[Fact]) -> str:
  """The text of a report, names and texts in two columns."""
  return "".join(
      f"{fact.name:<{_NAME_WIDTH}}{fact.text}\n" for fact in facts)


def left_out(names: Collection[str]) -> Fact:
  """The fact that tensors of a file were not used.

  Args:
    names: those of the tensors.
  """
  which = f": {errors.listed(names)}" if names else ""
  return Fact("left out", f"{len(names)} other tensors{which}")
