"""Config files of one table: a row that differs in little from another.

The file of such a row holds what is its own and names the file beside it that
holds the rest:

  def get_config(smoke: bool = False) -> config.Experiment:
    return rows.row_like(__file__, "whole.py", smoke, seed=7)
"""

from collections.abc import Callable
import dataclasses
import pathlib
from typing import Any

from jaxguide.evaluation import experiments
from jaxguide.evaluation import methods
from jaxguide.evaluation import table_files


def row_like(
    file: pathlib.Path | str,
    base: str,
    smoke: bool = False,
    *,
    method: methods.Method | Callable[[Any], methods.Method] | None = None,
    **fields: Any,
) -> experiments.Experiment:
  """The experiment of another config file, with other fields.

  Args:
    file: the config file that asks, `__file__`; the experiment is named after
      it.
    base: name of a config file in the same folder, "cat2dog_egsde.py".
    smoke: gives the tiny version.
    method: another method, or a function from the base's method to it; the
      base's when left out.
    **fields: others of the experiment, see `config.Experiment`.

  Raises:
    ConfigError: if the base does not exist or gives no experiment.
  """
  path = pathlib.Path(file)
  whole = table_files.load(path.with_name(base))
  if method is not None:
    fields["method"] = method(whole.method) if callable(method) else method
  experiment = dataclasses.replace(whole, name=path.stem, **fields)
  return experiment.tiny() if smoke else experiment
