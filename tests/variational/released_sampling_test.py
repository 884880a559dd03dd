"""The released sampling, replayed from the recorded parameters."""

import os
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import noises
from jaxguide import samplers
from jaxguide import variational
from jaxguide.variational import sampling
from tests import programs
from tests.variational import recordings

pytestmark = pytest.mark.skipif(
    not recordings.samplings(),
    reason="JAXGUIDE_RECORDED has no samples of VIPaint")

every_sampling = pytest.mark.parametrize(
    "path", recordings.samplings(), ids=os.path.basename)


class Replay:
  """The sampler, plan and draws of one recording."""

  def __init__(self, path):
    stored, fit = recordings.archive(path), recordings.fit_of(path)
    self.arrays, self.down = stored, fit.plan.num_levels - 1
    posterior = variational.Posterior(
        *(jnp.asarray(recordings.nhwc(stored[f]))[None]
          for f in recordings.FIELDS))
    flat = np.stack([
        recordings.nhwc(stored[f"draw{k}_randn"])
        for k in range(fit.plan.num_levels)])
    order = variational.vipaint_draw_order(fit.plan.num_levels)
    noise = noises.from_recording(flat, order)
    self.z = noise(-1, "start", flat.shape[2:])
    self.steps = variational.vipaint_steps(
        fit.schedule, fit.plan, int(stored["n_dps_steps"]),
        scale=float(stored["scale"]), group_size=flat.shape[1],
        eta=float(stored["eta"]))
    self.sampler = variational.vipaint(
        fit.plan, posterior, fit.denoiser(float(stored["cfg"])), noise,
        fit.reconstruction(), decode=fit.networks.decode)
    self.decode = fit.networks.decode

  def indices(self):
    found = (re.fullmatch(r"dps(\d+)_z_in", k) for k in self.arrays)
    return sorted(int(m[1]) for m in found if m)

  def image(self, name):
    return recordings.nhwc(self.arrays[name])


@every_sampling
def test_every_recorded_step_by_itself(path):
  """From the recorded z to the next, at every part of the way."""
  replay = Replay(path)

  @programs.jit
  def one(z, step):
    state = sampling.VipaintState(z, z, jnp.zeros(z.shape[0]))
    new = replay.sampler.step(state, step)
    return new, replay.decode(new.x0)

  for i in replay.indices():
    step = jax.tree.map(lambda x, i=i: x[replay.down + i], replay.steps)
    new, decoded = one(replay.image(f"dps{i}_z_in"), step)
    np.testing.assert_allclose(
        decoded, replay.image(f"dps{i}_x0_decoded"), atol=1e-5)
    np.testing.assert_allclose(
        new.energy.mean(), replay.arrays[f"dps{i}_loss"], rtol=1e-5)
    # A pixel whose residual is rounding has a gradient of either sign.
    gap = np.abs(new.z - replay.image(f"dps{i}_z_out"))
    assert np.quantile(gap, 0.95) <= 1e-5, (i, np.quantile(gap, 0.95))


@every_sampling
def test_the_whole_way(path):
  replay = Replay(path)
  found = programs.jit(lambda z: samplers.sample(
      replay.sampler, z, replay.steps, record=lambda s: s))(replay.z)
  z, energy = found.trajectory.z, found.trajectory.energy
  for i in replay.indices():
    gap = np.abs(z[replay.down + i] - replay.image(f"dps{i}_z_out")).max()
    allowed = 1e-5 if i < 10 else 1e-4 if i < 100 else 0.15
    assert gap <= allowed, (i, gap)
    np.testing.assert_allclose(
        energy[replay.down + i].mean(), replay.arrays[f"dps{i}_loss"],
        rtol=2e-3)
  np.testing.assert_allclose(found.x, replay.image("final_samples"), atol=0.15)
  assert bool(found.is_finite.all())


@every_sampling
def test_hierarchy_and_plan(path):
  replay = Replay(path)
  count = int(replay.arrays["n_dps_steps"])
  assert replay.steps.index.shape == (replay.down + count,)
  assert replay.steps.next_level.level[-1] == 1
  assert int(replay.arrays["apply_model_calls"]) == replay.down + count
  first = jax.tree.map(lambda x: x[0], replay.steps)
  state = replay.sampler.init(replay.z, first)
  advance = programs.jit(replay.sampler.step)
  for k in range(replay.down):
    step = jax.tree.map(lambda x, k=k: x[k], replay.steps)
    state = advance(state, step)
  np.testing.assert_allclose(state.z, replay.image("dps0_z_in"), atol=3e-6)
