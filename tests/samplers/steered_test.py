"""Tests of samplers.steered: its plan, its draws, its options."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import denoisers
from jaxguide import energies
from jaxguide import guidance
from jaxguide import noises
from jaxguide import operators
from jaxguide import samplers
from jaxguide import schedules
from tests.samplers import gaussians

S = schedules.linear(1000)
HUNDRED = schedules.respace(S, "100")
PRIOR = gaussians.prior()
MASK = np.float32(PRIOR.mask)[None]
Y = np.float32(np.random.default_rng(0).normal(size=(4, gaussians.DIM)))

# Index and k(t) at K = 1 of the released program and of the paper.
PRINTED_K = [
    (99, 1.0, 0.99998), (75, 0.998728, 0.998516), (50, 0.966081, 0.962321),
    (25, 0.714321, 0.695624), (10, 0.355521, 0.326724),
    (2, 0.110858, 0.079149), (1, 0.079149, 0.046834), (0, 0.046834, 0.01),
]


def _denoise():
  return denoisers.gaussian(
      np.float32(PRIOR.mean), np.float32(PRIOR.covariance))


def _noise():
  return noises.prng_noise(noises.image_keys(0, np.arange(4)))


def _constraint(x0):
  return MASK * (Y - x0)


def _pull():
  observation = operators.Observation(Y * MASK, operators.inpainting(MASK))
  return guidance.through_denoiser(energies.squared_error(observation))


def _step(i=5, plan=None, **options):
  """One step from a standard normal state; the new state and the step."""
  steps = plan or samplers.steered_steps(S, 10)
  step = jax.tree.map(lambda leaf: leaf[i], steps)
  sampler = samplers.steered(_denoise(), _noise(), **options)
  state = sampler.init(_noise()(-1, "start", (gaussians.DIM,)), step)
  return sampler.step(state, step), step


# The plan.


@pytest.mark.parametrize("index, released, paper", PRINTED_K)
def test_k_of_both_variants(index, released, paper):
  row = 99 - index
  for variant, want in (("released", released), ("paper", paper)):
    c = samplers.steered_steps(HUNDRED, 100, variant=variant).coefficients
    np.testing.assert_allclose(c.gradient_scale[row], want, rtol=2e-5)
    assert c.constraint_scale[row] == 1


def test_schedules_of_k():
  c = samplers.steered_steps(
      S, 10, gradient_schedule="constant", constraint_schedule="time_varying",
  ).coefficients
  np.testing.assert_allclose(c.gradient_scale, 1, rtol=1e-6)
  levels = samplers.steered_steps(S, 10).level
  np.testing.assert_allclose(c.constraint_scale, levels.sigma, rtol=1e-6)


def test_renoising_of_both_variants():
  """sqrt(beta) in the paper's reading, beta in the released program."""
  paper, released = (
      samplers.steered_steps(HUNDRED, 100, num_inner=2, variant=v)
      for v in ("paper", "released"))
  kept = HUNDRED.alpha_bar[1:][::-1] / HUNDRED.alpha_bar[:-1][::-1]
  beta = np.repeat(1 - kept, 2)
  last = np.arange(200) % 2 == 1
  np.testing.assert_allclose(
      paper.coefficients.renoise, np.where(last, 0, np.sqrt(beta)), rtol=1e-5)
  np.testing.assert_allclose(
      released.coefficients.renoise, np.where(last, 0, beta), rtol=1e-5)
  for steps in (paper, released):
    np.testing.assert_allclose(
        steps.coefficients.keep, np.where(last, 1, np.sqrt(1 - beta)),
        rtol=1e-5)
    np.testing.assert_array_equal(
        steps.kind, np.where(last, samplers.DENOISE, samplers.RENOISE))


def test_inner_iterations_repeat_the_level():
  steps = samplers.steered_steps(S, 10, num_inner=3)
  np.testing.assert_array_equal(steps.index, np.arange(30))
  once = samplers.steered_steps(S, 10)
  for name in ("level", "next_level"):
    for many, one in zip(getattr(steps, name), getattr(once, name),
                         strict=True):
      np.testing.assert_array_equal(many, np.repeat(one, 3))


