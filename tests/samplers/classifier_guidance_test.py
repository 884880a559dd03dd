"""Classifier guidance with a network: an ADM classifier of noisy images."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import denoisers
from jaxguide import energies
from jaxguide import guidance
from jaxguide import samplers
from jaxguide import schedules
from jaxguide.models import adm_classifier
from tests import draws
from tests import programs

CLASSES, COUNT, SHAPE = 3, 6, (8, 8, 3)
LABELS = np.arange(COUNT) % CLASSES
SCHEDULE = schedules.linear()


@functools.cache
def network():
  """`classify(params, x, time)` and parameters without a pattern."""
  module = adm_classifier.AdmClassifier(
      model_channels=32, channel_mult=(1,), num_res_blocks=1,
      attention_factors=(), num_head_channels=32, image_size=8,
      out_channels=CLASSES, pool="spatial")
  shapes = jax.eval_shape(
      module.init, jax.random.key(0), jnp.zeros((2, *SHAPE)),
      jnp.zeros(2))["params"]
  rng = np.random.default_rng(4)
  params = jax.tree.map(
      lambda s: np.float32(rng.normal(size=s.shape) / max(
          np.prod(s.shape[:-1]), 9)**0.5), shapes)
  return lambda params, x, time: module.apply(
      {"params": params}, x, time), params


@functools.cache
def compiled():
  """log p(label | x, t) and its slope; and a guided DDIM."""
  classify, _ = network()
  noise = draws.hashed_noise(np.arange(COUNT))

  def denoise(x_t, level):
    """Of a prior whose pixels are independent standard normals."""
    return denoisers.from_x0(level.alpha * x_t, x_t, level)

  @programs.jit
  def log_prob(params, x, time):
    def picked(x):
      scores = jax.nn.log_softmax(classify(params, x, time))
      return scores[np.arange(len(x)), LABELS[:len(x)]]
    value, pull = jax.vjp(picked, x)
    return value, pull(jnp.ones_like(value))[0]

  @programs.jit
  def run(params, steps, scale):
    pull = guidance.at_state(energies.class_log_prob(
        functools.partial(classify, params), LABELS))
    sampler = samplers.ddim(samplers.score_shift(
        denoise, pull, noise, guidance_scale=scale), noise)
    return samplers.sample(sampler, noise(-1, "start", SHAPE), steps).x

  return log_prob, run


@pytest.mark.parametrize("level", (1, 700))
def test_the_energy_is_the_classifiers_at_the_levels_time(level):
  classify, params = network()
  log_prob, _ = compiled()
  x = np.random.default_rng(5).normal(size=(COUNT, *SHAPE)).astype(np.float32)
  at = SCHEDULE.at_level(level)
  energy = energies.class_log_prob(functools.partial(classify, params), LABELS)

  @programs.jit
  def evaluate(x, at):
    value, pull = jax.vjp(lambda x: energy(x, at, None), x)
    return value, pull(jnp.ones_like(value))[0]

  value, found = evaluate(x, at)
  want, slope = log_prob(params, x, np.full(COUNT, at.time, np.float32))
  np.testing.assert_allclose(value, -want, rtol=1e-5, atol=1e-6)
  np.testing.assert_allclose(
      found, -slope, rtol=1e-3, atol=1e-5 * np.abs(slope).max())
  other, _ = log_prob(params, x, np.full(COUNT, 350, np.float32))
  assert np.abs(other - want).max() > 1e-3


def test_guidance_makes_the_label_likelier_the_stronger_it_is():
  _, params = network()
  log_prob, run = compiled()
  steps = samplers.ddim_steps(SCHEDULE, 20)
  means = []
  for scale in (0.0, 5.0, 20.0):
    x = run(params, steps, np.float32(scale))
    means.append(log_prob(params, x, np.zeros(COUNT, np.float32))[0].mean())
  assert means[0] < means[1] - 0.05 and means[1] < means[2] - 0.05, means
