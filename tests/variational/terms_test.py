"""Transitions, divergences and losses against closed forms in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import denoisers
from jaxguide import energies
from jaxguide import noises
from jaxguide import schedules
from jaxguide import variational
from jaxguide.variational import diffusion_term
from jaxguide.variational import hierarchy
from jaxguide.variational import sampling
from tests import programs
from tests.variational import exact

VP = schedules.scaled_linear()
VE = schedules.edm(300, sigma_max=20.0)
LEVELS = {"vp": (551, 501, 451, 401), "ve": (180, 165, 150, 135)}
SCHEDULES = {"vp": VP, "ve": VE}
both = pytest.mark.parametrize("kind", ["vp", "ve"])


def denoiser(prior):
  return denoisers.gaussian(
      jnp.float32(prior.mean), jnp.float32(prior.covariance))


def joint(schedule, x_variance, times):
  """Covariance of (x, z at every one of `times`), one chain, float64."""
  a, s = schedule.alpha[list(times)], schedule.sigma[list(times)]
  size = len(times) + 1
  c = np.zeros((size, size))
  c[0, 0] = x_variance
  for i in range(size - 1):
    c[0, i + 1] = c[i + 1, 0] = a[i] * x_variance
    for j in range(i, size - 1):  # times increase: j is the noisier one
      own = (a[j] / a[i]) * s[i] ** 2
      c[i + 1, j + 1] = c[j + 1, i + 1] = a[i] * a[j] * x_variance + own
  return c


def conditioned(c, target, given):
  """Weights of the given variables, and the variance that is left."""
  block = c[np.ix_(given, given)]
  weights = np.linalg.solve(block, c[given, target])
  return weights, c[target, target] - weights @ c[given, target]


@both
def test_hierarchy_constants_are_those_of_a_joint_gaussian(kind):
  schedule, levels, eta = SCHEDULES[kind], LEVELS[kind], 0.2
  plan = variational.vipaint_plan(schedule, levels, eta=eta)
  np.testing.assert_allclose(
      plan.prior_std[0], schedule.sigma[levels[0]], rtol=1e-6)
  for k in range(1, len(levels)):
    t, s = levels[k - 1], levels[k]
    (on_x, on_t), left = conditioned(
        joint(schedule, 0.7, (s, t)), 1, [0, 2])
    np.testing.assert_allclose(plan.prior_std[k] ** 2, eta * left, rtol=1e-5)
    # With the whole variance the DDIM mean is that of the conditional.
    ddim = variational.vipaint_plan(schedule, levels, eta=1.0)
    a, b = schedule.alpha[t], schedule.sigma[t]
    np.testing.assert_allclose(ddim.eps_scale[k] / b, on_t, rtol=1e-4)
    np.testing.assert_allclose(
        schedule.alpha[s] - ddim.eps_scale[k] * a / b, on_x, rtol=1e-3)


@both
@pytest.mark.parametrize("eta", [0.2, 0.6, 1.0])
def test_ddim_family_keeps_the_marginals(kind, eta):
  """z_k given x has the schedule's variance, whatever eta."""
  schedule, levels = SCHEDULES[kind], LEVELS[kind]
  plan = variational.vipaint_plan(schedule, levels, eta=eta)
  kept = plan.eps_scale[1:] ** 2 + plan.prior_std[1:] ** 2
  np.testing.assert_allclose(
      kept, schedule.sigma[list(levels[1:])] ** 2, rtol=1e-5)
  steps = variational.vipaint_steps(schedule, plan, 20)
  c, then = steps.coefficients, steps.next_level
  after = slice(len(levels) - 1, None)
  np.testing.assert_allclose(
      (c.eps_scale**2 + c.noise_std**2)[after], then.sigma[after] ** 2,
      rtol=1e-5, atol=1e-9)
  np.testing.assert_allclose(c.x0_scale, then.alpha, rtol=1e-6)
  lower = plan.levels[-1]
  assert steps.level.level[len(levels) - 1] == lower
  assert steps.next_level.level[-1] == 0


