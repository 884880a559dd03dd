"""Tests of schedules."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import schedules
from tests import recorded_kinds

ALL = {
    "linear": schedules.linear(),
    "linear-250": schedules.linear(250),
    "cosine": schedules.cosine(),
    "scaled_linear": schedules.scaled_linear(),
    "respaced": schedules.respace(schedules.linear(), "100"),
    "edm": schedules.edm(18),
    "geometric": schedules.geometric(30),
}
VARIANCE_PRESERVING = ("linear", "linear-250", "cosine", "scaled_linear",
                       "respaced")

# What "100" keeps of 1000, as the released respacing prints it.
KEPT_100 = [
    0, 10, 20, 30, 40, 50, 61, 71, 81, 91, 101, 111, 121, 131, 141, 151, 161,
    172, 182, 192, 202, 212, 222, 232, 242, 252, 262, 272, 283, 293, 303, 313,
    323, 333, 343, 353, 363, 373, 383, 394, 404, 414, 424, 434, 444, 454, 464,
    474, 484, 494, 505, 515, 525, 535, 545, 555, 565, 575, 585, 595, 605, 616,
    626, 636, 646, 656, 666, 676, 686, 696, 706, 716, 727, 737, 747, 757, 767,
    777, 787, 797, 807, 817, 827, 838, 848, 858, 868, 878, 888, 898, 908, 918,
    928, 938, 949, 959, 969, 979, 989, 999,
]

# Index, kept timestep, beta and cumulative product of "100".
PRINTED = [
    (0, 0, 1.0e-4, 0.9999),
    (1, 10, 2.0936369e-3, 0.99780657),
    (2, 20, 4.0800933e-3, 0.99373543),
    (10, 101, 0.020039696, 0.89325113),
    (25, 252, 0.049178335, 0.51610785),
    (50, 505, 0.10525808, 0.073939125),
    (75, 757, 0.14105252, 2.9663281e-3),
    (90, 908, 0.16692712, 2.3347093e-4),
    (98, 989, 0.18051582, 4.9348603e-5),
    (99, 999, 0.18217953, 4.0358298e-5),
]


@pytest.mark.parametrize("name", ALL)
def test_tables_start_clean_and_grow_noisier(name):
  s = ALL[name]
  assert s.alpha[0] == 1 and s.sigma[0] == 0
  assert {t.dtype for t in s} == {np.dtype(np.float64)}
  assert {t.shape for t in s} == {(s.num_levels + 1,)}
  assert np.all(np.diff(s.sigma / s.alpha) > 0)
  assert np.all(np.diff(s.time[1:]) > 0)


@pytest.mark.parametrize("name", VARIANCE_PRESERVING)
def test_variance_is_preserved(name):
  s = ALL[name]
  np.testing.assert_allclose(s.alpha**2 + s.sigma**2, 1, rtol=1e-14)
  np.testing.assert_allclose(s.alpha_bar, s.alpha**2, rtol=1e-15)


def test_linear_against_its_product():
  betas = [1e-4 + (0.02 - 1e-4) * i / 999 for i in range(1000)]
  product = 1.0
  for level, beta in enumerate(betas, start=1):
    product *= 1 - beta
    if level in (1, 2, 500, 1000):
      np.testing.assert_allclose(
          ALL["linear"].alpha_bar[level], product, rtol=1e-12)
  # Fewer levels have betas larger in proportion.
  np.testing.assert_allclose(schedules.linear_betas(250)[[0, -1]],
                             [4e-4, 0.08])


def test_cosine_against_its_curve():
  """alpha_bar(u) = f(u) / f(0) wherever the cap on beta is not met."""
  u = np.arange(1001) / 1000
  f = np.cos((u + 0.008) / 1.008 * np.pi / 2) ** 2
  betas = schedules.cosine_betas()
  capped = betas == 0.999
  assert capped.sum() == 1 and capped[-1]
  np.testing.assert_allclose(
      ALL["cosine"].alpha_bar[:1000], (f / f[0])[:1000], rtol=1e-9)


def test_scaled_linear_against_its_roots():
  betas = schedules.scaled_linear_betas(1000, 0.0015, 0.0195)
  np.testing.assert_allclose(betas[[0, -1]], [0.0015, 0.0195], rtol=1e-12)
  np.testing.assert_allclose(np.diff(np.sqrt(betas), n=2), 0, atol=1e-15)


def test_a_level_is_the_released_index_plus_one():
  s = ALL["linear"]
  np.testing.assert_array_equal(s.time[1:], np.arange(1000))
  level = s.at_level(551)
  assert float(level.time) == 550 and int(level.level) == 551
  alpha_bar = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))[550]
  np.testing.assert_allclose(level.alpha, np.sqrt(alpha_bar), rtol=1e-6)
  np.testing.assert_allclose(level.sigma, np.sqrt(1 - alpha_bar), rtol=1e-6)


def test_at_level_takes_a_level_per_image_and_traced_tables():
  s = ALL["linear"]
  rows = jnp.array([0, 3, 1000])
  got = jax.jit(lambda s, rows: s.at_level(rows))(s, rows)
  for field in ("alpha", "sigma", "time"):
    np.testing.assert_allclose(
        getattr(got, field), getattr(s, field)[[0, 3, 1000]], rtol=1e-6)
  np.testing.assert_array_equal(got.level, rows)


@pytest.mark.parametrize("level", (
    1001, 2000, -1, np.int64(1001), np.array([0, 1001]), np.array([3, -1])))
def test_a_level_beyond_the_table_is_refused(level):
  with pytest.raises(ValueError, match=r"level must be .* 0\.\.1000, got "):
    ALL["linear"].at_level(level)


def test_a_level_is_an_integer():
  for level in (2.5, np.array([1.0])):
    with pytest.raises(ValueError, match="level must be an integer in"):
      ALL["linear"].at_level(level)
  ends = ALL["linear"].at_level(np.array([0, 1000]))
  np.testing.assert_array_equal(ends.level, [0, 1000])


# Points between rows.


@pytest.mark.parametrize("name", ("linear", "cosine", "geometric"))
@pytest.mark.parametrize("rule", ("nearest", "log_linear"))
def test_at_sigma_finds_the_rows(name, rule):
  s = ALL[name]
  for level in (1, 2, s.num_levels // 2, s.num_levels - 2):
    point = s.at_sigma(s.sigma[level] / s.alpha[level], rule)
    assert float(point.alpha) == 1
    assert int(point.level) == level
    np.testing.assert_allclose(point.time, s.time[level], rtol=1e-3, atol=2e-3)


def test_at_sigma_between_two_rows():
  s = ALL["linear"]
  ratio = s.sigma / s.alpha
  for share in (0.1, 0.4, 0.6, 0.9):
    sigma = ratio[300] ** (1 - share) * ratio[301] ** share
    nearest = s.at_sigma(sigma, "nearest")
    assert float(nearest.time) == (299 if share < 0.5 else 300)
    assert int(nearest.level) == (300 if share < 0.5 else 301)
    between = s.at_sigma(sigma)
    np.testing.assert_allclose(between.time, 299 + share, atol=0.01)
    np.testing.assert_allclose(between.sigma, sigma, rtol=1e-6)


def test_at_sigma_outside_the_table_takes_its_ends():
  s = ALL["linear"]
  sigmas = jnp.array([1e-4, 1e4])
  for rule in ("nearest", "log_linear"):
    got = jax.jit(lambda x, rule=rule: s.at_sigma(x, rule))(sigmas)
    np.testing.assert_array_equal(got.time, [0, 999])
    np.testing.assert_array_equal(got.level, [1, 1000])
    np.testing.assert_array_equal(got.sigma, sigmas)
  with pytest.raises(ValueError, match="rule must be one of"):
    s.at_sigma(1.0, "cubic")


# Respacing.


def test_kept_set_of_100():
  kept = schedules.space_timesteps(1000, "100")
  assert kept.tolist() == KEPT_100
  assert schedules.space_timesteps(1000, 100).tolist() == KEPT_100


@pytest.mark.parametrize("index, kept, beta, alpha_bar", PRINTED)
def test_printed_values_of_100(index, kept, beta, alpha_bar):
  s = ALL["respaced"]
  original = schedules.linear().alpha_bar[1:]
  betas = schedules.respaced_betas(original, np.asarray(KEPT_100))
  assert s.time[index + 1] == kept
  np.testing.assert_allclose(betas[index], beta, rtol=5e-8)
  np.testing.assert_allclose(s.alpha_bar[index + 1], alpha_bar, rtol=5e-8)


def test_respacing_keeps_the_cumulative_products():
  full = schedules.linear()
  for rule in ("7", "250", "ddim50", "10,20,30", ""):
    kept = schedules.space_timesteps(1000, rule)
    s = schedules.respace(full, rule)
    np.testing.assert_allclose(
        s.alpha_bar[1:], full.alpha_bar[1:][kept], rtol=1e-12)
    np.testing.assert_array_equal(s.time[1:], kept)


def test_respacing_is_for_schedules_that_preserve_the_variance():
  with pytest.raises(ValueError, match="respace needs a variance-preserving"):
    schedules.respace(schedules.edm(20), "10")


def test_sections():
  kept = schedules.space_timesteps(1000, "10,20,30")
  assert kept.size == 60
  # 1000 = 334 + 333 + 333; every section keeps both of its ends.
  first, second, third = kept[:10], kept[10:30], kept[30:]
  assert (first[0], first[-1]) == (0, 333)
  assert (second[0], second[-1]) == (334, 666)
  assert (third[0], third[-1]) == (667, 999)
  # A section of one keeps its first.
  assert schedules.space_timesteps(10, "1,2").tolist() == [0, 5, 9]


def test_rounding_is_half_to_even():
  # Stride 2.5: positions 0, 2.5, 5, 7.5, 10.
  assert schedules.space_timesteps(11, 5).tolist() == [0, 2, 5, 8, 10]


def test_ddim_rule():
  kept = schedules.space_timesteps(1000, "ddim50")
  assert kept.tolist() == list(range(0, 1000, 20))
  # The smallest stride that fits: 1000 in steps of 334 is 3, of 333 is 4.
  assert schedules.space_timesteps(1000, "ddim3").tolist() == [0, 334, 668]


@pytest.mark.parametrize("count", (1, 2, 3, 50, 333, 999, 1000))
def test_counts(count):
  kept = schedules.space_timesteps(1000, count)
  assert kept.size == count and kept[0] == 0
  assert np.all(np.diff(kept) > 0)
  assert count == 1 or kept[-1] == 999


@pytest.mark.parametrize("rule, message", [
    ("1001", r"keep 1\.\.1000 of the timesteps of section 0, got 1001"),
    ("0", "section 0, got 0"),
    ("10,400", None),
    ("10,501", r"1\.\.500 of the timesteps of section 1, got 501"),
    ("ddim999", "an integer stride keeps of 1000.* got 'ddim999'"),
    ("ddimX", "must read 'ddimN'"),
    ("fast", "must be counts, 'ddimN' or '', got 'fast'"),
    ("-5", "section 0, got -5"),
])
def test_bad_rules_are_named(rule, message):
  if message is None:
    assert schedules.space_timesteps(1000, rule).size == 410
    return
  with pytest.raises(ValueError, match=message):
    schedules.space_timesteps(1000, rule)


def test_space_levels():
  s = schedules.linear(1000)
  for count in (2, 10, 100, 1000):
    grid = schedules.space_levels(s, count)
    assert grid.size == count + 1
    assert grid[0] == 1000 and grid[-2] == 1 and grid[-1] == 0
    assert np.all(np.diff(grid) < 0)
  grid = schedules.space_levels(s, 100)
  assert (grid[:-1][::-1] - 1).tolist() == KEPT_100
  assert schedules.space_levels(s, 1).tolist() == [1000, 0]
  assert schedules.space_levels(s, 1, first_level=7).tolist() == [7, 0]
  grid = schedules.space_levels(s, 5, first_level=500)
  assert grid[0] == 500 and grid.size == 6


@pytest.mark.parametrize("arguments, message", [
    ((0,), "num_steps must be in 1..1000, got 0"),
    ((1001,), "num_steps must be in 1..1000, got 1001"),
    ((11, 10), "num_steps must be in 1..10, got 11"),
    ((5, 0), "first_level must be in 1..1000, got 0"),
    ((5, 1001), "first_level must be in 1..1000, got 1001"),
    ((2.5,), "num_steps must be an integer in 1..1000, got 2.5"),
    (("10",), "num_steps must be an integer in 1..1000, got '10'"),
    ((5, 7.5), "first_level must be an integer in 1..1000, got 7.5"),
])
def test_space_levels_out_of_range(arguments, message):
  with pytest.raises(ValueError, match=message):
    schedules.space_levels(schedules.linear(1000), *arguments)


def test_plans_are_made_outside_jit():
  with pytest.raises(ValueError, match="schedule is traced"):
    jax.jit(lambda s: schedules.space_levels(s, 5))(schedules.linear(50))


# Variance-exploding schedules.


def test_edm_grid():
  """Karras et al. 2022, Eq. 5, term by term."""
  s = schedules.edm(18)
  for i in range(18):
    root = 80 ** (1 / 7) + (17 - i) / 17 * (0.002 ** (1 / 7) - 80 ** (1 / 7))
    np.testing.assert_allclose(s.sigma[1 + i], root**7, rtol=1e-10)
  np.testing.assert_allclose(s.sigma[[1, 18]], [0.002, 80])
  np.testing.assert_array_equal(s.alpha, 1)
  np.testing.assert_allclose(s.time[1:], np.log(s.sigma[1:]) / 4)


def test_geometric_and_variance_exploding():
  s = schedules.geometric(5, 0.01, 100.0)
  np.testing.assert_allclose(s.sigma[1:], [0.01, 0.1, 1, 10, 100])
  np.testing.assert_array_equal(s.time[1:], s.sigma[1:])


def test_a_single_level_is_the_noisiest():
  for make in (schedules.edm, schedules.geometric):
    s = make(1, sigma_min=0.5, sigma_max=3.0)
    np.testing.assert_allclose(s.sigma, [0, 3])


# Arguments out of range, each named before anything is computed.


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("make", (
    schedules.linear, schedules.cosine, schedules.scaled_linear,
    schedules.edm, schedules.geometric, schedules.linear_betas,
    schedules.cosine_betas, schedules.scaled_linear_betas,
    schedules.edm_sigmas))
def test_there_is_at_least_one_level(make):
  for count in (0, -3):
    with pytest.raises(
        ValueError, match=f"num_levels must be at least 1, got {count}"):
      make(count)
  with pytest.raises(ValueError, match="num_levels must be an integer"):
    make(2.5)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("make, options, message", [
    (schedules.linear, {"start": 0.0}, r"start must be in \(0, inf\), got 0"),
    (schedules.linear, {"end": -0.1}, r"end must be in \(0, inf\), got -0.1"),
    (schedules.cosine, {"max_beta": 1.0}, r"max_beta must be in \(0, 1\)"),
    (schedules.cosine, {"max_beta": 0.0}, "max_beta must be in .*got 0"),
    (schedules.scaled_linear, {"start": -1.0}, "start must be in .*got -1"),
    (schedules.scaled_linear, {"end": 1.5}, r"end must be in \(0, 1\)"),
    (schedules.edm, {"rho": 0}, r"rho must be in \(0, inf\), got 0"),
    (schedules.edm, {"rho": -7.0}, "rho must be in .*got -7"),
    (schedules.edm, {"rho": 1e-3}, "rho must be larger .* got 0.001"),
    (schedules.edm, {"sigma_min": -1}, r"sigma_min must be in \(0, 80\)"),
    (schedules.edm, {"sigma_min": 80.0}, "sigma_min must be in .*got 80"),
    (schedules.edm, {"sigma_max": np.inf}, "sigma_max must be in .*got inf"),
    (schedules.edm, {"sigma_max": np.nan}, "sigma_max must be in .*got nan"),
    (schedules.geometric, {"sigma_min": 0.0}, "sigma_min must be in .*got 0"),
    (schedules.geometric, {"sigma_max": 0.01}, r"sigma_min must be .*0.01"),
])
def test_arguments_out_of_range_are_named(make, options, message):
  with pytest.raises(ValueError, match=message):
    make(18, **options)


@pytest.mark.parametrize("timesteps, message", [
    ([0, 5, 5], r"timesteps must increase within 0\.\.9, got 5 at index 2"),
    ([0, 10], "got 10 at index 1"),
    ([-1, 3], "got -1 at index 0"),
    ([0.0, 1.0], "timesteps must be integers"),
    ([[0], [1]], r"timesteps must be integers \[n\], got shape \(2, 1\)"),
])
def test_timesteps_that_no_table_has(timesteps, message):
  alpha_bar = np.linspace(0.9, 0.1, 10)
  with pytest.raises(ValueError, match=message):
    schedules.respaced_betas(alpha_bar, np.asarray(timesteps))


def test_there_is_something_to_respace():
  with pytest.raises(ValueError, match="num_timesteps must be at least 1"):
    schedules.space_timesteps(0, "")


@pytest.mark.parametrize("sigma", [[1.0, 0.5], [0.0, 1.0], [1.0, 1.0], [],
                                   [[1.0, 2.0]], [-1.0, 1.0], [np.nan],
                                   [1.0, np.inf]])
def test_sigmas_must_increase(sigma):
  with pytest.raises(ValueError, match="sigma must (be|have shape)"):
    schedules.variance_exploding(np.asarray(sigma))


@pytest.mark.parametrize("alpha_bar", [[0.5, 0.6], [0.5, 0.5], [1.0, 0.5],
                                       [0.5, 0.0], [0.5, -0.1], [np.nan]])
def test_alpha_bar_must_decrease(alpha_bar):
  with pytest.raises(ValueError, match="alpha_bar must decrease"):
    schedules.from_alpha_bar(np.asarray(alpha_bar))


def test_shapes_of_tables_are_checked():
  for bad in (np.full((2, 2), 0.1), np.zeros(0)):
    with pytest.raises(ValueError, match=r"betas must have shape \[N\]"):
      schedules.from_betas(bad)
    with pytest.raises(ValueError, match=r"alpha_bar must have shape"):
      schedules.from_alpha_bar(bad)
  with pytest.raises(ValueError, match="time must have shape"):
    schedules.from_alpha_bar(np.array([0.9, 0.5]), time=np.arange(3))


def test_the_first_wrong_entry_is_shown():
  with pytest.raises(ValueError, match="got 0.6 at index 1"):
    schedules.from_alpha_bar(np.array([0.5, 0.6, 0.1]))
  with pytest.raises(ValueError, match="got 0.5 at index 2"):
    schedules.variance_exploding(np.array([0.1, 1.0, 0.5]))


@pytest.mark.parametrize("betas", [[0.1, 1.0], [0.0, 0.1], [-0.1], [np.nan]])
def test_betas_must_lie_inside(betas):
  with pytest.raises(ValueError, match=r"betas must lie in \(0, 1\)"):
    schedules.from_betas(np.asarray(betas))


def test_too_few_levels_for_linear_betas():
  with pytest.raises(ValueError, match="got 0.01 to 2 for 10 levels"):
    schedules.linear(10)


# Recorded tables.


_TABLES = ("betas", "alphas_cumprod", "timestep_map")
# Differences of numbers near 1, such as a small beta, carry the rounding of
# the 1, not their own.
_FLOOR = 2e-15


@recorded_kinds.parametrized("respaced schedule")
def test_recorded_schedules(path):
  with np.load(path) as archive:
    arrays = dict(archive)
  for prefix in recorded_kinds.read(path).prefixes(*_TABLES):
    _check_tables(prefix, {
        k.removeprefix(prefix): v for k, v in arrays.items()
        if k.startswith(prefix)})


def _check_tables(prefix, stored):
  kept = stored["timestep_map"]
  if prefix.startswith("schedule_"):
    rule = prefix.removeprefix("schedule_").rstrip("/").replace("_", ",")
    np.testing.assert_array_equal(
        schedules.space_timesteps(1000, rule), kept, err_msg=prefix)
  betas = schedules.respaced_betas(schedules.linear().alpha_bar[1:], kept)
  s = schedules.from_betas(betas, kept)
  double = stored["betas"].dtype == np.float64
  rtol, atol = (1e-12, _FLOOR) if double else (1e-6, 0)
  for name, value in _derived(s, betas).items():
    if name in stored:
      np.testing.assert_allclose(
          value, stored[name], rtol=rtol, atol=atol, err_msg=f"{prefix}{name}")


def _derived(s, betas):
  """The tables of a released program, 0-based, from a schedule."""
  now, then = s.alpha_bar[1:], s.alpha_bar[:-1]
  variance = betas * (1 - then) / (1 - now)
  return {
      "betas": betas,
      "alphas_cumprod": now,
      "alphas_cumprod_prev": then,
      "alphas_cumprod_next": np.append(now[1:], 0.0),
      "posterior_variance": variance,
  }


# First and last beta of the published latent models.
_LATENT_ENDS = ((0.0015, 0.0195), (0.0015, 0.0155), (0.0015, 0.0205),
                (0.00085, 0.012))


def _latent_tables():
  """Every table of each published schedule, 0-based, in float64."""
  for start, end in _LATENT_ENDS:
    s = schedules.scaled_linear(start=start, end=end)
    betas = schedules.scaled_linear_betas(1000, start, end)
    yield (start, end), {"betas": betas, **_derived(s, betas)}


@recorded_kinds.parametrized("schedule of latent diffusion")
def test_recorded_latent_schedules(path):
  with np.load(path) as archive:
    _check_latent({k: archive[k] for k in archive.files
                   if archive[k].dtype.kind == "f"})


def _check_latent(arrays):
  """Each table is that of a published schedule; their notes name no keys."""
  seen = set()
  for key, found in arrays.items():
    if found.size != 1000:
      continue
    double = found.dtype == np.float64
    rtol, atol = (1e-10, _FLOOR) if double else (1e-5, 0)
    fits = [(ends, name) for ends, tables in _latent_tables()
            for name, value in tables.items()
            if value.size == 1000
            and np.allclose(found.reshape(-1), value, rtol=rtol, atol=atol)]
    assert fits, f"{key} is of no published schedule"
    seen |= {ends for ends, _ in fits}
  assert seen


@pytest.mark.parametrize("ends", _LATENT_ENDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_latent_schedules_are_linear_in_the_root(ends, dtype):
  start, end = (np.sqrt(e) for e in ends)
  betas = (start + np.arange(1000) / 999 * (end - start)) ** 2
  bar = np.cumprod(1 - betas)
  _check_latent({"betas": betas.astype(dtype), "products": bar.astype(dtype),
                 "scale": np.array([1.0])})
  with pytest.raises(AssertionError, match="linear is of no published"):
    _check_latent({"linear": np.linspace(*ends, 1000).astype(dtype)})
