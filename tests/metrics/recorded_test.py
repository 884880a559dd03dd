"""Metrics against recorded values of released code (EGSDE's scorer)."""

import jax.numpy as jnp
import numpy as np

from jaxguide import metrics
from tests import recorded_kinds


@recorded_kinds.parametrized("metrics of EGSDE")
def test_equals_the_recorded_values(path):
  data = np.load(path)
  a, b = (
      jnp.asarray(np.moveaxis(2.0 * data[key] - 1.0, 1, -1), jnp.float32)
      for key in "ab"
  )
  unit = dict(value_range=(0.0, 1.0))
  got = {
      "ssim": metrics.ssim(a, b),
      "psnr": metrics.psnr(a, b, epsilon=1e-10, **unit),
      "mse": metrics.mse(a, b, **unit),
      "l2": metrics.l2(a, b, **unit),
  }
  for key, value in got.items():
    wanted = np.asarray(data[key])
    # A single number stands for the mean over images.
    value = np.asarray(value).mean() if wanted.ndim == 0 else value
    # SSIM may be near 0, where a difference of variances is left over.
    np.testing.assert_allclose(
        value, wanted, rtol=2e-5, atol=1e-6 * (key == "ssim"), err_msg=key)
