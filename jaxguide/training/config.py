"""The configuration of a training run, and the files that hold one."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import pathlib
from typing import Any

from jaxguide import arrays
from jaxguide.training import orders


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
  """What every training of averaged parameters has; see `updates`.

  Attributes:
    name: of the model, written into its `config.json`.
    module: constructor fields of the network.
    image_size: height and width of the images in pixels.
    train_module: fields that differ in training alone (dropout,
      formulations); they change no parameter.
    batch_size: images per update.
    num_steps: updates in all.
    learning_rate: of the trunk.
    warmup_steps: updates of the learning rate's rise.
    decay_steps: updates of its fall, the last ones.
    weight_decay: of AdamW.
    clip_norm: bound on the gradient's norm over all parameters.
    ema_decay: of the averaged parameters.
    seed: of the initialisation, the data order and all noise.
    log_every: updates between lines of the training log.
    checkpoint_every: updates between checkpoints.
    picture_every: updates between pictures.
  """

  name: str
  module: dict[str, Any]
  image_size: int
  train_module: dict[str, Any] = dataclasses.field(default_factory=dict)
  batch_size: int = 32
  num_steps: int = 20_000
  learning_rate: float = 1e-3
  warmup_steps: int = 500
  decay_steps: int = 4_000
  weight_decay: float = 1e-3
  clip_norm: float = 1.0
  ema_decay: float = 0.9995
  seed: int = 0
  log_every: int = 500
  checkpoint_every: int = 500
  picture_every: int = 2_000

  def __post_init__(self):
    _check_counts(
        self, "image_size", "batch_size", "num_steps", "log_every",
        "checkpoint_every", "picture_every")
    _check_positive(self, "learning_rate", "clip_norm")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PriorTraining(Training):
  """How an eps-predicting prior of pixels is trained.

  Attributes:
    module: of `models.AdmUnet`.
    num_levels: levels of the linear variance-preserving schedule.
    weight_limit: bound on the loss weights; see
      `diffusion.eps_training_loss`.
  """

  num_levels: int = 1000
  weight_limit: float = 1.0

  def __post_init__(self):
    super().__post_init__()
    _check_counts(self, "num_levels")


@dataclasses.dataclass(frozen=True, kw_only=True)
class EdmTraining(Training):
  """How a prior of pixels in EDM's preconditioning is trained.

  Attributes:
    module: of `models.SongUnet`.
    sigma_data: standard deviation of the images' values.
    sigma_mean: mean of ln sigma over the updates.
    sigma_std: standard deviation of ln sigma.
  """

  sigma_data: float = 0.5
  sigma_mean: float = -1.2
  sigma_std: float = 1.2

  def __post_init__(self):
    super().__post_init__()
    _check_positive(self, "sigma_data", "sigma_std")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AutoencoderTraining(Training):
  """How the first stage of a latent diffusion model is trained.

  Attributes:
    module: of `models.KlAutoencoder`.
    kl_weight: see `latent.autoencoder_loss`.
    perceptual: network of the LPIPS distance in the loss, "alex" or "vgg"
      (with the extra `lpips`); None: no such term.
    perceptual_weight: of that distance.
  """

  kl_weight: float = 1e-3
  perceptual: str | None = "alex"
  perceptual_weight: float = 1.0

  def __post_init__(self):
    super().__post_init__()
    arrays.check_choice("perceptual", self.perceptual, (None, "alex", "vgg"))


@dataclasses.dataclass(frozen=True, kw_only=True)
class LatentTraining(Training):
  """How a class-conditional model of latents is trained.

  Attributes:
    module: of `models.LdmUnet`; its contexts are one token of a class.
    first_stage: directory of the autoencoder, see `convert.latent`.
    betas: the first and the last of the scaled-linear schedule.
    num_levels: of that schedule.
    drop_rate: probability that a class is withheld.
    weight_limit: bound on the loss weights; see
      `diffusion.eps_training_loss`.
  """

  first_stage: str
  betas: tuple[float, float] = (0.0015, 0.0195)
  num_levels: int = 1000
  drop_rate: float = 0.1
  weight_limit: float = 1.0

  def __post_init__(self):
    super().__post_init__()
    _check_counts(self, "num_levels")


@dataclasses.dataclass(frozen=True)
class ClassifierTraining:
  """How a classifier of noisy images is trained; see `noisy_classifier`.

  What is left out is the recipe of EGSDE's domain extractor for two domains
  (arXiv:2207.06635, appendix, and the released program): levels uniform,
  AdamW with a rate that falls linearly to zero, no clipping, averaging,
  dropout or warm-up.

  Attributes:
    name: of the classifier, written into its `config.json`.
    module: constructor fields of `models.AdmClassifier`.
    image_size: height and width of the images in pixels.
    num_levels: levels of the linear variance-preserving schedule.
    batch_size: images per update.
    num_steps: updates in all.
    learning_rate: at the first update.
    weight_decay: of AdamW, on all parameters.
    flip: probability that an image is mirrored.
    order: "independent": every batch is drawn without regard to the others;
      "epochs": every image comes once before any comes again.
    seed: of the initialisation, the data order and all noise.
    log_every: updates between lines of the training log.
    checkpoint_every: updates between checkpoints.
    accuracy_every: updates between measurements of the held-out accuracy.
    accuracy_levels: where it is measured, increasing, 0..num_levels.
  """

  name: str
  module: dict[str, Any]
  image_size: int
  num_levels: int = 1000
  batch_size: int = 32
  num_steps: int = 5_000
  learning_rate: float = 3e-4
  weight_decay: float = 0.05
  flip: float = 0.5
  order: str = "independent"
  seed: int = 0
  log_every: int = 100
  checkpoint_every: int = 500
  accuracy_every: int = 500
  accuracy_levels: tuple[int, ...] = (1, *range(100, 1001, 100))

  def __post_init__(self):
    _check_counts(
        self, "image_size", "num_levels", "batch_size", "num_steps",
        "log_every", "checkpoint_every", "accuracy_every")
    _check_positive(self, "learning_rate")
    arrays.check_choice("order", self.order, orders.ORDERS)
    if not 0 <= self.flip <= 1:
      raise ValueError(f"flip is {self.flip}; it must be in [0, 1]")
    levels = self.accuracy_levels
    if not levels or list(levels) != sorted(set(levels)) or not (
        0 <= levels[0] and levels[-1] <= self.num_levels):
      raise ValueError(
          f"accuracy_levels is {levels}; they must increase from at least 0 "
          f"to at most num_levels ({self.num_levels})")


def load(
    path: str | os.PathLike[str], kind: type | tuple[type, ...],
) -> Any:
  """Runs `get_config()` of a Python file.

  Args:
    path: of the file.
    kind: what it has to return; of several, any.

  Raises:
    ValueError: there is no such file, it has no such function, or that
      returns something else.
  """
  path = pathlib.Path(path)
  if not path.is_file():
    raise ValueError(f"config is {path}; there is no such file")
  spec = importlib.util.spec_from_file_location("training_config", path)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  if not hasattr(module, "get_config"):
    raise ValueError(f"config is {path}; it has no function get_config")
  found = module.get_config()
  if not isinstance(found, kind):
    kinds = kind if isinstance(kind, tuple) else (kind,)
    raise ValueError(
        f"config is {path}; get_config returns {type(found).__name__}, not "
        f"{' or '.join(k.__name__ for k in kinds)}")
  return found


def _check_counts(config: Any, *fields: str) -> None:
  for field in fields:
    value = getattr(config, field)
    if not isinstance(value, int) or value < 1:
      raise ValueError(f"{field} is {value!r}; it must be an integer >= 1")


def _check_positive(config: Any, *fields: str) -> None:
  for field in fields:
    value = getattr(config, field)
    if not value > 0:
      raise ValueError(f"{field} is {value!r}; it must be > 0")