def test_bridge_is_the_conditional_of_a_chain():
  """* -> s -> t, all three Gaussian, z_s conditioned on the other two."""
  rng = np.random.default_rng(0)
  for schedule, (star, s, t) in ((VP, (551, 700, 800)), (VE, (100, 150, 210))):
    c = joint(schedule, 0.4, (star, s, t))[1:, 1:]
    weights, left = conditioned(c, 1, [0, 2])
    rows = [(schedule.alpha[i], schedule.sigma[i]) for i in (star, s, t)]
    z_star, z_t = np.float32(rng.normal(size=(2, 1, 5)))
    found = diffusion_term.bridge(
        z_t, z_star, diffusion_term.transition(*rows[0], *rows[1]),
        diffusion_term.transition(*rows[1], *rows[2]))
    np.testing.assert_allclose(
        found.mean, weights[0] * z_star + weights[1] * z_t, rtol=1e-5)
    np.testing.assert_allclose(found.std**2, left, rtol=1e-5)
    other = diffusion_term.bridge(
        z_t, z_star, diffusion_term.transition(*rows[0], *rows[1]),
        diffusion_term.transition(*rows[1], *rows[2]), "released")
    if schedule is VE:  # Every scale is 1 there: nothing can be mixed up.
      np.testing.assert_allclose(other.std, found.std, rtol=1e-6)
    else:
      assert np.abs(other.std / found.std - 1).min() > 1e-3


def test_divergence_is_an_integral():
  x = np.linspace(-12, 12, 200_001)
  for m_q, m_p, s_q, s_p in ((0.3, -0.5, 0.6, 0.9), (0, 0, 1.2, 0.4),
                             (1, 1.1, 0.2, 0.2)):
    log_q = -0.5 * ((x - m_q) / s_q) ** 2 - np.log(s_q)
    log_p = -0.5 * ((x - m_p) / s_p) ** 2 - np.log(s_p)
    weight = np.exp(log_q) / np.sqrt(2 * np.pi)
    wanted = np.sum(weight * (log_q - log_p)) * (x[1] - x[0])
    q, p = (diffusion_term.Normal(np.float32(m), np.float32(s))
            for m, s in ((m_q, s_q), (m_p, s_p)))
    np.testing.assert_allclose(
        diffusion_term.divergence(q, p), wanted, rtol=1e-5, atol=1e-6)
    released = diffusion_term.divergence(q, p, "released")
    # Multiplied where it should be divided.
    gap = (m_q - m_p) ** 2 * (0.5 * s_p**2 - 0.5 / s_p**2)
    np.testing.assert_allclose(
        released - wanted, gap, rtol=1e-4, atol=1e-6)


def drawn(plan, top_std, u):
  """The neighbours that a uniform number selects, by hand."""
  limit = max(top_std, plan.rows.sigma[0])
  above = np.flatnonzero(plan.grid.sigma > limit)
  j = int(np.floor(u * (above.size - 2) + 2))
  return (int(plan.grid.level[above[j]]), int(plan.grid.level[above[j - 1]]))


def expected_loss(schedule, prior, t, s, e, arrays):
  """weight times the mean of D, with the paper's formulas, float64."""
  z, std, n = arrays
  vp = np.allclose(schedule.alpha**2 + schedule.sigma**2, 1)
  free_alpha = np.sqrt(1 - std**2) if vp else np.ones_like(std)
  alpha, sigma = schedule.alpha, schedule.sigma

  def q_of(start, a_from, s_from, z_t):
    """N(z_s | z_t, start) as precision-weighted sum of the two sources."""
    onto = alpha[s] / a_from
    v_onto = sigma[s] ** 2 - (onto * s_from) ** 2
    step = alpha[t] / alpha[s]
    v_step = sigma[t] ** 2 - (step * sigma[s]) ** 2
    precision = 1 / v_onto + step**2 / v_step
    mean = (onto * start / v_onto + step * z_t / v_step) / precision
    return mean, 1 / precision

  jump = alpha[t] / free_alpha
  z_t = jump * z + np.sqrt(sigma[t] ** 2 - (jump * std) ** 2) * n
  gain, offset = prior.estimate(alpha[t], sigma[t])
  x0 = gain @ z_t + offset
  eps = (z_t - alpha[t] * x0) / sigma[t]
  # E[z_e | z_t, x0]: a mixture of z_t and x0.
  ratio = alpha[t] / alpha[e]
  spread = sigma[t] ** 2 - (ratio * sigma[e]) ** 2
  zhat = (z_t - spread / sigma[t] * eps) / ratio
  m_q, v_q = q_of(z, free_alpha, std, z_t)
  m_p, v_p = q_of(zhat, alpha[e], sigma[e], z_t)
  d = (m_q - m_p) ** 2 / (2 * v_p) + 0.5 * (v_q / v_p - 1 - np.log(v_q / v_p))
  return (schedule.num_levels - e) / 2 * d.mean()


