"""The released fits, replayed with their own draws and networks."""

import os

import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import noises
from jaxguide import variational
from tests import programs
from tests.variational import recordings

pytestmark = pytest.mark.skipif(
    not recordings.fits(), reason="JAXGUIDE_RECORDED has no fits of VIPaint")


def _name(path):
  return os.path.basename(path)


every_fit = pytest.mark.parametrize("path", recordings.fits(), ids=_name)


def close(got, wanted, rtol, name):
  """Differences in units of the largest entry."""
  got, wanted = np.asarray(got), np.asarray(wanted)
  gap = np.abs(got - wanted).max() / np.abs(wanted).max()
  assert gap <= rtol, f"{name}: {gap:.2e} > {rtol:.0e}"


@every_fit
def test_tables(path):
  case = recordings.case(path)
  plan, stored = case.plan, case.arrays
  np.testing.assert_array_equal(plan.grid.level - 1, stored["timesteps_1000"])
  np.testing.assert_array_equal(plan.grid.sigma, stored["sigma_timesteps"])
  np.testing.assert_allclose(plan.prior_std, stored["h_sigmas"], rtol=1e-7)
  np.testing.assert_allclose(
      plan.rows.alpha**2, stored["h_alphas"], rtol=1e-6)


@every_fit
def test_initialisation(path):
  case = recordings.case(path)
  stored, plan = case.arrays, case.plan
  encoded = recordings.nhwc(stored["y_encoded"])
  copies = np.arange(plan.num_levels) % len(encoded)
  top = recordings.nhwc(stored["init_noise_top"])
  wanted = recordings.nhwc(stored["mu_init"])
  # The noise on the first mean is a setting that the file does not name.
  scale = np.sum((wanted[0] - encoded[0]) * top) / np.sum(top * top)
  noise = noises.recorded_noise({
      "mean": recordings.nhwc(stored["init_noise_all"])[None, None, None],
      "mean_top": top[None, None, None]})
  logits = case.posterior("init").gamma
  got = variational.initialise(
      plan, jnp.asarray(encoded[copies])[None], noise,
      mean_scale_top=round(float(scale), 3),
      mixing_logit=float(logits.ravel()[0]))
  for name, leaf in zip(got._fields, got, strict=True):
    if f"{name}_init" not in stored:
      continue
    np.testing.assert_allclose(
        leaf[0], recordings.nhwc(stored[f"{name}_init"]), atol=2e-6,
        err_msg=name)


def starts(case):
  """The iterations that are recorded in full, and where each starts."""
  full = [n for n in range(case.num_iterations)
          if f"it{n}_grad_mu" in case.arrays]
  return [(n, "init" if n == 0 else str(n - 1)) for n in full]


@every_fit
def test_losses_and_gradients(path):
  case = recordings.case(path)
  loss = case.loss()
  evaluate = programs.jit(lambda p, n: variational.gradients(loss, p, n))
  for n, suffix in starts(case):
    gradient, terms = evaluate(case.posterior(suffix), n)
    stored = {k.removeprefix(f"it{n}_"): v for k, v in case.arrays.items()
              if k.startswith(f"it{n}_")}
    np.testing.assert_allclose(
        terms.diffusion[0], stored["loss_prior"], rtol=1e-3)
    np.testing.assert_allclose(
        terms.hierarchy[0],
        stored.get("loss_posterior", np.zeros(case.num_samples)), rtol=1e-5)
    np.testing.assert_allclose(
        terms.reconstruction.mean(), stored["loss_recon"].mean(), rtol=1e-5)
    np.testing.assert_allclose(
        terms.total[0], stored["loss_total"], rtol=5e-4)
    for name, rtol in (("mu", 1e-3), ("logvar", 1e-3), ("gamma", 1e-5)):
      if f"grad_{name}" not in stored:
        continue
      wanted = recordings.nhwc(stored[f"grad_{name}"])
      if np.any(wanted):
        close(getattr(gradient, name)[0], wanted, rtol, f"it{n} {name}")
      else:
        assert not np.any(getattr(gradient, name))


