"""Tiny priors, networks and images: trial runs try the way, and no more."""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import hashlib
from typing import Any

import jax
import numpy as np

from jaxguide import arrays
from jaxguide import convert
from jaxguide import data
from jaxguide import schedules
from jaxguide.convert import latent_model
from jaxguide.convert import model_config
from jaxguide.convert import model_store
from jaxguide.convert.networks import edm
from jaxguide.convert.networks import families
from jaxguide.evaluation.sources import base
from jaxguide.metrics import perceptual
from jaxguide.models import adm_classifier
from jaxguide.models import adm_unet


@dataclasses.dataclass(frozen=True)
class RandomPrior(base.PriorSource):
  """A tiny ADM UNet with random weights: it tries the way, and no more.

  Attributes:
    size: height and width.
    seed: seed of the weights.

  Example:
    >>> from jaxguide.evaluation import sources
    >>> sources.RandomPrior(size=16).load().image_shape
    (16, 16, 3)
  """

  size: int = 32
  seed: int = 0

  def load(self) -> convert.Prior:
    """See `PriorSource`."""
    network = adm_unet.AdmUnet(
        in_channels=3, out_channels=3, model_channels=32, channel_mult=(1.0,),
        num_res_blocks=1, attention_factors=(),
    )
    x = np.zeros((2, self.size, self.size, 3), np.float32)
    shapes = jax.eval_shape(
        network.init, jax.random.key(0), x, x[:, 0, 0, 0])["params"]
    params = _random_like(shapes, self.seed)
    return convert.Prior(
        apply=lambda params, x, time, cond: network.apply(
            {"params": params}, x, time),
        params=params, schedule=schedules.linear(1000), prediction="eps",
        learned_variance=False, image_size=self.size, channels=3,
        name="random", sha256=_digest(params))

  def tiny(
      self, size: int, conditions: Sequence[str] = ()
  ) -> base.PriorSource:
    """See `PriorSource`: itself, in that size."""
    return of_pixels(size, conditions, is_edm=False)


def _random_like(shapes, seed: int):
  """Small weights everywhere: an initial network would give zero."""
  rng = np.random.default_rng(seed)
  return jax.tree.map(lambda s: np.float32(
      0.1 * rng.standard_normal(s.shape)), shapes)


def _digest(params) -> str:
  return hashlib.sha256(b"".join(
      np.asarray(x).tobytes() for x in jax.tree.leaves(params))).hexdigest()


@dataclasses.dataclass(frozen=True)
class RandomLatentPrior(base.PriorSource):
  """A tiny latent model with random weights: it tries the way, and no more.

  Attributes:
    size: height and width of an image, even.
    num_classes: the last one is the null label; 0 for no classes.
    codebook: whether it has a VQ autoencoder in the place of a KL one.
    seed: seed of the weights.

  Example:
    >>> from jaxguide.evaluation import sources
    >>> prior = sources.RandomLatentPrior(size=16).load()
    >>> prior.image_shape, prior.state_shape
    ((16, 16, 3), (8, 8, 4))
  """

  size: int = 16
  num_classes: int = 0
  codebook: bool = False
  seed: int = 0

  def load(self) -> convert.Prior:
    """See `base.PriorSource`."""
    first = {
        "channel_mult": (1, 1), "model_channels": 32, "num_res_blocks": 1,
        "mid_attention": False, "z_channels": 4, "latent_channels": 4}
    if self.codebook:
      first["num_codes"] = 16
    unet = {
        "in_channels": 4, "out_channels": 4, "model_channels": 32,
        "channel_mult": (1,), "num_res_blocks": 1, "attention_factors": (),
        # Groups of one channel would erase what time and class add to it.
        "num_groups": 8, "num_classes": self.num_classes or None}
    family = "vq_autoencoder" if self.codebook else "kl_autoencoder"
    models = {
        "first_stage": model_config.ModelConfig(
            family, first, self.size, 3, prediction=None),
        "unet": model_config.ModelConfig(
            "ldm_unet", unet, self.size // 2, 4,
            schedule={"kind": "scaled_linear", "num_steps": 1000})}
    loaded = latent_model.LatentModel(
        cond_stage=None, scale_factor=0.5,
        null_label=self.num_classes - 1 if self.num_classes else None,
        **{name: _random_model(config, self.seed + place)
           for place, (name, config) in enumerate(models.items())})
    return latent_model.prior_of(
        loaded, name="random latent",
        sha256=perceptual.weights_digest(loaded.params))

  def tiny(
      self, size: int, conditions: Sequence[str] = ()
  ) -> base.PriorSource:
    """See `PriorSource`: itself, in that size."""
    return RandomLatentPrior(
        size, classes(conditions), self.codebook, self.seed)


