import functools

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide.models import adm_classifier
from jaxguide.models import layers
from tests import marks
from tests import programs
from tests import recorded_kinds
from tests.models import recordings

_SMALL = dict(
    model_channels=32, channel_mult=(1, 2), num_res_blocks=1,
    attention_factors=(2,), num_head_channels=16, image_size=8,
    out_channels=5)


def _normal(seed, *shape):
  return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def _relative(a, b):
  a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
  return np.abs(a - b).max() / np.abs(b).max()


def _params(module, x, time):
  shapes = jax.eval_shape(
      lambda: module.init(jax.random.key(0), x, time))["params"]
  rng = np.random.default_rng(0)
  return jax.tree.map(
      lambda a: jnp.asarray(
          rng.standard_normal(a.shape) / np.sqrt(max(np.prod(a.shape[:-1]), 9)),
          jnp.float32), shapes)


@recorded_kinds.parametrized("ADM classifier")
def test_replays_a_recorded_classifier(path):
  recorded = recordings.load(path)
  module = recordings.classifier(recorded.config, conv_impl="lax")
  x = recordings.channels_last(recorded.in_["x"])
  time = jnp.asarray(recorded.in_["t"], jnp.float32)
  params = {"params": recordings.fill(module, recorded.sd, x, time)}
  with jax.default_matmul_precision("highest"):
    logits, blocks = _logits_and_blocks(module, params, x, time)
  names = [k for k in recorded.out if not k.startswith(("feat/", "grad"))]
  expected = recorded.out["logits" if "logits" in names else names[0]]
  assert _relative(logits, expected) < 2e-5
  for name in (k for k in recorded.out if k.startswith("feat/")):
    expected = recordings.channels_last(recorded.out[name])
    assert _relative(blocks[name.removeprefix("feat/")], expected) < 2e-5, name
  _check_gradient(module, params, recorded, x, time)


@functools.partial(programs.jit, static_argnums=0)
def _logits_and_blocks(module, params, x, time):
  """The logits, and all blocks' outputs by their names in a checkpoint."""
  outputs = {}

  def keep(method, args, options, context):
    result = method(*args, **options)
    if context.method_name == "encode":
      outputs.update({f"input_blocks.{i}": h for i, h in enumerate(result)})
    if context.method_name == "middle":
      outputs["middle_block"] = result
    return result

  with nn.intercept_methods(keep):
    logits = module.apply(params, x, time)
  return logits, outputs


def test_the_spatial_head_reads_the_means_of_all_blocks():
  """So that the blocks compared with recordings are those of the network."""
  x, time = jnp.asarray(_normal(1, 2, 8, 8, 3)), jnp.array([3.0, 500.0])
  module = adm_classifier.AdmClassifier(**_SMALL, pool="spatial")
  params = {"params": _params(module, x, time)}
  logits, blocks = _logits_and_blocks(module, params, x, time)
  # The first convolution, a block, the halving, a block, the middle.
  assert set(blocks) == {"middle_block", *(
      f"input_blocks.{i}" for i in range(4))}
  means = jnp.concatenate([h.mean((1, 2)) for h in blocks.values()], axis=-1)
  first, last = (params["params"][f"out.{i}"] for i in (0, 2))
  hidden = nn.relu(means @ first["kernel"] + first["bias"])
  expected = hidden @ last["kernel"] + last["bias"]
  assert _relative(logits, expected) < 1e-5


def _check_gradient(module, params, recorded, x, time):
  gradients = [k for k in recorded.out if k.startswith("grad")]
  if not gradients or "y" not in recorded.in_:
    return
  labels = recorded.in_["y"]

  def log_probability(x):
    logits = jax.nn.log_softmax(module.apply(params, x, time))
    return jnp.sum(logits[jnp.arange(len(labels)), labels])

  with jax.default_matmul_precision("highest"):
    found = programs.jit(jax.grad(log_probability))(x)
  expected = recordings.channels_last(recorded.out[gradients[0]])
  assert _relative(found, expected) < 2e-4


def _recorded_extractor():
  """The recorded features of EGSDE's extractor: weights, inputs, outputs."""
  root = recordings.folder()
  paths = sorted(root.glob("egsde/*.npz")) if root else []
  archives = [dict(np.load(p)) for p in paths]
  weights = [a for a in archives if any("I2Iout" in k for k in a)]
  cases = [
      (a["y"], k.removesuffix("_feat_y"), a[k])
      for a in archives for k in a if k.endswith("_feat_y")]
  if not weights or not cases:
    pytest.skip("no recording of the extractor's features")
  return weights[0], cases


