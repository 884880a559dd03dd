"""Tests of guidance: gradients against closed forms, and what they cost."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import denoisers
from jaxguide import energies
from jaxguide import guidance
from jaxguide import operators
from jaxguide import schedules

DIM, ROWS = 6, 4
RNG = np.random.default_rng(8)
MEAN = RNG.normal(size=DIM)
ROOT = RNG.normal(size=(DIM, DIM)) / np.sqrt(DIM)
COVARIANCE = ROOT @ ROOT.T
MATRIX = RNG.normal(size=(3, DIM))
Y = RNG.normal(size=(ROWS, 3))
X_T = RNG.normal(size=(ROWS, DIM))
ALPHA, SIGMA = 0.8, 0.6
LEVEL = schedules.NoiseLevel(
    jnp.float32(ALPHA), jnp.float32(SIGMA), jnp.float32(5), jnp.int32(5))


def _denoise():
  return denoisers.gaussian(np.float32(MEAN), np.float32(COVARIANCE))


def _gain():
  """d x0 / d x_t of the exact denoiser."""
  total = ALPHA**2 * COVARIANCE + SIGMA**2 * np.eye(DIM)
  return ALPHA * COVARIANCE @ np.linalg.inv(total)


def _x0():
  return MEAN + (X_T - ALPHA * MEAN) @ _gain().T


def _measured(matrix=MATRIX, y=Y):
  matrix = np.float32(matrix)
  operator = operators.Operator(apply=lambda x: x @ matrix.T)
  return energies.squared_error(operators.Observation(np.float32(y), operator))


def _draw(slot, shape, law="normal"):
  raise AssertionError("nothing is drawn here")


def _evaluate(terms, denoise=None):
  return terms(denoise or _denoise(), jnp.float32(X_T), LEVEL, _draw)


def _residual(x):
  return x @ MATRIX.T - Y


def test_through_the_denoiser():
  """d/dx_t |A x0 - y|^2 = 2 G^T A^T (A x0 - y), G the denoiser's gain."""
  got = _evaluate(guidance.through_denoiser(_measured()))
  r = _residual(_x0())
  np.testing.assert_allclose(got.value, (r**2).sum(1), rtol=1e-4)
  np.testing.assert_allclose(
      got.gradient, 2 * r @ MATRIX @ _gain(), rtol=1e-3, atol=1e-4)
  np.testing.assert_allclose(got.prediction.x0, _x0(), rtol=1e-4, atol=1e-5)


def test_at_the_estimate():
  got = _evaluate(guidance.at_estimate(_measured()))
  r = _residual(_x0())
  np.testing.assert_allclose(got.value, (r**2).sum(1), rtol=1e-4)
  np.testing.assert_allclose(
      got.gradient, 2 * r @ MATRIX, rtol=1e-3, atol=1e-4)


def test_at_the_state():
  got = _evaluate(guidance.at_state(_measured()))
  r = _residual(X_T)
  np.testing.assert_allclose(got.value, (r**2).sum(1), rtol=1e-4)
  np.testing.assert_allclose(
      got.gradient, 2 * r @ MATRIX, rtol=1e-3, atol=1e-4)


def test_another_estimate():
  """Through eps in place of x0: eps = (x_t - alpha x0) / sigma."""
  got = _evaluate(guidance.through_denoiser(
      _measured(), estimate=lambda p: p.eps))
  eps = (X_T - ALPHA * _x0()) / SIGMA
  jacobian = (np.eye(DIM) - ALPHA * _gain()) / SIGMA
  np.testing.assert_allclose(
      got.gradient, 2 * _residual(eps) @ MATRIX @ jacobian,
      rtol=1e-3, atol=1e-4)


def test_no_guidance():
  got = _evaluate(guidance.none())
  assert not np.any(got.gradient) and not np.any(got.value)
  np.testing.assert_allclose(got.prediction.x0, _x0(), rtol=1e-4, atol=1e-5)


def test_sums():
  parts = [guidance.through_denoiser(_measured()),
           guidance.through_denoiser(_measured(MATRIX[:, ::-1])),
           guidance.at_estimate(_measured(-MATRIX)),
           guidance.at_state(_measured(2 * MATRIX))]
  whole = _evaluate(parts[0] + parts[1] + parts[2] + parts[3])
  single = [_evaluate(p) for p in parts]
  np.testing.assert_allclose(
      whole.gradient, sum(g.gradient for g in single), rtol=1e-4, atol=1e-4)
  np.testing.assert_allclose(
      whole.value, sum(g.value for g in single), rtol=1e-4)


