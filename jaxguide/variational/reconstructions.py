"""How an estimate is compared with the observation, per sample.

Every function here makes an `Energy` of decoded images, one number per row.
Rows are samples: y and masks may have fewer rows, one per image, when the
samples of an image follow each other. `decoded` turns an energy of images
into one of latents.
"""

from collections.abc import Callable
import math

import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import arrays
from jaxguide import energies
from jaxguide import operators
from jaxguide import schedules
from jaxguide.variational import posteriors

# With a VQ autoencoder the released loss divides its absolute error by
# 2 * 0.566^2, so the weight of the distance is 100 times this.
VQ_WEIGHT = 1 / (2 * 0.566**2)

# From two batches of images to one number per row.
Distance = Callable[[arrays.Images, arrays.Images], arrays.PerImage]
Decode = Callable[[arrays.Batch], arrays.Images]
# From the noise level of z to Var[A x | z].
Variance = Callable[[schedules.NoiseLevel], arrays.Array | float]


def masked_reconstruction(
    y: arrays.Images,
    mask: arrays.Images,
    *,
    weight: float = 100.0,
    perceptual: Distance | None = None,
    perceptual_weight: float = 100.0,
    remat: bool = True,
) -> energies.Energy:
  """weight mean |m y - m x| + perceptual_weight d(m y, m x).

  The mean runs over all pixels, missing ones included. `weight` is 100 with
  a KL autoencoder or a pixel prior and 100 `VQ_WEIGHT` with a VQ one. With a
  `FeatureDistance` the observation's features are computed here, once.

  Args:
    y: the observation, `[N, H, W, C]` in [-1, 1].
    mask: mask, 1 = observed, `[N, H, W, 1]` or `[N, H, W, C]`. Either y or
      the mask may have a single row, for all images.
    weight: factor of the absolute error.
    perceptual: distance between images, such as LPIPS; none when left out.
    perceptual_weight: factor of that distance.
    remat: whether the activations of that distance are computed again in a
      backward pass, instead of being held.

  Returns:
    An energy of images `[R, H, W, C]`, R a multiple of N.

  Raises:
    ValueError: if (once the energy is called) x has another shape than y.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import variational
    >>> y, mask = jnp.zeros((1, 2, 2, 3)), jnp.ones((1, 2, 2, 1))
    >>> energy = variational.masked_reconstruction(y, mask)
    >>> energy(y + 0.5, None, None)
    Array([50.], dtype=float32)
  """
  count = max(y.shape[0], mask.shape[0])
  y, mask = (
      jnp.broadcast_to(part, (count, *part.shape[1:])) for part in (y, mask))
  seen = mask * y
  measure = None if perceptual is None else _distance_from(
      perceptual, seen, remat)

  def energy(
      x: arrays.Batch, level: schedules.NoiseLevel, draw: energies.Draw
  ) -> arrays.PerImage:
    del level, draw
    target, m = posteriors.repeat_to((seen, mask), x.shape[0])
    arrays.check_shape("x", x, (None, *seen.shape[1:]))
    masked = m * x
    value = weight * energies.mean_per_image(jnp.abs(target - masked))
    if measure is not None:
      value += perceptual_weight * measure(masked)
    return value

  return energy


def measured_reconstruction(
    y: arrays.Batch,
    operator: operators.Operator,
    *,
    weight: float = 100.0 * VQ_WEIGHT,
) -> energies.Energy:
  """weight mean |y - A x|: super-resolution, deblurring.

  Args:
    y: the measurement, `[N, ...]`.
    operator: operator A; it sees rows of samples.
    weight: factor of the absolute error.

  Returns:
    An energy of images `[R, ...]`, R a multiple of N.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import operators, variational
    >>> double = operators.Operator(lambda x: 2 * x)
    >>> energy = variational.measured_reconstruction(
    ...     jnp.zeros((1, 4)), double, weight=1.0)
    >>> energy(jnp.ones((1, 4)), None, None)
    Array([2.], dtype=float32)
  """

  def energy(
      x: arrays.Batch, level: schedules.NoiseLevel, draw: energies.Draw
  ) -> arrays.PerImage:
    del level, draw
    target = posteriors.repeat_to(y, x.shape[0])
    return weight * energies.mean_per_image(
        jnp.abs(target - operator.apply(x)))

  return energy


