"""Networks that a method needs beside the prior, as values of an experiment."""

from collections.abc import Mapping
import dataclasses
import functools
import pathlib
from typing import Literal

import jax.numpy as jnp
import numpy as np

from jaxguide import convert
from jaxguide import energies
from jaxguide import schedules
from jaxguide.convert import errors
from jaxguide.convert import metric_files
from jaxguide.convert import model_directories
from jaxguide.convert import model_store
from jaxguide.evaluation.sources import base
from jaxguide.evaluation.sources import stand_ins
from jaxguide.metrics import perceptual

_TOLERANCE = 1e-6


@dataclasses.dataclass(frozen=True)
class ConvertedExtractor(base.NetworkSource):
  """The middle block of a classifier of noisy images (EGSDE, section 3.2).

  Attributes:
    path: a model directory of family "adm_classifier", by `jaxguide convert`
      or by `jaxguide train` and `jaxguide export`.
    checkpoint: the file's usual name, for the message when it is missing.
    card: its card's name.
    origin: place where people get the file, in words.
    dtype: type of the network's arithmetic.

  Example:
    >>> from jaxguide import evaluation
    >>> source = evaluation.ConvertedExtractor("models/cat2dog_extractor")
    >>> try:
    ...   source.load()
    ... except FileNotFoundError as error:
    ...   print(str(error).split(";")[0])
    extractor: models/cat2dog_extractor does not exist
  """

  path: str
  checkpoint: str = ""
  card: str = ""
  origin: str = ""
  dtype: Literal["float32", "bfloat16"] = "float32"

  def load(self) -> base.Network:
    """See `NetworkSource`.

    Raises:
      ConversionError: the directory holds another kind of network.
    """
    if not pathlib.Path(self.path).is_dir():
      released = base.Released(
          self.checkpoint, self.card, self.origin) if self.checkpoint else None
      raise FileNotFoundError(base.how_to_get(
          "extractor", self.path, released,
          otherwise="train one with jaxguide train "
          "(experiments/training/README.md)",
          setting="method.extractor.path"))
    return _extractor(self.path, self.path, self.dtype)

  def tiny(self, size: int) -> base.NetworkSource:
    """See `NetworkSource`."""
    return stand_ins.RandomExtractor(size)


@dataclasses.dataclass(frozen=True)
class EmbeddedExtractor(base.NetworkSource):
  """The extractor of the emoji's domains that comes with the package.

  Attributes:
    name: name of its folder.
    dtype: type of the network's arithmetic.

  Example:
    >>> from jaxguide import evaluation
    >>> network = evaluation.EmbeddedExtractor().load()
    >>> network.image_size, network.schedule.num_levels
    (32, 1000)
  """

  name: str = "emoji32_extractor"
  dtype: Literal["float32", "bfloat16"] = "float32"

  def load(self) -> base.Network:
    """See `NetworkSource`."""
    folder = model_directories.EMBEDDED / self.name
    return _extractor(folder, self.name, self.dtype)

  def tiny(self, size: int) -> base.NetworkSource:
    """See `NetworkSource`."""
    return stand_ins.RandomExtractor(size)


@dataclasses.dataclass(frozen=True)
class InstalledLpips(base.NetworkSource):
  """LPIPS of the extra `lpips`: `apply` is a distance of two batches.

  Attributes:
    net: "vgg" or "alex".

  Example:
    >>> from jaxguide import evaluation
    >>> evaluation.Vipaint(perceptual=evaluation.InstalledLpips("vgg")).title
    'VIPaint-2, paper (50 updates, all steps, perceptual)'
  """

  net: Literal["vgg", "alex"] = "vgg"

  def load(self) -> base.Network:
    """See `NetworkSource`.

    Raises:
      ConversionError: the extra is not installed, or its file is damaged.
    """
    model = metric_files.load_lpips(self.net)
    return distance_network(model, f"lpips_{self.net}")

  def tiny(self, size: int) -> None:
    """See `NetworkSource`: a trial run does without."""
    del size


def distance_network(model: model_store.Model, name: str) -> base.Network:
  """A distance between pictures as a network of a method.

  Args:
    model: model of family "lpips".
    name: name of the network.

  Returns:
    Bound it is an `energies.FeatureDistance`, of two batches.
  """
  binder = functools.partial(energies.lpips_distance, **model.config.module)
  return base.Network(
      apply=lambda params, x, y: binder(params)(x, y), binder=binder,
      params=model.params, schedule=None, image_size=None, name=name,
      digest=perceptual.weights_digest(model.params))


def _extractor(
    folder: pathlib.Path | str, name: str, dtype: str
) -> base.Network:
  model = model_store.load_model(folder)
  config = model.config
  if config.family != "adm_classifier":
    raise errors.ConversionError(
        f"extractor: {name} holds a network of family "
        f"{config.family}; adm_classifier is needed")
  module = model_store.build_module(config, dtype=jnp.dtype(dtype))
  schedule = config.schedule and convert.schedule_of(dict(config.schedule))
  return base.Network(
      apply=stand_ins.features(module), params=model.params, schedule=schedule,
      image_size=config.image_size, name=name,
      digest=perceptual.weights_digest(model.params))


def check(
    networks: Mapping[str, base.Network], prior: convert.Prior
) -> None:
  """Refuses networks that cannot see the states of this prior.

  Args:
    networks: image size and schedule, as far as known, must be the prior's.
    prior: prior of the run.

  Raises:
    ValueError: naming what differs.
  """
  for name, network in networks.items():
    _check_one(name, network, prior)


def _check_one(name: str, network: base.Network, prior: convert.Prior) -> None:
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
