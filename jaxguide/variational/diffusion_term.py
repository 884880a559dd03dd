"""The diffusion loss: levels above T_e, one drawn per sample.

With * the latent z_0 at T_e and s < t two neighbours of the grid,
  z_t = a_{t*} z_0 + sqrt(v_{t*}) n,
  D = KL( q(z_s | z_t, z_0) || q(z_s | z_t, zhat(z_t)) ),
the first with the free tau_0 in the place of sigma at T_e, the second with
the schedule's, zhat = E[z_0 | z_t, x0(z_t)].

  what                 paper                released
  zhat                 z_t - v/sigma_t eps  z_t - sqrt(v) eps    (over a)
  variance of z_s      v v* / (v + a^2 v*)  v v* / (v + a*^2 v*)
  mean term of D       d^2 / (2 s_p^2)      d^2 s_p^2 / 2

Most of d is what z_t does not tell of z_0. It adds to the mean of D what does
not depend on mu_0, and to the gradient most of its noise. z_0 given z_t is
Gaussian, so that D can be averaged over it in closed form (`mean`). Where
tau_0 is the schedule's sigma, what is left in d is then proportional to the
distance between alpha x0(z_t) and the mean of z_0.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxguide import arrays
from jaxguide import denoisers
from jaxguide import energies
from jaxguide import schedules
from jaxguide.variational import hierarchy
from jaxguide.variational import plans


class Transition(NamedTuple):
  """z_r = scale z + sqrt(variance) n, broadcasting against `[R, ...]`.

  Attributes:
    scale: factor of z.
    variance: variance of z_r given z.
  """

  scale: arrays.Array
  variance: arrays.Array


class Normal(NamedTuple):
  """A diagonal Gaussian, broadcasting against `[R, ...]`.

  Attributes:
    mean: mean of each element.
    std: standard deviation of each element.
  """

  mean: arrays.Array
  std: arrays.Array


def transition(
    alpha_from: arrays.Array,
    sigma_from: arrays.Array,
    alpha_to: arrays.Array,
    sigma_to: arrays.Array,
) -> Transition:
  """The forward transition between two noise levels, element-wise.

  Args:
    alpha_from: alpha of the lower level.
    sigma_from: sigma of the lower level.
    alpha_to: alpha of the noisier level.
    sigma_to: sigma of the noisier level.
  """
  scale = alpha_to * (1 / alpha_from)
  kept = arrays.product(scale, sigma_from)
  # The difference of squares is factored, since between neighbours of the
  # grid the squares themselves cancel.
  return Transition(scale, (sigma_to - kept) * (sigma_to + kept))


def bridge(
    z_t: arrays.Batch,
    z_star: arrays.Batch,
    onto: Transition,
    step: Transition,
    variant: str = "paper",
) -> Normal:
  """q(z_s | z_t, z_*) for a chain * -> s -> t.

  Args:
    z_t: latents at t, `[R, ...]`.
    z_star: latents at *, `[R, ...]`.
    onto: forward transition from * to s.
    step: forward transition from s to t.
    variant: "paper" or "released"; the module's text has their formulas.
  """
  a, v = step
  a_star, v_star = onto
  seen = a_star if variant == "released" else a
  variance = v * v_star * (1 / (v + arrays.product(seen**2, v_star)))
  mean = (arrays.product(variance * (a_star * (1 / v_star)), z_star)
          + arrays.product(variance * (a * (1 / v)), z_t))
  return Normal(mean, jnp.sqrt(variance))


def divergence(
    q: Normal,
    p: Normal,
    variant: str = "paper",
    spread: arrays.Array | None = None,
) -> arrays.Array:
  """KL(q || p), element-wise; "released" multiplies by p's variance.

  Args:
    q: the first Gaussian.
    p: the second Gaussian.
    variant: "paper" or "released"; the module's text has their formulas.
    spread: variance of q's mean, over which the divergence is averaged; in
      the paper's variant alone. None for a mean that is known.
  """
  # The logarithm is not that of p.std / q.std: the compiler simplifies its
  # derivative to a division by p's scalar, and whether that becomes a product
  # depends on the program around it.
  inverse = 1 / p.std
  half_precision = 0.5 / p.std**2
  released = variant == "released"
  mean_weight = 0.5 * p.std**2 if released else half_precision
  square = q.std**2 if spread is None else arrays.product(q.std, q.std) + spread
  return (arrays.product(mean_weight, (q.mean - p.mean) ** 2)
          - jnp.log(q.std * inverse)
          + arrays.product(half_precision, square) - 0.5)


def stratified(offset: arrays.PerImage, num_samples: int) -> arrays.Array:
  """(u + b / B) mod 1 for b = 0 .. B - 1, `[N, B]` from `[N]`."""
  shares = jnp.arange(num_samples, dtype=offset.dtype) * (1 / num_samples)
  return (offset[:, None] + shares) % 1.0


def drawn_pair(
    plan: plans.Plan, std: arrays.Batch, u: arrays.PerImage
) -> tuple[schedules.NoiseLevel, schedules.NoiseLevel]:
  """The neighbours t and s of the grid that u `[R]` in [0, 1) selects.

  The grid above the largest tau_0 of the image is a suffix of n entries, so
  a count takes the place of a selection and shapes stay static. Its two
  lowest entries are never t. In the paper's variant it also lies above T_e:
  below, where a shrinking tau_0 leads the released program, zhat has no
  variance.
  """
  limit = jnp.max(jax.lax.stop_gradient(std), axis=tuple(range(1, std.ndim)))
  if plan.variant == "paper":
    limit = jnp.maximum(limit, plan.rows.sigma[0])
  sigma = jnp.asarray(plan.grid.sigma)
  count = jnp.sum(sigma > limit[:, None], axis=1)
  size = sigma.shape[0]
  position = jnp.floor(u * (count - 2) + 2).astype(jnp.int32)
  # The rounding of u * (count - 2) must not step over the end.
  row = jnp.minimum(size - count + position, size - 1)
  take = lambda r: jax.tree.map(lambda t: jnp.asarray(t)[r], plan.grid)
  return take(row), take(row - 1)


def diffusion_loss(
    plan: plans.Plan,
    denoise: denoisers.Denoiser,
    z: arrays.Batch,
    std: arrays.Batch,
    u: arrays.PerImage,
    n: arrays.Batch,
    mean: arrays.Batch | None = None,
) -> arrays.PerImage:
  """(T - T_e) / 2 times the mean of D over elements, `[R]`.

  Args:
    plan: plan of the posterior.
    denoise: the prior, evaluated once.
    z: z_0, the latents at T_e, `[R, ...]`.
    std: tau_0, the standard deviation of z_0, `[R, ...]`.
    u: uniform draws in [0, 1) that select the times, `[R]`.
    n: standard normal noise of z_t, `[R, ...]`.
    mean: mean of z_0, `[R, ...]`. Given it, D is averaged over z_0 given z_t:
      the loss then has the same mean over draws, and varies less.

  Raises:
    ValueError: if a mean is given with the released variant, whose D is no
      divergence.
  """
  if mean is not None and plan.variant != "paper":
    raise ValueError(
        "mean must be None unless the plan has variant='paper', got a mean "
        f"with variant={plan.variant!r}")
  level_t, level_s = drawn_pair(plan, std, u)
  t, s = (
      tuple(arrays.bcast(v, z) for v in level[:2])
      for level in (level_t, level_s)
  )
  free = (hierarchy.start_scale(plan, std), std)
  fixed = (plan.rows.alpha[0], plan.rows.sigma[0])
  jump = transition(*free, *t)
  z_t = (arrays.product(jump.scale, z)
         + arrays.product(jnp.sqrt(jump.variance), n))
  eps = denoise(z_t, level_t).eps
  zhat = _estimate(plan.variant, z_t, eps, transition(*fixed, *t), t[1])
  step = transition(*s, *t)
  onto = transition(*free, *s)
  unknown = spread = None
  if mean is not None:
    # z becomes the mean of z_0 given z_t, and `unknown` the variance of z_0
    # given z_t, which D's first term sees.
    share = std**2 * (1 / t[1]**2)
    z = mean + arrays.product(
        share * jump.scale, z_t - arrays.product(jump.scale, mean))
    unknown = share * jump.variance
  q = bridge(z_t, z, onto, step, plan.variant)
  p = bridge(z_t, zhat, transition(*fixed, *s), step, plan.variant)
  if unknown is not None:
    # This is the derivative of q's mean by z_0.
    weight = onto.scale * step.variance * (
        1 / (step.variance + arrays.product(step.scale**2, onto.variance)))
    spread = arrays.product(weight**2, unknown)
  return plan.weight * energies.mean_per_image(
      divergence(q, p, plan.variant, spread))


def _estimate(variant, z_t, eps, jump, sigma_t):
  """The prior's estimate of the latent at T_e."""
  noise = (jnp.sqrt(jump.variance) if variant == "released"
           else jump.variance * (1 / sigma_t))
  return (z_t - arrays.product(noise, eps)) * (1 / jump.scale)
