"""The parameters of a hierarchical posterior, and where they start."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxguide import arrays
from jaxguide import noises
from jaxguide.variational import plans


class Posterior(NamedTuple):
  """Element-wise Gaussian parameters of N images at K levels.

  q(z_0) = N(s mu_0, tau_0^2) at T_e, and for k >= 1
  q(z_k | z_{k-1}) = N(g_k m_k + (1 - g_k) c_k mu_k, tau_k^2),
  m_k the mean of the prior's transition. In the paper's variant s and c_k
  are 1; in the released one s = sqrt(1 - tau_0^2) and c_k = alpha_k.

  Attributes:
    mu: contextual means, `[N, K, ...]`.
    logvar: log variances, log tau^2, `[N, K, ...]`.
    gamma: logits of the mixing weights g, `[N, K, ...]`; level 0 has none
      and its entry never moves.
  """

  mu: arrays.Batch
  logvar: arrays.Batch
  gamma: arrays.Batch


def check_levels(posterior: Posterior, plan: plans.Plan) -> None:
  """Refuses a posterior of another number of levels than the plan.

  An array is read beyond its end without an error in jax.

  Args:
    posterior: posterior to be checked, leaves `[N, K, ...]`.
    plan: plan whose number of levels it must have.

  Raises:
    ValueError: naming the parameter whose shape does not fit.
  """
  for name, leaf in posterior._asdict().items():
    if leaf.ndim < 2 or leaf.shape[1] != plan.num_levels:
      raise ValueError(
          f"posterior.{name} has shape {leaf.shape}; the plan has "
          f"{plan.num_levels} levels, so it must have shape "
          f"[N, {plan.num_levels}, ...]")


def encodings(
    encoded: arrays.Batch,
    noise: noises.Noise,
    num_levels: int,
    *,
    num_samples: int = 1,
    std: float = 0.0,
) -> arrays.Batch:
  """Noisy copies of the encoded observation, one per level.

  Args:
    encoded: output of the encoder at the observation (missing pixels 0),
      scaled as latents are, `[N, ...]`; the observation itself for a pixel
      prior.
    noise: source of draws, asked for slot "encode" at index -1, one draw
      `[num_samples, ...]` per image.
    num_levels: K, the number of levels; level k takes copy k mod num_samples.
    num_samples: number of copies that are drawn, B of the released program.
    std: standard deviation of the noise; the autoencoder's scale factor in
      the released program.

  Returns:
    Copies `[N, K, ...]`, the `context` of `initialise`.

  Raises:
    ValueError: if `num_samples` is not positive, or the noise has no row per
      image.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import noises, variational
    >>> noise = noises.prng_noise(noises.image_keys(0, jnp.arange(1)))
    >>> variational.encodings(jnp.ones((1, 4)), noise, num_levels=2).shape
    (1, 2, 4)
  """
  if num_samples < 1:
    raise ValueError(f"num_samples must be at least 1, got {num_samples}")
  shape = encoded.shape[1:]
  draws = noises.checked_rows(noise, encoded.shape[0])
  xi = draws(-1, "encode", (num_samples, *shape))
  copies = encoded[:, None] + std * xi
  return copies[:, jnp.arange(num_levels) % num_samples]


def initialise(
    plan: plans.Plan,
    context: arrays.Batch,
    noise: noises.Noise,
    *,
    std_scale: float = 0.7,
    mixing_logit: float = 4.0,
    mean_scale: float = 1.0,
    mean_scale_top: float = 0.8,
    start_std: float | None = None,
) -> Posterior:
  """The posterior that a fit starts from.

  mu_k = alpha_k e_k + mean_scale sigma_k n_k; at T_e the clean mean
  e_0 + mean_scale_top n', in the paper's variant times alpha. tau_k is
  std_scale times the standard deviation of z_k given z_{k-1} and x0, and
  sigma at T_e.

  Args:
    plan: plan of the posterior.
    context: e_k on the scale of clean data, `[N, K, ...]`, such as
      `encodings` gives.
    noise: source of draws, asked for slots "mean" `[K, ...]` and "mean_top"
      at index -1.
    std_scale: factor of tau_k, k >= 1, positive.
    mixing_logit: value of gamma everywhere.
    mean_scale: scale of the noise on mu_k, k >= 1.
    mean_scale_top: scale of the noise on mu_0.
    start_std: tau_0, positive; sigma at T_e when left out, 0.1 on clean data.

  Returns:
    A posterior with leaves `[N, K, ...]`.

  Raises:
    ValueError: if the context has another number of levels, a standard
      deviation is not positive, or the noise has no row per image.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import noises, schedules, variational
    >>> plan = variational.vipaint_plan(schedules.linear(1000), (551, 401))
    >>> noise = noises.prng_noise(noises.image_keys(0, jnp.arange(1)))
    >>> start = variational.initialise(plan, jnp.zeros((1, 2, 4)), noise)
    >>> start.mu.shape, float(start.gamma[0, 0, 0])
    ((1, 2, 4), 4.0)
  """
  for name, value in (("std_scale", std_scale), ("start_std", start_std)):
    if value is not None and not value > 0:
      raise ValueError(f"{name} must be positive, got {value}")
  arrays.check_shape(
      "context", context, (None, plan.num_levels, *context.shape[2:]))
  shape, noise = context.shape[1:], noises.checked_rows(noise, context.shape[0])
  alpha, sigma = (_levels(v, context) for v in plan.rows[:2])
  mu = alpha * context + mean_scale * sigma * noise(-1, "mean", shape)
  top = context[:, 0] + mean_scale_top * noise(-1, "mean_top", shape[1:])
  if plan.variant == "paper":
    top = plan.rows.alpha[0] * top
  mu = mu.at[:, 0].set(top)
  if start_std is None:
    start_std = plan.prior_std[0] if plan.levels[0] else 0.1
  std = jnp.asarray(plan.prior_std) * (std_scale / plan.eta**0.5)
  logvar = _levels(2 * jnp.log(std.at[0].set(start_std)), context)
  return Posterior(
      mu=mu,
      logvar=jnp.broadcast_to(logvar, mu.shape),
      gamma=jnp.full_like(mu, mixing_logit),
  )


def _levels(table: arrays.Array, like: arrays.Batch) -> arrays.Array:
  """A table `[K]` shaped to broadcast against `[N, K, ...]`."""
  table = jnp.asarray(table, jnp.float32)
  return table.reshape(1, -1, *(1,) * (like.ndim - 2))


def repeat(
    tree: arrays.PyTree, num_samples: int
) -> arrays.PyTree:
  """Rows of images to rows of samples: `[N, ...]` to `[N num_samples, ...]`.

  The samples of one image follow each other, here as everywhere.

  Args:
    tree: pytree of arrays `[N, ...]`.
    num_samples: number of samples of each image.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import variational
    >>> variational.repeat(jnp.array([1, 2]), 2)
    Array([1, 1, 2, 2], dtype=int32)
  """

  def one(leaf: arrays.Batch) -> arrays.Batch:
    shape = leaf.shape
    # The derivative of a stack adds slices. The derivative of a broadcast is
    # a sum in the compiler's order, so its last bits may depend on the number
    # of images.
    wide = jnp.stack([leaf] * num_samples, axis=1)
    return wide.reshape(-1, *shape[1:])

  return jax.tree.map(one, tree)


def repeat_to(tree: arrays.PyTree, num_rows: int) -> arrays.PyTree:
  """`repeat` to a given number of rows.

  Args:
    tree: pytree of arrays `[N, ...]`.
    num_rows: number of rows wanted, a multiple of N.

  Raises:
    ValueError: if `num_rows` is no multiple of the rows there are.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import variational
    >>> variational.repeat_to(jnp.array([1, 2]), 4)
    Array([1, 1, 2, 2], dtype=int32)
  """
  count = jax.tree.leaves(tree)[0].shape[0]
  if num_rows % count:
    raise ValueError(
        f"num_rows must be a multiple of the {count} images, got {num_rows}")
  return tree if num_rows == count else repeat(tree, num_rows // count)


def shift_means(posterior: Posterior) -> Posterior:
  """The posterior with mu_k less its smallest element, for k >= 1.

  The released program does so by accident: its progress pictures normalise a
  view of the parameter in place, before the optimiser's step.
  """
  low = posterior.mu[:, 1:]
  smallest = jnp.min(low, axis=tuple(range(2, low.ndim)), keepdims=True)
  mu = posterior.mu.at[:, 1:].set(low - smallest)
  return posterior._replace(mu=mu)
