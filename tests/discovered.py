"""Helper modules that are found by their names: a new one is a new file."""

import importlib
import pathlib
import types

ROOT = pathlib.Path(__file__).parent.parent


def modules(beside: str, pattern: str) -> list[types.ModuleType]:
  """The modules of a folder of tests, by name.

  Args:
    beside: `__file__` of a module in that folder.
    pattern: what their file names look like, "*_cases.py".
  """
  folder = pathlib.Path(beside).parent
  package = ".".join(folder.relative_to(ROOT).parts)
  return [importlib.import_module(f"{package}.{path.stem}")
          for path in sorted(folder.glob(pattern))]