@pytest.mark.parametrize("count", (1, 3))
def test_a_sum_costs_one_forward_and_one_backward(count):
  calls = {"forward": 0, "backward": 0}

  @jax.custom_vjp
  def network(x):
    calls["forward"] += 1
    return jnp.tanh(x)

  def forward(x):
    calls["forward"] += 1
    return jnp.tanh(x), x

  def backward(x, cotangent):
    calls["backward"] += 1
    return (cotangent * (1 - jnp.tanh(x) ** 2),)

  network.defvjp(forward, backward)
  denoise = denoisers.from_apply(lambda p, x, t, c: network(x), None)
  terms = guidance.none()
  for _ in range(count):
    terms += guidance.through_denoiser(_measured())
    terms += guidance.at_estimate(_measured()) + guidance.at_state(_measured())
  _evaluate(terms, denoise)
  assert calls == {"forward": 1, "backward": 1}
  calls.update(forward=0, backward=0)
  only = guidance.at_estimate(_measured()) + guidance.at_state(_measured())
  _evaluate(only, denoise)
  assert calls == {"forward": 1, "backward": 0}


def test_value_makes_no_backward_pass():
  def apply(params, x, time, cond):
    return _forward_only(x)

  @jax.custom_vjp
  def _forward_only(x):
    return jnp.tanh(x)

  def refuse(*_):
    raise AssertionError("differentiated")

  _forward_only.defvjp(refuse, refuse)
  denoise = denoisers.from_apply(apply, None)
  terms = (guidance.through_denoiser(_measured())
           + guidance.at_estimate(_measured()) + guidance.at_state(_measured()))
  value = terms.value(denoise, jnp.float32(X_T), LEVEL, _draw)
  x0 = np.asarray(denoise(jnp.float32(X_T), LEVEL).x0)
  want = 2 * (_residual(x0) ** 2).sum(1) + (_residual(X_T) ** 2).sum(1)
  np.testing.assert_allclose(value, want, rtol=1e-4)


def test_wrappers_lie_inside_the_gradient():
  """Where x0 is clipped nothing is felt."""
  clipped = denoisers.clip_x0(_denoise(), -1e-3, 1e-3)
  inside = np.abs(_x0()) < 1e-3
  assert not inside.any()
  got = _evaluate(guidance.through_denoiser(_measured()), clipped)
  assert not np.any(got.gradient)
  assert np.all(np.asarray(got.value) > 0)


@pytest.mark.parametrize("where", (
    guidance.through_denoiser, guidance.at_estimate, guidance.at_state))
def test_a_batch_reduced_energy_is_refused(where):
  terms = where(lambda x, level, draw: jnp.sum(x**2))
  with pytest.raises(ValueError, match=r"energy's value must have shape \[4\]"):
    _evaluate(terms)
  with pytest.raises(ValueError, match=r"energy's value must have shape \[4\]"):
    terms.value(_denoise(), jnp.float32(X_T), LEVEL, _draw)


def test_a_vector_jacobian_product_is_an_energy():
  """-<stop_gradient(v), x0> pulls v back through the denoiser (PiGDM)."""
  v = np.float32(RNG.normal(size=(ROWS, DIM)))

  def energy(x, level, draw):
    return -energies.sum_per_image(jax.lax.stop_gradient(v) * x)

  got = _evaluate(guidance.through_denoiser(energy))
  np.testing.assert_allclose(
      got.gradient, -v @ _gain(), rtol=1e-3, atol=1e-4)


def test_images_do_not_mix():
  def gradient(x_t):
    terms = (guidance.through_denoiser(_measured())
             + guidance.at_state(_measured()))
    return terms(_denoise(), x_t, LEVEL, _draw).gradient.sum(axis=1)

  slopes = np.asarray(jax.jacrev(gradient)(jnp.float32(X_T)))
  across = slopes[~np.eye(ROWS, dtype=bool)]
  assert not np.any(across) and np.any(slopes)
