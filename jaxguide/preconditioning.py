"""Preconditioning: from a raw network F to a denoiser D of noisy data.

D(x; sigma) = c_skip x + c_out F(c_in x, c_noise), Karras et al. 2022
(arXiv:2206.00364), Eq. 7, for x = x0 + sigma n with n standard normal. The
four choices are the columns of their Table 1: their own ("edm"), and those
that make their framework run networks trained as variance-preserving ("vp"),
variance-exploding ("ve") and discrete-time ("iddpm") diffusions.

The coefficients follow the released order of float32 operations.
"""

from collections.abc import Callable, Mapping
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import arrays

_MOST_STEPS = 100_000


class Coefficients(NamedTuple):
  """The four coefficients of Eq. 7 at a sigma, each of its shape.

  Attributes:
    skip: c_skip, the factor of x in the result.
    out: c_out, the factor of the network's output.
    input: c_in, the factor of the network's input.
    noise: c_noise, the number that the network is fed.
  """

  skip: arrays.Array
  out: arrays.Array
  input: arrays.Array
  noise: arrays.Array


class Preconditioning(NamedTuple):
  """How a raw network is scaled.

  Attributes:
    coefficients: function of sigma (scalar or `[B]`, positive) that gives the
      `Coefficients`.
    round_sigma: function of sigma that gives the nearest one that the network
      was trained on.
    sigma_min: smallest sigma that the network was trained on.
    sigma_max: largest sigma that the network was trained on; it may be
      infinite.
  """

  coefficients: Callable[[arrays.Array], Coefficients]
  round_sigma: Callable[[arrays.Array], arrays.Array]
  sigma_min: float
  sigma_max: float


def edm(
    sigma_data: float = 0.5,
    sigma_min: float = 0.0,
    sigma_max: float = math.inf,
) -> Preconditioning:
  """The preconditioning of Karras et al. 2022 (Table 1, last column).

  Args:
    sigma_data: standard deviation of the data.
    sigma_min: smallest sigma supported.
    sigma_max: largest sigma supported.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import preconditioning
    >>> scaling = preconditioning.edm(sigma_data=0.5)
    >>> scaling.coefficients(jnp.float32(0.5)).skip
    Array(0.5, dtype=float32)
  """

  def coefficients(sigma: arrays.Array) -> Coefficients:
    total = sigma**2 + sigma_data**2
    scale = 1 / jnp.sqrt(total)
    return Coefficients(
        sigma_data**2 / total, sigma * sigma_data * scale, scale,
        jnp.log(sigma) / 4)

  return Preconditioning(coefficients, _identity, sigma_min, sigma_max)


def vp(
    beta_d: float = 19.9,
    beta_min: float = 0.1,
    num_steps: int = 1000,
    epsilon_t: float = 1e-5,
) -> Preconditioning:
  """The scaling of networks trained on Song et al. 2021's VP SDE (column 1).

  sigma(t) = sqrt(exp(beta_d t^2 / 2 + beta_min t) - 1); the network predicts
  the noise and is fed (num_steps - 1) t.

  Args:
    beta_d: slope of beta(t).
    beta_min: value of beta(0).
    num_steps: M, the number of times of the network in (0, 1].
    epsilon_t: smallest t.

  Example:
    >>> from jaxguide import preconditioning
    >>> scaling = preconditioning.vp()
    >>> f"{scaling.sigma_min:.4f} {scaling.sigma_max:.1f}"
    '0.0010 152.2'
  """

  def coefficients(sigma: arrays.Array) -> Coefficients:
    variance = jnp.log(1 + sigma**2)
    time = jnp.sqrt(beta_min**2 + 2 * beta_d * variance) - beta_min
    return Coefficients(
        jnp.ones_like(sigma), -sigma, 1 / jnp.sqrt(sigma**2 + 1),
        (num_steps - 1) * (time / _opaque(beta_d, time)))

  limits = (
      math.sqrt(math.expm1(beta_d * t**2 / 2 + beta_min * t))
      for t in (epsilon_t, 1.0))
  return Preconditioning(coefficients, _identity, *limits)


def ve(sigma_min: float = 0.02, sigma_max: float = 100.0) -> Preconditioning:
  """The scaling of networks trained on Song et al. 2021's VE SDE (column 2).

  Args:
    sigma_min: smallest sigma of the SDE.
    sigma_max: largest sigma of the SDE.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import preconditioning
    >>> preconditioning.ve().coefficients(jnp.float32(2.0)).out
    Array(2., dtype=float32)
  """

  def coefficients(sigma: arrays.Array) -> Coefficients:
    one = jnp.ones_like(sigma)
    return Coefficients(one, sigma, one, jnp.log(0.5 * sigma))

  return Preconditioning(coefficients, _identity, sigma_min, sigma_max)


def iddpm(
    c_1: float = 0.001, c_2: float = 0.008, num_steps: int = 1000,
) -> Preconditioning:
  """The scaling of networks of Nichol & Dhariwal 2021 (column 3).

  The network predicts the noise and is fed the number of the nearest of its
  discrete noise levels, which are those of `iddpm_sigmas`.

  Args:
    c_1: least ratio of neighbouring alpha_bar, positive.
    c_2: offset of the cosine schedule, positive.
    num_steps: M, the number of levels, in 1..100,000.

  Raises:
    ValueError: if an argument is out of range.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import preconditioning
    >>> scaling = preconditioning.iddpm(num_steps=4)
    >>> scaling.coefficients(jnp.float32(1e9)).noise  # The noisiest level.
    Array(3., dtype=float32)
  """
  table = iddpm_sigmas(c_1, c_2, num_steps)

  def nearest(sigma: arrays.Array) -> arrays.Array:
    rows = jnp.asarray(table, sigma.dtype)
    return jnp.argmin(jnp.abs(sigma[..., None] - rows), axis=-1)

  def coefficients(sigma: arrays.Array) -> Coefficients:
    noise = num_steps - 1 - nearest(sigma)
    return Coefficients(
        jnp.ones_like(sigma), -sigma, 1 / jnp.sqrt(sigma**2 + 1),
        noise.astype(sigma.dtype))

  def round_sigma(sigma: arrays.Array) -> arrays.Array:
    return jnp.asarray(table, sigma.dtype)[nearest(sigma)]

  return Preconditioning(
      coefficients, round_sigma, float(table[num_steps - 1]), float(table[0]))