@every_fit
def test_reconstruction_per_sample(path):
  """With a VQ autoencoder the absolute error is pooled over the samples."""
  case = recordings.case(path)
  absolute, perceptual = case.parts()
  k, row = case.plan.num_levels, case.plan.row(-1)
  for n, _ in starts(case):
    z, eps = (jnp.asarray(recordings.nhwc(case.arrays[f"it{n}_call{k}_{q}"]))
              for q in ("z", "eps"))
    x0 = (z - row.sigma * eps) / row.alpha
    l1 = absolute(x0, row, None)
    if case.absolute_weight != 100:
      l1 = jnp.full_like(l1, l1.mean())
    np.testing.assert_allclose(
        l1 + perceptual(x0, row, None), case.arrays[f"it{n}_loss_recon"],
        rtol=1e-5)


@every_fit
def test_network_calls(path):
  """Inputs, times and outputs of every evaluation of the first iteration."""
  case = recordings.case(path)
  denoise = case.denoiser()

  @programs.jit
  def run(posterior):
    calls = []

    def watched(z, level):
      found = denoise(z, level)
      time = jnp.broadcast_to(jnp.float32(level.time), z.shape[:1])
      calls.append((z, time, found.eps))
      return found

    loss = variational.negative_elbo(
        case.plan, watched, case.noise(), case.reconstruction(),
        num_samples=case.num_samples, remat=False)
    loss(posterior, 0)
    return calls

  calls = run(case.posterior("init"))
  calls = calls[-1:] + calls[:-1]  # The diffusion loss comes first there.
  assert len(calls) == case.plan.num_levels + 1
  for q, (z, time, eps) in enumerate(calls):
    stored = [case.arrays[f"it0_call{q}_{k}"] for k in ("z", "t", "eps")]
    np.testing.assert_allclose(z, recordings.nhwc(stored[0]), atol=2e-6)
    np.testing.assert_array_equal(time, stored[1])
    np.testing.assert_allclose(eps, recordings.nhwc(stored[2]), atol=2e-5)


@every_fit
def test_parameters_after_the_updates(path):
  case = recordings.case(path)
  variant = "released" if case.shifts else "paper"
  if case.plan.num_levels == 1:
    variant = "released"  # There is no mean that could be shifted.
  found = programs.jit(lambda p: variational.fit(
      case.loss(), p, num_iterations=case.num_iterations, variant=variant,
      keep_every=1))(case.posterior("init"))
  for n in range(case.num_iterations):
    np.testing.assert_allclose(
        found.history.total[n, 0], case.arrays[f"it{n}_loss_total"],
        rtol=5e-4, err_msg=str(n))
    np.testing.assert_allclose(
        found.history.reconstruction[n, 0],
        case.arrays[f"it{n}_loss_recon"].mean(), rtol=1e-4)
    if f"it{n}_mu_after" not in case.arrays:
      continue
    for name in recordings.FIELDS:
      if f"it{n}_{name}_after" not in case.arrays:
        continue
      close(getattr(found.trajectory, name)[n, 0],
            recordings.nhwc(case.arrays[f"it{n}_{name}_after"]),
            5e-5 if n < 3 else 1e-4, f"it{n} {name}")
  assert bool(found.is_finite.all())


def test_a_fit_without_the_shift_is_not_the_released_one():
  """Shows that the replay can fail: the means part at once."""
  for path in recordings.fits():
    case = recordings.case(path)
    if case.plan.num_levels > 1 and case.shifts:
      break
  else:
    pytest.skip("no recording with the shift")
  found = programs.jit(lambda p: variational.fit(
      case.loss(), p, num_iterations=1, variant="paper"))(
          case.posterior("init"))
  with pytest.raises(AssertionError):
    close(found.posterior.mu[0],
          recordings.nhwc(case.arrays["it0_mu_after"]), 5e-5, "mu")