@both
def test_diffusion_loss_with_an_exact_denoiser(kind):
  schedule, levels = SCHEDULES[kind], LEVELS[kind]
  plan, prior = variational.vipaint_plan(schedule, levels), exact.prior(0.5)
  rng, e = np.random.default_rng(1), levels[0]
  count = 6
  z, n = rng.normal(size=(2, count, exact.DIM))
  std = schedule.sigma[e] * rng.uniform(0.6, 0.95, size=(count, exact.DIM))
  u = np.linspace(0, 0.98, count)
  got = programs.jit(lambda plan, *a: diffusion_term.diffusion_loss(
      plan, denoiser(prior), *a))(
          plan, *(jnp.float32(a) for a in (z, std, u, n)))
  for i in range(count):
    t, s = drawn(plan, np.float32(std[i]).max(), np.float32(u[i]))
    wanted = expected_loss(schedule, prior, t, s, e, (z[i], std[i], n[i]))
    assert np.isfinite(wanted)
    np.testing.assert_allclose(got[i], wanted, rtol=2e-3, err_msg=str((t, s)))


@both
@pytest.mark.parametrize("share", [0.02, 0.4, 0.9])
def test_averaging_over_z_0_lowers_the_variance_alone(kind, share):
  """Value and both gradients have the same mean; value and mu's vary less.

  From just above T_e to near the noisiest level, with tau_0 on both sides of
  the schedule's sigma.
  """
  schedule, levels = SCHEDULES[kind], LEVELS[kind]
  plan, prior = variational.vipaint_plan(schedule, levels), exact.prior(0.5)
  rng, count, e = np.random.default_rng(3), 4096, levels[0]
  mean = jnp.float32(rng.normal(size=exact.DIM))
  std = jnp.float32(
      schedule.sigma[e] * np.linspace(0.6, 1.02, exact.DIM))
  draws = [jnp.float32(rng.normal(size=(count, exact.DIM))) for _ in range(2)]
  denoise = denoiser(prior)

  @programs.jit
  def values_and_slopes(plan, mean, std, *draws):
    def both_of(marginal):
      rows = [jnp.broadcast_to(v, (count, exact.DIM)) for v in (mean, std)]

      def one(mean, std):
        value = diffusion_term.diffusion_loss(
            plan, denoise, mean + std * draws[0], std,
            jnp.full(count, share), draws[1], mean if marginal else None)
        return value.sum(), value

      slopes, value = jax.grad(one, (0, 1), has_aux=True)(*rows)
      return jnp.concatenate([value[:, None], *slopes], axis=1)

    return both_of(False), both_of(True)

  plain, averaged = values_and_slopes(plan, mean, std, *draws)
  error = np.sqrt((plain.var(0) + averaged.var(0)) / count)
  difference = np.abs(plain.mean(0) - averaged.mean(0))
  assert np.all(difference <= 5 * error)
  of_mu = slice(0, 1 + exact.DIM)
  assert np.all(averaged.var(0)[of_mu] < plain.var(0)[of_mu])
  assert averaged[:, 0].var() < 0.5 * plain[:, 0].var()


def test_the_released_loss_is_not_averaged():
  plan = variational.vipaint_plan(
      SCHEDULES["vp"], LEVELS["vp"], variant="released")
  z = jnp.zeros((2, exact.DIM))
  with pytest.raises(ValueError, match="mean must be None unless .*'released'"):
    diffusion_term.diffusion_loss(
        plan, denoiser(exact.prior(0.5)), z, z + 0.5, jnp.zeros(2), z, z)