@dataclasses.dataclass(frozen=True)
class RandomEdmPrior(base.PriorSource):
  """A tiny EDM network with random weights: it tries the way, and no more.

  Attributes:
    size: height and width.
    num_classes: 0 for none.
    seed: seed of the weights.

  Example:
    >>> from jaxguide.evaluation import sources
    >>> sources.RandomEdmPrior(size=16).load().prediction
    'edm'
  """

  size: int = 16
  num_classes: int = 0
  seed: int = 0

  def load(self) -> convert.Prior:
    """See `base.PriorSource`."""
    entry = {"kind": "edm", "sigma_data": 0.5}
    fields = edm.module_fields(
        "SongUNet", img_resolution=self.size, label_dim=self.num_classes,
        model_channels=32, channel_mult=(1,), num_blocks=1,
        attn_resolutions=(), label_dropout=0.1)
    config = model_config.ModelConfig(
        "edm_song", fields, self.size, 3, prediction="edm",
        schedule=edm.schedule(entry), preconditioning=entry)
    model = _random_model(config, self.seed)
    return convert.prior_of(
        model, name="random EDM",
        sha256=perceptual.weights_digest(model.params))

  def tiny(
      self, size: int, conditions: Sequence[str] = ()
  ) -> base.PriorSource:
    """See `PriorSource`: itself, in that size."""
    return RandomEdmPrior(size, classes(conditions), self.seed)


def of_pixels(
    size: int, conditions: Sequence[str], is_edm: bool
) -> base.PriorSource:
  """A tiny random prior of pixels.

  Args:
    size: height and width of its images.
    conditions: names of its conditions.
    is_edm: whether it has EDM's preconditioning; with classes it has.
  """
  if conditions or is_edm:
    return RandomEdmPrior(size, classes(conditions))
  return RandomPrior(size)


def classes(conditions: Sequence[str]) -> int:
  """How many classes a tiny prior with these conditions has.

  Raises:
    ValueError: if one of them is no class label, as no tiny prior has others.
  """
  others = [name for name in conditions if name != "label"]
  if others:
    raise ValueError(
        f"conditions of a tiny prior must be labels alone, got {others}")
  return 5 if conditions else 0


def _random_model(
    config: model_config.ModelConfig, seed: int
) -> model_store.Model:
  """Weights that keep the size of activations, none of them zero."""
  rng = np.random.default_rng(seed)

  def draw(shape: jax.ShapeDtypeStruct) -> arrays.Array:
    fan_in = max(int(np.prod(shape.shape[:-1])), 1)
    scale = 1 / np.sqrt(fan_in) if len(shape.shape) > 1 else 0.1
    return (scale * rng.standard_normal(shape.shape)).astype(np.float32)

  shapes: Mapping[str, Any] = families.abstract_params(config)
  return model_store.Model(jax.tree.map(draw, shapes), config)


@dataclasses.dataclass(frozen=True)
class RandomExtractor(base.NetworkSource):
  """A tiny classifier with random weights: it tries the way, and no more.

  Attributes:
    size: height and width of the images.
    seed: seed of the weights.

  Example:
    >>> from jaxguide.evaluation import sources
    >>> sources.RandomExtractor(size=16).load().image_size
    16
  """

  size: int = 32
  seed: int = 0

  def load(self) -> base.Network:
    """See `NetworkSource`."""
    module = adm_classifier.AdmClassifier(
        in_channels=3, out_channels=2, model_channels=32,
        channel_mult=(1.0,), num_res_blocks=1, attention_factors=(),
        num_head_channels=32, image_size=self.size, head_name="I2Iout")
    x = np.zeros((2, self.size, self.size, 3), np.float32)
    shapes = jax.eval_shape(
        module.init, jax.random.key(0), x, x[:, 0, 0, 0])["params"]
    rng = np.random.default_rng(self.seed)
    # Initial weights are zero in places, which would hide the network.
    params = jax.tree.map(
        lambda s: (0.1 * rng.standard_normal(s.shape)).astype(np.float32),
        shapes)
    return base.Network(
        apply=features(module), params=params, schedule=None,
        image_size=self.size, name="random",
        digest=perceptual.weights_digest(params))

  def tiny(self, size: int) -> base.NetworkSource:
    """See `NetworkSource`: itself, in that size."""
    return RandomExtractor(size, self.seed)


@dataclasses.dataclass(frozen=True)
class DrawnImages(base.DataSource):
  """Smooth coloured pictures, drawn by formula: for tiny trial runs.

  Attributes:
    count: how many.
    size: height and width.

  Example:
    >>> from jaxguide import evaluation
    >>> images = evaluation.DrawnImages(count=3, size=16).open()
    >>> len(images), images.load(0).shape
    (3, (16, 16, 3))
  """

  count: int = 3
  size: int = 32

  def open(self) -> data.Dataset:
    """See `DataSource`."""
    return _Drawn(self)

  def tiny(self) -> base.DataSource:
    """See `DataSource`: three small ones."""
    return DrawnImages(3, 16)


class _Drawn:
  """The data set of `DrawnImages`."""

  def __init__(self, source: DrawnImages):
    self._size = source.size
    self.names = [f"drawn{i:03d}.png" for i in range(source.count)]

  def __len__(self) -> int:
    return len(self.names)

  def name(self, index: int) -> str:
    return self.names[index]

  def load(self, index: int) -> np.ndarray:
    rng = np.random.default_rng([5, index])
    v, u = np.mgrid[0:1:1j * self._size, 0:1:1j * self._size]
    waves = [
        np.sin(2 * np.pi * (a * u + b * v + c))
        for a, b, c in rng.uniform([-2, -2, 0], [2, 2, 1], (3, 3))
    ]
    return np.stack(waves, -1).astype(np.float32)


def features(module: Any) -> Callable[..., Any]:
  """The features of a classifier, `(params, x, time) -> features`."""
  def apply(
      params: arrays.PyTree, x: arrays.Images, time: arrays.PerImage
  ) -> arrays.PyTree:
    return module.apply({"params": params}, x, time, method="features")

  return apply
