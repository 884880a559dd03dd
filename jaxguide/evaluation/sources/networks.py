"""Networks that a method needs beside the prior, as values of an experiment."""

from collections.abc import Callable, Mapping
import dataclasses
import functools
import pathlib
from typing import Any, Literal, NamedTuple, Protocol

import jax.numpy as jnp
import numpy as np

from jaxguide import arrays
from jaxguide import convert
from jaxguide import energies
from jaxguide import schedules
from jaxguide.convert import errors
from jaxguide.convert import metric_files
from jaxguide.convert import model_directories
from jaxguide.convert import model_store
from jaxguide.metrics import perceptual

_TOLERANCE = 1e-6


class Network(NamedTuple):
  """A network on noisy images; its parameters stay an argument.

  Attributes:
    apply: `(params, x [B, H, W, 3], time [B]) -> features [B, ...]`; of a
      distance `(params, x, reference) -> [B]`.
    params: its parameters.
    schedule: of the noise that it was trained with; None if not known.
    image_size: height and width of its images; None for any.
    name: what it was asked for by.
    digest: of its parameters, hexadecimal.
    binder: `(params)` to what a method is given; None: `apply` with the
      parameters bound.
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


class NetworkSource(Protocol):
  """Loads a network; loading is put off until it is needed."""

  def load(self) -> Network:
    """The network.

    Raises:
      FileNotFoundError: if it is not there, saying where to get it.
    """


@dataclasses.dataclass(frozen=True)
class ConvertedExtractor:
  """The middle block of a classifier of noisy images (EGSDE, section 3.2).

  Attributes:
    path: a model directory of family "adm_classifier", by `jaxguide convert`
      or by `experiments/egsde/train_extractor.py`.
    checkpoint: the file's usual name, for the message when it is missing.
    card: its card's name.
    origin: where people get the file, in words.
    dtype: of the network's arithmetic.
  """

  path: str
  checkpoint: str = ""
  card: str = ""
  origin: str = ""
  dtype: Literal["float32", "bfloat16"] = "float32"

  def load(self) -> Network:
    """See `NetworkSource`.

    Raises:
      ConversionError: the directory holds another kind of network.
    """
    if not pathlib.Path(self.path).is_dir():
      raise FileNotFoundError(self._missing())
    return _extractor(self.path, self.path, self.dtype)

  def _missing(self) -> str:
    text = f"extractor: {self.path} does not exist; "
    if self.checkpoint:
      origin = f" ({self.origin})" if self.origin else ""
      text += (
          f"get {self.checkpoint}{origin} and convert it with: jaxguide "
          f"convert {self.checkpoint} --card {self.card} --out {self.path}, "
          "or ")
    return text + (
        "train one with experiments/egsde/train_extractor.py; a copy "
        "elsewhere is named with --set method.extractor.path=FOLDER")


@dataclasses.dataclass(frozen=True)
class EmbeddedExtractor:
  """The extractor of the emoji's domains that comes with the package.

  Attributes:
    name: of its folder.
    dtype: of the network's arithmetic.
  """

  name: str = "emoji32_extractor"
  dtype: Literal["float32", "bfloat16"] = "float32"

  def load(self) -> Network:
    """See `NetworkSource`."""
    folder = model_directories.EMBEDDED / self.name
    return _extractor(folder, self.name, self.dtype)


@dataclasses.dataclass(frozen=True)
class InstalledLpips:
  """LPIPS of the extra `lpips`: `apply` is a distance of two batches.

  Attributes:
    net: "vgg" or "alex".
  """

  net: Literal["vgg", "alex"] = "vgg"

  def load(self) -> Network:
    """See `NetworkSource`.

    Raises:
      ConversionError: the extra is not installed, or its file is damaged.
    """
    model = metric_files.load_lpips(self.net)
    return distance_network(model, f"lpips_{self.net}")


def distance_network(model: model_store.Model, name: str) -> Network:
  """A distance between pictures as a network of a method.

  Args:
    model: of family "lpips".
    name: of the network.

  Returns:
    Bound it is an `energies.FeatureDistance`, of two batches.
  """
  binder = functools.partial(energies.lpips_distance, **model.config.module)
  return Network(
      apply=lambda params, x, y: binder(params)(x, y), binder=binder,
      params=model.params, schedule=None, image_size=None, name=name,
      digest=perceptual.weights_digest(model.params))


def _extractor(
    folder: pathlib.Path | str, name: str, dtype: str
) -> Network:
  model = model_store.load_model(folder)
  config = model.config
  if config.family != "adm_classifier":
    raise errors.ConversionError(
        f"extractor: {name} holds a network of family "
        f"{config.family}; adm_classifier is needed")
  module = model_store.build_module(config, dtype=jnp.dtype(dtype))
  schedule = config.schedule and convert.schedule_of(dict(config.schedule))
  return Network(
      apply=features(module), params=model.params, schedule=schedule,
      image_size=config.image_size, name=name,
      digest=perceptual.weights_digest(model.params))


def check(
    networks: Mapping[str, Network], prior: convert.Prior
) -> None:
  """Refuses networks that cannot see the states of this prior.

  Args:
    networks: image size and schedule, as far as known, must be the prior's.
    prior: of the run.

  Raises:
    ValueError: naming what differs.
  """
  for name, network in networks.items():
    _check_one(name, network, prior)


def _check_one(name: str, network: Network, prior: convert.Prior) -> None:
  if network.image_size not in (None, prior.image_size):
    raise ValueError(
        f"{name} {network.name} sees images of size {network.image_size}, "
        f"prior {prior.name} makes them of size {prior.image_size}")
  theirs, ours = network.schedule, prior.schedule
  if theirs is not None and not _alike(theirs, ours):
    raise ValueError(
        f"{name} {network.name} was trained with other noise levels than "
        f"prior {prior.name}: {theirs.num_levels} and {ours.num_levels} "
        "levels, or other values of alpha or time")


def _alike(a: schedules.Schedule, b: schedules.Schedule) -> bool:
  return a.num_levels == b.num_levels and all(
      np.allclose(x[1:], y[1:], rtol=0, atol=_TOLERANCE)
      for x, y in ((a.alpha, b.alpha), (a.sigma, b.sigma), (a.time, b.time)))


def features(module: Any) -> Callable[..., Any]:
  """The features of a classifier, `(params, x, time) -> features`."""
  def apply(
      params: arrays.PyTree, x: arrays.Images, time: arrays.PerImage
  ) -> arrays.PyTree:
    return module.apply({"params": params}, x, time, method="features")

  return apply
