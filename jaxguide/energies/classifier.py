"""Classifier guidance (Dhariwal and Nichol, arXiv:2105.05233) as an energy."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxguide import arrays
from jaxguide import schedules
from jaxguide.energies import sources
from jaxguide.energies import terms
from jaxguide.operators import sums

# (x [B, ...], time [B]) -> logits [B, classes].
Classify = Callable[[arrays.Batch, arrays.PerImage], arrays.Array]


def class_log_prob(
    classify: Classify, labels: arrays.Array, *, at: str = "state"
) -> terms.Energy:
  """-log p(label | x, t): lower where the classifier is surer of the label.

  With weight s, at the state, the score is moved by s grad log p: the
  condition_score form, eps' = eps - s sigma grad log p, in every sampler that
  takes guidance.

  Draws: none.

  Args:
    classify: logits, each image by itself, such as `lambda x, time:
      net.apply({"params": params}, x, time)` of an `AdmClassifier`. It is fed
      x / hypot(alpha, sigma) and the level's time.
    labels: classes, int `[B]`, each in 0..classes - 1; another one gives NaN.
    at: place, "state" for a classifier that sees noisy images; "estimate" feeds
      an estimate of x0 at time 0.

  Raises:
    ValueError: an unknown `at`, or (when called) shapes that do not fit.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import energies, schedules
    >>> even = lambda x, time: jnp.zeros((x.shape[0], 10))  # Ten classes.
    >>> energy = energies.class_log_prob(even, jnp.array([3, 7]))
    >>> level = schedules.linear(1000).at_level(500)
    >>> print(energy(jnp.zeros((2, 4, 4, 3)), level, None), jnp.log(10.0))
    [2.3026 2.3026] 2.3025851
  """
  arrays.check_choice("at", at, sources.AT)
  arrays.check_rank("labels", labels, 1)

  def energy(
      x: arrays.Batch, level: schedules.NoiseLevel, draw: terms.Draw
  ) -> arrays.PerImage:
    del draw
    arrays.check_shape("labels", labels, (x.shape[0],))
    seen = sources.seen_level(level, at)
    logits = classify(*sources.network_input(x, seen))
    arrays.check_shape("logits", logits, (x.shape[0], None))
    logits = logits.astype(jnp.promote_types(logits.dtype, jnp.float32))
    return _log_total(logits) - _picked(logits, labels)

  return energy


def _log_total(logits: arrays.Array) -> arrays.PerImage:
  """log sum exp, with a sum whose bits do not depend on the batch."""
  top = jax.lax.stop_gradient(logits.max(axis=1))
  return top + jnp.log(sums.sum_per_image(jnp.exp(logits - top[:, None])))


def _picked(logits: arrays.Array, labels: arrays.Array) -> arrays.PerImage:
  at = jnp.asarray(labels)[:, None]
  # A negative index would count from the end.
  found = jnp.take_along_axis(
      logits, jnp.maximum(at, 0), axis=1, mode="fill", fill_value=jnp.nan)
  return jnp.where(at >= 0, found, jnp.nan)[:, 0]
