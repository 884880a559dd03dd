"""Held-out accuracy of a classifier of noisy images, level by level."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxguide import arrays
from jaxguide import schedules
from jaxguide.training import curves as training_curves
from jaxguide.training import diffusion
from jaxguide.training import image_sets
from jaxguide.training import noisy_classifier

COLUMNS = ("level", "loss", "accuracy", "images")

_INK = (40, 40, 40)
_FIRST, _LAST = np.array((190, 210, 235)), np.array((20, 60, 140))


class LevelScore(NamedTuple):
  """How a classifier did at one level.

  Attributes:
    level: number of the level in the schedule.
    loss: mean cross-entropy in nats.
    accuracy: share of right answers.
    images: number of them.
  """

  level: int
  loss: float
  accuracy: float
  images: int


def make_measure(
    apply: noisy_classifier.Apply,
    schedule: schedules.Schedule,
    data: image_sets.ImageSet,
    levels: Sequence[int],
    batch_size: int,
) -> Callable[[Any], list[LevelScore]]:
  """Builds the measurement: all images at each level, with fixed noise.

  The noise of image i at a level depends on these two numbers alone, so that
  measurements differ in the parameters only.

  Args:
    apply: the network, see `noisy_classifier.scores`.
    schedule: the diffusion.
    data: held-out images.
    levels: 0 is the clean image.
    batch_size: images per call.

  Returns:
    `measure(params)` -> one score per level.
  """

  @jax.jit
  def batch_scores(
      params: arrays.PyTree, x0: arrays.Images, label: arrays.Array,
      level: arrays.Array, eps: arrays.Images,
  ) -> tuple[arrays.PerImage, arrays.PerImage]:
    x_t, time = diffusion.noised(schedule, x0, level, eps)
    return noisy_classifier.scores(apply, params, x_t, time, label)

  number, shape = data.number, data.pixels.shape[1:]

  def score(params: arrays.PyTree, level: int) -> LevelScore:
    loss, correct = [], []
    for first in range(0, number, batch_size):
      # The last batch is filled up, so that one program serves all.
      rows = np.minimum(np.arange(first, first + batch_size), number - 1)
      eps = np.stack([
          np.random.default_rng([level, row]).standard_normal(shape, np.float32)
          for row in rows.tolist()])
      found = batch_scores(
          params, data.images(rows), data.label[rows],
          np.full(batch_size, level, np.int32), eps)
      loss.append(found.loss)
      correct.append(found.correct)
    loss, correct = (np.concatenate(part)[:number] for part in (loss, correct))
    return LevelScore(
        level, float(np.mean(loss, dtype=np.float64)),
        float(np.mean(correct, dtype=np.float64)), number)

  return lambda params: [score(params, level) for level in levels]


def chance(label: np.ndarray) -> float:
  """Accuracy of whoever always names the most frequent domain."""
  return float(np.bincount(label).max() / len(label))


def draw_curves(
    rows: Sequence[Sequence[str]], chance_level: float,
) -> np.ndarray:
  """Accuracy over the level, a curve for each measured update.

  Args:
    rows: texts, the update and then `COLUMNS`; the newest update is drawn
      darkest.
    chance_level: accuracy of a dashed line.

  Returns:
    uint8 `[H, W, 3]`.
  """
  curves = {}
  for step, level, _, accuracy, _ in rows:
    curves.setdefault(int(step), []).append((int(level), float(accuracy)))
  top_level = max([1, *(p[0] for points in curves.values() for p in points)])
  lines = [training_curves.Curve(
      [(0, chance_level), (top_level, chance_level)], _INK, dashed=True)]
  for position, step in enumerate(sorted(curves)):
    share = 1.0 if len(curves) == 1 else position / (len(curves) - 1)
    colour = tuple(int(c) for c in _FIRST + share * (_LAST - _FIRST))
    lines.append(training_curves.Curve(
        curves[step], colour, 3 if share == 1.0 else 1))
  last = f"{max(curves)} updates" if curves else "no measurement"
  return training_curves.draw(
      lines, title=f"held-out accuracy after {last}", x_label="noise level",
      y_range=(0.0, 1.0))
