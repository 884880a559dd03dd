"""Alone = batched = sharded, with a network and its gradient.

To the bit on CPU. An accelerator's libraries choose their algorithms by the
shape of the batch, and there a tolerance takes the place of the bit; start
pytest with JAX_PLATFORMS=cuda or tpu, and -m slow, to have it measured.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import denoisers
from jaxguide import energies
from jaxguide import guidance
from jaxguide import models
from jaxguide import noises
from jaxguide import operators
from jaxguide import parallel
from jaxguide import samplers
from jaxguide import schedules
from jaxguide.samplers import constraints

pytestmark = pytest.mark.slow

# Of images on [-1, 1] after 20 steps, also in docs/guide/determinism.md. Not
# measured yet. Matmul precision 'highest' leaves float32 arithmetic, without
# TF32 or bfloat16 products: another order of summation moves the output of
# the network by 1e-6 to 1e-5 of its largest value, and the steps accumulate.
TOLERANCE = 1e-3

SHAPE = (16, 16, 3)
NET = models.AdmUnet(
    out_channels=6, model_channels=32, channel_mult=(1, 2), num_res_blocks=1,
    attention_factors=(2,), num_head_channels=16)


@functools.cache
def _shared(num_steps=4):
  """Random parameters everywhere, also where training starts from zeros."""
  shapes = jax.eval_shape(
      NET.init, jax.random.key(0), jnp.zeros((2, *SHAPE)), jnp.zeros(2)
  )["params"]
  rng = np.random.default_rng(0)
  params = jax.tree.map(
      lambda s: np.float32(0.08 * rng.normal(size=s.shape)), shapes)
  steps = samplers.steered_steps(schedules.linear(), num_steps, num_inner=2)
  return {"params": params, "steps": steps}


def _batch(count):
  rng = np.random.default_rng(1)
  return {
      "keys": noises.image_keys(0, np.arange(count)),
      "y": np.float32(rng.normal(size=(count, *SHAPE))),
      "mask": np.float32(rng.random((count, 16, 16, 1)) > 0.4),
  }


def _restore(shared, batch):
  """Steered Diffusion with a constraint and a gradient."""

  def apply(params, x, time, cond):
    return NET.apply({"params": params}, x, time)

  denoise = denoisers.clip_x0(
      denoisers.from_apply(apply, shared["params"], learned_variance=True))
  noise = noises.prng_noise(batch["keys"])
  luma = operators.colorization()
  pull = energies.squared_error(
      operators.Observation(luma.apply(batch["y"]), luma))
  sampler = samplers.steered(
      denoise, noise, guidance=guidance.through_denoiser(pull),
      guidance_scale=0.01,
      constraint=constraints.inpainting(batch["y"], batch["mask"]))
  z = noise(-1, "start", SHAPE)
  return samplers.sample(sampler, z, shared["steps"]).x


def test_alone_batched_and_sharded_are_equal_to_the_bit():
  if jax.default_backend() != "cpu":
    pytest.skip("bits are promised on CPU")
  batch, want = _batch(8), None
  for count, backend, sizes in (
      (1, "pmap", (8, 2, 1)), (8, "pmap", (8, 3)),
      (1, "jit", (3,)), (8, "jit", (8,))):
    mapped = parallel.map_batch(
        _restore, devices=jax.local_devices()[:count], backend=backend)
    for size in sizes:
      part = jax.tree.map(lambda leaf: leaf[:size], batch)  # noqa: B023
      got = mapped(_shared(), part)
      want = got if want is None else want
      assert np.all(np.isfinite(got))
      np.testing.assert_array_equal(got, want[:size])


def test_accelerators_agree_to_the_stated_tolerance():
  if jax.default_backend() == "cpu":
    pytest.skip("no accelerator; on CPU the bits agree")
  _check_tolerance()


def _check_tolerance():
  """Alone = batched, pmap = jit, one device = all."""
  batch, shared, want, off = _batch(8), _shared(20), None, {}
  for count in sorted({1, jax.local_device_count()}):
    for backend in parallel.BACKENDS:
      mapped = parallel.map_batch(
          _restore, devices=jax.local_devices()[:count], backend=backend)
      for size in (8, 1):
        part = jax.tree.map(lambda leaf: leaf[:size], batch)  # noqa: B023
        with jax.default_matmul_precision("highest"):
          got = mapped(shared, part)
        want = got if want is None else want
        off[count, backend, size] = np.abs(got - want[:size]).max()
  # A NaN fails as well.
  assert all(value <= TOLERANCE for value in off.values()), off


def test_the_tolerance_has_room_for_rounding():
  """A hundred roundings' worth on every weight takes a tenth of it."""
  batch, shared, rng = _batch(2), _shared(20), np.random.default_rng(3)
  fn = jax.jit(_restore)
  want = fn(shared, batch)
  off = jax.tree.map(
      lambda p: np.float32(p * (1 + 1e-5 * rng.normal(size=p.shape))),
      shared["params"])
  got = fn({**shared, "params": off}, batch)
  assert 0 < np.abs(got - want).max() < TOLERANCE / 10


def test_gradients_never_mix_images():
  batch = _batch(3)

  def of(y, params):
    shared = {**_shared(), "params": params}
    return _restore(shared, {**batch, "y": y})

  out, pull_back = jax.vjp(jax.jit(of), batch["y"], _shared()["params"])
  for n in range(3):
    slope, _ = pull_back(jnp.zeros_like(out).at[n].set(1.0))
    others = np.delete(np.asarray(slope), n, axis=0)
    assert not np.any(others) and np.any(slope[n])
