import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide.models import adm_unet
from tests import marks
from tests import programs
from tests import recorded_kinds
from tests.models import recordings

_SMALL = dict(
    model_channels=32, channel_mult=(1, 2), num_res_blocks=1,
    attention_factors=(2,), num_head_channels=16)


def _normal(seed, *shape):
  return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def _params(module, *args, **kw):
  """Random parameters, none zero; drawn leaf by leaf without compiling."""
  shapes = jax.eval_shape(
      lambda: module.init(jax.random.key(0), *args, **kw))["params"]
  rng = np.random.default_rng(0)

  def draw(leaf):
    fan_in = int(np.prod(leaf.shape[:-1])) if len(leaf.shape) > 1 else 25
    return jnp.asarray(
        rng.standard_normal(leaf.shape) / np.sqrt(fan_in), jnp.float32)

  return jax.tree.map(draw, shapes)


def _relative(a, b):
  a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
  return np.abs(a - b).max() / np.abs(b).max()


@recorded_kinds.parametrized("ADM network")
def test_replays_a_recorded_network(path):
  recorded = recordings.load(path)
  module = recordings.unet(recorded.config, conv_impl="lax")
  x = recordings.channels_last(recorded.in_["x"])
  time = jnp.asarray(recorded.in_["t"], jnp.float32)
  labels, extra = recorded.in_.get("y"), {}
  if "low_res" in recorded.in_:
    extra["low_res"] = recordings.channels_last(recorded.in_["low_res"])
  params = recordings.fill(module, recorded.sd, x, time, labels, **extra)

  @programs.jit
  def forward_and_gradient(x, cotangent):
    call = lambda x: module.apply({"params": params}, x, time, labels, **extra)
    y, vjp = jax.vjp(call, x)
    return y, vjp(cotangent)[0]

  with jax.default_matmul_precision("highest"):
    y, x_bar = forward_and_gradient(
        x, recordings.channels_last(recorded.in_["cotangent"]))
  assert _relative(y, recordings.channels_last(recorded.out["out"])) < 2e-5
  expected = recordings.channels_last(recorded.out["grad_x"])
  assert _relative(x_bar, expected) < 2e-4


@pytest.mark.slow
def test_the_layers_that_start_at_zero():
  module = adm_unet.AdmUnet(**_SMALL)
  shape = jnp.zeros((1, 8, 8, 3))
  params = jax.jit(module.init)(jax.random.key(0), shape, jnp.zeros(1))
  flat = jax.tree_util.tree_leaves_with_path(params["params"])
  for path, leaf in flat:
    names = [part.key for part in path]
    if names[-1] == "kernel":
      starts = names[-2] in ("out_layers.3", "proj_out", "out.2")
      assert starts == (not np.any(leaf)), names


_OPTIONS = {
    "class conditioning, learned variance": dict(
        num_classes=5, out_channels=6),
    "additive embedding, strided resampling": dict(
        use_scale_shift_norm=False, resblock_updown=False),
    "pooled resampling": dict(resblock_updown=False, conv_resample=False),
    "heads": dict(
        num_head_channels=-1, num_heads=4, num_heads_upsample=2,
        qkv_order="new"),
    "widths that are fractions": dict(channel_mult=(0.5, 1.5),
                                      model_channels=64),
    "attention nowhere but in the middle": dict(attention_factors=()),
}


@functools.cache
def _evaluated(option, **numerics):
  module = adm_unet.AdmUnet(**{**_SMALL, **_OPTIONS[option]})
  x, time = jnp.asarray(_normal(1, 8, 8, 8, 3)), jnp.linspace(0.0, 999.0, 8)
  labels = jnp.arange(8) % 5 if module.num_classes else None
  params = _params(module, x, time, labels)
  module = module.clone(**dict(numerics))

  @jax.jit
  def both(x, time, labels):
    call = lambda x: module.apply({"params": params}, x, time, labels)
    y, vjp = jax.vjp(call, x)
    return y, vjp(jnp.cos(jnp.arange(y.size)).reshape(y.shape))[0]

  return both, (x, time, labels), both(x, time, labels)


