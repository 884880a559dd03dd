"""What a folder holds, as JSON: its one layout, and what differs in two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
import json
from typing import Any


def to_json(value: Any) -> str:
  """JSON with a fixed layout: equal values give equal bytes."""
  return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def plain(value: Any) -> Any:
  """The value as JSON keeps it: tuples are lists, keys are texts."""
  return json.loads(json.dumps(value))


def differences(
    found: Any, wanted: Any, path: str = ""
) -> Iterator[str]:
  """Yields "path: found -> wanted" for every leaf that differs.

  Args:
    found: JSON values, such as a file's.
    wanted: the values that they are compared with.
    path: dotted place of both, in front of every path.
  """
  if isinstance(found, Mapping) and isinstance(wanted, Mapping):
    for key in dict.fromkeys((*found, *wanted)):
      inner = f"{path}.{key}" if path else key
      yield from differences(
          found.get(key, "nothing"), wanted.get(key, "nothing"), inner
      )
  elif found != wanted:
    yield f"{path}: {_short(found)} -> {_short(wanted)}"


def _short(value: Any) -> str:
  text = json.dumps(value, ensure_ascii=False)
  return text if len(text) <= 60 else f"{text[:57]}..."
