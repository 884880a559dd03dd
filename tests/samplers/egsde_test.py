"""What EGSDE's mathematics says of `egsde`, `sdedit` and `score_shift`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import denoisers
from jaxguide import energies
from jaxguide import guidance
from jaxguide import samplers
from jaxguide import schedules
from tests import draws
from tests import programs
from tests.samplers import gaussians

PRIOR = gaussians.prior()
SCHEDULE = schedules.linear(100)
RNG = np.random.default_rng(6)
SOURCE = RNG.normal(size=(3, gaussians.DIM)).astype(np.float32)
CENTRE = RNG.normal(size=gaussians.DIM).astype(np.float32)
W = RNG.normal(size=(gaussians.DIM, 4)).astype(np.float32) / 2
LABELS = np.array([2, 0, 3])
NOISE = draws.hashed_noise(np.arange(3))


def _denoise():
  return denoisers.gaussian(
      np.float32(PRIOR.mean), np.float32(PRIOR.covariance))


def _bowl(x, level, draw):
  """|x - c|^2 / 2."""
  return jnp.sum((x - CENTRE) ** 2, axis=1) / 2


def _to_source(source=SOURCE, **options):
  """|x - x_s|^2, which draws the source's noise."""
  likeness = energies.domain_similarity(
      lambda x, time: x, source, similarity="neg_l2", **options)
  return energies.weighted_sum([energies.Term(likeness, -1.0)])


def _classifier():
  return energies.class_log_prob(lambda x, time: x @ W, LABELS)


def _compiled(make, noise=NOISE, z=None, jit=programs.jit):
  """`(steps, **arguments) -> x` of `make(denoise, noise, **arguments)`."""

  @jit
  def run(steps, arguments):
    start = noise(-1, "start", (gaussians.DIM,)) if z is None else z
    sampler = make(_denoise(), noise, **arguments)
    return samplers.sample(sampler, start, steps).x

  return lambda steps, **arguments: np.asarray(run(steps, arguments))


def _sample(make, steps, noise=NOISE, z=None, **arguments):
  return _compiled(make, noise, z)(steps, **arguments)


def _egsde(energy=None, **options):
  pull = guidance.at_state(energy) if energy else None
  return lambda denoise, noise, **more: samplers.egsde(
      denoise, noise, guidance=pull, **{"source": SOURCE, **options, **more})


def _silent(index, slot, shape, law="normal", inner=0):
  return jnp.zeros((3, *shape))


# The score shift.


@pytest.mark.parametrize("energy", (_bowl, _classifier()))
def test_a_step_is_an_ancestral_step_with_shifted_eps(energy):
  """eps' = eps + sigma grad E, in every step of DDPM and of DDIM, eta 1."""
  pull = guidance.at_state(energy)

  def shifted(factory):
    return lambda denoise, noise: samplers.from_source(factory(
        samplers.score_shift(denoise, pull, noise, guidance_scale=0.7),
        noise), SOURCE)

  run = _compiled(_egsde(energy))
  steps = samplers.egsde_steps(SCHEDULE, 10)
  want, plain = (run(steps, guidance_scale=jnp.float32(c)) for c in (0.7, 0))
  assert np.abs(want - plain).max() > 0.1
  for factory, steps in (
      (samplers.ddpm, samplers.ddpm_steps(SCHEDULE, 10, first_level=50)),
      (samplers.ddim, samplers.ddim_steps(
          SCHEDULE, 10, first_level=50, eta=1.0))):
    np.testing.assert_allclose(
        _sample(shifted(factory), steps), want, rtol=1e-4, atol=2e-5)


