"""Tests of energies.measurement."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import energies
from jaxguide import operators
from jaxguide import schedules

RNG = np.random.default_rng(4)
X = RNG.normal(size=(2, 4, 4, 3)).astype(np.float32)
Y = RNG.normal(size=(2, 4, 4, 3)).astype(np.float32)
MASK = (RNG.random((2, 4, 4, 1)) > 0.5).astype(np.float32)
LEVEL = schedules.linear().at_level(3)


@pytest.mark.parametrize("reduction", ("sum", "mean"))
def test_squared_error(reduction):
  observation = operators.Observation(Y * MASK, operators.inpainting(MASK))
  energy = energies.squared_error(observation, reduction)
  square = (X * MASK - Y * MASK) ** 2
  want = getattr(np, reduction)(square, axis=(1, 2, 3))
  np.testing.assert_allclose(energy(X, LEVEL, None), want, rtol=1e-5)
  # 2 A^T (A x - y), each image by itself.
  count = 48 if reduction == "mean" else 1
  slope = jax.grad(lambda x: energy(x, LEVEL, None).sum())(jnp.asarray(X))
  np.testing.assert_allclose(
      slope, 2 * MASK * (X - Y) / count, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("reduction", ("sum", "mean"))
def test_feature_error(reduction):
  def features(x):
    return jnp.mean(x**2, axis=(1, 2))

  target = RNG.normal(size=(2, 3)).astype(np.float32)
  energy = energies.feature_error(features, target, reduction)
  square = ((X**2).mean((1, 2)) - target) ** 2
  want = getattr(np, reduction)(square, axis=1)
  np.testing.assert_allclose(energy(X, LEVEL, None), want, rtol=1e-5)


def test_perfect_agreement_is_zero():
  observation = operators.Observation(X, operators.identity())
  assert not np.any(energies.squared_error(observation)(X, LEVEL, None))


def test_reduction_is_checked():
  observation = operators.Observation(X, operators.identity())
  with pytest.raises(ValueError, match="reduction must be one of"):
    energies.squared_error(observation, "max")
  with pytest.raises(ValueError, match="reduction must be one of"):
    energies.feature_error(lambda x: x, X, "none")
