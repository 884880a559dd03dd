"""Python files that hold the configuration of a training.

Such a file has a function that returns it:

  def get_config() -> training.EpsPriorTraining:
    return training.EpsPriorTraining(name="mine", ...)
"""

from __future__ import annotations

import importlib.util
import os
import pathlib
import traceback

from jaxguide.training import trainings


def load(path: str | os.PathLike[str]) -> trainings.Training:
  """Runs `get_config()` of a Python file.

  Args:
    path: the file. It is executed.

  Raises:
    ValueError: there is no such file, it cannot be executed, it has no such
      function, or that returns something else. One line, which names the
      file.

  Example:
    >>> import pathlib
    >>> from jaxguide import training
    >>> text = '''from jaxguide import training
    ... from jaxguide.data import training_images
    ... def get_config():
    ...   return training.EpsPriorTraining(
    ...       name="tiny", module={"model_channels": 32}, image_size=16,
    ...       images=training_images.ImageFolders())
    ... '''
    >>> _ = pathlib.Path("tiny.py").write_text(text)
    >>> training.load("tiny.py").name
    'tiny'
  """
  path = pathlib.Path(path)
  if not path.is_file():
    raise ValueError(f"config is {path}; there is no such file")
  spec = importlib.util.spec_from_file_location(f"_training_{path.stem}", path)
  if spec is None:
    raise ValueError(f"config is {path}; it is no Python file")
  module = importlib.util.module_from_spec(spec)
  try:
    spec.loader.exec_module(module)
    if not hasattr(module, "get_config"):
      raise ValueError("it has no function get_config")
    found = module.get_config()
  except Exception as error:
    raise ValueError(f"config is {path}; {_fault(path, error)}") from error
  if not isinstance(found, trainings.Training):
    raise ValueError(
        f"config is {path}; get_config returns {type(found).__name__}, not a "
        "Training")
  return found


def beside(file: str | os.PathLike[str], name: str) -> trainings.Training:
  """The configuration of a neighbouring file, for one that shares with it.

  Args:
    file: the file that asks, `__file__`.
    name: the neighbour's name, such as "noto32.py".

  Raises:
    ValueError: the neighbour does not fit; `load` says more.

  Example:
    >>> import pathlib
    >>> from jaxguide import training
    >>> text = '''from jaxguide import training
    ... from jaxguide.data import training_images
    ... def get_config():
    ...   return training.EpsPriorTraining(
    ...       name="near", module={"model_channels": 32}, image_size=16,
    ...       images=training_images.ImageFolders())
    ... '''
    >>> _ = pathlib.Path("near.py").write_text(text)
    >>> training.beside("longer.py", "near.py").changed(num_steps=9).num_steps
    9
  """
  return load(pathlib.Path(file).with_name(name))


def _fault(path: pathlib.Path, error: Exception) -> str:
  """What went wrong in the file, on one line; what a check says, as it is."""
  text = " ".join(str(error).split())
  if isinstance(error, ValueError):
    return text
  lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__)
           if frame.filename == str(path)]
  if isinstance(error, SyntaxError):
    lines.append(error.lineno)
  place = f" in line {lines[-1]}" if lines else ""
  return f"{type(error).__name__}{place}: {text}"
