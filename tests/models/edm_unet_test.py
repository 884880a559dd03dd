import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import denoisers
from jaxguide import preconditioning
from jaxguide import schedules
from jaxguide.models import edm_unet
from tests import programs
from tests.models import edm_recordings
from tests.models import recordings

_SMALL = dict(
    img_resolution=8, model_channels=8, channel_mult=(1, 2), num_blocks=1,
    attn_resolutions=(4,))
_KINDS = {
    "EDMPrecond": preconditioning.edm, "VPPrecond": preconditioning.vp,
    "VEPrecond": preconditioning.ve, "iDDPMPrecond": preconditioning.iddpm}


def _normal(seed, *shape):
  return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def _params(module, *args):
  """Random parameters, none zero; drawn leaf by leaf without compiling."""
  shapes = jax.eval_shape(
      lambda: module.init(jax.random.key(0), *args))["params"]
  rng = np.random.default_rng(0)

  def draw(leaf):
    fan_in = int(np.prod(leaf.shape[:-1])) if len(leaf.shape) > 1 else 25
    return jnp.asarray(
        rng.standard_normal(leaf.shape) / np.sqrt(fan_in), jnp.float32)

  return jax.tree.map(draw, shapes)


def _array(recorded, name):
  found = recorded.in_.get(name)
  return None if found is None else jnp.asarray(found)


@recordings.parametrized(*edm_recordings.EDM_CLASSES)
def test_replays_a_recorded_network(path):
  """D, its gradient, the raw F, and the denoiser that a sampler calls."""
  recorded = recordings.load(path)
  config = recorded.config
  options = {
      name: value for name, value in config["kwargs"].items()
      if name == "sigma_data"}
  scaling = _KINDS[config["cls"]](**options)
  module = edm_recordings.edm(config, conv_impl="lax")
  x = jnp.asarray(recordings.channels_last(recorded.in_["x"]))
  sigma, labels = _array(recorded, "sigma"), _array(recorded, "class_labels")
  params, constants = edm_recordings.fill(
      module, edm_recordings.without("model.", recorded.sd), x, sigma, labels)
  assert all(name.endswith("resample_filter") for name in constants)

  def plain(params, x, noise, labels, augment=None):
    return module.apply({"params": params}, x, noise, labels, augment)

  @programs.jit
  def value_and_slope(params, x, cotangent):
    denoise = preconditioning.precondition(
        lambda x, noise: plain(params, x, noise, labels), scaling)
    y, vjp = jax.vjp(lambda x: denoise(x, sigma), x)
    return y, vjp(cotangent)[0]

  # Around the network alone: it is compiled once for all its uses.
  network = programs.jit(plain)
  with jax.default_matmul_precision("highest"):
    y, x_bar = value_and_slope(
        params, x, recordings.channels_last(recorded.in_["cotangent"]))
    raw = network(params, x, _array(recorded, "raw_noise_labels"), labels)
    x0 = denoisers.from_apply(
        network, params, prediction="edm", cond=labels,
        preconditioning=scaling,
        learned_variance=module.out_channels > x.shape[-1])(
            x, schedules.NoiseLevel(jnp.float32(1), sigma, sigma)).x0
    if "augment_labels" in recorded.in_:
      augmented = preconditioning.precondition(
          lambda x, noise: network(
              params, x, noise, labels, _array(recorded, "augment_labels")),
          scaling)(x, sigma)
      expected = recordings.channels_last(recorded.out["D_with_augment_labels"])
      assert edm_recordings.relative(augmented, expected) < 2e-5
  expected = recordings.channels_last(recorded.out["D"])
  assert edm_recordings.relative(y, expected) < 2e-5
  assert edm_recordings.relative(x0, expected) < 2e-5
  expected = recordings.channels_last(recorded.out["grad_x"])
  assert edm_recordings.relative(x_bar, expected) < 2e-4
  expected = recordings.channels_last(recorded.out["raw_F"])
  assert edm_recordings.relative(raw, expected) < 2e-5
  np.testing.assert_allclose(
      scaling.round_sigma(sigma), recorded.out["round_sigma"], rtol=1e-5)
  if "u" in recorded.sd:
    # Their table was accumulated in float32.
    np.testing.assert_allclose(
        preconditioning.iddpm_sigmas(), recorded.sd["u"], rtol=1e-3)


@pytest.mark.parametrize("cls, fields", [
    (edm_unet.SongUnet, dict(
        embedding_type="fourier", channel_mult_noise=2,
        encoder_type="residual", resample_filter=(1, 3, 3, 1))),
    pytest.param(edm_unet.SongUnet, dict(
        encoder_type="skip", decoder_type="skip", label_dim=3,
        augment_dim=2), marks=pytest.mark.slow),
    pytest.param(edm_unet.DhariwalUnet, dict(
        label_dim=3, augment_dim=2, model_channels=64),
                 marks=pytest.mark.slow),
])
def test_options_evaluate_in_single_and_half_precision(cls, fields):
  module = cls(**{**_SMALL, **fields})
  x, noise = _normal(1, 2, 8, 8, 3), jnp.asarray([-1.0, 0.7])
  labels = jnp.asarray([2, 0]) if module.label_dim else None
  augment = _normal(2, 2, 2) if module.augment_dim else None
  params = {"params": _params(module, x, noise, labels, augment)}
  outputs = {
      name: programs.jit(module.clone(**options).apply)(
          params, x, noise, labels, augment)
      for name, options in (
          ("plain", {}), ("half", {"dtype": jnp.bfloat16}))}
  plain = outputs["plain"]
  assert plain.shape == x.shape and np.std(plain) > 0.05
  assert outputs["half"].dtype == jnp.float32
  assert 1e-5 < edm_recordings.relative(outputs["half"], plain) < 0.1


