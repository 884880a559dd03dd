"""The example's sampler, DPS, keeps the contract as a library's own does."""

import numpy as np
from PIL import Image
import pytest

from jaxguide import operators
from tests import example_files
from tests.samplers import case
from tests.samplers import contract
from tests.samplers import gaussians

EXAMPLE = example_files.load("your_own_sampler")
EXPOSURE, SCALE = 2.0, 0.4


def _camera(s):
  """Every second number of x, overexposed."""
  return operators.compose(
      operators.inpainting(s.mask), operators.high_dynamic_range(EXPOSURE))


def _make(s):
  camera = _camera(s)
  observation = operators.Observation(camera.apply(s.y), camera)
  return EXAMPLE.dps(
      s.denoise, s.noise, observation=observation, **s.scalars)


def _reference(prior, y, draws, num_steps):
  """Chung et al. 2023, Algorithm 1, its gradient by hand."""
  seen = lambda x: prior.mask * np.clip(EXPOSURE * x, -1, 1)
  x = draws["start"][0, 0]
  for i, (t, s) in enumerate(case.pairs(gaussians.visited(prior, num_steps))):
    x0 = t.gain @ x + t.offset
    residual = seen(x0) - seen(y)
    slope = EXPOSURE * (np.abs(EXPOSURE * x0) <= 1) * residual
    move = SCALE * t.gain.T @ slope / np.linalg.norm(residual)
    # The ancestral step, Ho et al. 2020, Eq. 7.
    beta = 1 - t.alpha_bar / s.alpha_bar
    left = (1 - s.alpha_bar) / (1 - t.alpha_bar)
    x = (s.alpha * beta / (1 - t.alpha_bar) * x0
         + np.sqrt(1 - beta) * left * x
         + np.sqrt(beta * left) * draws["step"][i, 0] - move)
  return x


DPS = case.Case(
    "dps", EXAMPLE.dps_steps, _make, ("step",), scalars={"scale": SCALE},
    reference=_reference)


@pytest.mark.parametrize(
    "promise", contract.promises_of(DPS), ids=lambda p: p.__name__)
def test_contract(promise):
  promise(DPS)


@pytest.mark.slow
def test_the_overexposed_picture_comes_back(tmp_path):
  # Less than half of its steps.
  EXAMPLE.steps, EXAMPLE.scale = (
      EXAMPLE.dps_steps(EXAMPLE.prior.schedule, 40), 3.0)
  x = EXAMPLE.main(str(tmp_path / "out.png"))
  picture = EXAMPLE.data.embedded_images("noto32")[1]
  y = np.asarray(EXAMPLE.camera.apply(picture))
  assert x.shape == (4, 32, 32, 3)
  distance = lambda a, b: np.sqrt(np.mean((a - b) ** 2, axis=(-3, -2, -1)))
  # The guess that explains the observation best, which needs no picture.
  best = np.argmin(distance(np.asarray(EXAMPLE.camera.apply(x)), y))
  assert distance(x[best], picture) < 0.5 * distance(y, picture)
  with Image.open(tmp_path / "out.png") as saved:
    assert saved.size == (6 * 32, 32)
