"""From a network to x0 and eps, whatever the network predicts.

A `Denoiser` is `(x_t, NoiseLevel) -> Prediction`. Any (alpha, sigma) is
accepted: a variance-preserving network is fed x_t / hypot(alpha, sigma), an
EDM network x_t / alpha, and x0 and eps always refer to the caller's x_t, so
that x_t = alpha x0 + sigma eps holds for every prediction.

Arrays are multiplied by reciprocals of scalars, never divided by scalars: the
compiler makes the one of the other in some programs and not in others (on
one device, not on eight), and the last bits of an image with it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxguide import arrays
from jaxguide import preconditioning as preconditionings
from jaxguide import schedules

Apply = Callable[[arrays.PyTree, arrays.Batch, arrays.PerImage, Any],
                 arrays.Batch]

PREDICTIONS = ("eps", "x0", "v", "edm")


class Prediction(NamedTuple):
  """What a denoiser knows at x_t = alpha x0 + sigma eps.

  Computed in float32 (or wider), also for an x_t of half precision.

  Attributes:
    x0: estimate of the clean signal, the shape of x_t.
    eps: estimate of the noise, the shape of x_t.
    variance_fraction: fraction of a learned variance, raw (v of Nichol &
      Dhariwal 2021, Eq. 15, as (v + 1) / 2), the shape of x_t; None without
      one.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import denoisers, schedules
    >>> prior = denoisers.gaussian(jnp.zeros(4), jnp.eye(4))
    >>> x_t, level = jnp.ones((1, 4)), schedules.linear(1000).at_level(500)
    >>> p = prior(x_t, level)
    >>> print(level.alpha * p.x0 + level.sigma * p.eps)  # x_t
    [[1. 1. 1. 1.]]
  """

  x0: arrays.Batch
  eps: arrays.Batch
  variance_fraction: arrays.Batch | None = None


Denoiser = Callable[[arrays.Batch, schedules.NoiseLevel], Prediction]


def from_x0(
    x0: arrays.Batch,
    x_t: arrays.Batch,
    level: schedules.NoiseLevel,
    variance_fraction: arrays.Batch | None = None,
) -> Prediction:
  """The prediction with the given x0: eps = (x_t - alpha x0) / sigma.

  Args:
    x0: estimate of the clean signal, `[B, ...]`.
    x_t: state, the shape of x0.
    level: noise level of x_t; scalar or `[B]`, sigma positive.
    variance_fraction: fraction of a learned variance, passed on.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import denoisers, schedules
    >>> level = schedules.NoiseLevel(alpha=1.0, sigma=2.0, time=2.0)
    >>> print(denoisers.from_x0(jnp.zeros((1, 2)), jnp.ones((1, 2)), level).eps)
    [[0.5 0.5]]
  """
  alpha, sigma = (_like(v, x_t) for v in level[:2])
  return Prediction(x0, (x_t - alpha * x0) * (1 / sigma), variance_fraction)


def from_eps(
    eps: arrays.Batch,
    x_t: arrays.Batch,
    level: schedules.NoiseLevel,
    variance_fraction: arrays.Batch | None = None,
) -> Prediction:
  """The prediction with the given eps: x0 = (x_t - sigma eps) / alpha.

  Args:
    eps: estimate of the noise, `[B, ...]`.
    x_t: state, the shape of eps.
    level: noise level of x_t; scalar or `[B]`, alpha positive.
    variance_fraction: fraction of a learned variance, passed on.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import denoisers, schedules
    >>> level = schedules.NoiseLevel(alpha=1.0, sigma=2.0, time=2.0)
    >>> print(denoisers.from_eps(jnp.ones((1, 2)), jnp.ones((1, 2)), level).x0)
    [[-1. -1.]]
  """
  alpha, sigma = (_like(v, x_t) for v in level[:2])
  return Prediction((x_t - sigma * eps) * (1 / alpha), eps, variance_fraction)


def from_apply(
    apply: Apply,
    params: arrays.PyTree,
    *,
    prediction: str = "eps",
    cond: Any = None,
    learned_variance: bool = False,
    sigma_data: float = 0.5,
    preconditioning: preconditionings.Preconditioning | None = None,
) -> Denoiser:
  """A denoiser from any function `apply(params, x, time, cond)`.

  Flax (Linen or NNX), Equinox and Haiku models all fit. `eps`, `x0` and `v`
  networks are fed x_t / hypot(alpha, sigma) and `level.time`; an `edm`
  network is the raw F of Karras et al. 2022, Eq. 7, fed c_in x_t / alpha and
  c_noise at sigma / alpha (ln(sigma / alpha) / 4 in their own preconditioning).

  Args:
    apply: network; x is `[B, ...]`, time float32 `[B]`, cond whatever was
      given here; returns `[B, ...]`, its last axis doubled with
      `learned_variance`.
    params: parameters of the network.
    prediction: name of what it predicts: "eps", "x0", "v" (v = alpha eps -
      sigma x0, Salimans & Ho 2022) or "edm".
    cond: conditions, bound per image (leading axis B); None without.
    learned_variance: whether the second half of the last axis is v of a
      learned variance.
    sigma_data: standard deviation of the data, for "edm".
    preconditioning: preconditioning of another kind than
      `preconditioning.edm`, for "edm".

  Raises:
    ValueError: an unknown prediction, a preconditioning without "edm", a
      learned variance with "edm" and no preconditioning, or (when called) a
      network output of another shape.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import denoisers, schedules
    >>> network = lambda params, x, time, cond: params["scale"] * x
    >>> denoise = denoisers.from_apply(
    ...     network, {"scale": 0.5}, prediction="eps")
    >>> level = schedules.linear(1000).at_level(500)
    >>> print(denoise(jnp.ones((1, 4)), level).eps)
    [[0.5 0.5 0.5 0.5]]
  """
  arrays.check_choice("prediction", prediction, PREDICTIONS)
  if prediction == "edm":
    if preconditioning is None:
      if learned_variance:
        raise ValueError(
            "learned_variance must be False for prediction='edm' without "
            "preconditioning")
      preconditioning = preconditionings.edm(sigma_data)
    return _edm(apply, params, cond, preconditioning, learned_variance)
  if preconditioning is not None:
    raise ValueError(
        f"preconditioning must be None for prediction={prediction!r}")

  def denoise(x_t: arrays.Batch, level: schedules.NoiseLevel) -> Prediction:
    alpha, sigma = (_like(v, x_t) for v in level[:2])
    inverse = 1 / jnp.sqrt(alpha**2 + sigma**2)
    x_in = x_t * inverse
    out = apply(params, x_in, _times(level.time, x_t), cond)
    out, fraction = _split_variance(out, x_t, learned_variance)
    if prediction == "eps":
      return from_eps(out, x_t, level, fraction)
    if prediction == "x0":
      return from_x0(out, x_t, level, fraction)
    a, s = alpha * inverse, sigma * inverse
    product = arrays.product
    return Prediction(
        product(a, x_in) - product(s, out),
        product(s, x_in) + product(a, out),
        fraction)

  return denoise


def _edm(
    apply: Apply,
    params: arrays.PyTree,
    cond: Any,
    preconditioning: preconditionings.Preconditioning,
    learned_variance: bool,
) -> Denoiser:
  """Karras et al. 2022, Eq. 7, with the preconditioning of Table 1."""

  def denoise(x_t: arrays.Batch, level: schedules.NoiseLevel) -> Prediction:
    alpha, sigma = (jnp.asarray(v, _wide(x_t)) for v in level[:2])
    inverse = 1 / alpha
    c = preconditioning.coefficients(sigma * inverse)
    x = x_t * _like(inverse, x_t)
    out = apply(params, x * _like(c.input, x_t), _times(c.noise, x_t), cond)
    out, fraction = _split_variance(out, x_t, learned_variance)
    x0 = (arrays.product(_like(c.skip, x_t), x)
          + arrays.product(_like(c.out, x_t), out))
    return from_x0(x0, x_t, level, fraction)

  return denoise


def clip_x0(
    denoise: Denoiser, low: float = -1.0, high: float = 1.0
) -> Denoiser:
  """Clips x0 to [low, high] and makes eps agree with it.

  Args:
    denoise: denoiser of any kind.
    low: smallest value of x0 that is left.
    high: largest value of x0 that is left.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import denoisers, schedules
    >>> prior = denoisers.gaussian(jnp.array([0.5, 3.0]), jnp.zeros((2, 2)))
    >>> level = schedules.linear(1000).at_level(500)
    >>> print(denoisers.clip_x0(prior)(jnp.zeros((1, 2)), level).x0)
    [[0.5 1. ]]
  """

  def clipped(x_t: arrays.Batch, level: schedules.NoiseLevel) -> Prediction:
    raw = denoise(x_t, level)
    x0 = jnp.clip(raw.x0, low, high)
    return from_x0(x0, x_t, level, raw.variance_fraction)

  return clipped


def classifier_free(
    conditional: Denoiser,
    unconditional: Denoiser,
    scale: arrays.Array | float,
) -> Denoiser:
  """Classifier-free guidance (Ho & Salimans 2022, Eq. 6).

  eps = eps_u + scale (eps_c - eps_u), and x0 likewise, as both are affine in
  each other. The learned variance is the conditional one.

  Args:
    conditional: denoiser with the condition bound.
    unconditional: denoiser with the null condition bound.
    scale: weight of the condition, 0 is without, 1 with it; scalar or `[B]`,
      may be traced.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import denoisers, schedules
    >>> conditional = denoisers.gaussian(jnp.ones(2), jnp.zeros((2, 2)))
    >>> unconditional = denoisers.gaussian(jnp.zeros(2), jnp.zeros((2, 2)))
    >>> guided = denoisers.classifier_free(conditional, unconditional, 3.0)
    >>> level = schedules.linear(1000).at_level(500)
    >>> print(guided(jnp.zeros((1, 2)), level).x0)
    [[3. 3.]]
  """

  def guided(x_t: arrays.Batch, level: schedules.NoiseLevel) -> Prediction:
    c, u = conditional(x_t, level), unconditional(x_t, level)
    w = _like(scale, x_t)
    return Prediction(
        u.x0 + w * (c.x0 - u.x0),
        u.eps + w * (c.eps - u.eps),
        c.variance_fraction,
    )

  return guided


def gaussian(mean: arrays.Array, covariance: arrays.Array) -> Denoiser:
  """The exact denoiser of a Gaussian prior: an oracle for tests.

  E[x0 | x_t] = m + alpha C (alpha^2 C + sigma^2 I)^-1 (x_t - alpha m).

  Args:
    mean: mean, `[d]`.
    covariance: covariance, `[d, d]`, symmetric and positive semi-definite.

  Returns:
    Denoiser of `[B, d]`.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import denoisers, schedules
    >>> prior = denoisers.gaussian(jnp.zeros(2), jnp.eye(2))
    >>> level = schedules.linear(1000).at_level(500)
    >>> print(prior(jnp.ones((1, 2)), level).x0, f"{level.alpha:.4f}")
    [[0.2803 0.2803]] 0.2803
  """
  mean = jnp.asarray(mean)
  variance, basis = jnp.linalg.eigh(jnp.asarray(covariance))

  def denoise(x_t: arrays.Batch, level: schedules.NoiseLevel) -> Prediction:
    alpha, sigma = (_like(v, x_t) for v in level[:2])
    gain = alpha * variance / (alpha**2 * variance + sigma**2)
    x0 = mean + ((x_t - alpha * mean) @ basis * gain) @ basis.T
    return from_x0(x0, x_t, level)

  return denoise


def _like(value: arrays.Array | float, x: arrays.Batch) -> arrays.Array:
  """A scalar or `[B]` shaped to broadcast against x, float32 or wider."""
  return arrays.bcast(jnp.asarray(value, _wide(x)), x)


def _wide(x: arrays.Batch) -> jnp.dtype:
  """The dtype to compute in: x_t - sigma eps cancels in half precision."""
  return jnp.promote_types(x.dtype, jnp.float32)


def _times(time: arrays.Array, x_t: arrays.Batch) -> arrays.PerImage:
  """Network times as float32 `[B]`."""
  time = jnp.asarray(time, jnp.float32)
  return jnp.broadcast_to(time, x_t.shape[:1])


def _split_variance(
    out: arrays.Batch, x_t: arrays.Batch, learned_variance: bool
) -> tuple[arrays.Batch, arrays.Batch | None]:
  """Separates a network's output from its raw variance, if it has one."""
  channels = x_t.shape[-1] * (2 if learned_variance else 1)
  arrays.check_shape("network output", out, (*x_t.shape[:-1], channels))
  out = out.astype(_wide(x_t))
  if not learned_variance:
    return out, None
  mean, v = jnp.split(out, 2, axis=-1)
  return mean, (v + 1) / 2


def stop_gradient(denoise: Denoiser) -> Denoiser:
  """A denoiser whose output is a constant to differentiation.

  Example:
    >>> import jax
    >>> import jax.numpy as jnp
    >>> from jaxguide import denoisers, schedules
    >>> prior = denoisers.gaussian(jnp.zeros(2), jnp.eye(2))
    >>> level = schedules.linear(1000).at_level(500)
    >>> frozen = denoisers.stop_gradient(prior)
    >>> print(jax.grad(lambda x: frozen(x, level).x0.sum())(jnp.ones((1, 2))))
    [[0. 0.]]
  """

  def frozen(x_t: arrays.Batch, level: schedules.NoiseLevel) -> Prediction:
    return jax.tree.map(jax.lax.stop_gradient, denoise(x_t, level))

  return frozen
