"""Latent and pixel priors with a network: codec, guidance, batches, memory."""

import functools

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import codecs
from jaxguide import denoisers
from jaxguide import parallel
from jaxguide import samplers
from jaxguide import schedules
from jaxguide import variational
from jaxguide.models import layers
from tests import draws
from tests import programs

# Networks on 8 x 8 pixels, and 3 x 3 convolutions from and to fewer than 32
# channels, are known to differ in the last bit.
SIZE, CHANNELS, SAMPLES, LABELS = 16, 4, 2, 3
MIXING = np.float32(
    np.random.default_rng(0).normal(size=(3, CHANNELS)) / 2)
BACK = np.linalg.pinv(MIXING)


class Toy(nn.Module):
  """A class-conditional network of two convolutions."""

  features: int

  @nn.compact
  def __call__(self, x, time, labels):
    known = jax.nn.one_hot(labels, LABELS)
    h = layers.Conv3x3(32)(x)
    e = layers.Dense(32)(layers.time_embedding(time, 32))
    e += layers.Dense(32)(known)
    return layers.Conv3x3(self.features)(jax.nn.silu(h + e[:, None, None]))


def apply(params, x, time, cond):
  return Toy(x.shape[-1]).apply({"params": params}, x, time, cond)


@functools.cache
def params_of(features):
  shapes = jax.eval_shape(
      Toy(features).init, jax.random.key(0),
      jnp.zeros((2, SIZE, SIZE, features)), jnp.zeros(2),
      jnp.zeros(2, jnp.int32))["params"]
  rng = np.random.default_rng(1)
  return jax.tree.map(
      lambda s: np.float32(0.2 * rng.normal(size=s.shape)), shapes)


def mixed(x, matrix):
  """x @ matrix over channels, without a product or a sum of the compiler's.

  The last bits of those, or of their derivatives, depend on the batch.
  """
  return jnp.stack([
      sum(x[..., i] * weight for i, weight in enumerate(column))
      for column in matrix.T], axis=-1)


def linear_codec():
  """Means of 2 x 2 pixels, mixed into four channels; and back."""
  return codecs.autoencoder(
      lambda x: mixed(layers.average_pool(x), MIXING),
      lambda z: layers.upsample_nearest(mixed(z, BACK)),
      factor=2, channels=CHANNELS, scale_factor=0.5)


SETTINGS = {
    "latent-vp": (schedules.scaled_linear(), (551, 401), "eps"),
    "latent-vp-1": (schedules.scaled_linear(), (401,), "v"),
    "pixel-ve-4": (schedules.edm(300), None, "edm"),
}


def plan_of(name):
  schedule, levels, _ = SETTINGS[name]
  if levels is None:
    levels = variational.levels_at_sigmas(schedule, variational.EDM_SIGMAS[4])
  return variational.vipaint_plan(schedule, levels)


def codec_of(name):
  return linear_codec() if name.startswith("latent") else codecs.identity()


def shared_of(name, guidance=3.0, num_steps=3):
  plan = plan_of(name)
  return {
      "guidance": np.float32(guidance),
      "params": params_of(CHANNELS if name.startswith("latent") else 3),
      "plan": plan,
      "steps": variational.vipaint_steps(
          SETTINGS[name][0], plan, num_steps, scale=0.1),
  }


def batch_of(name, count):
  rng = np.random.default_rng(2)
  side = SIZE * (2 if name.startswith("latent") else 1)
  return {
      "numbers": np.arange(count, dtype=np.uint32),
      "y": np.float32(rng.uniform(-1, 1, size=(count, side, side, 3))),
      "mask": np.float32(rng.random((count, side, side, 1)) > 0.4),
      "labels": np.arange(count, dtype=np.int32) % LABELS,
  }