@both
def test_hierarchy_loss_with_an_exact_denoiser(kind):
  schedule, levels = SCHEDULES[kind], LEVELS[kind]
  plan = variational.vipaint_plan(schedule, levels)
  mask = np.ones(exact.DIM)
  p = exact.Problem(exact.prior(0.5), mask, 0.1, schedule.alpha,
                    schedule.sigma)
  rng, shape = np.random.default_rng(2), (1, len(levels), exact.DIM)
  posterior = variational.Posterior(
      *(jnp.float32(rng.normal(size=shape)) for _ in range(3)))
  posterior = posterior._replace(logvar=posterior.logvar - 3)
  n = np.float32(rng.normal(size=(len(levels), 1, exact.DIM)))
  links = hierarchy.descend(plan, posterior, denoiser(p.prior),
                            lambda k: jnp.asarray(n[k]))
  got = variational.objective.hierarchy_loss(plan, links)
  mu, logvar, gamma = (np.float64(leaf[0]) for leaf in posterior)
  std, g = np.exp(logvar / 2), 1 / (1 + np.exp(-gamma))
  z, wanted = mu[0] + std[0] * n[0, 0], 0.0
  for k in range(1, len(levels)):
    matrix, offset, variance = exact.transition(p, *levels[k - 1:k + 1], 0.2)
    m = matrix @ z + offset
    mean = g[k] * m + (1 - g[k]) * mu[k]
    ratio = std[k] ** 2 / variance
    wanted += np.mean((mean - m) ** 2 / (2 * variance)
                      + 0.5 * (ratio - 1 - np.log(ratio)))
    z = mean + std[k] * n[k, 0]
    np.testing.assert_allclose(links[k].z[0], z, atol=2e-5)
  np.testing.assert_allclose(got[0], wanted, rtol=1e-4)
  gain, offset = exact.final_estimate(p, levels[-1])
  np.testing.assert_allclose(links[-1].x0[0], gain @ z + offset, atol=2e-5)


@both
def test_clean_level_alone_is_the_objective_of_red_diff(kind):
  """weight lambda_t |eps(z_t) - n|^2, lambda = (SNR_s / SNR_t - 1) / 2.

  z_t = alpha_t mu + sigma_t n, as tau_0 goes to 0; value and gradient. What
  RED-diff then leaves out of the gradient is the network's Jacobian.
  """
  schedule, prior = SCHEDULES[kind], exact.prior(0.3)
  plan, denoise = variational.vipaint_plan(schedule, (0,)), denoiser(prior)
  tau = 0.01 * schedule.sigma[40]
  rng = np.random.default_rng(3)
  mu, y = np.float32(rng.normal(size=(2, 1, 1, exact.DIM)))
  n, n0 = np.float32(rng.normal(size=(2, exact.DIM)))
  likelihood = variational.gaussian_likelihood(jnp.asarray(y[:, 0]), 0.5)
  beta = 3.0
  for u in (0.2, 0.5, 0.8):
    noise = noises.recorded_noise({
        "start": n0[None, None, None, None], "forward": n[None, None, None,
                                                          None],
        "time": np.full((1, 1, 1), u, np.float32)})
    loss = variational.negative_elbo(
        plan, denoise, noise, likelihood, num_samples=1, beta_diffusion=beta)
    t, s = drawn(plan, tau, u)
    a, b = schedule.alpha, schedule.sigma
    snr_ratio = (a[s] * b[t] / (b[s] * a[t])) ** 2
    weight = beta * schedule.num_levels / 2 * 0.5 * (snr_ratio - 1)

    def red_diff(mu, weight=weight, row=(a[t], b[t]), t=t):
      z = row[0] * mu[:, 0] + row[1] * n
      eps = denoise(z, schedule.at_level(t)).eps
      data = likelihood(mu[:, 0] + tau * n0, schedule.at_level(0), None)
      return data[0] + weight * jnp.mean((eps - n) ** 2)

    def ours(mu, loss=loss):
      posterior = variational.Posterior(
          mu, jnp.full(mu.shape, 2 * np.log(tau), jnp.float32),
          jnp.zeros_like(mu))
      return loss(posterior, 0).total[0]

    value, slope = jax.value_and_grad(ours)(jnp.asarray(mu))
    wanted, wanted_slope = jax.value_and_grad(red_diff)(jnp.asarray(mu))
    np.testing.assert_allclose(value, wanted, rtol=0.02)
    gap = np.linalg.norm(slope - wanted_slope)
    assert gap < 0.03 * np.linalg.norm(wanted_slope), gap