def iddpm_sigmas(
    c_1: float = 0.001, c_2: float = 0.008, num_steps: int = 1000,
) -> np.ndarray:
  """The table u of Karras et al. 2022, Table 1: `[M + 1]`, decreasing to 0.

  u_M = 0 and u_{j-1} = sqrt((u_j^2 + 1) / max(a(j-1) / a(j), c_1) - 1) with
  a(j) = sin^2(pi j / (2 M (c_2 + 1))).

  Args:
    c_1: least ratio of neighbouring a, positive.
    c_2: offset of the cosine schedule, positive.
    num_steps: M, the number of levels, in 1..100,000.

  Raises:
    ValueError: if c_1 or c_2 is not above 0, or num_steps not in 1..100,000.

  Example:
    >>> from jaxguide import preconditioning
    >>> preconditioning.iddpm_sigmas(num_steps=4).shape
    (5,)
  """
  if not (c_1 > 0 and c_2 > 0 and 1 <= num_steps <= _MOST_STEPS):
    raise ValueError(
        "c_1 and c_2 must be positive and num_steps in 1 to "
        f"{_MOST_STEPS:,}, got {c_1}, {c_2} and {num_steps}")

  def alpha_bar(j: int) -> float:
    return math.sin(0.5 * math.pi * j / num_steps / (c_2 + 1)) ** 2

  table = np.zeros(num_steps + 1)
  for j in range(num_steps, 0, -1):
    ratio = max(alpha_bar(j - 1) / alpha_bar(j), c_1)
    table[j - 1] = math.sqrt((table[j] ** 2 + 1) / ratio - 1)
  return table


KINDS: Mapping[str, Callable[..., Preconditioning]] = {
    "edm": edm, "vp": vp, "ve": ve, "iddpm": iddpm}


def from_config(entry: Mapping[str, Any]) -> Preconditioning:
  """The preconditioning that `preconditioning` of a `config.json` describes.

  Args:
    entry: dictionary of "kind" and the arguments of the function of that
      name; None stands for an infinite `sigma_max`.

  Raises:
    ValueError: if the kind is unknown, or it does not have an argument, or
      one is no number or out of range.

  Example:
    >>> from jaxguide import preconditioning
    >>> entry = {"kind": "edm", "sigma_data": 0.5, "sigma_max": None}
    >>> preconditioning.from_config(entry).sigma_max
    inf
  """
  options = dict(entry)
  kind = options.pop("kind", None)
  arrays.check_choice("preconditioning kind", kind, tuple(KINDS))
  if options.get("sigma_max", 0) is None:
    options["sigma_max"] = math.inf
  for name, value in options.items():
    if isinstance(value, bool) or not isinstance(value, (int, float)):
      raise ValueError(f"{name} must be a number, got {value!r}")
  try:
    return KINDS[kind](**options)
  except TypeError as error:
    raise ValueError(
        f"preconditioning must have arguments of {kind!r} alone, got "
        f"{dict(entry)}: {error}") from error


def precondition(
    network: Callable[[arrays.Batch, arrays.PerImage], arrays.Batch],
    preconditioning: Preconditioning,
) -> Callable[[arrays.Batch, arrays.Array], arrays.Batch]:
  """D of a raw network F (Karras et al. 2022, Eq. 7).

  Args:
    network: network F, `(x [B, ...], noise [B]) -> [B, ..., C']`; of its last
      axis as many entries are used as x has, the rest being a variance.
    preconditioning: scaling of the network.

  Returns:
    Function `(x [B, ...], sigma scalar or [B]) -> x0 [B, ...]`, which is
    differentiable.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import preconditioning
    >>> denoise = preconditioning.precondition(
    ...     lambda x, noise: 0 * x, preconditioning.edm(sigma_data=0.5))
    >>> denoise(jnp.ones((1, 4)), 0.5)  # c_skip alone is left.
    Array([[0.5, 0.5, 0.5, 0.5]], dtype=float32)
  """

  def denoise(x: arrays.Batch, sigma: arrays.Array) -> arrays.Batch:
    c = preconditioning.coefficients(jnp.asarray(sigma, x.dtype))
    noise = jnp.broadcast_to(c.noise, x.shape[:1])
    out = network(arrays.bcast(c.input, x) * x, noise)
    out = out[..., :x.shape[-1]]
    return arrays.bcast(c.skip, x) * x + arrays.bcast(c.out, x) * out

  return denoise


def _identity(sigma: arrays.Array) -> arrays.Array:
  return sigma


def _opaque(value: float, like: arrays.Array) -> arrays.Array:
  """A constant that the compiler does not see.

  It would turn the division by a constant into a product with its reciprocal,
  and the factor of 999 would make the difference in the last bit visible.
  """
  return jax.lax.optimization_barrier(jnp.asarray(value, like.dtype))
