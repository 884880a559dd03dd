"""Translation as a task: an image of one domain is given, another is wanted.

What is observed is the source image itself. Its reference is the source
too, so that metrics measure faithfulness; where the true counterpart in the
other domain is known, metrics made by `metrics.against(metric,
"counterpart")` compare with that. Realism is for metrics of the whole set,
whose reference is the other domain.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import functools
import pathlib
from typing import Literal

import numpy as np

from jaxguide import arrays
from jaxguide import data
from jaxguide import metrics
from jaxguide import operators
from jaxguide.data import images
from jaxguide.evaluation import sources
from jaxguide.evaluation.tasks import base

COUNTERPART = "counterpart"
MATCHES = ("index", "stem")

_METRICS = metrics.egsde_metrics()
_AGAINST_COUNTERPART = tuple(
    metrics.against(m, COUNTERPART) for m in _METRICS)


@dataclasses.dataclass(frozen=True)
class Translation(base.Task):
  """y = x: the source image, without any operator.

  Attributes:
    counterparts: the true images of the other domain; None if there are
      none. Methods do not look at them.
    match: which of them belongs to an image: "index", the one of the same
      number (both have then equally many), or "stem", the one whose name
      without suffix is the same.

  Example:
    >>> from jaxguide import evaluation
    >>> task = evaluation.Translation(counterparts=evaluation.DrawnImages())
    >>> task.truth_is_shown, task.shown_labels
    (True, ('source', 'counterpart'))
  """

  counterparts: sources.DataSource | None = None
  match: Literal["index", "stem"] = "index"
  baseline = "Source"

  def __post_init__(self):
    arrays.check_choice("match", self.match, MATCHES)

  @property
  def default_metrics(self) -> tuple[metrics.Metric, ...]:
    """EGSDE's three, against the source and against known counterparts."""
    return _METRICS + (_AGAINST_COUNTERPART if self.truth_is_shown else ())

  def check(self, names: Sequence[str]) -> None:
    """Refuses counterparts that do not belong to these images.

    Args:
      names: names of all images of the run's source.

    Raises:
      FileNotFoundError: if the counterparts are not there.
      ValueError: if their number differs, two have one stem, or no image has
        one.
    """
    if self.counterparts is None:
      return
    count = len(self._dataset)
    if self.match == "index":
      if count != len(names):
        raise ValueError(
            f"counterparts are {count} images, the sources are {len(names)}; "
            "by match='index' there must be as many")
    elif not any(_stem(name) in self._by_stem for name in names):
      raise ValueError(
          "counterparts have no name in common with the sources: "
          f"{self._dataset.name(0)} and {names[0]} are their first")

  def inputs(
      self, index: int, name: str, shape: tuple[int, int]
  ) -> dict[str, np.ndarray]:
    """{"counterpart": `[H, W, 3]`} if there are any, else nothing.

    Raises:
      ImageError: if this image's counterpart is missing or cannot be used.
    """
    if self.counterparts is None:
      return {}
    if self.match == "stem":
      if _stem(name) not in self._by_stem:
        raise data.ImageError(
            name, "missing", f"no counterpart is called {_stem(name)}")
      index = self._by_stem[_stem(name)]
    try:
      image = self._dataset.load(index)
    except data.ImageError as error:
      raise data.ImageError(
          name, error.status, f"counterpart {error}") from error
    if image.shape != (*shape, 3):
      raise data.ImageError(
          name, "wrong_size",
          f"counterpart {self._dataset.name(index)} is "
          f"{image.shape[0]}x{image.shape[1]}, must be {shape[0]}x{shape[1]}")
    return {COUNTERPART: image}

  def operator(
      self, shape: tuple[int, int], inputs: base.Inputs
  ) -> operators.LinearOperator:
    """The identity."""
    del shape, inputs
    return operators.identity()

  @property
  def shown_labels(self) -> tuple[str, ...]:
    """The source and, where there is one, its counterpart."""
    return ("source", COUNTERPART) if self.truth_is_shown else ("source",)

  @property
  def truth_is_shown(self) -> bool:
    """Whether counterparts are known."""
    return self.counterparts is not None

  def shown(
      self,
      reference: np.ndarray,
      inputs: Mapping[str, np.ndarray],
      baseline: Callable[[], np.ndarray],
  ) -> list[np.ndarray]:
    """See `Task`."""
    del baseline
    return [reference, *inputs.values()]

  def tiny(self, images: sources.DataSource) -> base.Task:
    """See `Task`: counterparts, if any, are the images themselves."""
    return self if self.counterparts is None else Translation(images)

  @functools.cached_property
  def _dataset(self) -> data.Dataset:
    try:
      return self.counterparts.open()
    except FileNotFoundError as error:
      text = str(error).replace(
          "--set data.path", "--set task.counterparts.path")
      raise FileNotFoundError(f"counterparts: {text}") from None

  @functools.cached_property
  def _by_stem(self) -> dict[str, int]:
    found: dict[str, int] = {}
    for n, name in enumerate(self._dataset.names):
      if _stem(name) in found:
        other = self._dataset.name(found[_stem(name)])
        raise ValueError(
            f"counterparts {other} and {name} have the same name without "
            "suffix")
      found[_stem(name)] = n
    return found


def _stem(name: str) -> str:
  path = pathlib.PurePosixPath(name)
  # A dot in a name need not begin a suffix.
  known = path.suffix.lower() in images.SUFFIXES
  return str(path.with_suffix("")) if known else str(path)