def test_score_shift_with_shared_noise():
  z = np.float32(RNG.normal(size=SOURCE.shape))
  pull = guidance.at_state(_to_source())

  def shifted(denoise, noise):
    inner = samplers.score_shift(
        denoise, pull, noise, guidance_scale=0.3, source_noise=z)
    return samplers.from_source(samplers.ddpm(inner, noise), SOURCE)

  want = _sample(
      _egsde(_to_source(), guidance_scale=0.3),
      samplers.egsde_steps(SCHEDULE, 10, source_noise="shared"), z=z)
  got = _sample(
      shifted, samplers.ddpm_steps(SCHEDULE, 10, first_level=50), z=z)
  np.testing.assert_allclose(got, want, rtol=1e-4, atol=2e-5)


# Classifier guidance.


def _by_hand(form, x, t, s, scale):
  """One noiseless ancestral step of Dhariwal and Nichol, in float64."""
  beta = 1 - t.alpha_bar / s.alpha_bar
  logits = x @ np.float64(W)
  p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
  slope = (np.eye(4)[LABELS] - p) @ np.float64(W).T
  x0 = x @ t.gain.T + t.offset
  eps = (x - t.alpha * x0) / t.sigma
  if form == "score":
    eps = eps - scale * t.sigma * slope
  x0 = (x - t.sigma * eps) / t.alpha
  mean = (s.alpha * beta * x0
          + np.sqrt(1 - beta) * (1 - s.alpha_bar) * x) / (1 - t.alpha_bar)
  if form == "mean":
    small = beta * (1 - s.alpha_bar) / (1 - t.alpha_bar)
    mean = mean + scale * small * slope
  return mean


@pytest.mark.parametrize("form", ("score", "mean"))
def test_classifier_guidance_is_a_special_case(form):
  """Both published forms, from noise, by the shift of the plan alone."""
  schedule, scale = schedules.linear(gaussians.NUM_LEVELS), 1.5
  steps = samplers.egsde_steps(
      schedule, 12, first_level=gaussians.NUM_LEVELS, shift=form)
  levels = gaussians.visited(PRIOR, 12)
  z = np.float32(RNG.normal(size=SOURCE.shape))
  got = _sample(_egsde(_classifier(), source=None, guidance_scale=scale),
                steps, noise=_silent, z=z)
  want = np.float64(z)
  for t, s in zip(levels[:-1], levels[1:], strict=True):
    want = _by_hand(form, want, t, s, scale)
  np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)


def test_the_two_forms_differ_by_the_ratio_of_their_coefficients():
  """sqrt(alpha_i) (1 - abar_{i-1}) / (1 - abar_i): figures of the source."""
  plans = [samplers.egsde_steps(schedules.linear(), shift=form)
           for form in ("mean", "score")]
  mean, score = (p.coefficients.energy_scale[::-1] for p in plans)
  np.testing.assert_allclose(
      (mean / score)[[1, 9, 99, 249, 499]],
      (0.4547, 0.8527, 0.9809, 0.9919, 0.9941), atol=6e-5)


# Products of experts.


def _one_step(energy, denoise, level):
  """The mean of one step with that energy, and the small variance.

  Both of `(x, guidance_scale)`.
  """
  steps = samplers.egsde_steps(SCHEDULE, shift="mean")
  step = jax.tree.map(lambda leaf: leaf[50 - level], steps)

  @programs.jit
  def mean(x, scale):
    sampler = samplers.egsde(
        denoise, _silent, source=None, guidance_scale=scale,
        guidance=guidance.at_state(energy) if energy else None)
    return sampler.step(sampler.init(x, step)._replace(x=x), step).result

  return lambda x, scale=1.0: (
      np.float64(mean(x, scale)),
      np.float64(step.coefficients.noise_std) ** 2)


def test_product_with_a_linear_energy_is_exact():
  """N(mu, v) exp(-a x) = N(mu - v a, v)."""
  a = np.float32(RNG.normal(size=gaussians.DIM))
  mu, _ = _one_step(None, _denoise(), 40)(SOURCE)
  got, v = _one_step(
      lambda x, level, draw: jnp.sum(a * x, axis=1), _denoise(), 40)(SOURCE)
  np.testing.assert_allclose(got, mu - v * a, atol=2e-6)