def paint(name, num_iterations, shared, batch):
  """Fit without guidance, one sample per image with it."""
  kind, plan, codec = SETTINGS[name][2], shared["plan"], codec_of(name)

  def prior(labels):
    return denoisers.from_apply(
        apply, shared["params"], prediction=kind, cond=labels)

  noise = draws.hashed_noise(batch["numbers"])
  mask = batch["mask"]
  energy = variational.decoded(
      variational.masked_reconstruction(batch["y"], mask), codec.decode)
  loss = variational.negative_elbo(
      plan, prior(variational.repeat(batch["labels"], SAMPLES)), noise,
      energy, num_samples=SAMPLES)
  context = variational.encodings(
      codec.encode(mask * batch["y"]), noise, plan.num_levels,
      num_samples=SAMPLES, std=0.1)
  found = variational.fit(
      loss, variational.initialise(plan, context, noise),
      num_iterations=num_iterations)
  none = jnp.full_like(batch["labels"], -1)  # One-hot of nothing.
  denoise = denoisers.classifier_free(
      prior(batch["labels"]), prior(none), shared["guidance"])
  sampler = variational.vipaint(
      plan, found.posterior, denoise, noise, energy, decode=codec.decode)
  z = noise(-1, "start", context.shape[2:])
  out = samplers.sample(sampler, z, shared["steps"])
  history = jax.tree.map(lambda leaf: leaf.swapaxes(0, 1), found.history)
  return {"x": out.x, "history": history, "posterior": found.posterior,
          "finite": out.is_finite}


@pytest.mark.parametrize("name, alone", [
    ("latent-vp", ()),
    # In the quick run an image is alone on many devices only: every program
    # takes ten seconds to compile.
    pytest.param("latent-vp", (2, 1), marks=pytest.mark.slow),
    pytest.param("latent-vp-1", (2, 1), marks=pytest.mark.slow),
    pytest.param("pixel-ve-4", (2, 1), marks=pytest.mark.slow),
])
def test_alone_batched_and_sharded_are_equal_to_the_bit(name, alone):
  batch, want = batch_of(name, 8), None
  shared = shared_of(name)
  for count, backend, sizes in (
      (1, "pmap", (8, *alone)), (8, "jit", (8, 3, 1))):
    mapped = parallel.map_batch(
        functools.partial(paint, name, 3),
        devices=jax.local_devices()[:count], backend=backend)
    for size in sizes:
      part = jax.tree.map(lambda leaf: leaf[:size], batch)  # noqa: B023
      got = mapped(shared, part)
      want = got if want is None else want
      assert got["finite"].all()
      assert got["x"].shape == part["y"].shape
      jax.tree.map(
          lambda a, b: np.testing.assert_array_equal(a, b[:len(a)]), got, want)


@functools.cache
def painted(name):
  """One program for the tests below: guidance and labels are traced."""
  return programs.jit(functools.partial(paint, name, 60))


def test_guidance_and_labels_reach_the_samples():
  name = "latent-vp"
  batch, run = batch_of(name, 3), painted(name)
  # A scale of 1 is the conditional network alone.
  first = run(shared_of(name, guidance=1.0), batch)
  second = run(shared_of(name), batch)
  # The fit is the same, the samples are not.
  np.testing.assert_array_equal(
      first["history"].total, second["history"].total)
  assert np.abs(first["x"] - second["x"]).max() > 1e-3
  labels = np.array([0, 2, 2], np.int32)
  other = run(shared_of(name, guidance=1.0), {**batch, "labels": labels})
  apart = np.abs(other["posterior"].mu - first["posterior"].mu)
  assert apart[1].max() > 1e-4 and not np.any(apart[0]) and not np.any(
      apart[2])


def test_a_fit_lowers_the_loss_of_every_image():
  name = "latent-vp"
  total = np.asarray(
      painted(name)(shared_of(name), batch_of(name, 3))["history"].total)
  assert np.all(total[:, -10:].mean(axis=1) < total[:, :5].mean(axis=1))


def test_recomputing_activations_changes_no_value():
  """`remat` is for memory: loss and gradient agree to rounding."""
  name, found = "pixel-ve-4", []

  def slopes(remat, shared, batch):
    noise = draws.hashed_noise(batch["numbers"])
    loss = variational.negative_elbo(
        shared["plan"],
        denoisers.from_apply(
            apply, shared["params"], prediction="edm",
            cond=variational.repeat(batch["labels"], SAMPLES)),
        noise,
        variational.masked_reconstruction(batch["y"], batch["mask"]),
        num_samples=SAMPLES, remat=remat)
    start = variational.initialise(
        shared["plan"], variational.encodings(batch["y"], noise, 4), noise)
    return variational.gradients(loss, start, 0)

  for remat in (False, True):
    fn = programs.jit(functools.partial(slopes, remat))
    found.append(fn(shared_of(name), batch_of(name, 2)))
  jax.tree.map(lambda a, b: np.testing.assert_allclose(
      a, b, rtol=2e-4, atol=1e-4 * float(np.abs(a).max())), *found)
