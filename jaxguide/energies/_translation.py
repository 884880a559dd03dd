"""The two experts of EGSDE together."""

import numbers
from typing import Any

from jaxguide import arrays
from jaxguide.energies import domain
from jaxguide.energies import lowpass
from jaxguide.energies import terms


def translation(
    features: domain.Features | None,
    source: arrays.Images,
    *,
    domain_weight: terms.Weight = 500.0,
    lowpass_weight: terms.Weight = 2.0,
    factor: int = 32,
    similarity: str = "cosine",
    distance: str = "squared",
    at: str = "state",
    num_draws: int = 1,
) -> terms.Energy | None:
  """lambda_s S_s + lambda_i |A x - A x_s|^2 (EGSDE, arXiv:2207.06635).

  The weights are the published ones: (500, 2) with start level 500 for EGSDE,
  (700, 0.5) with 600 for EGSDE-dagger. They belong to these normalisations: a
  mean over locations there, a sum over pixels here.

  Draws: slot "x/source", one for both terms; see `domain_similarity` and
  `lowpass_distance`.

  Args:
    features: features of the domain classifier; None only if its weight is 0.
    source: clean images, `[B, H, W, C]`.
    domain_weight: weight lambda_s. The Python number 0 leaves the term out of
      the program, its network included; a traced 0 does not.
    lowpass_weight: weight lambda_i, likewise.
    factor: factor of the low-pass filter.
    similarity: similarity of the features, "cosine" or "neg_l2".
    distance: distance of the filtered images, "squared" or "cosine".
    at: place where the energies look, "state" or "estimate".
    num_draws: number of noisy sources averaged over in each step.

  Returns:
    The energy; None if both weights are the number 0, for which
    `guidance.none()` is the guidance.

  Raises:
    ValueError: an unknown option, or features missing.

  Example:
    >>> import jax.numpy as jnp
    >>> from jaxguide import energies, schedules
    >>> source = jnp.ones((2, 8, 8, 3))
    >>> energy = energies.translation(
    ...     None, source, domain_weight=0, lowpass_weight=2.0, factor=4,
    ...     at="estimate")
    >>> level = schedules.linear(1000).at_level(500)
    >>> print(energy(source + 0.5, level, None))  # 2 * 0.25 * 8 * 8 * 3
    [96. 96.]
  """
  # One name: both terms look at the same noisy source.
  options: dict[str, Any] = {"at": at, "num_draws": num_draws}
  experts = []
  if not _is_zero(domain_weight):
    if features is None:
      raise ValueError("features must be given unless domain_weight is 0")
    expert = domain.domain_similarity(
        features, source, similarity=similarity, **options)
    experts.append(terms.Term(expert, domain_weight, "x"))
  if not _is_zero(lowpass_weight):
    expert = lowpass.lowpass_distance(
        source, factor, distance=distance, **options)
    experts.append(terms.Term(expert, lowpass_weight, "x"))
  return terms.weighted_sum(experts) if experts else None


def _is_zero(weight: terms.Weight) -> bool:
  return isinstance(weight, numbers.Real) and weight == 0
