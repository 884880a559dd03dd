"""Where parameters come from: the `source` of a model's config."""

from __future__ import annotations

import hashlib
import os
import pathlib
from typing import Any

from jaxguide.convert import errors


def source_of(
    path: str | os.PathLike[str], container: str, **more: Any,
) -> dict[str, Any]:
  """The entries of `source` for the parameters out of a file.

  Args:
    path: the file.
    container: kind of file, see `torch_reader.Checkpoint`.
    **more: further entries, such as weights="ema".

  Returns:
    "file_name", "sha256", "container", and `more`.

  Raises:
    ConversionError: the file cannot be read.
  """
  return {
      "file_name": pathlib.Path(path).name, "sha256": sha256(path),
      "container": container, **more}


def check_is_of_card(
    source: dict[str, Any], card: str, expected: str | None,
) -> None:
  """Raises ConversionError where a file is not the one that a card is for.

  Args:
    source: entries of `source_of`.
    card: name of the card.
    expected: sha256 of the card's file; None where nobody has recorded it.
  """
  if expected not in (None, source["sha256"]):
    raise errors.ConversionError(
        f"the file has sha256 {source['sha256']}, and that of card {card} has "
        f"{expected}: it is another file, or a damaged one")


def sha256(path: str | os.PathLike[str]) -> str:
  """The SHA-256 of a file, 64 hexadecimal digits.

  Raises:
    ConversionError: the file cannot be read.
  """
  with errors.naming(path), open(path, "rb") as file:
    return hashlib.file_digest(file, "sha256").hexdigest()
