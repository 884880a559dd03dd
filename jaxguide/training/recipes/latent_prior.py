"""A class-conditional model of an autoencoder's latents."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
import dataclasses
import itertools
import os
import pathlib
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import arrays
from jaxguide import convert
from jaxguide import denoisers
from jaxguide import schedules
from jaxguide.convert import latent_store
from jaxguide.convert import model_directories
from jaxguide.convert.cards import ldm_cards
from jaxguide.models import ldm_unet
from jaxguide.training import diffusion
from jaxguide.training import held_out
from jaxguide.training import image_sets
from jaxguide.training import options as training_options
from jaxguide.training import previews
from jaxguide.training import run_folders
from jaxguide.training import trainings
from jaxguide.training import updates
from jaxguide.training.recipes import autoencoder
from jaxguide.training.recipes import averaged

_FIRST_STAGE = "first_stage"
_UNET, _EMBEDDER = ldm_cards.UNET, ldm_cards.COND_STAGE


class Latents(NamedTuple):
  """A batch of encoded images, of a variational autoencoder.

  Attributes:
    mean: `[B, h, w, c]`, scaled to unit variance over the data.
    std: standard deviation of one image's latents, of the same shape.
    label: `[B]` int, the class of each image.
  """

  mean: jax.Array
  std: jax.Array
  label: jax.Array


def latent_eps_loss(
    apply: Callable[..., jax.Array],
    schedule: schedules.Schedule,
    *,
    null_label: int,
    drop_rate: float,
    weight_limit: float = 1.0,
) -> updates.Loss:
  """`diffusion.eps_training_loss` of sampled latents, labels withheld at times.

  Labels are withheld for classifier-free guidance (Ho and Salimans,
  arXiv:2207.12598, algorithm 1). Order of random draws, from the key split in
  three: latents, which labels are withheld, the diffusion loss.

  Args:
    apply: `(params, z_t, time, label [B], dropout_key or None)` -> eps.
    schedule: the diffusion.
    null_label: the class that stands for "no class".
    drop_rate: probability that a label is withheld.
    weight_limit: bound on the loss weights; see
      `diffusion.eps_training_loss`.

  Returns:
    The loss of batches of `Latents`.

  Raises:
    ValueError: `drop_rate` is not in [0, 1], or `weight_limit` is below 1.
  """
  if not 0.0 <= drop_rate <= 1.0:
    raise ValueError(f"drop_rate is {drop_rate}; allowed: 0 <= drop_rate <= 1")

  def loss(params: Any, batch: Latents, key: jax.Array) -> jax.Array:
    keys = jax.random.split(key, 3)
    z0 = batch.mean + batch.std * jax.random.normal(keys[0], batch.mean.shape)
    withheld = jax.random.bernoulli(keys[1], drop_rate, batch.label.shape)
    label = jnp.where(withheld, null_label, batch.label)
    bound = lambda params, z_t, time, key: apply(params, z_t, time, label, key)
    return diffusion.eps_training_loss(bound, schedule, weight_limit)(
        params, z0, keys[2])

  return loss


@dataclasses.dataclass(frozen=True, kw_only=True)
class LatentPriorTraining(averaged.AveragedTraining):
  """How a class-conditional model of latents is trained.

  The classes are those of the images; one more, behind them, stands for "no
  class".

  Attributes:
    module: constructor fields of `models.LdmUnet`; its contexts are one token
      of a class.
    first_stage: directory of the autoencoder, as `AutoencoderTraining` is
      exported or as converted.
    betas: the first and the last of the scaled-linear schedule.
    num_levels: levels of that schedule.
    drop_rate: probability that a class is withheld.
    weight_limit: bound on the loss weights; see
      `diffusion.eps_training_loss`.

  Example:
    >>> from jaxguide import training
    >>> from jaxguide.data import training_images
    >>> config = training.LatentPriorTraining(
    ...     name="tiny", module={"model_channels": 32, "context_width": 8},
    ...     image_size=16, images=training_images.Domains(
    ...         train=("cat", "dog"), held_out=("cat_val", "dog_val")),
    ...     first_stage="models/autoencoder")
    >>> config.null_label, config.schedule().num_levels
    (2, 1000)
  """

  first_stage: str
  betas: tuple[float, float] = (0.0015, 0.0195)
  num_levels: int = 1000
  drop_rate: float = 0.1
  weight_limit: float = 1.0

  options: ClassVar[tuple[training_options.Option, ...]] = (
      *averaged.AveragedTraining.options,
      training_options.Option(
          _FIRST_STAGE, "Directory of the autoencoder, in place of the "
          "configuration's."))
  model_fields: ClassVar[tuple[str, ...]] = (_FIRST_STAGE,)

  def __post_init__(self):
    super().__post_init__()
    trainings.check_counts(self, "num_levels")
    if not self.images.classes:
      raise ValueError(
          "images have no classes; a class-conditional model needs them")

  @property
  def null_label(self) -> int:
    """The class that stands for "no class"."""
    return len(self.images.classes)

  def schedule(self) -> schedules.Schedule:
    """The diffusion of latents."""
    return schedules.scaled_linear(self.num_levels, *self.betas)

  def read_models(self) -> trainings.Models:
    """See `Training`: the first stage."""
    return {_FIRST_STAGE: trainings.Given(
        convert.load_latent_model(self.first_stage),
        model_directories.fingerprint(
            model_directories.find(self.first_stage)))}

  def init_params(self, models: trainings.Models) -> dict[str, Any]:
    """See `AveragedTraining`: of the network and the class embedder."""
    unet, embedder = self._modules()
    side = self._latent_size(models)
    z, zeros = jnp.zeros((2, side, side, unet.in_channels)), jnp.zeros(2)

    @jax.jit
    def init(key: arrays.Array) -> arrays.PyTree:
      keys = jax.random.split(key)
      labels = embedder.init(keys[0], jnp.zeros(2, jnp.int32))
      context = jnp.zeros((2, 1, unet.context_width))
      return {
          _UNET: unet.init(keys[1], z, zeros, context)["params"],
          _EMBEDDER: labels["params"]}

    return init(jax.random.key(self.seed))

  def apply(self) -> Callable[..., jax.Array]:
    """`(params, z_t, time, label [B], dropout_key or None)` -> eps."""
    unet, embedder = self._modules()
    unet = unet.clone(**self.train_module)

    def apply(
        params: Any, z_t: jax.Array, time: jax.Array, label: jax.Array,
        dropout_key: jax.Array | None = None,
    ) -> jax.Array:
      context = embedder.apply({"params": params[_EMBEDDER]}, label)
      variables = {"params": params[_UNET]}
      if dropout_key is None:
        return unet.apply(variables, z_t, time, context)
      return unet.apply(
          variables, z_t, time, context, train=True,
          rngs={"dropout": dropout_key})

    return apply

  def objective(
      self, images: image_sets.Splits, models: trainings.Models,
  ) -> averaged.Objective:
    """See `AveragedTraining`."""
    first_stage = models[_FIRST_STAGE].model
    reference = self.held_out_images(images)
    means, _ = _scaled_latents(first_stage, reference)
    label = images.held_out.label[:len(reference)]
    return averaged.Objective(
        loss=latent_eps_loss(
            self.apply(), self.schedule(), null_label=self.null_label,
            drop_rate=self.drop_rate, weight_limit=self.weight_limit),
        batches=self._batches(first_stage, images.train),
        held_out=self._held_out(means, label),
        draw=self._pictures(first_stage, reference, label, means))

  def save(
      self,
      params: Any,
      destination: str | os.PathLike[str],
      source: Mapping[str, Any],
      *,
      models: trainings.Models,
      data: str | os.PathLike[str] | None = None,
  ) -> None:
    """See `Training`: both stages, with the tables of either's training."""
    del data
    first_stage = models[_FIRST_STAGE].model
    configs = self._configs(source, self._latent_size(models))
    parts = {name: (params[name], c) for name, c in configs.items()}
    parts[ldm_cards.FIRST_STAGE] = first_stage.first_stage
    latent_store.save(
        destination, parts, first_stage.scale_factor,
        null_label=self.null_label, source=source, container="safetensors",
        dtype=np.float16)
    folder = model_directories.find(self.first_stage)
    # Of a whole latent model, the tables beside its parts are the UNet's.
    inner = folder / ldm_cards.FIRST_STAGE
    run_folders.copy_tables(
        inner if (folder / _UNET).is_dir() else folder,
        pathlib.Path(destination, ldm_cards.FIRST_STAGE))

  def _modules(self) -> tuple[ldm_unet.LdmUnet, ldm_unet.ClassEmbedder]:
    return ldm_unet.LdmUnet(**self.module), ldm_unet.ClassEmbedder(
        self.null_label + 1, self.module["context_width"])

  def _latent_size(self, models: trainings.Models) -> int:
    config = models[_FIRST_STAGE].model.first_stage.config
    return self.image_size // convert.build_module(config).factor

  def _configs(
      self, source: Mapping[str, Any], latent_size: int,
  ) -> dict[str, convert.ModelConfig]:
    common = {"licence": self.images.licence, "source": source}
    return {
        _UNET: convert.ModelConfig(
            family="ldm_unet", module=self.module, image_size=latent_size,
            channels=self.module["out_channels"], prediction="eps",
            schedule={
                "kind": "scaled_linear", "num_steps": self.num_levels,
                "start": self.betas[0], "end": self.betas[1]}, **common),
        _EMBEDDER: convert.ModelConfig(
            family="class_embedder",
            module={
                "num_classes": self.null_label + 1,
                "width": self.module["context_width"]},
            image_size=self.image_size, prediction=None, **common)}

  def _batches(
      self, first_stage: convert.LatentModel, train: image_sets.ImageSet,
  ) -> Callable[[int], Iterator[Latents]]:
    """Batches of latents, which are encoded once, mirrored and not."""
    images = train.images()
    both = [
        _scaled_latents(first_stage, x) for x in (images, images[:, :, ::-1])]
    means, stds = (np.stack(parts) for parts in zip(*both, strict=True))

    def batches(first: int) -> Iterator[Latents]:
      for step in itertools.count(first):
        rows, mirrored = image_sets.draw(
            train, step, batch_size=self.batch_size, seed=self.seed)
        at = (mirrored.astype(int), rows)
        yield Latents(means[at], stds[at], train.label[rows])

    return batches

  def _held_out(
      self, means: np.ndarray, label: np.ndarray,
  ) -> Callable[[Any], float]:
    apply, schedule = self.apply(), self.schedule()

    def loss(
        params: arrays.PyTree, z0: arrays.Batch, label: arrays.Array,
        level: arrays.Array, eps: arrays.Batch,
    ) -> arrays.PerImage:
      bound = lambda params, z_t, time, key: apply(
          params, z_t, time, label, key)
      return diffusion.eps_loss(bound, schedule, params, z0, level, eps)

    level = held_out.spread_levels(len(means), schedule.num_levels)
    return held_out.mean_over_batches(
        loss, (means, label, level, held_out.fixed_noise(means.shape)),
        self.batch_size)

  def _pictures(
      self, first_stage: convert.LatentModel, images: np.ndarray,
      label: np.ndarray, means: np.ndarray,
  ) -> Callable[[Any], list[np.ndarray]]:
    """Samples of all classes, and held-out latents half filled in, decoded."""
    apply, codec = self.apply(), first_stage.codec()
    chosen = previews.columns(len(images))
    page = previews.half_hidden(means)
    classes = np.arange(previews.ROWS * previews.COLUMNS) % self.null_label
    classes[-previews.COLUMNS:] = label[chosen]
    known = images[chosen].copy()
    known[:, known.shape[1] // 2:] = 0.0

    @jax.jit
    def sample(params: arrays.PyTree) -> arrays.Images:
      denoise = denoisers.from_apply(
          lambda params, z, time, cond: apply(params, z, time, cond["label"]),
          params, cond={"label": jnp.asarray(classes, jnp.int32)})
      return codec.decode(previews.fill_in(
          denoise, self.schedule(), page.observed, page.mask,
          jax.random.key(0)))

    def draw(params: Any) -> list[np.ndarray]:
      *samples, filled = previews.in_rows(sample(params))
      return [*samples, known, filled, images[chosen]]

    return draw


def _scaled_latents(
    first_stage: convert.LatentModel, images: np.ndarray,
) -> autoencoder.Encoded:
  model, scale = first_stage.first_stage, first_stage.scale_factor
  mean, std = autoencoder.encode(model.config.module, model.params, images)
  return autoencoder.Encoded(scale * mean, scale * std)