def gaussian_likelihood(
    y: arrays.Batch,
    noise_std: arrays.Array | float,
    *,
    mask: arrays.Batch | None = None,
    operator: operators.Operator | None = None,
    variance: Variance | None = None,
) -> energies.Energy:
  """-log N(y; A x, noise_std^2 + variance), summed, with its constant.

  Without `variance` y is compared with A x as if the estimate x = E[x | z]
  were the clean signal. It is not: given z, y = A x + noise with x of mean
  E[x | z] and covariance V = Var[x | z], so that p(y | z) has the mean
  A E[x | z] and the covariance A V A^T + noise_std^2. With the diagonal of
  A V A^T as `variance` this is p(y | z) exactly where x given z is Gaussian
  and A V A^T diagonal: under a mask, V element-wise (a prior of independent
  Gaussian elements). The bound proper needs it to bound the prior's own
  log p(y).

  Args:
    y: the measurement, `[N, ...]`.
    noise_std: standard deviation of the noise, a scalar or `[N]`, positive;
      0 is allowed with `variance`.
    mask: mask, 1 = observed, broadcasting against y; what is missing counts
      neither in the sum nor in the constant. None for y that is complete.
    operator: operator A, which sees rows of samples; the identity when left
      out.
    variance: variance of A x given z, a function of the noise level of z,
      whose fields broadcast against the rows, that gives a number or an array
      that broadcasts against A x. `Moments(mean, s2).given` for elements of
      variance s2 under the prior: s2 sigma^2 / (s2 alpha^2 + sigma^2);
      `lambda level: v` for a known one. None for 0.

  Returns:
    An energy of x `[R, ...]`, R a multiple of N, in nats.

  Raises:
    ValueError: if `noise_std` is negative, not finite or, without
      `variance`, 0. A traced one is not checked.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import variational
    >>> energy = variational.gaussian_likelihood(jnp.zeros((1, 2)), 1.0)
    >>> energy(jnp.ones((1, 2)), None, None)  # 1 + log(2 pi).
    Array([2.8379], dtype=float32)
  """
  if not isinstance(noise_std, jax.core.Tracer):
    std = np.asarray(noise_std)
    fits = std >= 0 if variance is not None else std > 0
    if not np.all(fits & np.isfinite(std)):
      raise ValueError(
          "noise_std must be positive and finite (or 0 where variance is "
          f"given), got {noise_std}")
  seen = jnp.ones_like(y) if mask is None else jnp.broadcast_to(mask, y.shape)
  std = jnp.broadcast_to(jnp.asarray(noise_std, y.dtype), y.shape[:1])

  def energy(
      x: arrays.Batch, level: schedules.NoiseLevel, draw: energies.Draw
  ) -> arrays.PerImage:
    del draw
    target, m, s = posteriors.repeat_to((y, seen, std), x.shape[0])
    x = x if operator is None else operator.apply(x)
    total = arrays.bcast(s * s, x)
    if variance is not None:
      against = lambda field: arrays.bcast(jnp.asarray(field), x)
      total += variance(jax.tree.map(against, level))
    miss = target - x
    return 0.5 * energies.sum_per_image(
        m * (miss * miss * (1 / total) + jnp.log(2 * math.pi * total)))

  return energy


def _distance_from(
    perceptual: Distance, seen: arrays.Images, remat: bool
) -> Callable[[arrays.Images], arrays.PerImage]:
  """The distance of rows of samples from what is seen of their images."""
  known, compare = seen, lambda x, reference: perceptual(reference, x)
  if isinstance(perceptual, energies.FeatureDistance):
    known, compare = perceptual.features(seen), perceptual.from_features
  # The features are repeated inside the function that is differentiated,
  # where the copies for the rows need no memory of their own.
  measure = lambda x: compare(x, posteriors.repeat_to(known, x.shape[0]))
  return jax.checkpoint(measure) if remat else measure


def decoded(
    energy: energies.Energy, decode: Decode, *, remat: bool = True
) -> energies.Energy:
  """An energy of images as one of latents, decoder inside the gradient.

  Args:
    energy: an energy of images.
    decode: decoder, which takes latents `[R, ...]`, scaled as the prior has
      them, to images.
    remat: whether the decoder's activations are computed again in the
      backward pass, instead of being held.

  Returns:
    An energy of latents.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import variational
    >>> energy = variational.gaussian_likelihood(jnp.zeros((1, 2)), 1.0)
    >>> latent = variational.decoded(energy, lambda z: 2 * z)
    >>> latent(jnp.ones((1, 2)), None, None)  # 4 + log(2 pi).
    Array([5.8379], dtype=float32)
  """
  if remat:
    decode = jax.checkpoint(decode)
  return lambda z, level, draw: energy(decode(z), level, draw)
