"""What the fields of `Vipaint` do: each changes the programs, and the start."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import data
from jaxguide import noises
from jaxguide.convert import model_config
from jaxguide.convert import model_store
from jaxguide.convert.networks import families
from jaxguide.evaluation import methods
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks
from jaxguide.evaluation.running import pipeline
from tests import draws
from tests import programs
from tests.evaluation import latent_priors
from tests.evaluation import support

INPAINTING = tasks.Inpainting(data.masks.RotatedWindow())
ENLARGING = tasks.SuperResolution(factor=2)
MASK = (np.random.default_rng(1).random((2, 16, 16, 1)) > 0.5)


def apart(x, y):
  """A distance of pictures, per row."""
  return jnp.sum((x - y) ** 2, axis=(1, 2, 3))


def near(x, y):
  return jnp.sum(jnp.abs(x - y), axis=(1, 2, 3))


LATENT = dataclasses.replace(
    latent_priors.METHOD, num_steps=4, num_iterations=3, perceptual=apart)
PIXEL = methods.Vipaint(num_steps=4, num_iterations=3, num_samples=2)


@pytest.fixture(autouse=True)
def _quick_draws(monkeypatch):
  monkeypatch.setattr(noises, "prng_noise", lambda keys: draws.hashed_noise(
      jax.random.key_data(keys)[:, -1]))


def arguments(prior, task, method, loaded=None):
  rng = np.random.default_rng(0)
  functions = pipeline.Pipeline(prior, task, method, loaded or {})
  label = {"label": np.arange(2)} if prior.conditions else {}
  rows = pipeline.Rows(
      np.arange(2), np.float32(rng.uniform(-1, 1, (2, 16, 16, 3))),
      {"mask": np.float32(MASK)} if task == INPAINTING else {}, label)
  return functions, functions.shared(0), rows


def programs_of(prior, method, task=INPAINTING):
  """What is computed, as text: both programs, and the data of the plans."""
  functions, shared, rows = arguments(prior, task, method)
  fitted = jax.eval_shape(functions.fit, shared, rows)
  samples = rows._replace(samples=np.zeros(2, int), fitted=fitted)
  text = [str(jax.make_jaxpr(functions.fit)(shared, rows)),
          str(jax.make_jaxpr(functions.sample)(shared, samples))]
  numbers = jax.tree.leaves((shared.plan, shared.steps))
  return text, [np.asarray(n).tolist() for n in numbers]


@pytest.mark.parametrize("name, value", [
    ("num_steps", 5), ("num_iterations", 4), ("num_samples", 3),
    ("variant", "released"), ("levels", (551, 501, 401)), ("eta", 0.3),
    ("eta_refinement", 0.0),
    ("scale", 21.0), ("group_size", 4), ("fit_guidance", 2.0),
    ("guidance", 3.0), ("weight", 90.0), ("beta", 90.0),
    ("beta_hierarchy", 90.0), ("rates", (0.2, 0.001, 0.01)),
    ("rates", (0.1, 0.002, 0.01)), ("rates", (0.1, 0.001, 0.02)),
    ("std_scale", 0.5),
    ("mixing_logit", 3.0), ("mean_scale", 0.5), ("mean_scale_top", 0.5),
    ("fill", 0.5), ("marginal", False), ("encoding_noise", 0.5),
    ("perceptual", near), ("perceptual_weight", 9.0), ("remat", False)])
def test_every_field_changes_the_program(name, value):
  prior = latent_priors.GaussianLatents().load()
  changed = dataclasses.replace(LATENT, **{name: value})
  base = programs_of(prior, LATENT)
  assert programs_of(prior, LATENT) == base
  assert programs_of(prior, changed) != base


@pytest.mark.parametrize("name, value", [
    ("num_levels", 4), ("sigmas", (2.0, 1.0)), ("clip_x0", True)])
def test_every_field_of_pixels_changes_the_program(name, value):
  prior = support.GaussianPrior(size=16).load()
  changed = dataclasses.replace(PIXEL, **{name: value})
  assert programs_of(prior, changed) != programs_of(prior, PIXEL)


def started(method, task=INPAINTING):
  """The start, what it is made from, and the plan."""
  prior = latent_priors.GaussianLatents().load()
  functions, shared, rows = arguments(prior, task, method)
  keys, problem = functions.problem(shared, rows)
  found = method.start(shared.plan, noises.prng_noise(keys), problem)
  return found, problem, shared.plan


def still(**changes):
  """Without noise on the means."""
  return dataclasses.replace(LATENT, mean_scale=0.0, mean_scale_top=0.0,
                             **changes)


@pytest.mark.parametrize("variant", ["paper", "released"])
def test_a_start_is_the_encoded_observation(variant):
  found, problem, plan = started(still(variant=variant, encoding_noise=0.0))
  encoded = problem.prior.codec.encode(
      problem.inputs["mask"] * problem.observation.y)
  scales = list(np.asarray(plan.rows.alpha))
  if variant == "released":  # D5, D8: mu_0 is on the scale of clean data.
    scales[0] = 1.0
  for k, scale in enumerate(scales):
    np.testing.assert_allclose(found.mu[:, k], scale * encoded, rtol=1e-5)
  std = np.exp(0.5 * np.asarray(found.logvar))[:, :, 0, 0, 0]
  full = np.asarray(plan.prior_std) / np.sqrt(0.2)
  np.testing.assert_allclose(std[:, 0], plan.prior_std[0], rtol=1e-5)
  np.testing.assert_allclose(std[:, 1], 0.7 * full[1], rtol=1e-5)
  np.testing.assert_array_equal(found.gamma, 4.0)


def test_levels_have_encodings_of_their_own_but_without_masks():
  """Released programs encode y once where there is no mask."""
  for task, variant, alike in (
      (INPAINTING, "released", False), (INPAINTING, "paper", False),
      (ENLARGING, "paper", False), (ENLARGING, "released", True)):
    found, problem, plan = started(still(variant=variant), task)
    first, second = found.mu[:, 0], found.mu[:, 1] / plan.rows.alpha[1]
    if variant == "paper":
      first = first / plan.rows.alpha[0]
    gap = np.abs(first - second).max()
    assert gap < 1e-5 if alike else gap > 0.1
    # Their noise is as large as the scale factor, around the encoding.
    xi = first - problem.prior.codec.encode(
        enlarged(variant, problem))
    assert 0.9 < np.std(xi) / problem.prior.model.latent_scale < 1.1


def enlarged(variant, problem):
  """The picture that is encoded: y, enlarged as the variant does."""
  y = problem.observation.y
  if problem.task == INPAINTING:
    return problem.inputs["mask"] * y
  if variant == "released":
    return np.repeat(np.repeat(y, 2, axis=1), 2, axis=2)
  return problem.picture()


def test_the_pixels_of_an_edm_prior_start_almost_as_observed():
  method = methods.vipaint_edm(4)
  prior = support.GaussianPrior(size=16).load()
  functions, shared, rows = arguments(prior, INPAINTING, method)
  keys, problem = functions.problem(shared, rows)
  plan = shared.plan
  found = method.start(plan, noises.prng_noise(keys), problem)
  seen = problem.inputs["mask"] * problem.observation.y
  for k in range(4):
    alpha, sigma = plan.rows.alpha[k], plan.rows.sigma[k]
    spread = 0.01 * (sigma if k else alpha)
    gap = np.std(found.mu[:, k] - alpha * seen)
    assert 0.9 * spread < gap < 1.1 * spread
  std = np.exp(0.5 * np.asarray(found.logvar))[0, :, 0, 0, 0]
  np.testing.assert_allclose(std, plan.prior_std, rtol=1e-5)
  np.testing.assert_array_equal(found.gamma, 0.0)


def test_a_perceptual_network_reaches_both_programs():
  """A narrow LPIPS, loaded as that of the extra is; its weights count."""
  model = sources.distance_network(narrow_lpips(), "lpips")
  prior, task = support.GaussianPrior(size=16).load(), INPAINTING
  method = dataclasses.replace(
      PIXEL, num_iterations=2, num_steps=2, num_samples=1,
      perceptual=sources.InstalledLpips())
  loaded = {methods.PERCEPTUAL: model}
  functions, shared, rows = arguments(prior, task, method, loaded)
  fit = programs.jit(functions.fit)
  sampling = programs.jit(functions.sample)
  means, pictures = [], []
  for factor in (1.0, 2.0):
    scaled = dict(model.params)
    for name in [n for n in scaled if n.startswith("lin")]:
      scaled[name] = jax.tree.map(lambda w: factor * w, scaled[name])  # noqa: B023
    given = shared._replace(networks={methods.PERCEPTUAL: scaled})
    fitted = fit(given, rows)
    means.append(fitted.mu)
    pictures.append(sampling(given, rows._replace(
        samples=np.zeros(2, int),
        fitted=jax.tree.map(jnp.zeros_like, fitted))).x)
  assert np.abs(means[0] - means[1]).max() > 1e-5
  assert np.abs(pictures[0] - pictures[1]).max() > 1e-5


def narrow_lpips():
  """VGG with few channels, with weights that keep features alive."""
  config = model_config.ModelConfig(
      family="lpips",
      module={"net": "vgg", "version": "0.1", "width_divisor": 16},
      image_size=64, prediction=None)
  rng = np.random.default_rng(0)
  params = jax.tree.map(
      lambda s: np.float32(
          np.abs(rng.normal(size=s.shape)) if s.shape[-1] == 1 else
          rng.normal(size=s.shape) / np.sqrt(np.prod(s.shape[:-1]) / 2)),
      families.abstract_params(config))
  return model_store.Model(params, config)