# The rest are compiled in the slow run: each takes half a minute.
_QUICK = ("class conditioning, learned variance",)


@pytest.mark.parametrize("option", marks.slow_but(_QUICK, _OPTIONS))
def test_every_option_evaluates_image_by_image(option):
  """Output and gradient of an image are the same bits in smaller batches."""
  both, args, (y, x_bar) = _evaluated(option)
  module = {**_SMALL, **_OPTIONS[option]}
  assert y.shape == (8, 8, 8, module.get("out_channels", 3))
  assert np.isfinite(y).all() and np.std(y) > 0.1
  cut = lambda start, stop: [
      None if a is None else a[start:stop] for a in args]
  # The cotangent depends on the row, so that only rows from 0 compare. Pairs
  # are compared where devices are.
  few, few_bar = both(*cut(0, 3))
  assert np.array_equal(few, y[:3])
  assert np.array_equal(few_bar, x_bar[:3])
  assert np.array_equal(both(*cut(4, 7))[0], y[4:7])


@pytest.mark.slow
def test_winograd_agrees_with_the_compilers_convolution():
  option = "class conditioning, learned variance"
  _, _, expected = _evaluated(option, conv_impl="lax")
  _, _, found = _evaluated(option, conv_impl="winograd")
  for a, b in zip(found, expected, strict=True):
    assert _relative(a, b) < 1e-5


@pytest.mark.slow
def test_winograd_evaluates_image_by_image():
  option = "class conditioning, learned variance"
  both, args, found = _evaluated(option, conv_impl="winograd")
  few = both(*(a[:3] for a in args))
  assert np.array_equal(few[0], found[0][:3])
  assert np.array_equal(few[1], found[1][:3])


@pytest.mark.slow
def test_recomputing_activations_changes_nothing_but_rounding():
  option = "class conditioning, learned variance"
  for a, b in zip(
      _evaluated(option, remat=True)[2], _evaluated(option)[2], strict=True):
    assert _relative(a, b) < 1e-5


@pytest.mark.slow
def test_half_precision_is_close_to_single():
  option = "class conditioning, learned variance"
  expected, _ = _evaluated(option)[2]
  found, found_bar = _evaluated(option, dtype=jnp.bfloat16)[2]
  assert found.dtype == found_bar.dtype == jnp.float32
  # bfloat16 keeps 8 bits; a dozen layers add up to a few times 2^-8.
  assert 1e-5 < _relative(found, expected) < 0.1


@pytest.mark.slow
def test_one_device_and_many_agree():
  if jax.device_count() < 4:
    pytest.skip("needs four devices")
  option = "class conditioning, learned variance"
  both, args, (y, x_bar) = _evaluated(option)
  del both
  module = adm_unet.AdmUnet(**{**_SMALL, **_OPTIONS[option]})
  params = _params(module, *args)
  cotangent = jnp.cos(jnp.arange(y.size)).reshape(y.shape)

  def call(x, time, labels, cotangent):
    y, vjp = jax.vjp(
        lambda x: module.apply({"params": params}, x, time, labels), x)
    return y, vjp(cotangent)[0]

  shards = [a.reshape(4, 2, *a.shape[1:]) for a in (*args, cotangent)]
  found = jax.pmap(call, devices=jax.devices()[:4])(*shards)
  assert np.array_equal(found[0].reshape(y.shape), y)
  assert np.array_equal(found[1].reshape(x_bar.shape), x_bar)


@pytest.mark.slow
def test_the_two_qkv_orders_differ_and_one_head_makes_them_one():
  x, time = jnp.asarray(_normal(1, 2, 8, 8, 3)), jnp.zeros(2)
  outputs = {}
  for heads in (1, 2):
    for order in ("legacy", "new"):
      module = adm_unet.AdmUnet(**{
          **_SMALL, "num_head_channels": -1, "num_heads": heads,
          "qkv_order": order})
      params = _params(module, x, time)
      outputs[heads, order] = programs.jit(module.apply)(
          {"params": params}, x, time)
  assert _relative(outputs[1, "legacy"], outputs[1, "new"]) < 1e-5
  assert _relative(outputs[2, "legacy"], outputs[2, "new"]) > 1e-3


