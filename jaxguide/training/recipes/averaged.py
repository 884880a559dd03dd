"""Trainings of parameters whose moving average is what is used later."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Sequence
import dataclasses
from typing import Any, ClassVar, NamedTuple

import numpy as np
import optax

from jaxguide.training import held_out
from jaxguide.training import image_sets
from jaxguide.training import options as training_options
from jaxguide.training import trainings
from jaxguide.training import updates


class Objective(NamedTuple):
  """A loss, its data, and how progress is seen.

  Attributes:
    loss: function that gives the loss of each image of a batch.
    batches: function from the number of the first update to its batch and all
      after it.
    held_out: function from parameters to their loss on held-out images, at
      fixed noise.
    draw: function from parameters to rows of images `[N, H, W, 3]`, to be
      looked at.

  Example:
    >>> import itertools
    >>> from jaxguide import training
    >>> objective = training.Objective(
    ...     loss=lambda params, batch, key: (params - batch) ** 2,
    ...     batches=itertools.count, held_out=lambda params: float(params**2),
    ...     draw=lambda params: [])
    >>> objective.loss(3.0, next(objective.batches(1)), None)
    4.0
  """

  loss: updates.Loss
  batches: Callable[[int], Iterator[Any]]
  held_out: Callable[[Any], float]
  draw: Callable[[Any], Sequence[np.ndarray]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class AveragedTraining(trainings.Training):
  """AdamW with clipped gradients, and a rate that rises, stays and falls.

  The rate's trunk does not depend on where it ends: a run can be ended early,
  or prolonged, from any checkpoint before the fall, with another `num_steps`
  and `decay_steps`.

  A new kind has `init_params`, `objective` and `save`.

  Attributes:
    train_module: fields of the network that differ in training alone
      (dropout, formulations); they change no parameter.
    learning_rate: learning rate of the trunk.
    warmup_steps: updates of the learning rate's rise.
    decay_steps: updates of its fall, the last ones.
    weight_decay: decay of AdamW.
    clip_norm: bound on the gradient's norm over all parameters.
    ema_decay: decay of the averaged parameters.
    picture_every: updates between pictures.

  Example:
    >>> from jaxguide import training
    >>> from jaxguide.data import training_images
    >>> config = training.EdmPriorTraining(  # One of its kinds.
    ...     name="tiny", module={"model_channels": 32}, image_size=16,
    ...     images=training_images.ImageFolders(), learning_rate=1e-4)
    >>> config.learning_rate, config.ema_decay
    (0.0001, 0.9995)
  """

  train_module: dict[str, Any] = dataclasses.field(default_factory=dict)
  learning_rate: float = 1e-3
  warmup_steps: int = 500
  decay_steps: int = 4_000
  weight_decay: float = 1e-3
  clip_norm: float = 1.0
  ema_decay: float = 0.9995
  picture_every: int = 2_000

  options: ClassVar[tuple[training_options.Option, ...]] = (
      *trainings.Training.options,
      training_options.Option(
          "decay_steps", "Number of the last updates, over which the learning "
          "rate falls to zero, in place of the configuration's.", int))
  free: ClassVar[tuple[str, ...]] = (
      *trainings.Training.free, "picture_every", "num_steps", "decay_steps")

  def __post_init__(self):
    super().__post_init__()
    trainings.check_counts(self, "picture_every")
    trainings.check_positive(self, "learning_rate", "clip_norm")

  @abc.abstractmethod
  def init_params(self, models: trainings.Models) -> Any:
    """The parameters before training; see `Training.init_state`."""

  @abc.abstractmethod
  def objective(
      self, images: image_sets.Splits, models: trainings.Models,
  ) -> Objective:
    """What is trained on these images; see `Training.session`."""

  def image_batches(
      self, images: image_sets.Splits,
  ) -> Callable[[int], Iterator[np.ndarray]]:
    """The batches of an `Objective` whose loss needs images alone."""
    return lambda first: (
        batch.x0 for batch in image_sets.batches(
            images.train, first, batch_size=self.batch_size, seed=self.seed))

  def held_out_images(self, images: image_sets.Splits) -> np.ndarray:
    """The held-out images `[N, H, W, 3]` that fill batches.

    Raises:
      ValueError: they do not fill one.
    """
    return held_out.whole_batches(images.held_out.images(), self.batch_size)

  def optimizer(self) -> optax.GradientTransformation:
    """AdamW with clipped gradients and a warm-up-stable-decay rate."""
    rate = updates.warmup_stable_decay(
        self.learning_rate, warmup_steps=self.warmup_steps,
        num_steps=self.num_steps, decay_steps=self.decay_steps)
    return optax.chain(
        optax.clip_by_global_norm(self.clip_norm),
        optax.adamw(rate, b2=0.99, weight_decay=self.weight_decay))

  def init_state(self, models: trainings.Models) -> updates.TrainState:
    """See `Training`."""
    return updates.init_state(self.init_params(models), self.optimizer())

  def session(
      self, images: image_sets.Splits, models: trainings.Models,
  ) -> trainings.Session:
    """See `Training`."""
    objective = self.objective(images, models)
    return trainings.Session(
        update=updates.make_update(
            objective.loss, self.optimizer(), ema_decay=self.ema_decay),
        batches=objective.batches,
        columns=("train_loss", "valid_loss"),
        numbers=lambda state: (
            float(state.average_loss), objective.held_out(state.ema)),
        pictures=trainings.Pictures(
            self.picture_every, lambda state: objective.draw(state.ema)))

  def exported(self, state: updates.TrainState) -> Any:
    """See `Training`: the averaged parameters."""
    return state.ema

  def provenance(self) -> dict[str, Any]:
    """See `Training`."""
    return {"averaging": self.ema_decay}