@pytest.mark.slow
def test_no_label_a_negative_one_and_one_hot():
  module = edm_unet.SongUnet(**_SMALL, label_dim=4, augment_dim=2)
  x, noise = _normal(1, 2, 8, 8, 3), jnp.asarray([-1.0, 0.7])
  params = {"params": _params(module, x, noise)}
  call = programs.jit(lambda *args: module.apply(params, x, noise, *args))
  given = call(jnp.asarray([3, 1]))
  np.testing.assert_array_equal(given, call(jnp.eye(4)[jnp.asarray([3, 1])]))
  none = call()
  np.testing.assert_array_equal(none, call(jnp.asarray([-1, -1])))
  assert edm_recordings.relative(given, none) > 1e-3
  # An augmentation of zeros is none.
  np.testing.assert_array_equal(none, call(None, jnp.zeros((2, 2))))


@pytest.mark.slow
def test_dropout_of_labels_is_for_training_alone():
  module = edm_unet.DhariwalUnet(
      **_SMALL, label_dim=4, label_dropout=1.0, dropout=0.0)
  x, noise = _normal(1, 2, 8, 8, 3), jnp.asarray([-1.0, 0.7])
  params = {"params": _params(module, x, noise)}
  call = lambda labels, **kw: module.apply(params, x, noise, labels, **kw)
  labels = jnp.asarray([3, 1])
  trained = call(labels, train=True, rngs={"dropout": jax.random.key(0)})
  np.testing.assert_array_equal(trained, call(None))
  assert edm_recordings.relative(call(labels), trained) > 1e-3


@pytest.mark.slow
def test_fourier_frequencies_are_a_constant_of_training():
  module = edm_unet.SongUnet(
      **_SMALL, embedding_type="fourier", channel_mult_noise=2)
  x, noise = _normal(1, 1, 8, 8, 3), jnp.asarray([0.3])
  params = _params(module, x, noise)
  gradient = programs.jit(jax.grad(
      lambda p: jnp.sum(module.apply({"params": p}, x, noise) ** 2)))(params)
  assert not np.any(gradient["map_noise"]["freqs"])
  assert np.any(gradient["map_layer0"]["kernel"])


@pytest.mark.parametrize("cls, fields, args, message", [
    (edm_unet.SongUnet, {}, ((2, 8, 8, 4), (2,)), "expected .B, 8, 8, 3."),
    (edm_unet.SongUnet, {}, ((2, 16, 16, 3), (2,)), "expected .B, 8, 8, 3."),
    (edm_unet.DhariwalUnet, {}, ((2, 8, 8, 3), (1,)), "noise has shape"),
    (edm_unet.SongUnet, {}, ((2, 8, 8, 3), (2,), (2, 3)), "label_dim is 0"),
    (edm_unet.DhariwalUnet, {"label_dim": 4}, ((2, 8, 8, 3), (2,), (2, 3)),
     "labels has shape .2, 3."),
    (edm_unet.SongUnet, {"augment_dim": 4},
     ((2, 8, 8, 3), (2,), None, (2, 3)), "augment has shape .2, 3."),
    (edm_unet.SongUnet, {"img_resolution": 9}, ((2, 9, 9, 3), (2,)),
     "img_resolution is 9.*divide by 2"),
    (edm_unet.SongUnet, {"embedding_type": "rotary"}, ((2, 8, 8, 3), (2,)),
     "embedding_type must be one of 'positional'"),
    (edm_unet.SongUnet, {"encoder_type": "x"}, ((2, 8, 8, 3), (2,)),
     "encoder_type must be one of"),
    (edm_unet.SongUnet, {"decoder_type": "residual"}, ((2, 8, 8, 3), (2,)),
     "decoder_type must be one of"),
    (edm_unet.SongUnet, {"resample_filter": (1, 2, 1)}, ((2, 8, 8, 3), (2,)),
     "resample_filter is .1, 2, 1."),
])
def test_what_does_not_fit_is_named(cls, fields, args, message):
  module = cls(**{**_SMALL, **fields})
  given = [None if shape is None else jnp.zeros(shape) for shape in args]
  with pytest.raises(ValueError, match=message):
    jax.eval_shape(lambda: module.init(jax.random.key(0), *given))


@pytest.mark.slow
@pytest.mark.parametrize("cls, fields", [
    (edm_unet.SongUnet, dict(
        embedding_type="fourier", channel_mult_noise=2, label_dim=3,
        encoder_type="residual", resample_filter=(1, 3, 3, 1))),
    (edm_unet.DhariwalUnet, dict(label_dim=3)),
])
def test_an_image_is_the_same_bits_in_any_batch(cls, fields):
  """Output and gradient at 32 x 32, for batches of 2, 3 and 8."""
  module = cls(
      img_resolution=32, model_channels=64, channel_mult=(1, 1),
      num_blocks=1, attn_resolutions=(16,), **fields)
  x, noise = jnp.asarray(_normal(1, 8, 32, 32, 3)), jnp.linspace(-1.5, 1, 8)
  labels = jnp.arange(8) % 3
  params = _params(module, x[:1], noise[:1], labels[:1])

  @jax.jit
  def both(x, noise, labels):
    call = lambda x: module.apply({"params": params}, x, noise, labels)
    y, vjp = jax.vjp(call, x)
    return y, vjp(jnp.cos(jnp.arange(y.size)).reshape(y.shape))[0]

  expected = both(x, noise, labels)
  for count in (2, 3):
    for few, many in zip(
        both(x[:count], noise[:count], labels[:count]), expected, strict=True):
      np.testing.assert_array_equal(few, many[:count])
