"""Lifts."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import operators


def test_replicated_luma_is_a_right_inverse():
  y = jnp.asarray(np.random.default_rng(0).normal(size=(2, 3, 3, 1)), "f")
  grey = operators.lifts.replicate()(y)
  assert grey.shape == (2, 3, 3, 3)
  again = operators.colorization().apply(grey)
  np.testing.assert_allclose(again, y, atol=1e-6)


def test_bicubic_up_is_neither_adjoint_nor_inverse():
  y = jnp.asarray(np.random.default_rng(1).normal(size=(1, 4, 4, 1)), "f")
  up = operators.lifts.bicubic_up((16, 16), 4)(y)
  operator = operators.bicubic((16, 16), 4)
  assert up.shape == (1, 16, 16, 1)
  assert np.abs(up - operator.pseudo_inverse(y)).max() > 0.05
  assert np.abs(operator.apply(up) - y).max() > 0.05


def test_unfit_observations_are_named():
  y = jnp.zeros((1, 4, 4, 3))
  with pytest.raises(ValueError, match="^y must have shape"):
    operators.lifts.replicate()(y)
  with pytest.raises(ValueError, match="^y must have shape"):
    operators.lifts.bicubic_up((32, 32), 4)(y)
