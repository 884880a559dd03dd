"""What a package's `__all__` offers, read off its annotations."""

import inspect
import types
import typing
from typing import Any


def returning(
    package: types.ModuleType, wanted: tuple[Any, ...]
) -> list[str]:
  """The public functions of a package that return one of those types.

  A newcomer is picked up by its annotation: `def foo(...) -> Sampler` in
  `__all__` is a sampler, whatever its name.

  Args:
    package: a package with an `__all__`.
    wanted: types; one of them in a union counts.
  """
  found = []
  for name in package.__all__:
    value = getattr(package, name)
    if not inspect.isfunction(value):
      continue
    result = typing.get_type_hints(value).get("return")
    if any(one in wanted for one in (result, *typing.get_args(result))):
      found.append(name)
  return found