@pytest.mark.slow
def test_dropout_is_random_in_training_and_absent_else():
  module = adm_unet.AdmUnet(**{**_SMALL, "dropout": 0.5})
  x, time = jnp.asarray(_normal(1, 2, 8, 8, 3)), jnp.zeros(2)
  params = {"params": _params(module, x, time)}
  train = jax.jit(lambda seed: module.apply(
      params, x, time, train=True, rngs={"dropout": jax.random.key(seed)}))
  calls = [train(seed) for seed in (0, 0, 1)]
  assert np.array_equal(calls[0], calls[1])
  assert _relative(calls[0], calls[2]) > 1e-2
  off = jax.jit(lambda: module.clone(dropout=0.0).apply(
      params, x, time, train=True))()
  on = jax.jit(lambda: module.apply(params, x, time))()
  np.testing.assert_array_equal(on, off)


def test_super_resolution_appends_the_resized_image():
  fields = {**_SMALL, "attention_factors": ()}
  module = adm_unet.AdmSuperResUnet(**fields)
  x, time = jnp.asarray(_normal(1, 1, 8, 8, 3)), jnp.zeros(1)
  low = jnp.asarray(_normal(2, 1, 4, 4, 3))
  params = {"params": _params(module, x, time, low_res=low)}
  # Bilinear with half-pixel centres: weights 1/4, 3/4, clamped at the border.
  index = np.clip((np.arange(8) + 0.5) / 2 - 0.5, 0, 3)
  left, weight = np.floor(index).astype(int), index - np.floor(index)
  right = np.minimum(left + 1, 3)
  matrix = np.zeros((8, 4))
  np.add.at(matrix, (np.arange(8), left), 1 - weight)
  np.add.at(matrix, (np.arange(8), right), weight)
  up = np.einsum("ih,jw,bhwc->bijc", matrix, matrix, low)
  plain = adm_unet.AdmUnet(**{**fields, "in_channels": 6})
  expected = programs.jit(plain.apply)(
      params, jnp.concatenate([x, up], -1), time)
  found = programs.jit(module.apply)(params, x, time, low_res=low)
  assert _relative(found, expected) < 1e-5


@pytest.mark.parametrize("fields, args, message", [
    ({}, ((2, 8, 8, 4), (2,)), "expected .B, H, W, 3."),
    ({}, ((2, 9, 8, 3), (2,)), "9 x 8 pixels.*divide by 2"),
    ({}, ((2, 8, 8, 3), (1,)), "time has shape .1,."),
    ({"num_classes": 3}, ((2, 8, 8, 3), (2,)), "labels is missing"),
    ({"num_head_channels": 48}, ((2, 8, 8, 3), (2,)),
     "num_head_channels is 48.*64"),
    ({"num_head_channels": -1, "num_heads": 3}, ((2, 8, 8, 3), (2,)),
     "num_heads is 3"),
    ({"model_channels": 40}, ((2, 8, 8, 3), (2,)), "num_groups is 32"),
    ({"qkv_order": "old"}, ((2, 8, 8, 3), (2,)), "qkv_order must be one of"),
    ({"conv_impl": "fft"}, ((2, 8, 8, 3), (2,)), "conv_impl must be one of"),
    ({"attention_impl": "x"}, ((2, 8, 8, 3), (2,)),
     "attention_impl must be one of"),
])
def test_what_does_not_fit_is_named(fields, args, message):
  module = adm_unet.AdmUnet(**{**_SMALL, **fields})
  with pytest.raises(ValueError, match=message):
    jax.eval_shape(
        lambda: module.init(jax.random.key(0), *map(jnp.zeros, args)))


def test_labels_for_an_unconditional_network_are_refused():
  module = adm_unet.AdmUnet(**_SMALL)
  with pytest.raises(ValueError, match="labels is given.*None"):
    jax.eval_shape(lambda: module.init(
        jax.random.key(0), jnp.zeros((1, 8, 8, 3)), jnp.zeros(1),
        jnp.zeros(1, jnp.int32)))