def test_replays_the_recorded_extractor():
  weights, cases = _recorded_extractor()
  module = adm_classifier.AdmClassifier(
      model_channels=32, channel_mult=(1, 2, 2), num_res_blocks=1,
      attention_factors=(2, 4), num_head_channels=32, image_size=32,
      out_channels=2, head_name="I2Iout", conv_impl="lax")
  x = jnp.zeros((2, 32, 32, 3))
  params = {"params": recordings.fill(module, weights, x, jnp.zeros(2))}
  features = programs.jit(lambda x, time: module.apply(
      params, x, time, features_only=True))
  for y, time, expected in cases:
    y = recordings.channels_last(y)
    with jax.default_matmul_precision("highest"):
      found = features(y, jnp.full(len(y), float(time.removeprefix("t"))))
    assert _relative(found, recordings.channels_last(expected)) < 2e-5


@pytest.mark.parametrize(
    "pool", marks.slow_but(("attention",), adm_classifier.POOLS))
def test_every_pool_gives_logits_image_by_image(pool):
  module = adm_classifier.AdmClassifier(**_SMALL, pool=pool)
  x, time = jnp.asarray(_normal(1, 8, 8, 8, 3)), jnp.linspace(0.0, 999.0, 8)
  params = {"params": _params(module, x, time)}
  apply = jax.jit(lambda x, time: module.apply(params, x, time))
  logits = apply(x, time)
  assert logits.shape == (8, 5) and np.std(logits) > 0
  assert np.array_equal(apply(x[2:4], time[2:4]), logits[2:4])


def test_attention_pool_is_its_definition():
  module = adm_classifier.AttentionPool(features=3, num_heads=2)
  x = _normal(0, 2, 2, 4, 8)
  shapes = jax.eval_shape(lambda: module.init(jax.random.key(0), x))["params"]
  params = jax.tree.map(lambda a: _normal(a.size, *a.shape), shapes)
  tokens = x.reshape(2, 8, 8)
  tokens = np.concatenate([tokens.mean(1, keepdims=True), tokens], 1)
  tokens = tokens + params["positional_embedding"]
  qkv = tokens @ params["qkv_proj"]["kernel"] + params["qkv_proj"]["bias"]
  out = []
  for head in range(2):
    q, k, v = (
        qkv[..., s * 8 + head * 4:s * 8 + head * 4 + 4] for s in range(3))
    logits = np.einsum("btd,bsd->bts", q, k) / 2.0
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    out.append((weights / weights.sum(-1, keepdims=True)) @ v)
  h = np.concatenate(out, -1)[:, 0]
  expected = h @ params["c_proj"]["kernel"] + params["c_proj"]["bias"]
  found = module.apply({"params": params}, x)
  assert _relative(found, expected) < 1e-5


def test_features_are_the_same_under_any_head():
  x, time = jnp.asarray(_normal(1, 2, 8, 8, 3)), jnp.array([3.0, 500.0])
  module = adm_classifier.AdmClassifier(**_SMALL, head_name="I2Iout")
  params = {"params": _params(module, x, time)}
  assert any(name.startswith("I2Iout.") for name in params["params"])
  assert not any(name.startswith("out.") for name in params["params"])
  features = programs.jit(lambda params: module.apply(
      params, x, time, features_only=True))(params)
  assert features.shape == (2, 4, 4, 64)
  trunk = {"params": {
      k: v for k, v in params["params"].items() if "I2Iout" not in k}}
  other = adm_classifier.AdmClassifier(**_SMALL, pool="spatial")
  found = programs.jit(lambda params: other.apply(
      params, x, time, method=adm_classifier.AdmClassifier.features))(trunk)
  assert np.array_equal(found, features)


@pytest.mark.parametrize("fields, side, message", [
    ({"pool": "max"}, 8, "pool must be one of 'attention'"),
    ({}, 16, "16 x 16 pixels; image_size is 8"),
    ({"num_head_channels": -1}, 8, "needs num_head_channels"),
])
def test_what_does_not_fit_is_named(fields, side, message):
  module = adm_classifier.AdmClassifier(**{**_SMALL, **fields})
  with pytest.raises(ValueError, match=message):
    jax.eval_shape(lambda: module.init(
        jax.random.key(0), jnp.zeros((1, side, side, 3)), jnp.zeros(1)))


@recorded_kinds.parametrized("time embedding")
def test_replays_recorded_time_embeddings(path):
  with np.load(path) as archive:
    time = archive["in/t" if "in/t" in archive.files else "t"]
    wanted = [archive[k] for k in archive.files if k.startswith("out/")]
  wanted = [v for v in wanted if v.ndim == 2 and len(v) == len(time)]
  assert wanted
  for expected in wanted:
    found = layers.time_embedding(jnp.asarray(time), expected.shape[1])
    # cos(999 f): the argument alone is rounded to 999 * 2^-24.
    np.testing.assert_allclose(found, expected, atol=2e-4)
