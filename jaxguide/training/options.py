"""Options of the command that a kind of training, or its images, declare."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Option(NamedTuple):
  """An option of `jaxguide train` and `jaxguide export`.

  What declares it is given its value by name in `changed`.

  Attributes:
    name: a word without the dashes in front of it.
    help: a sentence for `--help`.
    read: function from the text to the value; one that cannot be read is a
      ValueError.

  Example:
    >>> from jaxguide import training
    >>> option = training.Option("num_steps", "Number of updates in all.", int)
    >>> option.read("100")
    100
  """

  name: str
  help: str
  read: Callable[[str], Any] = str


def words(text: str) -> tuple[str, ...]:
  """The parts of "a,b,c"."""
  return tuple(text.split(","))
