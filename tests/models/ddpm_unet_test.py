import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide.models import ddpm_unet
from tests import programs
from tests.models import edm_recordings
from tests.models import recordings

_SMALL = dict(
    model_channels=32, channel_mult=(1, 2), num_res_blocks=1,
    attention_factors=(2,))


@recordings.parametrized(*edm_recordings.DDPM_CLASSES)
def test_replays_a_recorded_network(path):
  recorded = recordings.load(path)
  module = edm_recordings.ddpm(recorded.config, conv_impl="lax")
  x = jnp.asarray(recordings.channels_last(recorded.in_["x"]))
  time = jnp.asarray(recorded.in_["t"], jnp.float32)
  prefix = "module." if all(
      name.startswith("module.") for name in recorded.sd) else ""
  params, left = edm_recordings.fill(
      module, edm_recordings.without(prefix, recorded.sd), x, time)
  assert not left

  @programs.jit
  def forward_and_gradient(x, cotangent):
    y, vjp = jax.vjp(lambda x: module.apply({"params": params}, x, time), x)
    return y, vjp(cotangent)[0]

  with jax.default_matmul_precision("highest"):
    y, x_bar = forward_and_gradient(
        x, recordings.channels_last(recorded.in_["cotangent"]))
  expected = recordings.channels_last(recorded.out["out"])
  assert edm_recordings.relative(y, expected) < 2e-5
  expected = recordings.channels_last(recorded.out["grad_x"])
  assert edm_recordings.relative(x_bar, expected) < 2e-4


def test_published_parameter_count():
  module = ddpm_unet.DdpmUnet()
  shapes = jax.eval_shape(lambda: module.init(
      jax.random.key(0), jnp.zeros((1, 256, 256, 3)), jnp.zeros(1)))
  assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == 113_673_219


def test_halving_pads_at_the_bottom_and_on_the_right():
  """Against a direct sum over the taps."""
  module = ddpm_unet.DdpmUnet(**_SMALL)
  x = np.random.default_rng(0).standard_normal((1, 6, 4, 2))
  kernel = np.random.default_rng(1).standard_normal((3, 3, 2, 2))
  bias = np.asarray([0.5, -1.0])

  class Halved(ddpm_unet.DdpmUnet):

    @ddpm_unet.nn.compact
    def __call__(self, x):
      return self._downsample(0, x)

  found = Halved(**_SMALL).apply(
      {"params": {"down.0.downsample.conv": {
          "kernel": jnp.asarray(kernel, jnp.float32),
          "bias": jnp.asarray(bias, jnp.float32)}}},
      jnp.asarray(x, jnp.float32))
  padded = np.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)))
  expected = bias + sum(
      padded[:, i:i + 5:2, j:j + 3:2] @ kernel[i, j]
      for i in range(3) for j in range(3))
  assert module.resample_with_conv
  np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_resampling_without_a_convolution_has_no_parameters():
  args = jnp.zeros((1, 8, 8, 3)), jnp.zeros(1)
  names = [
      set(jax.eval_shape(lambda m=module: m.init(
          jax.random.key(0), *args))["params"])
      for module in (
          ddpm_unet.DdpmUnet(**_SMALL),
          ddpm_unet.DdpmUnet(**_SMALL, resample_with_conv=False))]
  assert names[0] - names[1] == {
      "down.0.downsample.conv", "up.1.upsample.conv"}
  assert names[1] < names[0]


@pytest.mark.parametrize("width", (2, 32, 33))
def test_time_embedding_is_its_definition(width):
  time = np.asarray([0.0, 1.0, 2.5, 999.0], np.float32)
  half = width // 2
  angle = time[:, None] * 1e4 ** (-np.arange(half) / max(half - 1, 1))
  expected = np.concatenate(
      [np.sin(angle), np.cos(angle), np.zeros((4, width % 2))], 1)
  found = ddpm_unet.time_embedding(jnp.asarray(time), width)
  np.testing.assert_allclose(found, expected, atol=2e-4)


@pytest.mark.parametrize("fields, args, message", [
    ({}, ((2, 8, 8, 4), (2,)), "expected .B, H, W, 3."),
    ({}, ((2, 9, 8, 3), (2,)), "9 x 8 pixels.*divide by 2"),
    ({}, ((2, 8, 8, 3), (1,)), "time has shape .1,."),
    ({}, ((2, 8, 8, 3), (2,), (2,)), "unconditional"),
    ({"model_channels": 40}, ((2, 8, 8, 3), (2,)), "num_groups is 32"),
])
def test_what_does_not_fit_is_named(fields, args, message):
  module = ddpm_unet.DdpmUnet(**{**_SMALL, **fields})
  with pytest.raises(ValueError, match=message):
    jax.eval_shape(
        lambda: module.init(jax.random.key(0), *map(jnp.zeros, args)))
