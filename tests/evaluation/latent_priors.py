"""A latent prior with classes and a closed form, and a method for it."""

import dataclasses

import jax.numpy as jnp
import numpy as np

from jaxguide import codecs
from jaxguide import conditioning
from jaxguide import convert
from jaxguide import data
from jaxguide import schedules
from jaxguide import variational
from jaxguide.evaluation import methods
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks
from jaxguide.models import layers

METHOD = methods.Vipaint(
    levels=variational.LEVELS[2], num_steps=12, num_iterations=12,
    num_samples=2, scale=20.0, guidance=2.0)
TASK = tasks.Inpainting(data.vipaint_masks.rotated_windows())
# Means of the classes' latents; the last class is "no class".
MEANS = np.float32([-0.5, 0.5, 0.0])
LABEL = conditioning.Condition("label", dtype="int32", num_values=3, null=2)


@dataclasses.dataclass(frozen=True)
class GaussianLatents(sources.PriorSource):
  """Latents N(mean of the class, 1) of half the size; decoding repeats them."""

  scale_factor: float = 2.0

  def load(self) -> convert.Prior:
    schedule = schedules.scaled_linear()
    alpha, sigma = (np.float32(t[1:]) for t in (
        schedule.alpha, schedule.sigma))

    def apply(params, x, time, cond):
      rows = time.astype(jnp.int32)
      a, s = (jnp.asarray(t)[rows][:, None, None, None] for t in (
          alpha, sigma))
      mean = jnp.asarray(params)[cond["label"]][:, None, None, None]
      return s * (x - a * mean)

    def codec(params):
      del params
      return codecs.autoencoder(
          layers.average_pool, layers.upsample_nearest, factor=2, channels=3,
          scale_factor=self.scale_factor)

    return convert.Prior(
        apply=apply, params=MEANS, schedule=schedule, prediction="eps",
        learned_variance=False, image_size=16, channels=3, name="latents",
        sha256="0" * 64, conditions=(LABEL,), make_codec=codec,
        latent_scale=self.scale_factor)

  def tiny(self, size, conditions=()):
    return sources.RandomLatentPrior(size, 3 if conditioning else 0)


@dataclasses.dataclass(frozen=True)
class Alternating(sources.LabelSource):
  """Classes 0, 1, 0, 1, ..."""

  def label(self, index, image):
    del image
    return index % 2