def test_product_with_a_quadratic_energy_to_first_order():
  """N(mu, v) exp(-c/2 |x - m|^2) has mean (mu + v c m) / (1 + v c)."""
  row = samplers.ddpm_steps(SCHEDULE, 50, first_level=50).coefficients

  def still(x_t, level):
    # The estimate for which the step's mean is x_t: the gradient is at mu.
    x0 = (1 - row.x_scale[10]) / row.x0_scale[10] * x_t
    return denoisers.from_x0(x0, x_t, level)

  x, errors, run = 100 * SOURCE, [], _one_step(_bowl, still, 40)
  for c in (2.0, 1.0, 0.5):
    got, v = run(x, c)
    want = (np.float64(x) + v * c * CENTRE) / (1 + v * c)
    errors.append(np.abs(got - want).max())
    assert errors[-1] < 2 * (v * c) ** 2 * np.abs(x - CENTRE).max()
  ratios = np.divide(errors[:-1], errors[1:])
  assert np.all((3.5 < ratios) & (ratios < 4.1)), errors


# Without energies.


@pytest.mark.parametrize("solver, source_noise", (
    ("ancestral", "fresh"), ("em", "shared")))
def test_zero_weight_is_sdedit_to_the_bit(solver, source_noise):
  steps = samplers.egsde_steps(
      SCHEDULE, 20, solver=solver, num_repeats=2, source_noise=source_noise)
  # Bits are compared as users compile them.
  want, plain = (_compiled(make, jit=jax.jit)(steps) for make in (
      lambda denoise, noise: samplers.sdedit(denoise, noise, source=SOURCE),
      _egsde()))
  run = _compiled(_egsde(_to_source()), jit=jax.jit)
  np.testing.assert_array_equal(
      run(steps, guidance_scale=jnp.float32(0)), want)
  np.testing.assert_array_equal(plain, want)
  assert np.any(run(steps, guidance_scale=jnp.float32(0.1)) != want)


def test_energies_without_weight_are_no_guidance():
  energy = energies.translation(
      None, np.zeros((3, 4, 4, 3)), domain_weight=0, lowpass_weight=0)
  assert energy is None


def test_shared_noise_has_no_guidance_in_the_first_step():
  """There the sample is the noised source: x_t = x_s."""
  image = np.float32(RNG.normal(size=(3, 8, 8, 3)))
  energy = energies.translation(
      lambda x, time: jnp.tanh(x @ np.float32(np.eye(3) + 0.3)), image,
      factor=4)
  z = np.float32(RNG.normal(size=image.shape))

  def step(source_noise, pull):
    steps = samplers.egsde_steps(SCHEDULE, source_noise=source_noise)
    first = jax.tree.map(lambda leaf: leaf[0], steps)
    sampler = samplers.egsde(_shrink, NOISE, source=image, guidance=pull)
    return programs.jit(
        lambda z: sampler.step(sampler.init(z, first), first).result)(z)

  pull = guidance.at_state(energy)
  plain = step("shared", guidance.none())
  np.testing.assert_allclose(step("shared", pull), plain, atol=1e-5)
  assert np.abs(step("fresh", pull) - plain).max() > 0.01


def _shrink(x_t, level):
  return denoisers.from_x0(level.alpha * x_t, x_t, level)


# Repeats.


@pytest.mark.parametrize("source_noise", ("fresh", "shared"))
def test_two_repeats_are_two_calls(source_noise):
  """The second starts from the first one's result, the source stays."""
  make = _egsde(_to_source(), guidance_scale=0.2)
  once, twice = (
      samplers.egsde_steps(
          SCHEDULE, 10, num_repeats=count, source_noise=source_noise)
      for count in (1, 2))
  want = _sample(make, twice)
  middle = _sample(make, once)

  def later(index, slot, shape, law="normal", inner=0):
    return NOISE(index + 10, slot, shape, law, inner)

  got = _sample(make, once, noise=later, initial=middle,
                z=NOISE(9, "restart", (gaussians.DIM,)))
  np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)
  assert np.abs(got - middle).max() > 0.1


