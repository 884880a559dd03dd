"""Compositions against explicit matrices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import operators


def matrix_of(function, shape):
  """The matrix of a linear function of one image."""
  size = int(np.prod(shape))
  columns = function(jnp.eye(size).reshape(size, *shape))
  return np.asarray(columns, np.float64).reshape(size, -1).T


def mask(seed, shape):
  draw = np.random.default_rng(seed).random(shape) < 0.6
  return jnp.asarray(draw, jnp.float32)


@pytest.mark.parametrize(
    "outer",
    [
        operators.inpainting(mask(0, (1, 3, 3, 1))),
        operators.separable(
            np.random.default_rng(1).normal(size=(2, 3)), np.eye(3)
        ),
    ],
)
@pytest.mark.parametrize(
    "inner",
    [
        operators.average_pool((6, 6), 2),
        operators.bicubic((6, 6), 2),
        operators.separable(
            np.random.default_rng(2).normal(size=(3, 6)),
            np.random.default_rng(3).normal(size=(3, 6)),
        ),
    ],
)
def test_least_squares_is_the_pseudo_inverse_of_the_matrix(outer, inner):
  operator = operators.compose(outer, inner, num_iters=60)
  a = matrix_of(operator.apply, (6, 6, 1))
  y = np.random.default_rng(4).normal(size=(3, a.shape[0]))
  wanted = y @ np.linalg.pinv(a, rcond=1e-6).T
  shape = operator.apply(jnp.zeros((1, 6, 6, 1))).shape[1:]
  got = operator.pseudo_inverse(jnp.asarray(y, "f").reshape(3, *shape))
  scale = np.abs(wanted).max()
  np.testing.assert_allclose(
      np.asarray(got).reshape(3, -1), wanted, atol=2e-3 * scale
  )


def test_the_product_is_wrong_where_it_is_said_to_be():
  """A mask before a blur: the product of inverses is no inverse."""
  rng = np.random.default_rng(5)
  outer = operators.separable(rng.normal(size=(2, 4)), np.eye(4))
  inner = operators.inpainting(mask(6, (1, 4, 4, 1)))
  y = jnp.asarray(rng.normal(size=(2, 2, 4, 1)), "f")
  a = matrix_of(operators.compose(outer, inner).apply, (4, 4, 1))
  wanted = np.asarray(y, np.float64).reshape(2, -1) @ np.linalg.pinv(a).T
  gaps = {}
  for rule in ("product", "least_squares"):
    operator = operators.compose(outer, inner, pseudo_inverse=rule)
    got = np.asarray(operator.pseudo_inverse(y)).reshape(2, -1)
    gaps[rule] = np.abs(got - wanted).max() / np.abs(wanted).max()
  assert gaps["least_squares"] < 1e-3
  assert gaps["product"] > 0.05


def test_prox_equals_the_normal_equations():
  operator = operators.compose(
      operators.inpainting(mask(7, (1, 3, 3, 1))),
      operators.bicubic((6, 6), 2),
  )
  a = matrix_of(operator.apply, (6, 6, 1))
  rng = np.random.default_rng(8)
  x, y = rng.normal(size=(2, 36)), rng.normal(size=(2, 9))
  rho = np.array([0.1, 3.0])
  wanted = [
      np.linalg.solve(a.T @ a + r * np.eye(36), a.T @ v + r * u)
      for u, v, r in zip(x, y, rho, strict=True)
  ]
  got = operator.prox(
      jnp.asarray(x, "f").reshape(2, 6, 6, 1),
      jnp.asarray(y, "f").reshape(2, 3, 3, 1),
      jnp.asarray(rho, "f"),
  )
  np.testing.assert_allclose(
      np.asarray(got).reshape(2, -1), wanted, atol=1e-5
  )


def test_least_squares_converges_in_one_iteration_per_singular_value():
  inner = operators.average_pool((8, 8), 4)
  outer = operators.inpainting(mask(9, (1, 2, 2, 1)))
  once = operators.compose(outer, inner, num_iters=1)
  y = outer.apply(jnp.asarray(np.ones((1, 2, 2, 3)), "f"))
  np.testing.assert_allclose(
      once.apply(once.pseudo_inverse(y)), y, atol=1e-6
  )


def test_converged_images_and_zeros_have_finite_gradients():
  operator = operators.compose(
      operators.inpainting(mask(10, (1, 2, 2, 1))),
      operators.average_pool((4, 4), 2),
      num_iters=10,
  )
  y = jnp.zeros((2, 2, 2, 3)).at[1].set(1.0)
  gradient = jax.grad(lambda y: operator.pseudo_inverse(y).sum())(y)
  assert np.all(np.isfinite(gradient))


def test_a_function_as_inner_makes_an_operator_that_has_apply_alone():
  operator = operators.compose(operators.colorization(), jnp.tanh)
  x = jnp.ones((1, 2, 2, 3))
  np.testing.assert_allclose(
      operator.apply(x), np.tanh(1.0) * np.ones((1, 2, 2, 1)), rtol=1e-6
  )
  assert type(operator) is operators.Operator


@pytest.mark.parametrize("first", ["outer", "inner", "neither"])
def test_a_composition_is_linear_where_both_are(first):
  nonlinear, linear = operators.high_dynamic_range(), operators.identity()
  outer = nonlinear if first == "outer" else linear
  inner = nonlinear if first == "inner" else linear
  composed = operators.compose(outer, inner)
  wanted = (operators.LinearOperator if first == "neither"
            else operators.Operator)
  assert type(composed) is wanted
  x = jnp.float32([[0.2, 0.8]])
  np.testing.assert_allclose(
      composed.apply(x), x if first == "neither" else [[0.4, 1.0]])


def test_bad_options_are_named():
  identity = operators.identity()
  with pytest.raises(ValueError, match="pseudo_inverse must be one of"):
    operators.compose(identity, identity, pseudo_inverse="exact")
  with pytest.raises(ValueError, match="num_iters"):
    operators.compose(identity, identity, num_iters=0)
