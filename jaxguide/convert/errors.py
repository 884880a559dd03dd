"""The two errors of this package; both are one line and name the file."""

from __future__ import annotations

from collections.abc import Collection, Iterator
import contextlib
import difflib
import os

_LONGEST_TEXT = 80
_LONGEST_TUPLE = 8
_MOST_ITEMS = 5


class ConversionError(ValueError):
  """A checkpoint, card or model directory cannot be used as asked.

  Example:
    >>> from jaxguide import convert
    >>> try:
    ...   convert.load_prior("noto23")
    ... except convert.ConversionError as error:
    ...   print(str(error)[:25])
    noto23: no such directory
  """


class CheckpointError(ConversionError):
  """A file is no checkpoint that this package reads, or it is damaged.

  Example:
    >>> import pathlib
    >>> from jaxguide import convert
    >>> _ = pathlib.Path("notes.pt").write_text("no checkpoint")
    >>> try:
    ...   convert.read_checkpoint("notes.pt")
    ... except convert.CheckpointError as error:
    ...   print(str(error)[:27])
    notes.pt: is no checkpoint:
  """


def quoted(value: object) -> str:
  """`value` as a short literal on one line, safe to print.

  Objects out of a file may be huge, or refer to themselves: beyond texts,
  numbers and short tuples of them only the type is named.
  """
  if isinstance(value, (str, bytes)):
    text = ascii(value[:_LONGEST_TEXT])
    return text if len(value) <= _LONGEST_TEXT else f"{text}..."
  if isinstance(value, int):
    return str(value) if value.bit_length() < 128 else "a huge integer"
  if value is None or isinstance(value, float):
    return str(value)
  if isinstance(value, (tuple, list)) and len(value) <= _LONGEST_TUPLE:
    return f"[{', '.join(_scalar(item) for item in value)}]"
  return f"a {type(value).__name__}"


def _scalar(value: object) -> str:
  nested = isinstance(value, (tuple, list))
  return f"a {type(value).__name__}" if nested else quoted(value)


def listed(values: object) -> str:
  """The first few of `values` as literals, and how many more there are."""
  values = list(values)
  text = ", ".join(quoted(value) for value in values[:_MOST_ITEMS])
  if len(values) > _MOST_ITEMS:
    text += f" and {len(values) - _MOST_ITEMS} more"
  return text


def near(name: str, known: Collection[str]) -> str:
  """What a user may have meant, as the end of an error's text.

  Args:
    name: word that was given.
    known: all that are allowed.

  Returns:
    "try ..." with the names that sound like it, or with all of them.
  """
  found = difflib.get_close_matches(name, known, n=3) or sorted(known)
  return f"try {', '.join(found)}"


@contextlib.contextmanager
def naming(
    path: str | os.PathLike[str],
    error: type[ConversionError] = ConversionError,
) -> Iterator[None]:
  """Turns errors of the block into one `error` that starts with `path`.

  Args:
    path: the file or directory that the block works on.
    error: the class for OSError; a ConversionError keeps its own class.

  Raises:
    ConversionError: every ConversionError and OSError of the block.
  """
  try:
    yield
  except ConversionError as cause:
    text = str(cause)
    if not text.startswith(f"{path}: "):
      text = f"{path}: {text}"
    raise type(cause)(text) from cause
  except OSError as cause:
    reason = cause.strerror or str(cause) or type(cause).__name__
    raise error(f"{path}: {' '.join(reason.split())}") from cause