@pytest.mark.parametrize("options, message", [
    ({"variant": "official"}, "variant must be one of"),
    ({"num_inner": 0}, "num_inner must be at least 1, got 0"),
    ({"num_inner": 1.5}, "num_inner must be an integer at least 1, got 1.5"),
    ({"num_inner": [1] * 10}, "num_inner must be an integer at least 1, got"),
    ({"num_steps": 2.5}, "num_steps must be an integer in 1..1000, got 2.5"),
    ({"eta": 1.5}, r"eta must be in \[0, 1\], got 1.5"),
    ({"gradient_schedule": "linear"}, "gradient_schedule must be one of"),
    ({"constraint_schedule": "linear"}, "constraint_schedule must be one of"),
])
def test_bad_plans_are_named(options, message):
  with pytest.raises(ValueError, match=message):
    samplers.steered_steps(S, **{"num_steps": 10, **options})


@pytest.mark.parametrize("plan, found", [
    (samplers.ddim_steps, "DdimCoefficients"),
    (samplers.ddpm_steps, "DdpmCoefficients")])
def test_the_plan_of_another_sampler_is_refused(plan, found):
  sampler = samplers.steered(_denoise(), _noise())
  with pytest.raises(
      ValueError, match=f"must be a plan of steered_steps.*{found}"):
    samplers.sample(sampler, jnp.zeros((4, gaussians.DIM)), plan(S, 10))


def test_the_released_variant_needs_a_preserved_variance():
  with pytest.raises(ValueError, match="variance-preserving"):
    samplers.steered_steps(schedules.edm(20), 10, variant="released")


# Draws.


@pytest.mark.parametrize("num_steps, num_inner, total", [
    (10, 1, 31), (5, 3, 46), (5, 1, 16), (100, 1, 301)])
def test_draw_order_covers_a_recording(num_steps, num_inner, total):
  steps = samplers.steered_steps(S, num_steps, num_inner=num_inner)
  order = samplers.steered_draw_order(steps)
  places = np.concatenate([at.ravel() for at in order.values()])
  np.testing.assert_array_equal(np.sort(places), np.arange(total))
  # In every iteration: unused, renoising, sampling.
  np.testing.assert_array_equal(order["unused"] + 1, order["renoise"])
  np.testing.assert_array_equal(order["renoise"] + 1, order["step"])
  assert order["start"].tolist() == [[0]] and order["unused"][0] == [1]


def test_draw_order_with_an_open_window():
  """Ten steps, the window open at the last eight: 39 draws in all."""
  steps = samplers.steered_steps(S, 10)
  extra = np.arange(10) >= 2
  order = samplers.steered_draw_order(steps, extra)
  assert order["step"][-1] == [38]
  np.testing.assert_array_equal(
      (order["renoise"] - order["unused"]).ravel(), 1 + extra)
  places = np.concatenate([at.ravel() for at in order.values()])
  assert np.unique(places).size == places.size == 31
  with pytest.raises(ValueError, match=r"extra must have shape \[10\]"):
    samplers.steered_draw_order(steps, extra[:5])


def test_energies_draw_with_the_step_s_index():
  seen = []

  def noise(index, slot, shape, law="normal", inner=0):
    seen.append((int(index), slot, law))
    return jnp.zeros((4, *shape))

  def energy(x, level, draw):
    return energies.sum_per_image(x * draw("source", x.shape[1:], "uniform"))

  steps = samplers.steered_steps(S, 10)
  step = jax.tree.map(lambda leaf: leaf[7], steps)
  sampler = samplers.steered(
      _denoise(), noise, guidance=guidance.at_estimate(energy))
  sampler.step(sampler.init(jnp.zeros((4, gaussians.DIM)), step), step)
  assert set(seen) == {(7, "step", "normal"), (7, "renoise", "normal"),
                       (7, "source", "uniform")}


# The start and the moves.


def test_the_start_of_both_variants():
  """The released start is larger: 1.0063326 for 100 steps."""
  z = _noise()(-1, "start", (gaussians.DIM,))
  sampler = samplers.steered(_denoise(), _noise())
  for variant, factor in (("paper", 1.0), ("released", 1.0063326)):
    steps = samplers.steered_steps(S, 100, variant=variant)
    first = jax.tree.map(lambda leaf: leaf[0], steps)
    np.testing.assert_allclose(
        sampler.init(z, first).x, factor * z, rtol=1e-6)


