"""What a kind of training is: a configuration that says all about itself.

A new kind is one file that derives from `Training` (or, where parameters are
averaged, from `recipes.averaged.AveragedTraining`); `trainer` runs and exports
any of them.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Mapping, Sequence
import dataclasses
import os
from typing import Any, ClassVar, NamedTuple

import numpy as np

from jaxguide.training import image_sets
from jaxguide.training import options as training_options

State = Any


class Given(NamedTuple):
  """A model that a training starts from.

  Attributes:
    model: contents of its directory, as read by `convert`.
    digest: hexadecimal digest, by which a run knows it wherever it lies.

  Example:
    >>> from jaxguide import convert, training
    >>> from jaxguide.convert import model_directories
    >>> folder = model_directories.find("noto32")
    >>> given = training.Given(
    ...     convert.load_model(folder), model_directories.fingerprint(folder))
    >>> given.model.config.family
    'adm_unet'
  """

  model: Any
  digest: str


Models = Mapping[str, Given]


class Measurement(NamedTuple):
  """A table that grows by some rows at a time, beside the log.

  Attributes:
    name: stem of the table's file (.csv) and of its picture (.png).
    columns: names of the columns after "step".
    every: updates between measurements.
    measure: function from the state to rows, each as long as `columns`;
      integers are written as they are, other numbers with six decimals.
    draw: function from all rows so far, as texts and "step" included, to a
      picture, uint8 `[H, W, 3]`.

  Example:
    >>> from jaxguide import training
    >>> import numpy as np
    >>> table = training.Measurement(
    ...     "norm", ("norm",), every=100, measure=lambda state: [(state**2,)],
    ...     draw=lambda rows: np.zeros((8, 8, 3), np.uint8))
    >>> table.measure(3.0)
    [(9.0,)]
  """

  name: str
  columns: tuple[str, ...]
  every: int
  measure: Callable[[State], Sequence[Sequence[float]]]
  draw: Callable[[Sequence[Sequence[str]]], np.ndarray]


class Pictures(NamedTuple):
  """What a model can do so far, to be looked at.

  Attributes:
    every: updates between pictures.
    draw: function from the state to rows of images, each `[n, H, W, 3]` in
      [-1, 1].

  Example:
    >>> import numpy as np
    >>> from jaxguide import training
    >>> pictures = training.Pictures(
    ...     every=1000, draw=lambda state: [np.zeros((4, 8, 8, 3))])
    >>> len(pictures.draw(None))
    1
  """

  every: int
  draw: Callable[[State], Sequence[np.ndarray]]


class Session(NamedTuple):
  """What a training needs between two interruptions, its images read.

  Attributes:
    update: `(state, batch, key) -> state`, pure, to be compiled.
    batches: function from the number of the first update to its batch and all
      after it.
    columns: names of the numbers in a row of the log.
    numbers: function from the state to these numbers.
    measurements: further tables.
    pictures: None where there is nothing to be seen.

  Example:
    >>> import itertools
    >>> from jaxguide import training
    >>> session = training.Session(
    ...     update=lambda state, batch, key: state + batch,
    ...     batches=itertools.count, columns=("state",),
    ...     numbers=lambda state: (float(state),))
    >>> session.update(1.0, next(session.batches(5)), None)
    6.0
  """

  update: Callable[[State, Any, Any], State]
  batches: Callable[[int], Iterator[Any]]
  columns: tuple[str, ...]
  numbers: Callable[[State], Sequence[float]]
  measurements: tuple[Measurement, ...] = ()
  pictures: Pictures | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training(abc.ABC):
  """What a configuration file returns, and what is done with it.

  Attributes:
    name: name of the model, written into its `config.json`.
    module: constructor fields of the network.
    image_size: height and width of the images in pixels.
    images: source of the images.
    batch_size: images per update.
    num_steps: updates in all.
    seed: number that sets the initialisation, the data order and all noise.
    log_every: updates between lines of the training log.
    checkpoint_every: updates between checkpoints.

  Example:
    >>> from jaxguide import training
    >>> from jaxguide.data import training_images
    >>> config = training.EpsPriorTraining(
    ...     name="tiny", module={"model_channels": 32}, image_size=16,
    ...     images=training_images.ImageFolders())
    >>> config.changed(num_steps=100).num_steps
    100
    >>> [option.name for option in config.all_options()]
    ['num_steps', 'decay_steps']
  """

  name: str
  module: dict[str, Any]
  image_size: int
  images: image_sets.ImageSource
  batch_size: int = 32
  num_steps: int = 20_000
  seed: int = 0
  log_every: int = 500
  checkpoint_every: int = 500

  # What the command may change; a field of the same name unless `changed`
  # says otherwise.
  options: ClassVar[tuple[training_options.Option, ...]] = (
      training_options.Option(
          "num_steps", "Number of updates in all, in place of the "
          "configuration's.", int),)

  # Fields that may differ between the sessions of one run.
  free: ClassVar[tuple[str, ...]] = ("log_every", "checkpoint_every")

  # Fields that name directories of models, see `read_models`.
  model_fields: ClassVar[tuple[str, ...]] = ()

  def __post_init__(self):
    check_counts(
        self, "image_size", "batch_size", "num_steps", "log_every",
        "checkpoint_every")

  @abc.abstractmethod
  def init_state(self, models: Models) -> State:
    """The state before the first update, a NamedTuple with a `step`.

    Args:
      models: those of `read_models`.
    """

  @abc.abstractmethod
  def session(self, images: image_sets.Splits, models: Models) -> Session:
    """What the trainer runs.

    Args:
      images: those that `self.images` reads.
      models: those of `read_models`.

    Raises:
      ValueError: the images do not fit the configuration.
    """

  @abc.abstractmethod
  def exported(self, state: State) -> Any:
    """The parameters of a state that a model consists of."""

  @abc.abstractmethod
  def save(
      self,
      params: Any,
      destination: str | os.PathLike[str],
      source: Mapping[str, Any],
      *,
      models: Models,
      data: str | os.PathLike[str] | None = None,
  ) -> None:
    """Writes a model directory, in float16.

    Args:
      params: parameters from `exported`, as numpy arrays.
      destination: the new directory.
      source: origin of the parameters, JSON values.
      models: those of `read_models`.
      data: folder of the images, for kinds that need them here.

    Raises:
      ValueError: the destination exists, or `data` is missing.
    """

  def read_models(self) -> Models:
    """The models that it starts from, by the name of the field they are in.

    Raises:
      ValueError: one is missing, damaged, or does not fit.
    """
    return {}

  def provenance(self) -> dict[str, Any]:
    """Facts of this kind for `ModelConfig.source`, JSON values."""
    return {}

  def changed(self, **values: Any) -> Training:
    """The configuration with the values of some options.

    Args:
      **values: value by the name of an option of `all_options`.
    """
    return dataclasses.replace(self, **self.changed_fields(values))

  def changed_fields(self, values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that options change, those of the images' included.

    Args:
      values: value by the option's name.

    Raises:
      ValueError: there is no such option.
    """
    unknown = set(values) - {option.name for option in self.all_options()}
    if unknown:
      raise ValueError(f"{self.name} has no option {sorted(unknown)[0]}")
    theirs = {option.name for option in self.images.options} & set(values)
    images = self.images.changed(**{name: values[name] for name in theirs})
    rest = {k: v for k, v in values.items() if k not in theirs}
    return {"images": images, **rest}

  def all_options(self) -> tuple[training_options.Option, ...]:
    """The options of this kind and those of its images."""
    return self.options + self.images.options

  def identity(self) -> dict[str, Any]:
    """What makes a run this one: its kind and its fields, but the free ones.

    A field that names a model is left out: a run knows it by its digest.
    """
    fields = dataclasses.asdict(self)
    for name in (*self.free, *self.model_fields):
      del fields[name]
    fields["images"] = {"source": type(self.images).__name__,
                        **fields["images"]}
    return {"kind": type(self).__name__, **fields}


def check_counts(config: Any, *fields: str) -> None:
  """Raises ValueError unless these fields are integers of at least 1."""
  for field in fields:
    value = getattr(config, field)
    if not isinstance(value, int) or value < 1:
      raise ValueError(f"{field} is {value!r}; it must be an integer >= 1")


def check_positive(config: Any, *fields: str) -> None:
  """Raises ValueError unless these fields are positive numbers."""
  for field in fields:
    value = getattr(config, field)
    if not value > 0:
      raise ValueError(f"{field} is {value!r}; it must be > 0")
