"""Tests of samplers.constraints: what the corrected x0 shows."""

import numpy as np
import pytest

from jaxguide import operators
from jaxguide.samplers import constraints

RNG = np.random.default_rng(6)
SHAPE = (16, 16)
X0 = RNG.normal(size=(2, *SHAPE, 3)).astype(np.float32)
REFERENCE = RNG.normal(size=(2, *SHAPE, 3)).astype(np.float32)
MASK = np.float32(RNG.random((2, *SHAPE, 1)) > 0.5)
WEIGHTS = np.float32([0.299, 0.587, 0.114])


def _luma(x):
  return (x * WEIGHTS).sum(-1, keepdims=True)


def test_inpainting_shows_what_is_observed():
  mask = np.float32(RNG.random((2, *SHAPE, 1)) > 0.5)
  moved = X0 + constraints.inpainting(REFERENCE, mask)(X0)
  want = np.where(mask > 0, REFERENCE, X0)
  np.testing.assert_allclose(moved, want, atol=1e-6)


def test_what_is_missing_may_be_anything():
  mask = np.float32(RNG.random((2, *SHAPE, 1)) > 0.5)
  holes = np.where(mask > 0, REFERENCE, np.float32(np.nan))
  np.testing.assert_array_equal(
      constraints.inpainting(holes, mask)(X0),
      constraints.inpainting(np.where(mask > 0, REFERENCE, 0), mask)(X0))


@pytest.mark.parametrize("make, name", [
    (lambda: constraints.inpainting(REFERENCE[..., :1], MASK), "y"),
    (lambda: constraints.inpainting(REFERENCE[:1], MASK), "y"),
    (lambda: constraints.inpainting(REFERENCE, MASK[0]), "mask"),
    (lambda: constraints.inpainting(REFERENCE, MASK[:, :4]), "mask"),
    (lambda: constraints.colorization(REFERENCE), "y"),
    (lambda: constraints.colorization(REFERENCE, "released"), "y"),
    (lambda: constraints.super_resolution(
        np.zeros((2, 1, 1, 3), np.float32), SHAPE, 4), "y"),
    (lambda: constraints.super_resolution(
        np.zeros((1, 4, 4, 3), np.float32), SHAPE, 4), "y"),
])
def test_what_does_not_fit_is_named_and_never_broadcast(make, name):
  with pytest.raises(ValueError, match=f"^{name} must"):
    make()(X0)


def test_soft_masks_blend():
  moved = X0 + constraints.inpainting(REFERENCE, np.float32([[[[0.25]]]]))(X0)
  np.testing.assert_allclose(moved, 0.75 * X0 + 0.25 * REFERENCE, atol=1e-6)


def test_colorization_replaces_the_luma():
  y = _luma(REFERENCE)
  moved = np.asarray(X0 + constraints.colorization(y)(X0))
  np.testing.assert_allclose(_luma(moved), y, atol=1e-5)
  # Alike in all channels: differences of colours stay.
  for a, b in ((0, 1), (1, 2)):
    np.testing.assert_allclose(
        moved[..., a] - moved[..., b], X0[..., a] - X0[..., b], atol=1e-5)


def test_released_colorization_overshoots_as_it_does():
  """By 2.7e-4 (R - Y) + 1.1e-4 (B - Y) of x0."""
  y = _luma(REFERENCE)
  moved = np.asarray(X0 + constraints.colorization(y, "released")(X0))
  grey = _luma(X0)[..., 0]
  over = 2.7e-4 * (X0[..., 0] - grey) + 1.1e-4 * (X0[..., 2] - grey)
  np.testing.assert_allclose(
      (_luma(moved) - y)[..., 0], over, atol=2e-5)
  assert np.abs(over).max() > 1e-4


@pytest.mark.parametrize("factor", (2, 4, 8))
def test_super_resolution_with_the_pseudo_inverse_is_exact(factor):
  operator = operators.bicubic(SHAPE, factor)
  y = operator.apply(REFERENCE)
  move = constraints.super_resolution(
      y, SHAPE, factor, lift="pseudo_inverse")(X0)
  np.testing.assert_allclose(operator.apply(X0 + move), y, atol=2e-5)
  # The smallest such move: nothing of it lies in the null space.
  again = operator.pseudo_inverse(operator.apply(move))
  np.testing.assert_allclose(again, move, atol=2e-5)


def test_super_resolution_with_bicubic_lift_comes_closer():
  operator = operators.bicubic(SHAPE, 4)
  y = operator.apply(REFERENCE)
  move = constraints.super_resolution(y, SHAPE, 4)(X0)
  before = np.abs(operator.apply(X0) - y).mean()
  after = np.abs(operator.apply(X0 + move) - y).mean()
  assert after < 0.4 * before


def test_released_super_resolution_sees_the_width_alone():
  """Rows do not mix, and the small image keeps its height."""
  operator = constraints.super_resolution_operator(SHAPE, 4, "released")
  y = operator.apply(REFERENCE)
  assert y.shape == (2, 16, 4, 3)
  correct = constraints.super_resolution(y, SHAPE, 4, "released")
  changed = X0.copy()
  changed[:, 5] += 1
  difference = np.asarray(correct(changed) - correct(X0))
  assert np.abs(difference[:, 5]).min() > 0.1
  assert not np.any(np.delete(difference, 5, axis=1))


def test_any_operator():
  operator = operators.average_pool(SHAPE, 4)
  observation = operators.Observation(operator.apply(REFERENCE), operator)
  moved = X0 + constraints.linear(observation)(X0)
  np.testing.assert_allclose(operator.apply(moved), observation.y, atol=1e-5)


@pytest.mark.parametrize("lift", [None, lambda y: y])
def test_an_operator_that_is_not_linear_is_refused(lift):
  operator = operators.high_dynamic_range()
  with pytest.raises(ValueError, match=(
      "^observation.operator must be a LinearOperator, .* got Operator")):
    constraints.linear(operators.Observation(X0, operator), lift)


def test_what_already_agrees_is_left_alone():
  for move in (
      constraints.inpainting(X0, np.ones((1, 1, 1, 1), np.float32)),
      constraints.colorization(_luma(X0)),
      constraints.super_resolution(
          operators.bicubic(SHAPE, 4).apply(X0), SHAPE, 4)):
    np.testing.assert_allclose(move(X0), 0, atol=1e-6)


@pytest.mark.parametrize("call", (
    lambda: constraints.colorization(X0, "kornia"),
    lambda: constraints.super_resolution(X0, SHAPE, 4, "kornia"),
    lambda: constraints.super_resolution(X0, SHAPE, 4, lift="nearest")))
def test_bad_options_are_named(call):
  with pytest.raises(ValueError, match="(variant|lift) must be one of"):
    call()
