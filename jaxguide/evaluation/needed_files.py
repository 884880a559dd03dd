"""Which files and folders an experiment reads, before any of them is opened.
"""

from collections.abc import Iterator
import dataclasses
import pathlib
from typing import Any

from jaxguide.evaluation import experiments

# Fields of sources that name a place on the disk.
_PLACES = ("path", "index", "folder")


def needed_files(experiment: experiments.Experiment) -> tuple[str, ...]:
  """The files and folders that a run reads, as the experiment names them.

  What comes with the package is none of them: an experiment with embedded
  prior and images needs nothing. Files of metrics are left out, as a run goes
  without them.

  Args:
    experiment: what would be run.

  Returns:
    Paths, each once, in the order prior, images, others.
  """
  method, needed = experiment.method, []
  for field in dataclasses.fields(experiment):
    unused = ((field.name == "prior" and not method.uses_prior) or
              (field.name == "set_reference" and not experiment.set_metrics))
    # A network whose weight is 0 is a field of its method, and never loaded.
    if not unused and field.name != "method":
      needed += _places(getattr(experiment, field.name))
  for source in method.networks.values():
    needed += _places(source)
  return tuple(dict.fromkeys(needed))


def missing_files(experiment: experiments.Experiment) -> tuple[str, ...]:
  """Those of `needed_files` that do not exist."""
  return tuple(
      path for path in needed_files(experiment)
      if not pathlib.Path(path).exists())


def _places(value: Any) -> Iterator[str]:
  """Yields what the fields of a source, and of sources in it, name."""
  if isinstance(value, tuple):
    for member in value:
      yield from _places(member)
  if not dataclasses.is_dataclass(value) or isinstance(value, type):
    return
  for field in dataclasses.fields(value):
    inner = getattr(value, field.name)
    if field.name in _PLACES and isinstance(inner, str):
      yield inner
    else:
      yield from _places(inner)
