"""Table files: Python files that hold the rows of a table, by name.

The shortest one:

  from jaxguide import evaluation

  TABLE = {"mine": evaluation.Experiment(
      prior=evaluation.EmbeddedPrior("noto32"),
      data=evaluation.EmbeddedImages("noto32"),
      task=evaluation.Colorization(),
      method=evaluation.Steered(num_steps=50, num_inner=3, clip_x0=True))}

A `Table` in the place of the dict has a title too. A row may be a function
without arguments that gives the experiment: it is called when the row is
asked for.
"""

from collections.abc import Callable, Iterator, Mapping
import contextlib
import dataclasses
import difflib
import importlib.util
import pathlib
import sys
import traceback
import types

from jaxguide.evaluation import experiments

NAME = "TABLE"


class TableFileError(ValueError):
  """A table file that cannot be used, or a row that it does not have.

  Example:
    >>> from jaxguide import evaluation
    >>> try:
    ...   evaluation.load_row("nowhere.py")
    ... except evaluation.TableFileError as error:
    ...   print(str(error).split(";")[0])
    table file nowhere.py does not exist
  """


@dataclasses.dataclass(frozen=True)
class Table:
  """What a table file holds.

  Attributes:
    rows: experiments by the row's name, or functions without arguments that
      give them. An experiment without a name is called after the file and
      the row, "imagenet256_rotated_vipaint2".
    title: heading of the whole table; the file's name when empty.

  Example:
    >>> from jaxguide import evaluation
    >>> row = evaluation.Experiment(
    ...     prior=evaluation.EmbeddedPrior(), data=evaluation.EmbeddedImages(),
    ...     task=evaluation.SuperResolution(4), method=evaluation.Steered())
    >>> table = evaluation.Table({"sr_steered": row}, title="Emoji")
    >>> table.rows["sr_steered"].task.factor
    4
  """

  rows: Mapping[
      str, experiments.Experiment | Callable[[], experiments.Experiment]]
  title: str = ""


@dataclasses.dataclass(frozen=True)
class TableFile:
  """A table file that was executed; its rows are built when asked for.

  Attributes:
    path: path of the file, as it was given.
    table: what the file holds.
    description: docstring of the file; empty without one.
  """

  path: pathlib.Path
  table: Table
  description: str = ""

  @property
  def title(self) -> str:
    """The heading of the whole table."""
    return self.table.title or self.path.stem

  @property
  def names(self) -> tuple[str, ...]:
    """The rows, in the order of the file."""
    return tuple(self.table.rows)

  def row(
      self, name: str | None = None, *, smoke: bool = False
  ) -> experiments.Experiment:
    """The experiment of one row.

    Args:
      name: name of the row; may be left out where there is only one.
      smoke: gives the tiny version that runs anywhere in seconds.

    Raises:
      TableFileError: if there is no such row, or it gives no `Experiment`.
    """
    name = self._name(name)
    made = self.table.rows[name]
    if not isinstance(made, experiments.Experiment) and callable(made):
      with _faults(self.path, f"row {name}"):
        made = made()
    if not isinstance(made, experiments.Experiment):
      raise TableFileError(
          f"row {name} of {self.path} must be an Experiment, or a function "
          f"that returns one; got {type(made).__name__}")
    if not made.name:
      made = dataclasses.replace(made, name=f"{self.path.stem}_{name}")
    return made.tiny() if smoke else made

  def _name(self, name: str | None) -> str:
    if name is None and len(self.names) == 1:
      return self.names[0]
    if name is None:
      raise TableFileError(
          f"{self.path} has {len(self.names)} rows; name one of them: "
          f"{', '.join(self.names)}")
    if name not in self.names:
      near = difflib.get_close_matches(name, self.names, n=3, cutoff=0.5)
      hint = (f"did you mean {' or '.join(near)}?" if near else
              f"its rows are {', '.join(self.names)}")
      raise TableFileError(f"{self.path} has no row {name!r}; {hint}")
    return name


def load(path: pathlib.Path | str) -> TableFile:
  """Executes a table file.

  As of a script, modules that lie beside the file can be imported by it.

  Args:
    path: a Python file that sets `TABLE`, a `Table` or a dict of rows.

  Raises:
    TableFileError: if there is no such file, it cannot be executed (the cause
      is attached), or it sets no `TABLE`.
  """
  path = pathlib.Path(path)
  if not path.is_file():
    raise TableFileError(
        f"table file {path} does not exist{_nearby_files(path)}")
  module = _execute(path)
  found = vars(module).get(NAME)
  if found is None:
    raise TableFileError(f"table file {path} sets no {NAME}")
  if isinstance(found, Mapping):
    found = Table(found)
  if not isinstance(found, Table):
    raise TableFileError(
        f"{NAME} of {path} must be a Table or a dict of rows, got "
        f"{type(found).__name__}")
  if not found.rows:
    raise TableFileError(f"{NAME} of {path} has no rows")
  return TableFile(path, found, module.__doc__ or "")


def load_row(
    path: pathlib.Path | str,
    name: str | None = None,
    *,
    smoke: bool = False,
) -> experiments.Experiment:
  """One row of a table file: `load(path).row(name, smoke=smoke)`.

  Example:
    >>> import pathlib
    >>> from jaxguide import evaluation
    >>> text = '''from jaxguide import evaluation
    ... TABLE = {"grey": evaluation.Experiment(
    ...     prior=None, data=evaluation.DrawnImages(),
    ...     task=evaluation.Colorization(), method=evaluation.Baseline())}
    ... '''
    >>> _ = pathlib.Path("emoji.py").write_text(text)
    >>> evaluation.load_row("emoji.py", "grey").name
    'emoji_grey'
  """
  return load(path).row(name, smoke=smoke)


def _execute(path: pathlib.Path) -> types.ModuleType:
  spec = importlib.util.spec_from_file_location(f"_table_{path.stem}", path)
  if spec is None:
    raise TableFileError(f"table file {path} is no Python file")
  module = importlib.util.module_from_spec(spec)
  with _faults(path), _importable(path.resolve().parent):
    spec.loader.exec_module(module)
  return module


@contextlib.contextmanager
def _importable(folder: pathlib.Path) -> Iterator[None]:
  """Puts a folder where imports are looked for first."""
  sys.path.insert(0, str(folder))
  try:
    yield
  finally:
    sys.path.remove(str(folder))


@contextlib.contextmanager
def _faults(path: pathlib.Path, part: str = "") -> Iterator[None]:
  """Says on one line where in the user's file an error arose."""
  try:
    yield
  except Exception as error:
    # Frames name a file as the loader does, which makes paths absolute.
    origin = str(path.absolute())
    text = f"table file {path}{_fault(origin, error)}"
    raise TableFileError(text + (f" ({part})" if part else "")) from error


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
