"""Scores of single pictures, on the 8-bit picture that is saved.

Every picture is scored by itself, in a program for a batch of one: a score
never depends on which pictures were made together.
"""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import metrics
from jaxguide import noise as noises
from jaxguide.evaluation import pictures
from jaxguide.evaluation import tables
from jaxguide.evaluation import tasks


def default_metrics(task: tasks.Task) -> tuple[metrics.Metric, ...]:
  """PSNR, SSIM, and consistency with what the task observes.

  Args:
    task: inpainting observes nothing where the mask is 0, and y is 0 there.
  """
  masked = isinstance(task, tasks.Inpainting)
  region = "observed" if masked else "all"
  return (
      metrics.psnr_metric(), metrics.ssim_metric(),
      metrics.consistency_metric(region=region),
  )


def columns(chosen: Sequence[metrics.Metric]) -> list[tables.Column]:
  """How tables show these metrics."""
  known = {c.name: c for c in tables.COLUMNS}
  return [known.get(m.name, tables.Column(m.name, m.name, m.higher_is_better))
          for m in chosen]


class Scorer:
  """Scores pictures of one task, one at a time."""

  def __init__(
      self, task: tasks.Task, chosen: Sequence[metrics.Metric], seed: int
  ):
    """Compiles nothing yet.

    Args:
      task: what was observed.
      chosen: the metrics.
      seed: of the run; noisy observations are drawn with it.
    """
    self._metrics = chosen
    self._task = task
    self._key = jax.random.key_data(jax.random.key(seed))
    self._degrade = jax.jit(self._degraded)
    self._judge = jax.jit(self._scores)

  def degraded(
      self, reference: np.ndarray, inputs: Mapping, index: int
  ) -> np.ndarray:
    """The degraded picture of one image, uint8 `[H, W, C]`.

    Args:
      reference: `[H, W, C]` in [-1, 1].
      inputs: of the task, without a batch axis.
      index: the image's number.
    """
    with jax.default_matmul_precision("highest"):
      x = self._degrade(self._key, *_single(reference, inputs, index))
    return pictures.to_uint8(np.asarray(x)[0])

  def __call__(
      self,
      picture: np.ndarray,
      reference: np.ndarray,
      inputs: Mapping,
      index: int,
  ) -> dict[str, float]:
    """The metrics of one picture by name.

    Args:
      picture: uint8 `[H, W, C]`.
      reference: `[H, W, C]` in [-1, 1].
      inputs: of the task, without a batch axis.
      index: the image's number.
    """
    x = pictures.to_float(picture)[None]
    with jax.default_matmul_precision("highest"):
      values = self._judge(self._key, x, *_single(reference, inputs, index))
    return {k: float(np.asarray(v)[0]) for k, v in values.items()}

  def _problem(self, key, reference, inputs, index):
    keys = noises.image_keys(jax.random.wrap_key_data(key), index)
    noise = noises.prng_noise(keys)
    return tasks.observe(self._task, reference, inputs, noise)

  def _degraded(self, key, reference, inputs, index):
    return self._problem(key, reference, inputs, index).degraded()

  def _scores(self, key, x, reference, inputs, index):
    problem = self._problem(key, reference, inputs, index)
    return {
        m.name: m.function(
            x, reference, observation=problem.observation,
            mask=problem.inputs.get("mask"))
        for m in self._metrics
    }


def _single(reference, inputs, index):
  batch = {k: jnp.asarray(v)[None] for k, v in inputs.items()}
  return jnp.asarray(reference)[None], batch, jnp.asarray([index], jnp.int32)
