"""Fitting a posterior: one scan of optax updates."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxguide import arrays
from jaxguide import energies
from jaxguide.samplers import core
from jaxguide.variational import objective
from jaxguide.variational import posteriors

_Carry = tuple[posteriors.Posterior, optax.OptState]


class Fit(NamedTuple):
  """What a fit returns.

  Attributes:
    posterior: the last iterate, leaves `[N, K, ...]`.
    history: loss before every update, leaves `[num_iterations, N]`, the
      three terms averaged over the samples.
    trajectory: posteriors that were kept, with a leading axis; None unless
      asked for.
    is_finite: flags, bool `[N]`: False for an image whose posterior has a NaN
      or an infinity.
  """

  posterior: posteriors.Posterior
  history: objective.Terms
  trajectory: posteriors.Posterior | None
  is_finite: arrays.Array


def optimizer(
    *,
    mu: float = 0.1,
    logvar: float = 0.001,
    gamma: float = 0.01,
    decay: float = 0.99,
    decay_every: int = 10,
) -> optax.GradientTransformation:
  """Adam (0.9, 0.99) with a learning rate per parameter.

  Args:
    mu: learning rate of the means.
    logvar: learning rate of the log variances.
    gamma: learning rate of the mixing logits.
    decay: factor of all three rates every `decay_every` iterations.
    decay_every: number of iterations between two changes of the rates.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import variational
    >>> rule = variational.optimizer(mu=0.05)
    >>> start = variational.Posterior(*[jnp.ones((1, 1, 2))] * 3)
    >>> updates, _ = rule.update(start, rule.init(start))
    >>> updates.mu
    Array([[[-0.05, -0.05]]], dtype=float32)
  """

  def adam(rate: float) -> optax.GradientTransformation:
    return _adam(optax.exponential_decay(
        rate, decay_every, decay, staircase=True))

  return optax.multi_transform(
      {"mu": adam(mu), "logvar": adam(logvar), "gamma": adam(gamma)},
      posteriors.Posterior("mu", "logvar", "gamma"),
  )


class _Moments(NamedTuple):
  count: arrays.Array
  first: optax.Updates
  second: optax.Updates


def _adam(
    rate: optax.Schedule, b1: float = 0.9, b2: float = 0.99, eps: float = 1e-8
) -> optax.GradientTransformation:
  """`optax.adam`, which divides by the traced bias corrections.

  With optax's own division the last bits would depend on the program around
  it; `denoisers` has the reason.
  """

  def init(params: optax.Params) -> _Moments:
    zeros = jax.tree.map(jnp.zeros_like, params)
    return _Moments(jnp.zeros((), jnp.int32), zeros, zeros)

  def update(
      gradient: optax.Updates,
      memory: _Moments,
      params: optax.Params | None = None,
  ) -> tuple[optax.Updates, _Moments]:
    del params
    count = memory.count + 1
    first = jax.tree.map(
        lambda g, m: b1 * m + (1 - b1) * g, gradient, memory.first)
    second = jax.tree.map(
        lambda g, v: b2 * v + (1 - b2) * g**2, gradient, memory.second)
    step, whole = -rate(memory.count), 1 / (1 - b1**count)
    power = 1 / (1 - b2**count)
    updates = jax.tree.map(
        lambda m, v: step * (m * whole) / (jnp.sqrt(v * power) + eps),
        first, second)
    return updates, _Moments(count, first, second)

  return optax.GradientTransformation(init, update)


def fit(
    loss: objective.Loss,
    posterior: posteriors.Posterior,
    *,
    num_iterations: int = 50,
    transformation: optax.GradientTransformation | None = None,
    variant: str | None = None,
    keep_every: int | None = None,
) -> Fit:
  """Minimises a loss over the parameters of all images at once.

  Call it inside jit. Memory does not grow with the number of iterations,
  apart from the history of 4 N numbers each. Images share nothing: gradients
  are of each image's own loss and the updates are element-wise.

  Args:
    loss: loss from `negative_elbo` or `bound_loss`, or a `Loss` made of a
      function of your own.
    posterior: posterior that the fit starts from, leaves `[N, K, ...]`.
    num_iterations: number of updates, at least 1.
    transformation: an element-wise optimiser; `optimizer()` when left out.
    variant: "paper", or "released", which subtracts the minimum from every
      mu_k, k >= 1, between gradient and update, as the published program does
      by accident. Left out, it is that of the loss.
    keep_every: number of iterations after which a posterior is kept, each
      time; those after the last full group are not. None keeps none.

  Returns:
    The last posterior, the history of the loss, and what was kept.

  Raises:
    ValueError: if the variant is unknown, or a count is out of range.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import variational
    >>> def square(posterior, iteration):
    ...   total = jnp.sum(posterior.mu**2, axis=(1, 2))
    ...   return variational.Terms(total, *[total[:, None]] * 3)
    >>> start = variational.Posterior(*[jnp.ones((1, 1, 2))] * 3)
    >>> found = variational.fit(
    ...     variational.Loss(square), start, num_iterations=2)
    >>> found.posterior.mu
    Array([[[0.8..., 0.8...]]], dtype=float32)
  """
  variant = loss.variant if variant is None else variant
  arrays.check_choice("variant", variant, core.VARIANTS)
  if num_iterations < 1:
    raise ValueError(
        f"num_iterations must be at least 1, got {num_iterations}")
  every = num_iterations if keep_every is None else keep_every
  if not 1 <= every <= num_iterations:
    raise ValueError(
        f"keep_every must be in 1..{num_iterations}, got {keep_every}")
  rule = optimizer() if transformation is None else transformation
  step = _step(loss, rule, variant)

  def group(
      carry: _Carry, indices: arrays.Array
  ) -> tuple[_Carry, tuple[objective.Terms, posteriors.Posterior]]:
    carry, history = jax.lax.scan(step, carry, indices)
    return carry, (history, carry[0])

  carry = (posterior, rule.init(posterior))
  whole = num_iterations - num_iterations % every
  indices = jnp.arange(num_iterations)
  carry, (history, kept) = jax.lax.scan(
      group, carry, indices[:whole].reshape(-1, every))
  history = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), history)
  if whole < num_iterations:
    carry, rest = jax.lax.scan(step, carry, indices[whole:])
    history = jax.tree.map(
        lambda *pair: jnp.concatenate(pair), history, rest)
  return Fit(
      posterior=carry[0],
      history=history,
      trajectory=None if keep_every is None else kept,
      is_finite=_is_finite(carry[0]),
  )


def _step(
    loss: objective.Loss, rule: optax.GradientTransformation, variant: str
) -> Any:
  def step(
      carry: _Carry, index: arrays.Array
  ) -> tuple[_Carry, objective.Terms]:
    posterior, memory = carry
    gradient, terms = gradients(loss, posterior, index)
    if variant == "released":
      posterior = posteriors.shift_means(posterior)
    updates, memory = rule.update(gradient, memory, posterior)
    posterior = optax.apply_updates(posterior, updates)
    parts = (energies.mean_per_image(part) for part in terms[1:])
    return (posterior, memory), objective.Terms(terms.total, *parts)

  return step


def gradients(
    loss: objective.Loss,
    posterior: posteriors.Posterior,
    index: arrays.Array | int,
) -> tuple[posteriors.Posterior, objective.Terms]:
  """Each image's gradient of its own total, and the terms.

  Args:
    loss: loss of the posterior and the iteration.
    posterior: point at which it is differentiated, leaves `[N, K, ...]`.
    index: number of the iteration, from 0.

  Returns:
    The gradient, shaped as the posterior, and the terms of the loss.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import variational
    >>> def square(posterior, iteration):
    ...   total = jnp.sum(posterior.mu**2, axis=(1, 2))
    ...   return variational.Terms(total, *[total[:, None]] * 3)
    >>> point = variational.Posterior(*[jnp.ones((1, 1, 2))] * 3)
    >>> variational.gradients(variational.Loss(square), point, 0)[0].mu
    Array([[[2., 2.]]], dtype=float32)
  """

  def total(
      at: posteriors.Posterior,
  ) -> tuple[arrays.PerImage, objective.Terms]:
    terms = loss(at, index)
    return terms.total, terms

  value, pull_back, terms = jax.vjp(total, posterior, has_aux=True)
  (gradient,) = pull_back(jnp.ones_like(value))
  return gradient, terms


def _is_finite(posterior: posteriors.Posterior) -> arrays.Array:
  flat = [
      jnp.all(jnp.isfinite(leaf), axis=tuple(range(1, leaf.ndim)))
      for leaf in posterior
  ]
  return flat[0] & flat[1] & flat[2]
