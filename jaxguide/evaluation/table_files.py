"""Experiments from Python files."""

import difflib
import importlib.util
import pathlib
import traceback

from jaxguide.evaluation import experiments
from jaxguide.evaluation import overrides


def load(
    path: pathlib.Path | str, *, smoke: bool = False
) -> experiments.Experiment:
  """The experiment that a config file describes.

  Args:
    path: a Python file with `get_config`. It is executed.
    smoke: asks for the tiny version that runs anywhere in seconds.

  Raises:
    ConfigError: if there is no such file, it cannot be executed (the cause is
      attached), or it gives no `Experiment`.
  """
  path = pathlib.Path(path)
  if not path.is_file():
    raise overrides.ConfigError(
        f"config {path} does not exist{_nearby_files(path)}")
  spec = importlib.util.spec_from_file_location(f"_config_{path.stem}", path)
  if spec is None:
    raise overrides.ConfigError(f"config {path} is no Python file")
  module = importlib.util.module_from_spec(spec)
  try:
    spec.loader.exec_module(module)
  except Exception as error:
    raise overrides.ConfigError(
        f"config {path}{_fault(spec.origin, error)}") from error
  if not callable(getattr(module, "get_config", None)):
    raise overrides.ConfigError(f"config {path} has no function get_config")
  experiment = module.get_config(smoke=True) if smoke else module.get_config()
  if not isinstance(experiment, experiments.Experiment):
    raise overrides.ConfigError(
        f"get_config of {path} must return an Experiment, got "
        f"{type(experiment).__name__}"
    )
  return experiment


def _fault(here: str, error: Exception) -> str:
  """Where in the file `here` an error arose, and which, on one line."""
  lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__)
           if frame.filename == here]
  reason = str(error)
  if isinstance(error, SyntaxError):
    reason = error.msg
    if error.filename == here:
      lines.append(error.lineno)
    elif error.filename:
      reason += f" ({error.filename}, line {error.lineno})"
  place = f", line {lines[-1]}" if lines and lines[-1] else ""
  return " ".join(f"{place}: {type(error).__name__}: {reason}".split())


def _nearby_files(path: pathlib.Path) -> str:
  names = [p.stem for p in path.parent.glob("*.py")]
  near = difflib.get_close_matches(path.stem, names, n=1)
  return f"; did you mean {path.parent / near[0]}.py?" if near else ""
