"""Accuracy by noise level, against a classifier whose accuracy is known."""

import math

import jax.numpy as jnp
import numpy as np

from jaxguide import schedules
from jaxguide.training import image_sets
from jaxguide.training import level_accuracy

SCHEDULE = schedules.linear(1000)


def data(number, side=2):
  """Pixels of -0.2 or 0.2, as near as 8 bits come."""
  label = np.arange(number) % 2
  pixels = np.where(label == 0, 102, 153).astype(np.uint8)
  pixels = np.broadcast_to(
      pixels[:, None, None, None], (number, side, side, 3))
  return image_sets.ImageSet(
      pixels, label.astype(np.int32), np.ones(number, bool))


def by_mean(params, x_t, time):
  del time
  mean = params * x_t.mean((1, 2, 3))
  return jnp.stack([-mean, mean], axis=-1)


def test_the_accuracy_of_the_mean_s_sign_is_that_of_gaussians():
  levels = (0, 1, 200, 500, 1000)
  measure = level_accuracy.make_measure(
      by_mean, SCHEDULE, data(2000), levels, 256)
  found = measure(1.0)
  assert [s.level for s in found] == list(levels)
  for score in found:
    # The mean of 12 pixels is N(0.2 alpha, sigma^2 / 12).
    spread = SCHEDULE.sigma[score.level] * math.sqrt(2 / 12)
    wanted = 1.0 if spread == 0 else 0.5 * (
        1 + math.erf(0.2 * SCHEDULE.alpha[score.level] / spread))
    error = math.sqrt(wanted * (1 - wanted) / 2000)
    assert abs(score.accuracy - wanted) < 5 * error + 1e-9
    assert score.images == 2000
  accuracies = [s.accuracy for s in found]
  assert accuracies == sorted(accuracies, reverse=True)
  assert accuracies[0] == 1.0 and accuracies[-1] < 0.6


def test_the_loss_is_the_mean_cross_entropy():
  (found,) = level_accuracy.make_measure(
      by_mean, SCHEDULE, data(6), (0,), 4)(2.0)
  np.testing.assert_allclose(
      found.loss, math.log(1 + math.exp(-4 * 0.2)), rtol=1e-5)


def test_the_batch_size_changes_nothing():
  few = [
      level_accuracy.make_measure(
          by_mean, SCHEDULE, data(7), (300, 900), size)(1.0)
      for size in (3, 7, 16)]
  for other in few[1:]:
    np.testing.assert_allclose(other, few[0], rtol=1e-5)


def test_chance_is_the_share_of_the_most_frequent_domain():
  assert level_accuracy.chance(np.array([0, 1, 1, 2])) == 0.5


def test_a_better_classifier_is_drawn_higher():
  """The newest curve, the only thick line, by the rows of its pixels."""

  def height(value):
    page = level_accuracy.draw_curves(
        [(str(step), str(level), "0.0", str(share), "100")
         for step, share in ((5, 0.1), (10, value)) for level in (0, 1000)],
        0.5)
    assert page.dtype == np.uint8
    rows, _ = np.nonzero(np.all(page == level_accuracy._LAST, axis=-1))
    return rows.mean()

  heights = [height(value) for value in (0.3, 0.6, 0.9)]
  assert heights == sorted(heights, reverse=True)
  np.testing.assert_allclose(
      heights[0] - heights[1], heights[1] - heights[2], atol=1.5)
