"""The deblurring task against scipy's blur."""

import io

import numpy as np
import pytest
import scipy.ndimage

from jaxguide import noises
from jaxguide.evaluation import methods
from jaxguide.evaluation import runner
from jaxguide.evaluation import tasks
from tests.evaluation import support

SHAPE = (64, 64)


@pytest.fixture(scope="module")
def x():
  return np.float32(np.random.default_rng(0).uniform(-1, 1, (2, *SHAPE, 3)))


def test_observes_scipys_blur(x):
  task = tasks.GaussianDeblurring(noise_std=0.0)
  problem = tasks.observe(task, x, task.inputs(0, "", SHAPE), None)
  wanted = scipy.ndimage.gaussian_filter(
      np.float64(x), (0, 3, 3, 0), mode="mirror")
  np.testing.assert_allclose(problem.observation.y, wanted, atol=1e-5)
  np.testing.assert_array_equal(problem.picture(), problem.observation.y)
  # The pseudo-inverse has nothing to add to the image itself.
  assert np.abs(methods.Steered().constraint(problem)(x)).max() < 1e-3


def test_noise_is_added_and_the_constraint_follows(x):
  task = tasks.GaussianDeblurring()
  noise = noises.prng_noise(noises.image_keys(0, np.arange(2)))
  problem = tasks.observe(task, x, {}, noise)
  y = problem.observation.y
  operator = task.operator(SHAPE, {})
  spread = np.std(y - operator.apply(x))
  assert 0.048 < spread < 0.052
  zero = np.zeros_like(x)
  moved = zero + methods.Steered().constraint(problem)(zero)
  gap = np.abs(operator.apply(moved) - y).mean()
  assert gap < 0.9 * np.abs(y).mean()


def test_an_experiment_is_run_and_tabled(tmp_path):
  """The blurred picture is the baseline, with noise of its deviation."""
  task = tasks.GaussianDeblurring(std=1.0, kernel_size=9, noise_std=0.1)
  report = runner.evaluate(
      support.experiment(task=task, method=methods.Baseline()), tmp_path,
      stream=io.StringIO())
  assert [row.method for row in report.rows] == ["Degraded input"]
  assert report.rows[0].values["consistency"].mean > 0