def test_what_the_released_start_does_otherwise():
  """D5: alpha_k twice; D8: T_e on the clean scale."""
  plans = {v: variational.vipaint_plan(VP, (551, 401), variant=v)
           for v in ("paper", "released")}
  context = jnp.ones((1, 2, 4))
  silent = lambda index, slot, shape, law="normal": jnp.zeros((1, *shape))
  mu, scaled = {}, {}
  for variant, plan in plans.items():
    start = variational.initialise(plan, context, silent)
    mu[variant] = start.mu[0, :, 0]
    scaled[variant] = hierarchy.start(plan, start, jnp.zeros(4))[1][0, 0]
    level = hierarchy.level_mean(
        start._replace(gamma=jnp.full_like(start.gamma, -40.0)), 1,
        jnp.zeros((1, 4)), plan.context_scale[1])
    power = 1 if variant == "paper" else 2
    np.testing.assert_allclose(level, VP.alpha[401] ** power, rtol=1e-5)
  np.testing.assert_allclose(mu["paper"][0], VP.alpha[551], rtol=1e-5)
  np.testing.assert_allclose(mu["released"][0], 1.0, rtol=1e-6)
  # Either way z_0 starts around alpha e.
  np.testing.assert_allclose(scaled["paper"], scaled["released"], rtol=1e-5)


def test_what_the_released_sampling_does_otherwise():
  """D6: eta on the standard deviation; D7: no noise."""
  released = variational.vipaint_plan(VP, (551, 401), variant="released")
  paper = variational.vipaint_plan(VP, (551, 401))
  r = variational.vipaint_steps(VP, released).coefficients
  p = variational.vipaint_steps(VP, paper).coefficients
  assert not np.any(r.noise_std) and np.all(p.noise_std[1:-1] > 0)
  t, s = 401, 400
  full = (VP.sigma[s] ** 2
          * (1 - (VP.alpha[t] * VP.sigma[s] / VP.alpha[s] / VP.sigma[t]) ** 2))
  np.testing.assert_allclose(p.noise_std[1] ** 2, 0.2 * full, rtol=1e-5)
  np.testing.assert_allclose(
      VP.sigma[s] ** 2 - r.eps_scale[1] ** 2, 0.2**2 * full, rtol=1e-3)
  assert isinstance(r, sampling.VipaintCoefficients)


def test_a_start_too_wide_is_held_back_in_the_paper_variant():
  plan = variational.vipaint_plan(VP, (551, 401))
  wide = variational.Posterior(*(jnp.ones((2, 2, 4)) for _ in range(3)))
  std = hierarchy.start_std(plan, wide)
  assert np.all(std < plan.grid.sigma[-1]) and np.all(std > 0.99)
  # It can come back: the gradient does not stop there.
  slope = jax.grad(lambda p: hierarchy.start_std(plan, p).sum())(wide)
  assert np.all(slope.logvar[:, 0] > 0.4)
  released = variational.vipaint_plan(VP, (551, 401), variant="released")
  assert np.all(hierarchy.start_std(released, wide) > 1)


@pytest.mark.parametrize(("options", "word"), [
    ({"levels": (401, 551)}, "levels"), ({"levels": ()}, "levels"),
    ({"levels": (551, 0)}, "levels"), ({"levels": (999,)}, "levels"),
    ({"levels": (551,), "eta": 0.0}, "eta"),
    ({"levels": (551,), "rho": 0.0}, "rho must be positive"),
    ({"levels": (551,), "rho": float("nan")}, "rho must be positive"),
    ({"levels": (551,), "variant": "exact"}, "variant"),
    ({"levels": (2,), "variant": "released"}, "grid"),
    ({"levels": (200,), "variant": "released", "schedule": VE}, "variance"),
    ({"levels": (10,), "schedule": VP._replace(alpha=VP.alpha * 0.9)},
     "schedule"),
])
def test_bad_plans_are_named(options, word):
  options = dict(options)
  schedule, levels = options.pop("schedule", VP), options.pop("levels")
  with pytest.raises(ValueError, match=word):
    variational.vipaint_plan(schedule, levels, **options)


