"""The programs in examples/, which are no package, as modules."""

import importlib.util
import pathlib
import types

FOLDER = pathlib.Path(__file__).parent.parent / "examples"


def load(name: str) -> types.ModuleType:
  """The example of that name, run but for its `main`."""
  spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module
