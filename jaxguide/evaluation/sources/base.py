"""What sources are: they say where something is, and load it when asked.

Each is a frozen dataclass, a value of an experiment. Nothing is read before it
is needed, and what is missing is named with the way to get it.
"""

import abc
from collections.abc import Callable, Sequence
import functools
from typing import Any, NamedTuple

import numpy as np

from jaxguide import arrays
from jaxguide import convert
from jaxguide import data
from jaxguide import schedules


class PriorSource(abc.ABC):
  """Where a pretrained prior comes from.

  Example:
    >>> from jaxguide import convert, evaluation
    >>> class Emoji(evaluation.PriorSource):
    ...   def load(self):
    ...     return convert.load_prior("noto32")
    ...   def tiny(self, size, conditions=()):
    ...     return self
    >>> Emoji().load().image_size
    32
  """

  @abc.abstractmethod
  def load(self) -> convert.Prior:
    """Loads the prior.

    Raises:
      FileNotFoundError: if it is not there, saying where to get it.
    """

  @abc.abstractmethod
  def tiny(self, size: int, conditions: Sequence[str] = ()) -> "PriorSource":
    """A small random prior of the same kind, for trial runs.

    Args:
      size: height and width of its images.
      conditions: names of the conditions that it shall have.
    """


class DataSource(abc.ABC):
  """Where images come from.

  Attributes:
    size: height and width of its images.

  Example:
    >>> import numpy as np
    >>> from jaxguide import data, evaluation
    >>> class Black(evaluation.DataSource):
    ...   size = 16
    ...   def open(self):
    ...     return data.ArrayImages(np.zeros((2, 16, 16, 3), np.uint8))
    ...   def tiny(self):
    ...     return self
    >>> len(Black().open())
    2
  """

  size: int

  @abc.abstractmethod
  def open(self) -> data.Dataset:
    """Opens the data set; pictures are read later, one by one.

    Raises:
      FileNotFoundError: if it is not there, saying what was expected.
    """

  @abc.abstractmethod
  def tiny(self) -> "DataSource":
    """Few small images that need no file, for trial runs."""


class Member(abc.ABC):
  """One of several values of a field, such as a source of conditions.

  Attributes:
    key: name that tells it from the others; `--set FIELD.KEY.NAME=VALUE`
      changes a field of it.
  """

  key: str


class ConditionSource(Member):
  """Where the values of one condition of a prior come from.

  Attributes:
    key: name of the condition, as the prior has it: "label".

  Example:
    >>> from jaxguide import evaluation
    >>> source = evaluation.FixedLabel(207)
    >>> source.key, source.load(0, "any.png")
    ('label', array(207, dtype=int32))
  """

  @abc.abstractmethod
  def load(self, index: int, image: str) -> np.ndarray:
    """Loads the value of one image, without a batch axis.

    Args:
      index: number of the image in its data set.
      image: name of the image.

    Raises:
      FileNotFoundError: if what holds the values is not there.
      ValueError: if there is none for this image.
    """

  def describe(self, index: int, image: str) -> Any:
    """What the journal of a run says of the value, as a JSON value.

    It is asked of every image before any work begins, so it should be cheap
    and name what is missing. None says nothing.

    Args:
      index: number of the image in its data set.
      image: name of the image.
    """
    del index, image

  def tiny(self) -> "ConditionSource | None":
    """Values that need no file, for trial runs; None for doing without."""
    return None


class Network(NamedTuple):
  """A network that a method uses beside the prior.

  Its parameters stay an argument of compiled programs.

  Attributes:
    apply: `(params, x [B, H, W, 3], time [B]) -> features [B, ...]`; for a
      distance `(params, x, reference) -> [B]`.
    params: pytree of its parameters.
    schedule: noise levels that it was trained with; None if not known.
    image_size: height and width of its images; None for any.
    name: path or name that it was asked for by.
    digest: hash of its parameters, hexadecimal.
    binder: `(params)` to what a method is given; None for `apply` with the
      parameters bound.

  Example:
    >>> from jaxguide.evaluation import sources
    >>> network = sources.Network(
    ...     apply=lambda params, x, time: params["scale"] * x,
    ...     params={"scale": 2.0}, schedule=None, image_size=None,
    ...     name="double", digest="0")
    >>> network.bind(network.params)(1.5, 0)
    3.0
  """

  apply: Callable[..., Any]
  params: arrays.PyTree
  schedule: schedules.Schedule | None
  image_size: int | None
  name: str
  digest: str
  binder: Callable[[arrays.PyTree], Any] | None = None

  def bind(self, params: arrays.PyTree) -> Callable[..., Any]:
    """The network with these parameters, as a method is given it."""
    if self.binder is not None:
      return self.binder(params)
    return functools.partial(self.apply, params)


class NetworkSource(abc.ABC):
  """Where a network beside the prior comes from.

  Example:
    >>> from jaxguide import evaluation
    >>> from jaxguide.evaluation import sources
    >>> class Brightness(evaluation.NetworkSource):
    ...   def load(self):
    ...     return sources.Network(
    ...         lambda params, x, time: x, {}, None, None, "brightness", "0")
    ...   def tiny(self, size):
    ...     return self
    >>> Brightness().load().name
    'brightness'
  """

  @abc.abstractmethod
  def load(self) -> Network:
    """Loads the network.

    Raises:
      FileNotFoundError: if it is not there, saying where to get it.
    """

  @abc.abstractmethod
  def tiny(self, size: int) -> "NetworkSource | None":
    """A small random network for trial runs; None for doing without.

    Args:
      size: height and width of the images.
    """


class Released(NamedTuple):
  """A checkpoint that its authors have published.

  Attributes:
    checkpoint: usual name of the file.
    card: name of its card.
    origin: place where people get the file, in words; empty if unknown.
    weights: set of weights that is wanted, of a file that holds two.
  """

  checkpoint: str
  card: str
  origin: str = ""
  weights: str | None = None


def how_to_get(
    what: str,
    path: str,
    released: Released | None,
    *,
    setting: str,
    otherwise: str = "",
) -> str:
  """What is said of a model directory that is not there.

  Args:
    what: what is missing, such as "prior".
    path: the directory that was looked for.
    released: checkpoint that it can be converted from; None if there is none.
    setting: field of the experiment that names another directory.
    otherwise: another way to get it; empty for none.
  """
  ways = []
  if released is not None:
    origin = f" ({released.origin})" if released.origin else ""
    weights = f" --weights {released.weights}" if released.weights else ""
    ways.append(
        f"get {released.checkpoint}{origin} and convert it with: jaxguide "
        f"convert {released.checkpoint} --card {released.card} --out "
        f"{path}{weights}")
  if otherwise:
    ways.append(otherwise)
  return (f"{what}: {path} does not exist; {', or '.join(ways)}; a copy "
          f"elsewhere is named with --set {setting}=FOLDER")
