"""Priors of pixels: what the trainings of all of them share."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
import dataclasses
import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import arrays
from jaxguide import convert
from jaxguide import denoisers
from jaxguide import schedules
from jaxguide.training import diffusion
from jaxguide.training import image_sets
from jaxguide.training import previews
from jaxguide.training import trainings
from jaxguide.training import updates
from jaxguide.training.recipes import averaged


@dataclasses.dataclass(frozen=True, kw_only=True)
class PixelPriorTraining(averaged.AveragedTraining):
  """How a prior of pixels is trained, whatever its network predicts.

  A new kind has `network`, `loss`, `held_out`, `denoiser` and
  `model_config`.
  """

  @abc.abstractmethod
  def network(self) -> Any:
    """The module, with `in_channels`."""

  @abc.abstractmethod
  def loss(self) -> updates.Loss:
    """The loss of each image of a batch x0 `[B, H, W, C]`."""

  @abc.abstractmethod
  def held_out(self, images: np.ndarray) -> Callable[[Any], float]:
    """The loss of parameters on these images, at fixed noise.

    Args:
      images: held-out images `[N, H, W, C]`, whole batches of them.
    """

  @abc.abstractmethod
  def denoiser(self, params: Any) -> denoisers.Denoiser:
    """The denoiser that the network is, unclipped."""

  @abc.abstractmethod
  def model_config(self) -> dict[str, Any]:
    """What the fields of `convert.ModelConfig` are that differ by the kind."""

  def apply(self) -> diffusion.Apply:
    """`(params, x, time, dropout_key)` -> output; None: evaluation."""
    module = self.network().clone(**self.train_module)

    def apply(
        params: Any, x: jax.Array, time: jax.Array,
        dropout_key: jax.Array | None = None,
    ) -> jax.Array:
      if dropout_key is None:
        return module.apply({"params": params}, x, time)
      return module.apply(
          {"params": params}, x, time, train=True,
          rngs={"dropout": dropout_key})

    return apply

  def init_params(self, models: trainings.Models) -> dict[str, Any]:
    """See `AveragedTraining`."""
    del models
    module = self.network()
    size = self.image_size
    x = jnp.zeros((2, size, size, module.in_channels))
    init = jax.jit(module.init)
    return init(jax.random.key(self.seed), x, jnp.zeros(2))["params"]

  def objective(
      self, images: image_sets.Splits, models: trainings.Models,
  ) -> averaged.Objective:
    """See `AveragedTraining`."""
    del models
    shown = self.held_out_images(images)
    return averaged.Objective(
        loss=self.loss(), batches=self.image_batches(images),
        held_out=self.held_out(shown), draw=self._pictures(shown))

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
        image_size=self.image_size, channels=3, learned_variance=False,
        licence=self.images.licence, source=source, **self.model_config())
    convert.save_model(
        destination, params, config, container="safetensors",
        dtype=np.float16)

  def _pictures(
      self, images: np.ndarray,
  ) -> Callable[[Any], list[np.ndarray]]:
    """Samples, and held-out images whose lower half is filled in."""
    page = previews.half_hidden(images)

    @jax.jit
    def sample(params: arrays.PyTree) -> arrays.Images:
      return previews.fill_in(
          denoisers.clip_x0(self.denoiser(params)), schedules.linear(),
          page.observed, page.mask, jax.random.key(0))

    def draw(params: Any) -> list[np.ndarray]:
      *samples, filled = previews.in_rows(sample(params))
      known = page.images * page.mask[-previews.COLUMNS:]
      return [*samples, known, filled, page.images]

    return draw