# The Euler-Maruyama form.


@pytest.mark.parametrize("num_draws", (1, 4))
def test_an_euler_maruyama_step_by_hand(num_draws):
  """x + b (x/2 + score - mean_k grad E_k) + sqrt(b) z of the paper."""
  steps = samplers.egsde_steps(SCHEDULE, 10, solver="em")
  step = jax.tree.map(lambda leaf: leaf[0], steps)
  sampler = samplers.egsde(
      _denoise(), NOISE, source=SOURCE, guidance_scale=0.5,
      guidance=guidance.at_state(_to_source(num_draws=num_draws)))

  @programs.jit
  def run():
    state = sampler.init(NOISE(-1, "start", (gaussians.DIM,)), step)
    eps = _denoise()(state.x, step.level).eps
    return state.x, eps, sampler.step(state, step).result

  x, eps, got = run()
  betas = 1 - SCHEDULE.alpha_bar[1:] / SCHEDULE.alpha_bar[:-1]
  b = betas[step.next_level.level:step.level.level].sum()
  alpha, sigma = np.float64(step.level.alpha), np.float64(step.level.sigma)
  shape = (gaussians.DIM,) if num_draws == 1 else (4, gaussians.DIM)
  e = np.asarray(NOISE(0, "source", shape)).reshape(3, num_draws, -1)
  x = np.float64(x)
  pulls = 2 * 0.5 * (
      x[:, None] - alpha * SOURCE[:, None] - sigma * e).mean(axis=1)
  score = -np.float64(eps) / sigma
  z = np.asarray(NOISE(0, "step", (gaussians.DIM,)))
  want = x + b * (x / 2 + score - pulls) + np.sqrt(b) * z
  np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


def test_more_draws_have_less_spread():
  """Of the result, over the source's noise alone."""
  source, spreads = SOURCE[:1].repeat(64, 0), []
  hashed = draws.hashed_noise(np.arange(64))
  for num_draws in (1, 16):
    pull = guidance.at_state(_to_source(source, num_draws=num_draws))

    def noise(index, slot, shape, law="normal", inner=0):
      drawn = hashed(index, slot, shape, law, inner)
      return drawn if slot == "source" else 0 * drawn

    def run(steps, pull=pull, noise=noise):
      sampler = samplers.egsde(
          _denoise(), noise, source=source, guidance=pull,
          guidance_scale=0.3)
      return samplers.sample(
          sampler, jnp.zeros((64, gaussians.DIM)), steps).x

    steps = samplers.egsde_steps(SCHEDULE, 5, solver="em")
    spreads.append(np.std(programs.jit(run)(steps), axis=0).mean())
  assert 3 < spreads[0] / spreads[1] < 5, spreads


@pytest.mark.parametrize("variant, implied", (
    ("paper", "fresh"), ("released", "shared")))
def test_the_variant_implies_the_noise_of_the_source(variant, implied):
  """By the draws that are asked for, in a trace of one step."""
  for source_noise in (None, "fresh", "shared"):
    steps = samplers.egsde_steps(
        SCHEDULE, variant=variant, source_noise=source_noise)
    slots = set()

    def noise(index, slot, shape, law="normal", inner=0, slots=slots):
      slots.add(slot)
      return jnp.zeros((3, *shape))

    sampler = samplers.egsde(
        _denoise(), noise, source=SOURCE,
        guidance=guidance.at_state(_to_source()))
    jax.eval_shape(
        lambda steps, sampler=sampler: samplers.sample(
            sampler, SOURCE, steps), steps)
    fresh = (source_noise or implied) == "fresh"
    assert slots == {"step", "restart", *(["source"] if fresh else [])}
    assert set(samplers.egsde_draw_order(steps)) == slots | {"start"}


def test_several_draws_of_a_shared_noise_are_refused():
  with pytest.raises(ValueError, match="num_draws must be 1"):
    _sample(_egsde(_to_source(num_draws=2)),
            samplers.egsde_steps(SCHEDULE, 2, source_noise="shared"))


