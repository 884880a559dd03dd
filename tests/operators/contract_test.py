"""One contract for every operator of the catalogue, and more if linear."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import operators
from tests import programs
from tests import public_names
from tests.operators import catalogue

EVERY = pytest.mark.parametrize(
    "case", catalogue.ALL, ids=lambda case: case.name
)
EVERY_LINEAR = pytest.mark.parametrize(
    "case", catalogue.LINEAR, ids=lambda case: case.name
)
ALL_IMAGES = np.arange(catalogue.BATCH)


def images(case, n=ALL_IMAGES, salt=0):
  """Random images in [-1, 1]; image i depends on i alone."""
  draws = [
      np.random.default_rng([salt, int(i)]).uniform(-1, 1, case.shape)
      for i in n
  ]
  return jnp.asarray(np.stack(draws), jnp.float32)


@functools.cache
def compiled(case):
  """The operator of all images with its functions compiled, once per case."""
  made = case.make(ALL_IMAGES)
  if not case.linear:
    return operators.Operator(programs.jit(made.apply))
  return operators.LinearOperator(
      apply=programs.jit(made.apply),
      adjoint=programs.jit(made.adjoint),
      pseudo_inverse=programs.jit(made.pseudo_inverse),
      svd=made.svd,
      prox=programs.jit(made.prox),
  )


def inner(a, b):
  """The inner product of each pair of images, in float64."""
  a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
  return (a * b).reshape(len(a), -1).sum(axis=1)


def norm(a):
  return np.sqrt(inner(a, a))


def assert_close(left, right, bound):
  """Compares per image, with one bound per image."""
  gap = np.abs(left - right)
  assert np.all(gap <= bound), f"{gap} over {bound}"


def test_every_factory_has_cases():
  """A public function of the package that returns an operator is one."""
  factories = public_names.returning(
      operators, (operators.Operator, operators.LinearOperator))
  assert sorted(factories) == sorted(catalogue.CASES)


@EVERY
def test_its_type_says_whether_it_is_linear(case):
  made = case.make(ALL_IMAGES)
  assert type(made) is (
      operators.LinearOperator if case.linear else operators.Operator)
  if not case.linear:
    with pytest.raises(ValueError, match="observed_by must be a LinearOp"):
      operators.check_linear("observed_by", made)
  else:
    operators.check_linear("observed_by", made)


@EVERY_LINEAR
def test_is_linear(case):
  operator = compiled(case)
  a, b = images(case), images(case, salt=1)
  combined = operator.apply(2.0 * a - 3.0 * b)
  apart = 2.0 * operator.apply(a) - 3.0 * operator.apply(b)
  np.testing.assert_allclose(combined, apart, atol=5e-6)


@EVERY_LINEAR
def test_adjoint_satisfies_its_definition(case):
  operator = compiled(case)
  x = images(case)
  y = operator.apply(images(case, salt=1))
  y = y + 0.3 * jnp.cos(7.0 * y)
  left, right = inner(operator.apply(x), y), inner(x, operator.adjoint(y))
  assert_close(left, right, 1e-5 * norm(x) * norm(y))


@EVERY_LINEAR
def test_vjp_is_the_adjoint(case):
  operator = compiled(case)
  x = images(case)
  cotangent = jnp.sin(5.0 * operator.apply(x) + 1.0)
  plain = case.make(ALL_IMAGES).apply  # Options are for the outermost jit.
  pull = programs.jit(lambda x, c: jax.vjp(plain, x)[1](c)[0])
  np.testing.assert_allclose(
      pull(x, cotangent), operator.adjoint(cotangent), atol=5e-6
  )


@EVERY_LINEAR
def test_pseudo_inverse_reproduces_the_observation(case):
  operator = compiled(case)
  x = images(case)
  y = operator.apply(x)
  again = operator.apply(operator.pseudo_inverse(y))
  bound = (case.residual + 2e-6) * norm(x)
  assert np.all(norm(again - y) <= bound), norm(again - y) / norm(x)


@EVERY_LINEAR
def test_pseudo_inverse_is_the_moore_penrose_one(case):
  if not case.linear_inverse:
    pytest.skip("the pseudo-inverse is an iteration stopped early")
  operator = compiled(case)
  x, w = images(case), images(case, salt=2)
  y = operator.apply(x) + 0.1 * jnp.cos(9.0 * operator.apply(w))
  z = operator.apply(w)
  back = operator.pseudo_inverse(y)
  scale = norm(back) + norm(w)
  again = operator.pseudo_inverse(operator.apply(back))
  assert np.all(norm(again - back) <= 2e-5 * scale)
  left = inner(operator.apply(back), z)
  right = inner(y, operator.apply(operator.pseudo_inverse(z)))
  assert_close(left, right, 2e-5 * norm(y) * norm(z))
  project = lambda v: operator.pseudo_inverse(operator.apply(v))
  left, right = inner(project(x), w), inner(x, project(w))
  assert_close(left, right, 2e-5 * norm(x) * norm(w))


@EVERY_LINEAR
def test_svd_reassembles_the_operator(case):
  operator = compiled(case)
  if operator.svd is None:
    pytest.skip("no cheap decomposition")
  v, u, s = operator.svd

  @programs.jit
  def reassemble(x, y):
    spectral, seen = v.transpose(x), u.transpose(y)
    quotient = jnp.where(s > 0, seen / jnp.where(s > 0, s, 1), 0)
    again = v.apply(spectral), u.apply(seen)
    return spectral, seen, *again, u.apply(s * spectral), v.apply(quotient)

  x = images(case)
  y = operator.apply(x)
  spectral, seen, x_again, y_again, forward, back = reassemble(x, y)
  chex.assert_equal_shape([x, spectral, seen])
  assert np.all(np.asarray(s) >= 0)
  np.testing.assert_allclose(norm(spectral), norm(x), rtol=1e-5)
  np.testing.assert_allclose(x_again, x, atol=5e-6)
  np.testing.assert_allclose(y_again, y, atol=5e-6)
  assert np.all(norm(forward - y) <= (case.residual + 2e-6) * norm(x))
  wanted = operator.pseudo_inverse(y)
  assert np.all(norm(back - wanted) <= 1e-4 * (norm(wanted) + norm(x)))


@EVERY_LINEAR
def test_prox_minimises_its_objective(case):
  operator = compiled(case)
  x = images(case)
  y = operator.apply(images(case, salt=3))
  rho = jnp.linspace(0.5, 2.0, len(x))
  u = operator.prox(x, y, rho)
  gradient = operator.adjoint(operator.apply(u) - y) + rho.reshape(
      -1, 1, 1, 1
  ) * (u - x)
  bound = (case.residual**2 + 1e-5) * (norm(x) + norm(y))
  assert np.all(norm(gradient) <= bound), norm(gradient) / norm(x)


@EVERY
def test_jit_is_eager(case):
  operator = case.make(ALL_IMAGES)
  x = images(case)
  y = programs.jit(operator.apply)(x)
  with jax.disable_jit():
    np.testing.assert_allclose(operator.apply(x), y, atol=1e-6)
  # The factory may be called inside jit.
  inside = programs.jit(lambda x: case.make(ALL_IMAGES).apply(x))
  np.testing.assert_allclose(inside(x), y, atol=1e-6)


@EVERY_LINEAR
def test_a_linear_factory_may_be_called_inside_jit(case):
  y = compiled(case).apply(images(case))
  inside = programs.jit(lambda y: case.make(ALL_IMAGES).pseudo_inverse(y))
  back = compiled(case).pseudo_inverse(y)
  np.testing.assert_allclose(inside(y), back, atol=2e-5)


@EVERY
def test_an_image_has_the_same_bits_in_any_batch(case):
  x = images(case)
  y = compiled(case).apply(x)

  def run(n):
    operator = case.make(n)

    @jax.jit
    def every(x, y):
      if case.linear:
        return (operator.apply(x), operator.adjoint(y),
                operator.pseudo_inverse(y))
      seen, pull_back = jax.vjp(operator.apply, x)
      return seen, pull_back(y)[0]

    return [np.asarray(a) for a in every(x[n], y[n])]

  whole = run(ALL_IMAGES)
  for n in (ALL_IMAGES[:2], ALL_IMAGES[3:6]):
    for part, all_of_it in zip(run(n), whole, strict=True):
      np.testing.assert_array_equal(part, all_of_it[n])


@EVERY
def test_gradients_do_not_mix_images(case):
  operator = case.make(ALL_IMAGES)
  x = images(case)

  def first_image(x):
    y = operator.apply(x)
    if not case.linear:
      return jnp.sum(y[0] ** 2)
    back = operator.pseudo_inverse(y)
    return jnp.sum(y[0] ** 2) + jnp.sum(back[0] ** 2)

  gradient = programs.jit(jax.grad(first_image))(x)
  assert np.all(np.isfinite(gradient))
  assert np.any(gradient[0] != 0)
  np.testing.assert_array_equal(gradient[1:], 0)


@EVERY
def test_a_nan_stays_in_its_image(case):
  operator, x = compiled(case), np.asarray(images(case))
  broken = x.copy()
  broken[1] = np.nan
  others = np.arange(len(x)) != 1
  ways = [operator.apply]
  if case.linear:
    ways.append(lambda x: operator.pseudo_inverse(operator.apply(x)))
  for way in ways:
    got = np.asarray(way(broken))
    assert np.any(np.isnan(got[1]))
    np.testing.assert_array_equal(got[others], np.asarray(way(x))[others])


@EVERY
def test_an_observation_is_an_argument_of_jitted_functions(case):
  operator, x = case.make(ALL_IMAGES), images(case)
  observation = operators.Observation(operator.apply(x), operator, 0.1)

  @programs.jit
  def residual(observation, x):
    return observation.y - observation.operator.apply(x)

  np.testing.assert_allclose(residual(observation, x), 0, atol=5e-6)
  y, noise_std = jax.tree.leaves(observation)
  assert y is observation.y and noise_std == 0.1


@EVERY
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32])
def test_dtype_is_kept(case, dtype):
  operator = case.make(ALL_IMAGES)
  x = jax.ShapeDtypeStruct((catalogue.BATCH, *case.shape), dtype)
  y = jax.eval_shape(operator.apply, x)
  assert y.dtype == dtype
  if not case.linear:
    return
  assert jax.eval_shape(operator.adjoint, y) == x
  assert jax.eval_shape(operator.pseudo_inverse, y) == x
  assert jax.eval_shape(operator.prox, x, y, 1.0) == x


@EVERY
def test_vmap_over_single_images(case):
  operator = case.make(np.zeros(catalogue.BATCH, int))
  alone = case.make(np.zeros(1, int))
  x = images(case)
  one = lambda x: alone.apply(x[None])[0]
  np.testing.assert_allclose(
      programs.jit(jax.vmap(one))(x), programs.jit(operator.apply)(x), atol=2e-6
  )


@EVERY
def test_an_unfit_image_is_named(case):
  if case.any_shape:
    pytest.skip("it takes images of any shape")
  operator = case.make(ALL_IMAGES)
  x = images(case)
  with pytest.raises(ValueError, match="^x .*shape"):
    operator.apply(jnp.zeros((*x.shape, 2)))
  with pytest.raises(ValueError, match="^x .*shape"):
    operator.apply(jnp.zeros((len(x), 5, 5, 7)))
