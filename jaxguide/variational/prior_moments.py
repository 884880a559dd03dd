"""What the bound needs to know of a prior beyond its denoiser.

A denoiser gives E[x | z_t] alone. A step of the prior's chain to a lower
level s with variance h^2 has the mean alpha_s x + sqrt(sigma_s^2 - h^2) eps,
eps = (z_t - alpha_t x) / sigma_t, of which x takes the share

  c = alpha_s - sqrt(sigma_s^2 - h^2) alpha_t / sigma_t.

Samplers put the estimate in the place of x. The prior has x itself, so with
x | z_t ~ N(E[x | z_t], V), V = Var[x | z_t],

  p(z_s | z_t) = N(m, h^2 + c^2 V),    p(y | z) = N(A E[x | z], noise^2 +
                                                    A V A^T),

m the mean with the estimate. For DDPM steps the first is Eq. 7 of Bao et al.
2022 (Analytic-DPM). z_s then has the marginal of the schedule for every h,
since alpha_s x + sqrt(sigma_s^2 - h^2) eps + h n has (Song et al. 2021,
Lemma 1): the chain says of y what the prior says.

For a Gaussian x with variance s^2 along the directions of an orthonormal
basis, z_t = alpha_t x + sigma_t n is Gaussian as well and
1 / V = 1 / s^2 + alpha_t^2 / sigma_t^2.
"""

from collections.abc import Callable
from typing import NamedTuple

from jaxguide import arrays
from jaxguide import schedules


class Moments(NamedTuple):
  """Mean and covariance of x under the prior: B diag(variance) B^T.

  Attributes:
    mean: mean of x, a number or an array that broadcasts against rows.
    variance: s^2 along the directions of the basis, positive, a number or an
      array that broadcasts against rows.
    basis: orthonormal map of x `[R, ...]` to B^T x of the same shape, such as
      a cosine transform or x @ eigenvectors; the identity when left out.

  Example:
    >>> from jaxguide import schedules, variational
    >>> moments = variational.Moments(mean=0.0, variance=1.0)
    >>> level = schedules.NoiseLevel(alpha=0.8, sigma=0.6, time=0)
    >>> f"{moments.given(level):.2f}"
    '0.36'
  """

  mean: arrays.Array | float
  variance: arrays.Array | float
  basis: Callable[[arrays.Batch], arrays.Batch] | None = None

  def given(self, level: schedules.NoiseLevel) -> arrays.Array:
    """Var[x | z], s^2 sigma^2 / (s^2 alpha^2 + sigma^2).

    The variances are those along the directions of the basis; 0 on clean
    data.

    Args:
      level: noise level of z, with fields that broadcast against rows.
    """
    noise = level.sigma**2
    return self.variance * noise / (self.variance * level.alpha**2 + noise)

  def spread(self, level: schedules.NoiseLevel) -> arrays.Array:
    """Var[z], s^2 alpha^2 + sigma^2, along the directions of the basis.

    Args:
      level: noise level of z, with fields that broadcast against rows.
    """
    return self.variance * level.alpha**2 + level.sigma**2

  def turned(self, x: arrays.Batch) -> arrays.Batch:
    """B^T x, `[R, ...]`.

    Args:
      x: array `[R, ...]`.
    """
    return x if self.basis is None else self.basis(x)