@pytest.mark.parametrize("divisor", [1.0, 2 * 0.566**2])
def test_an_older_programs_weights_are_weights_here(divisor):
  """D9: it summed over C, H, W, added LPIPS to every number, over 1000."""
  shape = (3, 6, 6, 3)
  rng = np.random.default_rng(0)
  y, x = (np.float32(rng.uniform(-1, 1, shape)) for _ in range(2))
  mask = np.float32(rng.integers(0, 2, (3, 6, 6, 1)))
  distance = lambda a, b: jnp.mean((a - b) ** 2, axis=(1, 2, 3))
  gap = np.abs(mask * y - mask * x)
  lpips = ((mask * y - mask * x) ** 2).mean((1, 2, 3))
  older = (gap + lpips[:, None, None, None]).sum((1, 2, 3)) / divisor / 1000
  weight = np.prod(shape[1:]) / divisor / 1000
  energy = variational.masked_reconstruction(
      y, mask, weight=weight, perceptual=distance, perceptual_weight=weight)
  np.testing.assert_allclose(energy(x, None, None), older, rtol=1e-5)
  # The two numbers of the documentation, at 3 x 256 x 256.
  documented = {1.0: 196.6}.get(divisor, 306.8)
  assert 3 * 256**2 / divisor / 1000 == pytest.approx(documented, abs=0.06)


def test_one_mask_may_be_of_all_images():
  rng = np.random.default_rng(2)
  y = np.float32(rng.uniform(-1, 1, (2, 6, 6, 3)))
  x = np.float32(rng.uniform(-1, 1, (6, 6, 6, 3)))
  mask = np.float32(rng.integers(0, 2, (1, 6, 6, 1)))
  one, each = (
      variational.masked_reconstruction(y, m)(x, None, None)
      for m in (mask, np.repeat(mask, 2, axis=0)))
  np.testing.assert_array_equal(one, each)
  assert one.shape == (6,)
  masks = np.float32(rng.integers(0, 2, (2, 6, 6, 1)))
  one, each = (
      variational.masked_reconstruction(part, masks)(x, None, None)
      for part in (y[:1], np.repeat(y[:1], 2, axis=0)))
  np.testing.assert_array_equal(one, each)


def test_known_features_of_an_observation_give_the_same_reconstruction():
  """A feature distance, and the same one as a function of two batches."""
  rng = np.random.default_rng(1)
  y = np.float32(rng.uniform(-1, 1, (2, 6, 6, 3)))
  x = np.float32(rng.uniform(-1, 1, (6, 6, 6, 3)))
  mask = np.float32(rng.integers(0, 2, (2, 6, 6, 1)))
  seen = []

  def features(images):
    seen.append(images.shape[0])
    return jnp.tanh(2 * images), images[:, ::2] ** 2

  by_features = energies.FeatureDistance(features)
  by_images = lambda a, b: by_features(a, b)
  results = []
  for distance, remat in (
      (by_features, True), (by_features, False), (by_images, True)):
    energy = variational.masked_reconstruction(
        y, mask, perceptual=distance, remat=remat)
    value, slope = jax.value_and_grad(
        lambda x: energy(x, None, None).sum())(x)  # noqa: B023
    results.append((energy(x, None, None), value, slope))
  for other in results[1:]:
    for a, b in zip(results[0], other, strict=True):
      np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-4)
  # The two observations are looked at when the energy is made, and no more.
  assert seen.count(2) == 2 and seen[0] == 2
  gap = np.float64(np.repeat(mask, 3, 0)) * x
  target = np.float64(np.repeat(mask * y, 3, 0))
  expected = 100 * np.abs(gap - target).mean((1, 2, 3)) + 100 * (
      ((np.tanh(2 * gap) - np.tanh(2 * target)) ** 2).sum((1, 2, 3))
      + ((gap[:, ::2] ** 2 - target[:, ::2] ** 2) ** 2).sum((1, 2, 3)))
  np.testing.assert_allclose(results[0][0], expected, rtol=1e-5)


@pytest.mark.parametrize("noise_std", [
    0.0, -0.1, float("nan"), np.array([0.1, 0.0])])
def test_a_likelihood_without_noise_is_refused(noise_std):
  y = jnp.zeros((2, 4))
  with pytest.raises(ValueError, match="noise_std must be positive and finite"):
    variational.gaussian_likelihood(y, noise_std)


def test_variance_may_take_the_place_of_noise():
  y = np.float32(np.random.default_rng(0).normal(size=(2, 4)))
  energy = variational.gaussian_likelihood(y, 0.0, variance=lambda level: 0.25)
  level = schedules.linear(1000).at_level(5)
  found = energy(jnp.zeros((2, 4)), level, None)
  wanted = variational.gaussian_likelihood(y, 0.5)(
      jnp.zeros((2, 4)), level, None)
  np.testing.assert_allclose(found, wanted, rtol=1e-6)
