"""Masks: hard, soft, shared, and what does not fit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import operators


def test_soft_masks_are_divided_out():
  mask = jnp.asarray([0.0, 0.25, 1.0]).reshape(1, 1, 3, 1)
  operator = operators.inpainting(mask)
  x = jnp.full((1, 1, 3, 1), 0.8)
  y = operator.apply(x)
  np.testing.assert_allclose(y.ravel(), [0.0, 0.2, 0.8], rtol=1e-6)
  np.testing.assert_allclose(
      operator.pseudo_inverse(y).ravel(), [0.0, 0.8, 0.8], rtol=1e-6
  )


def test_blending_needs_the_identity_lift():
  """The released update with a soft mask is x0 + y - m x0."""
  mask = jnp.asarray([0.0, 0.25, 1.0]).reshape(1, 1, 3, 1)
  operator = operators.inpainting(mask)
  x0, truth = jnp.zeros((1, 1, 3, 1)) - 1.0, jnp.ones((1, 1, 3, 1))
  lift = operators.lifts.identity()
  residual = operator.apply(truth) - operator.apply(x0)
  np.testing.assert_allclose(
      (x0 + lift(residual)).ravel(), [-1.0, -0.5, 1.0], rtol=1e-6
  )
  np.testing.assert_allclose(
      (x0 + operator.pseudo_inverse(residual)).ravel(), [-1.0, 1.0, 1.0]
  )


def test_gradients_are_finite_where_nothing_is_seen():
  operator = operators.inpainting(jnp.zeros((1, 2, 2, 1)))
  gradient = jax.grad(lambda y: operator.pseudo_inverse(y).sum())(
      jnp.ones((1, 2, 2, 3))
  )
  np.testing.assert_array_equal(gradient, 0.0)


def test_the_mask_may_be_traced_and_differentiated():
  x = jnp.ones((1, 2, 2, 3))
  total = jax.jit(lambda m: operators.inpainting(m).apply(x).sum())
  gradient = jax.grad(total)(jnp.full((1, 2, 2, 1), 0.5))
  np.testing.assert_allclose(gradient, 3.0)


@pytest.mark.parametrize("shape", [(3, 4, 4, 1), (2, 4, 5, 1), (2, 4, 4, 2)])
def test_a_mask_that_does_not_fit_is_refused(shape):
  operator = operators.inpainting(jnp.ones(shape))
  x = jnp.ones((2, 4, 4, 3))
  with pytest.raises(ValueError, match="does not fit mask"):
    operator.apply(x)
  with pytest.raises(ValueError, match="^y of shape"):
    operator.pseudo_inverse(x)


def test_a_mask_without_batch_is_refused():
  with pytest.raises(ValueError, match="mask must have a batch axis"):
    operators.inpainting(jnp.ones(4))