def test_the_result_meets_the_observation():
  """Whatever the gradient does: the constraint comes last."""
  steps = samplers.steered_steps(S, 10, num_inner=2)
  sampler = samplers.steered(
      _denoise(), _noise(), constraint=_constraint, guidance=_pull(),
      guidance_scale=0.3)
  out = jax.jit(lambda z: samplers.sample(
      sampler, z, steps, record=lambda s: (s.x, s.x0_steered)))(
          _noise()(-1, "start", (gaussians.DIM,)))
  np.testing.assert_allclose(out.x * MASK, Y * MASK, atol=1e-6)
  x, steered = out.trajectory
  np.testing.assert_array_equal(x[-1], steered[-1])


def test_scales_multiply_the_moves():
  free, _ = _step()
  for name, option in (("guidance_scale", {"guidance": _pull()}),
                       ("constraint_scale", {"constraint": _constraint})):
    one, _ = _step(**option)
    two, _ = _step(**option, **{name: 2.0})
    np.testing.assert_allclose(one.x0, free.x0, atol=1e-6)
    move = one.x0_steered - one.x0
    assert np.abs(move).max() > 0.1
    np.testing.assert_allclose(
        two.x0_steered - two.x0, 2 * move, rtol=1e-4, atol=1e-5)


def test_the_gradient_is_k_times_that_of_the_state():
  state, step = _step(guidance=_pull())
  x_t = _noise()(-1, "start", (gaussians.DIM,))

  def value(x):
    x0 = _denoise()(x, step.level).x0
    return jnp.sum(MASK * (x0 - Y) ** 2)

  slope = jax.grad(value)(x_t)
  k = np.sqrt(1 - S.alpha_bar[step.level.level])
  np.testing.assert_allclose(
      state.x0_steered - state.x0, -k * slope, rtol=1e-4, atol=1e-5)


# Looking ahead.


def _look_ahead_move(name, i=5):
  state, _ = _step(i, guidance=_pull(), look_ahead=name)
  return state.x0_steered - state.x0


def test_signs_of_the_look_ahead():
  """Printed: V1 - V2, whose terms nearly cancel. Bayes: V2 - V1."""
  plain, printed, bayes = (
      _look_ahead_move(n) for n in ("none", "printed", "bayes"))
  np.testing.assert_allclose(bayes, -printed, rtol=1e-5, atol=1e-6)
  # At levels that lie close together little is left of V1.
  many = samplers.steered_steps(S, 500)
  near = [_step(250, many, guidance=_pull(), look_ahead=n)[0]
          for n in ("none", "printed")]
  moves = [np.abs(s.x0_steered - s.x0).mean() for s in near]
  assert moves[1] < 0.3 * moves[0], moves
  assert np.abs(plain).mean() > np.abs(printed).mean()


def test_the_last_step_looks_at_x_itself():
  """Clean data are not denoised: V2 is the energy of x_s = x0."""
  for name in ("printed", "bayes"):
    np.testing.assert_allclose(_look_ahead_move(name, i=9), 0, atol=1e-6)


@pytest.mark.parametrize("terms, found", (
    (guidance.none(), "0 through, 0 estimate, 0 state"),
    (guidance.at_estimate(lambda x, level, draw: x[:, 0]),
     "0 through, 1 estimate, 0 state"),
    (_pull() + guidance.at_state(lambda x, level, draw: x[:, 0]),
     "1 through, 0 estimate, 1 state")))
def test_look_ahead_is_for_terms_through_the_denoiser(terms, found):
  with pytest.raises(
      ValueError, match=f"terms through the denoiser only.* got {found}"):
    samplers.steered(
        _denoise(), _noise(), guidance=terms, look_ahead="bayes")


def test_a_bad_look_ahead_is_named():
  with pytest.raises(ValueError, match="look_ahead must be one of"):
    samplers.steered(_denoise(), _noise(), look_ahead="other")


def test_look_ahead_takes_half_precision_and_other_estimates():
  observed = operators.Observation(Y * MASK, operators.inpainting(MASK))
  terms = guidance.through_denoiser(
      energies.squared_error(observed), estimate=lambda p: p.x0 + 0.1 * p.eps)
  steps = samplers.steered_steps(S, 10)
  step = jax.tree.map(lambda leaf: leaf[5], steps)
  sampler = samplers.steered(
      _denoise(), _noise(), guidance=terms, look_ahead="bayes")
  z = _noise()(-1, "start", (gaussians.DIM,))
  full = sampler.step(sampler.init(z, step), step)
  z = z.astype(jnp.bfloat16)
  half = sampler.step(sampler.init(z, step), step)
  assert half.x.dtype == jnp.bfloat16
  np.testing.assert_allclose(
      np.float32(half.x0_steered), full.x0_steered, atol=0.1)
