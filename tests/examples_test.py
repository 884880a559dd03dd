"""The programs in examples/ run and do what their text says."""

import numpy as np
from PIL import Image
import pytest

from tests import example_files


def test_steer_a_prior_keeps_what_it_was_given(tmp_path):
  module = example_files.load("steer_a_prior")
  # A fifth of its steps.
  module.steps = module.samplers.steered_steps(
      module.prior.schedule, 10, num_inner=2)
  x = module.main(str(tmp_path / "out.png"))
  images = module.data.embedded_images("noto32")[:4]
  np.testing.assert_allclose(x[:, :, :16], images[:, :, :16], atol=1e-5)
  assert np.all(np.isfinite(x))
  # The hidden half was not simply left at the grey of the observation.
  assert np.mean(np.abs(x[:, :, 16:])) > 0.2
  with Image.open(tmp_path / "out.png") as picture:
    assert picture.size == (4 * 32, 3 * 32)


def test_your_own_network_is_sampled():
  module = example_files.load("your_own_network")
  x = np.asarray(module.main())
  assert x.shape == (8, 16)
  assert np.all(np.isfinite(x))
  # An image's draws do not depend on how many others there are.
  keys = module.noises.image_keys(0, np.arange(3))
  alone = module.generate(module.params, keys, np.zeros((3, 16), np.float32))
  np.testing.assert_allclose(alone, x[:3], rtol=1e-4, atol=1e-4)


def test_your_own_energy_moves_the_colour_it_weighs(tmp_path):
  module = example_files.load("your_own_energy")
  # A third of its steps: most of its time is the gradient of the network.
  module.steps = module.samplers.steered_steps(module.prior.schedule, 10)
  rows = module.main(str(tmp_path / "out.png"))
  target = np.asarray([-0.2, 0.6, -0.2])
  error = np.sum((rows.mean(axis=(2, 3)) - target) ** 2, axis=-1).mean(axis=1)
  assert error[0] > error[1] > error[2]
  assert error[2] < 0.5 * error[0]


@pytest.mark.parametrize("path", sorted(example_files.FOLDER.glob("*.py")))
def test_every_example_says_how_to_run_it(path):
  assert f"Run: python examples/{path.name}" in path.read_text()