# Masks.


MASK = np.float32(np.arange(gaussians.DIM) % 3 == 0)[None]


@pytest.mark.parametrize("num_repeats", (1, 2))
def test_masked_sdedit_keeps_the_guide(num_repeats):
  steps = samplers.sdedit_steps(SCHEDULE, 10, num_repeats=num_repeats)
  out = _sample(lambda denoise, noise: samplers.sdedit(
      denoise, noise, source=SOURCE, mask=MASK), steps)
  kept = np.broadcast_to(MASK == 1, SOURCE.shape)
  np.testing.assert_array_equal(out[kept], SOURCE[kept])
  plain = _sample(lambda denoise, noise: samplers.sdedit(
      denoise, noise, source=SOURCE), steps)
  assert np.abs(out - plain)[~kept].max() > 1e-3


def test_masked_sdedit_as_released_ends_one_level_noisy():
  z = np.float32(RNG.normal(size=SOURCE.shape))
  out = _sample(lambda denoise, noise: samplers.sdedit(
      denoise, noise, source=SOURCE, mask=MASK),
      samplers.sdedit_steps(SCHEDULE, variant="released"), z=z)
  kept = np.broadcast_to(MASK == 1, SOURCE.shape)
  want = SCHEDULE.alpha[1] * SOURCE + SCHEDULE.sigma[1] * z
  np.testing.assert_allclose(out[kept], want[kept], rtol=1e-4, atol=1e-4)


def test_the_first_level_sets_how_much_of_the_source_stays():
  run = _compiled(_egsde(), noise=_silent)
  gaps = [
      np.abs(run(samplers.sdedit_steps(SCHEDULE, 8, first_level=level))
             - SOURCE).mean() for level in (8, 20, 50, 90)]
  assert np.all(np.diff(gaps) > 0), gaps
  assert gaps[0] < 0.6 * gaps[-1]


# Errors.


@pytest.mark.parametrize("options, message", (
    ({"solver": "heun"}, "solver must be one of"),
    ({"variant": "ours"}, "variant must be one of"),
    ({"variance": "big"}, "variance must be one of"),
    ({"shift": "up"}, "shift must be one of"),
    ({"source_noise": "old"}, "source_noise must be one of"),
    ({"num_repeats": 0}, "num_repeats must be at least 1, got 0"),
    ({"first_level": 101}, "first_level must be in 1..100"),
    ({"variant": "released", "num_steps": 10}, "visits every level"),
    ({"variant": "released", "solver": "em"}, "ancestral"),
))
def test_plans_are_checked(options, message):
  with pytest.raises(ValueError, match=message):
    samplers.egsde_steps(SCHEDULE, **options)


def test_a_mask_needs_a_source():
  with pytest.raises(ValueError, match="mask needs a source"):
    samplers.egsde(_denoise(), NOISE, source=None, mask=MASK)


@pytest.mark.parametrize("variance", ["fixed_small", "fixed_large"])
def test_released_standard_deviations_are_the_programs_table(variance):
  """exp(logvar / 2), logvar of beta or of the posterior; 0 at its index 0."""
  top = 30
  steps = samplers.egsde_steps(
      SCHEDULE, first_level=top, variant="released", variance=variance)
  alpha_bar = np.float64(SCHEDULE.alpha_bar)
  beta = 1 - alpha_bar[1:] / alpha_bar[:-1]
  wanted = beta
  if variance == "fixed_small":
    wanted = beta * (1 - alpha_bar[:-1]) / (1 - alpha_bar[1:])
  index = np.int64(steps.level.time)
  np.testing.assert_array_equal(index, np.arange(top)[::-1])
  np.testing.assert_allclose(
      steps.coefficients.noise_std[:-1], np.sqrt(wanted[index[:-1]]),
      rtol=2e-4)
  assert steps.coefficients.noise_std[-1] == 0
