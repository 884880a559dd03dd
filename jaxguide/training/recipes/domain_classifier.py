"""EGSDE's domain extractor: a classifier of noisy images by their domain."""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
import os
import pathlib
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxguide import arrays
from jaxguide import convert
from jaxguide import models as networks
from jaxguide import schedules
from jaxguide.convert import model_directories
from jaxguide.convert.networks import extractor_start as extractors
from jaxguide.training import image_sets
from jaxguide.training import level_accuracy
from jaxguide.training import messages
from jaxguide.training import noisy_classifier
from jaxguide.training import options as training_options
from jaxguide.training import orders
from jaxguide.training import trainings

_CLASSIFIER = "classifier"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassifierTraining(trainings.Training):
  """How a classifier of noisy images is trained; see `noisy_classifier`.

  What is left out is the recipe of EGSDE's domain extractor for two domains
  (arXiv:2207.06635, appendix, and the released program): levels uniform,
  AdamW with a rate that falls linearly to zero, no clipping, averaging,
  dropout or warm-up.

  Attributes:
    module: constructor fields of `models.AdmClassifier`; `out_channels` is
      the number of the images' classes.
    num_levels: levels of the linear variance-preserving schedule.
    learning_rate: learning rate at the first update.
    weight_decay: decay of AdamW, on all parameters.
    flip: probability that an image is mirrored.
    order: "independent": every batch is drawn without regard to the others;
      "epochs": every image comes once before any comes again.
    accuracy_every: updates between measurements of the held-out accuracy.
    accuracy_levels: levels where it is measured, increasing, 0..num_levels.
    classifier: directory of the classifier that the trunk starts from, such
      as the converted ADM ImageNet classifier; None: from scratch.

  Example:
    >>> from jaxguide import training
    >>> from jaxguide.data import training_images
    >>> config = training.ClassifierTraining(
    ...     name="tiny", module={"model_channels": 32, "out_channels": 2},
    ...     image_size=16, images=training_images.Domains(
    ...         train=("cat", "dog"), held_out=("cat_val", "dog_val")))
    >>> config.schedule().num_levels, config.images.classes
    (1000, ('cat', 'dog'))
  """

  num_levels: int = 1000
  num_steps: int = 5_000
  learning_rate: float = 3e-4
  weight_decay: float = 0.05
  flip: float = 0.5
  order: str = "independent"
  log_every: int = 100
  accuracy_every: int = 500
  accuracy_levels: tuple[int, ...] = (1, *range(100, 1001, 100))
  classifier: str | None = None

  options: ClassVar[tuple[training_options.Option, ...]] = (
      *trainings.Training.options,
      training_options.Option(
          _CLASSIFIER, "Directory of the classifier that the trunk starts "
          "from; where neither this nor the configuration names one, it "
          "starts from scratch."))
  free: ClassVar[tuple[str, ...]] = (*trainings.Training.free, "accuracy_every")
  model_fields: ClassVar[tuple[str, ...]] = (_CLASSIFIER,)

  def __post_init__(self):
    super().__post_init__()
    trainings.check_counts(self, "num_levels", "accuracy_every")
    trainings.check_positive(self, "learning_rate")
    arrays.check_choice("order", self.order, orders.ORDERS)
    if not 0 <= self.flip <= 1:
      raise ValueError(f"flip is {self.flip}; it must be in [0, 1]")
    levels = self.accuracy_levels
    if not levels or list(levels) != sorted(set(levels)) or not (
        0 <= levels[0] and levels[-1] <= self.num_levels):
      raise ValueError(
          f"accuracy_levels is {levels}; they must increase from at least 0 "
          f"to at most num_levels ({self.num_levels})")
    outputs, number = self.module.get("out_channels"), len(self.images.classes)
    if outputs != number:
      raise ValueError(
          f"module has out_channels {outputs}; there are {number} domains")

  def changed(self, **values: Any) -> ClassifierTraining:
    """See `Training`; the network follows the number of domains."""
    fields = self.changed_fields(values)
    module = {**self.module, "out_channels": len(fields["images"].classes)}
    return dataclasses.replace(self, module=module, **fields)

  def schedule(self) -> schedules.Schedule:
    """The diffusion."""
    return schedules.linear(self.num_levels)

  def apply(self) -> noisy_classifier.Apply:
    """`apply(params, x_t, time)` -> logits."""
    module = networks.AdmClassifier(**self.module)
    return lambda params, x_t, time: module.apply(
        {"params": params}, x_t, time)

  def optimizer(self) -> optax.GradientTransformation:
    """AdamW whose rate falls linearly to zero."""
    return noisy_classifier.annealed_adamw(
        self.learning_rate, self.num_steps, self.weight_decay)

  def read_models(self) -> trainings.Models:
    """See `Training`: the classifier, if one is named."""
    if self.classifier is None:
      return {}
    path = pathlib.Path(self.classifier)
    if not path.is_dir():
      raise ValueError(
          f"classifier is {path}; there is no such directory. Convert one "
          "with: jaxguide convert 256x256_classifier.pt --card "
          f"adm_classifier256 --out {path}")
    model = convert.load_model(path)
    zeros = jax.tree.map(
        lambda leaf: np.broadcast_to(np.float32(0), leaf.shape),
        jax.eval_shape(lambda: self.init_params({})))
    extractors.from_classifier(model.params, zeros)
    return {_CLASSIFIER: trainings.Given(
        model, model_directories.fingerprint(path))}

  def init_params(self, models: trainings.Models) -> dict[str, Any]:
    """The parameters before training; says where they come from.

    Args:
      models: those of `read_models`.

    Raises:
      ConversionError: the classifier's trunk is another.
    """
    module = networks.AdmClassifier(**self.module)
    x = jnp.zeros((2, self.image_size, self.image_size, module.in_channels))
    fresh = jax.jit(module.init)(
        jax.random.key(self.seed), x, jnp.zeros(2))["params"]
    if _CLASSIFIER not in models:
      return fresh
    start = extractors.from_classifier(models[_CLASSIFIER].model.params, fresh)
    messages.say(f"{len(start.copied)} parameters are those of the classifier")
    messages.say(f"fresh: {', '.join(start.fresh)}")
    messages.say(f"dropped: {', '.join(start.dropped)}")
    return jax.tree.map(jnp.asarray, start.params)

  def init_state(
      self, models: trainings.Models,
  ) -> noisy_classifier.ClassifierState:
    """See `Training`."""
    return noisy_classifier.init_state(
        self.init_params(models), self.optimizer())

  def session(
      self, images: image_sets.Splits, models: trainings.Models,
  ) -> trainings.Session:
    """See `Training`."""
    del models
    return trainings.Session(
        update=noisy_classifier.make_update(
            self.apply(), self.optimizer(), self.schedule()),
        batches=lambda first: image_sets.batches(
            images.train, first, batch_size=self.batch_size, seed=self.seed,
            order=self.order, flip=self.flip),
        columns=("train_loss", "train_accuracy"),
        numbers=lambda state: (
            float(state.average_loss), float(state.average_accuracy)),
        measurements=(self._accuracy(images.held_out),))

  def exported(self, state: noisy_classifier.ClassifierState) -> Any:
    """See `Training`."""
    return state.params

  def provenance(self) -> dict[str, Any]:
    """See `Training`."""
    return {"domains": list(self.images.classes)}

  def save(
      self,
      params: Any,
      destination: str | os.PathLike[str],
      source: Mapping[str, Any],
      *,
      models: trainings.Models,
      data: str | os.PathLike[str] | None = None,
  ) -> None:
    """See `Training`; no data are needed."""
    del models, data
    config = convert.ModelConfig(
        family="adm_classifier", module=self.module,
        image_size=self.image_size, channels=3, prediction=None,
        schedule={"kind": "linear", "num_steps": self.num_levels},
        licence=self.images.licence, source=source)
    convert.save_model(
        destination, params, config, container="safetensors",
        dtype=np.float16)

  def _accuracy(self, held_out: image_sets.ImageSet) -> trainings.Measurement:
    """Accuracy by level, of images with the same noise every time."""
    measure = level_accuracy.make_measure(
        self.apply(), self.schedule(), held_out, self.accuracy_levels,
        self.batch_size)
    chance = level_accuracy.chance(held_out.label)

    def rows(
        state: noisy_classifier.ClassifierState,
    ) -> list[level_accuracy.LevelScore]:
      scores = measure(state.params)
      messages.say(f"step {int(state.step)}, accuracy by level " + ", ".join(
          f"{s.level}: {s.accuracy:.3f}" for s in scores))
      return scores

    return trainings.Measurement(
        name="accuracy", columns=level_accuracy.COLUMNS,
        every=self.accuracy_every, measure=rows,
        draw=lambda rows: level_accuracy.draw_curves(rows, chance))
