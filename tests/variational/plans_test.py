"""The plan's tables against the numbers that the specification prints."""

import numpy as np
import pytest

from jaxguide import schedules
from jaxguide import variational
from jaxguide.variational import plans
from tests import recorded_kinds

# beta at the last level of the two published latent models, and alpha_bar at
# the released indices 550, 500, 450 and 400.
MODELS = {
    "imagenet256": (0.0195, (0.0752549, 0.1149220, 0.1676983, 0.2344470)),
    "lsun256": (0.0155, (0.1054534, 0.1500701, 0.2061548, 0.2738888)),
}
PRIOR_STD = {
    ("imagenet256", 2): (0.9616367, 0.3352973),
    ("imagenet256", 4): (0.9616367, 0.2570446, 0.2432873, 0.2288555),
    ("lsun256", 2): (0.9458047, 0.3159691),
    ("lsun256", 4): (0.9458047, 0.2376877, 0.2254325, 0.2126987),
}
VARIANTS = ("paper", "released")


def schedule(model):
  return schedules.scaled_linear(end=MODELS[model][0])


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_alpha_bar_at_the_published_levels(model, variant):
  plan = variational.vipaint_plan(
      schedule(model), variational.LEVELS[4], variant=variant)
  np.testing.assert_allclose(
      np.float64(plan.rows.alpha) ** 2, MODELS[model][1], atol=2e-7)


@pytest.mark.parametrize("model, num_levels", PRIOR_STD)
@pytest.mark.parametrize("variant", VARIANTS)
def test_standard_deviations_of_the_hierarchy(model, num_levels, variant):
  plan = variational.vipaint_plan(
      schedule(model), variational.LEVELS[num_levels], variant=variant)
  np.testing.assert_allclose(
      plan.prior_std, PRIOR_STD[model, num_levels], atol=2e-7)
  # What is left of sigma goes along eps.
  np.testing.assert_allclose(
      plan.eps_scale[1:] ** 2 + plan.prior_std[1:] ** 2,
      plan.rows.sigma[1:] ** 2, rtol=1e-6)


@pytest.mark.parametrize("index, count", [(550, 139), (400, 208), (650, 101)])
def test_how_many_times_the_diffusion_loss_may_draw(index, count):
  plan = variational.vipaint_plan(
      schedule("imagenet256"), (index + 1,), variant="released")
  assert np.sum(plan.grid.sigma > plan.rows.sigma[0]) == count
  assert plan.weight == (1000 - index) / 2


def test_the_grid_of_times():
  times = plans.time_grid()
  assert times[:5].tolist() == [1, 2, 2, 2, 2]
  assert times[-5:].tolist() == [982, 986, 990, 994, 998]
  assert len(np.unique(times)) == 548
  above = times[times > 550]
  assert above[:5].tolist() == [551, 554, 556, 559, 561]


@pytest.mark.parametrize("sigmas", [
    (2.0, -1.0), (2.0, float("nan")), (float("inf"), 1.0), (1.0, 2.0),
    (1.0, 1.0), (0.0,)])
def test_sigmas_that_are_no_levels_are_named(sigmas):
  with pytest.raises(ValueError, match="sigmas must be finite, positive and "
                                       "decreasing, got"):
    variational.levels_at_sigmas(schedules.edm(18), sigmas)


def test_sigmas_that_share_a_level_are_named():
  with pytest.raises(ValueError, match=r"nearest to levels \(18, 18\)"):
    variational.levels_at_sigmas(schedules.edm(18), (90.0, 80.0))


@recorded_kinds.parametrized("VIPaint schedules")
def test_recorded_schedules(path):
  """Tables of whole schedules and of the hierarchies on them."""
  with np.load(path) as archive:
    arrays = dict(archive)
  names = recorded_kinds.read(path).prefixes(
      "_alphas_cumprod", "_timesteps_1000")
  for name in names:
    _check_model(name, {
        k.removeprefix(f"{name}_"): v for k, v in arrays.items()
        if k.startswith(f"{name}_")})


def _check_model(name, stored):
  alpha_bar = np.float64(stored["alphas_cumprod"])
  ends = [end for end, _ in MODELS.values()]
  tables = [schedules.scaled_linear(end=end) for end in ends]
  (table,) = [s for s in tables
              if np.allclose(s.alpha_bar[1:], alpha_bar, rtol=1e-4)]
  np.testing.assert_allclose(
      table.alpha_bar[1:], alpha_bar, rtol=1e-6, atol=2e-15, err_msg=name)
  np.testing.assert_allclose(
      table.sigma[1:], stored["sqrt_one_minus_alphas_cumprod"], rtol=1e-6,
      atol=2e-15)
  np.testing.assert_array_equal(
      plans.time_grid(), stored["timesteps_1000"].reshape(-1))
  np.testing.assert_allclose(
      table.sigma[1:][plans.time_grid()],
      stored["sigma_timesteps"].reshape(-1), rtol=1e-6, atol=2e-15)
  hierarchies = [key for key in sorted(stored) if key.endswith("_h_alphas")]
  assert hierarchies, name
  for key in hierarchies:
    levels = _levels(alpha_bar, stored[key].reshape(-1))
    plan = variational.vipaint_plan(table, levels, variant="released")
    prefix = key.removesuffix("_h_alphas")
    np.testing.assert_allclose(
        plan.prior_std, stored[f"{prefix}_h_sigmas"].reshape(-1), atol=5e-8,
        err_msg=f"{name} {prefix}")
    if f"{prefix}_n_allowed_at_init" in stored:
      allowed = np.sum(plan.grid.sigma > plan.rows.sigma[0])
      assert allowed == stored[f"{prefix}_n_allowed_at_init"], prefix


def _levels(alpha_bar, stored):
  """Whose alphas these are; they may be alpha_bar or its root."""
  gaps = {}
  for power in (1, 2):
    gap = np.abs(alpha_bar - np.float64(stored)[:, None] ** power)
    gaps[gap.min(axis=1).max()] = (1 + gap.argmin(axis=1)).tolist()
  assert min(gaps) < 1e-6
  return gaps[min(gaps)]


@pytest.mark.parametrize("power", [1, 0.5])
def test_levels_of_recorded_hierarchies(power):
  alpha_bar = schedule("imagenet256").alpha_bar[1:]
  stored = np.float32(alpha_bar[[550, 500, 450, 400]] ** power)
  assert _levels(alpha_bar, stored) == list(variational.LEVELS[4])
