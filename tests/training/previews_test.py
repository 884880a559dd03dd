import itertools

import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import denoisers
from jaxguide import schedules
from jaxguide.training import previews

SCHEDULE = schedules.linear()


def _gaussian(mean, spread):
  """The exact denoiser where pixels are N(mean, spread^2)."""

  def denoise(x, level):
    total = (level.alpha * spread) ** 2 + level.sigma**2
    eps = level.sigma * (x - level.alpha * mean) / total
    return denoisers.from_eps(eps, x, level)

  return denoise


def _spread_of_ancestral_sampling(spread, num_steps=50):
  """Of the last state, for the Gaussian, written as a recursion."""
  alpha_bar = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))
  alpha_bar = np.concatenate([[1.0], alpha_bar])
  levels = schedules.space_levels(SCHEDULE, num_steps)
  variance = 1.0
  for now, after in itertools.pairwise(alpha_bar[levels]):
    # Gaussian posterior of x_s given x0 and x_t (DDPM, Eq. 7).
    beta = 1 - now / after
    fresh = (1 - after) / (1 - now) * beta
    gain = np.sqrt(now) * spread**2 / (now * spread**2 + 1 - now)
    of_x0 = np.sqrt(after) * beta / (1 - now)
    of_x = np.sqrt(1 - beta) * (1 - after) / (1 - now)
    variance = (of_x0 * gain + of_x) ** 2 * variance + fresh
  return np.sqrt(variance)


def _fill_in(denoise, observed, mask):
  return jax.jit(lambda key: previews.fill_in(
      denoise, SCHEDULE, observed, mask, key))(jax.random.key(0))


def test_what_is_missing_follows_the_prior():
  observed = jnp.full((4, 32, 32, 3), -0.5)
  mask = jnp.zeros((4, 32, 32, 1)).at[:, :, :16].set(1.0)
  x = np.asarray(_fill_in(_gaussian(0.3, 0.1), observed, mask))
  np.testing.assert_array_equal(x[:, :, :16], -0.5)
  missing = x[:, :, 16:]
  # 6144 draws: standard errors of a hundredth of the spread and less.
  spread = _spread_of_ancestral_sampling(0.1)
  assert abs(missing.mean() - 0.3) < 0.04 * spread
  assert abs(missing.std() - spread) < 0.04 * spread


def test_a_prior_of_one_picture_gives_that_picture():
  picture = jax.random.uniform(
      jax.random.key(1), (2, 32, 32, 3), minval=-1, maxval=1)
  x = _fill_in(
      _gaussian(picture, 0.0), jnp.zeros_like(picture),
      jnp.zeros((2, 32, 32, 1)))
  np.testing.assert_allclose(x, picture, atol=1e-4)
