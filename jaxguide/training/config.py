"""The configuration of a training run."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class PriorTraining:
  """How a prior is trained; see `diffusion` for the meaning of the terms.

  Attributes:
    name: of the prior, written into its `config.json`.
    module: constructor fields of `models.AdmUnet`.
    train_module: fields that differ in training alone (dropout,
      formulations); they change no parameter.
    image_size: height and width of the images in pixels.
    num_levels: levels of the linear variance-preserving schedule.
    batch_size: images per update.
    num_steps: updates in all.
    learning_rate: of the trunk.
    warmup_steps: updates of the learning rate's rise.
    decay_steps: updates of its fall, the last ones.
    weight_decay: of AdamW.
    clip_norm: bound on the gradient's norm over all parameters.
    ema_decay: of the averaged parameters.
    weight_limit: bound on the loss weights; see `diffusion.make_update`.
    seed: of the initialisation, the data order and all noise.
    log_every: updates between lines of the training log.
    checkpoint_every: updates between checkpoints.
    picture_every: updates between pictures.
  """

  name: str
  module: dict[str, Any]
  image_size: int
  train_module: dict[str, Any] = dataclasses.field(default_factory=dict)
  num_levels: int = 1000
  batch_size: int = 32
  num_steps: int = 20_000
  learning_rate: float = 1e-3
  warmup_steps: int = 500
  decay_steps: int = 4_000
  weight_decay: float = 1e-3
  clip_norm: float = 1.0
  ema_decay: float = 0.9995
  weight_limit: float = 1.0
  seed: int = 0
  log_every: int = 500
  checkpoint_every: int = 500
  picture_every: int = 2_000

  def __post_init__(self):
    for field in ("image_size", "num_levels", "batch_size", "num_steps",
                  "log_every", "checkpoint_every", "picture_every"):
      value = getattr(self, field)
      if not isinstance(value, int) or value < 1:
        raise ValueError(f"{field} is {value!r}; it must be an integer >= 1")
    for field in ("learning_rate", "clip_norm"):
      if not getattr(self, field) > 0:
        raise ValueError(f"{field} is {getattr(self, field)!r}; it must be > 0")
