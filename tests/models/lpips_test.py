import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide.models import lpips
from jaxguide.models import perceptual_trunks
from tests import marks
from tests import programs
from tests.models import recordings

_UNUSED = ("scaling_layer.", "lins.")


@functools.cache
def _small(net, version="0.1", divisor=16):
  """A narrow network with random parameters, drawn without compiling."""
  module = lpips.Lpips(net, version, divisor)
  image = jnp.zeros((1, 64, 64, 3))
  shapes = jax.eval_shape(module.init, jax.random.key(3), image, image)
  rng = np.random.default_rng(3)

  def draw(path, leaf):
    if path[0].key.startswith("lin"):
      return np.float32(rng.uniform(size=leaf.shape))
    if len(leaf.shape) == 1:
      return np.zeros(leaf.shape, np.float32)
    std = np.sqrt(2 / np.prod(leaf.shape[:-1]))
    return np.float32(std * rng.standard_normal(leaf.shape))

  return module, jax.tree_util.tree_map_with_path(draw, shapes["params"])


def _images(batch, size, seed=0):
  pair = np.random.default_rng(seed).uniform(-1, 1, (2, batch, size, size, 3))
  return jnp.asarray(pair, jnp.float32)


@recordings.parametrized("lpips.LPIPS")
def test_recorded_values_and_gradients(path):
  data = recordings.load(path)
  module = lpips.Lpips(data.config["net"], data.config["version"])
  a, b = (jnp.asarray(recordings.channels_last(data.in_[k])) for k in "ab")
  kept = {k: v for k, v in data.sd.items() if not k.startswith(_UNUSED)}
  params = recordings.fill(module, kept, a, b)
  apply = functools.partial(module.apply, {"params": params})
  trunk = perceptual_trunks.PerceptualTrunk(data.config["net"])

  @programs.jit
  def evaluate(a, b):
    value, pull = jax.vjp(lambda x: apply(x, b), a)
    return {
        "value": value,
        "value_from_01_inputs_normalize_true": apply(
            (a + 1) / 2, (b + 1) / 2, normalize=True),
        "grad_a": pull(jnp.ones_like(value))[0],
        "features": trunk.apply(
            {"params": params["net"]}, perceptual_trunks.standardise(a))}

  outputs = evaluate(a, b)
  outputs["grad_a"] = np.moveaxis(outputs["grad_a"], -1, 1)
  for i, feature in enumerate(outputs.pop("features")):
    outputs[f"feat_a_{i}_mean"] = feature.mean((1, 2))
  compared = 0
  for name, found in outputs.items():
    if name in data.out:
      wanted = data.out[name].reshape(found.shape)
      # Gradients round ten times as much as values.
      bar = 2e-4 if name.startswith("grad") else 2e-5
      assert np.abs(found - wanted).max() <= bar * np.abs(wanted).max(), name
      compared += 1
  assert compared >= 2


def _torch_trunk(net, params, x):
  torch = pytest.importorskip("torch")
  functional = torch.nn.functional

  def convolve(name, x, stride, padding):
    layer = params[name]
    kernel, bias = (torch.tensor(np.array(layer[k])).double()
                    for k in ("kernel", "bias"))
    y = functional.conv2d(
        x, kernel.permute(3, 2, 0, 1), bias, stride, padding)
    return functional.relu(y)

  features = []
  if net == "alex":
    for name, stride, padding, pool in (
        ("slice1.0", 4, 2, False), ("slice2.3", 1, 2, True),
        ("slice3.6", 1, 1, True), ("slice4.8", 1, 1, False),
        ("slice5.10", 1, 1, False)):
      x = functional.max_pool2d(x, 3, 2) if pool else x
      x = convolve(name, x, stride, padding)
      features.append(x)
    return features
  for i, numbers in enumerate(
      ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28)), 1):
    x = functional.max_pool2d(x, 2, 2) if i > 1 else x
    for number in numbers:
      x = convolve(f"slice{i}.{number}", x, 1, 1)
    features.append(x)
  return features


@pytest.mark.parametrize("version", lpips.VERSIONS)
@pytest.mark.parametrize("net, size", [
    ("alex", 63), pytest.param("vgg", 37, marks=pytest.mark.slow)])
def test_agrees_with_torch_in_double_precision(net, size, version):
  torch = pytest.importorskip("torch")
  module, params = _small(net, version)
  # With biases, and so that no feature has next to no length, by which it is
  # divided: what float32 loses there is not what is tested.
  rng = np.random.default_rng(4)
  params = jax.tree.map(
      lambda leaf: np.float32(rng.uniform(0.2, 0.8, leaf.shape))
      if leaf.ndim == 1 else leaf, params)
  pair = _images(2, size)
  shift, scale = (
      torch.tensor(v, dtype=torch.float64).reshape(1, 3, 1, 1)
      for v in (perceptual_trunks.SHIFT, perceptual_trunks.SCALE))
  maps, sides = [], []
  for x in pair:
    x = torch.tensor(np.array(x)).double().permute(0, 3, 1, 2)
    x = (x - shift) / scale if version == "0.1" else x
    sides.append(_torch_trunk(net, params["net"], x))
  for k, (f, g) in enumerate(zip(*sides, strict=True)):
    unit = [t / (t.pow(2).sum(1, keepdim=True).sqrt() + 1e-10)
            for t in (f, g)]
    head = torch.tensor(np.array(params[f"lin{k}.model.1"]["kernel"])).double()
    maps.append(((unit[0] - unit[1])**2 * head.reshape(1, -1, 1, 1)).sum(
        1, keepdim=True))
  value = sum(m.mean((1, 2, 3)) for m in maps).numpy()
  found, spatial = programs.jit(lambda a, b: tuple(
      module.apply({"params": params}, a, b, spatial=spatial)
      for spatial in (False, True)))(*pair)
  np.testing.assert_allclose(found, value, rtol=2e-5)
  whole = sum(torch.nn.functional.interpolate(
      m, size=(size, size), mode="bilinear", align_corners=False)
              for m in maps).numpy()[:, 0]
  assert spatial.shape == (2, size, size)
  np.testing.assert_allclose(spatial, whole, atol=2e-5 * whole.max())


@pytest.mark.parametrize(
    "net", marks.slow_but(("alex",), perceptual_trunks.NETS))
def test_features_carry_the_distance(net):
  module, params = _small(net)
  a, b = _images(3, 64)
  features = lpips.LpipsFeatures(net, "0.1", 16)
  distance = programs.jit(functools.partial(module.apply, {"params": params}))
  extract = programs.jit(functools.partial(features.apply, {"params": params}))
  value = sum(
      ((np.float64(f) - g)**2).sum((1, 2, 3))
      for f, g in zip(extract(a), extract(b), strict=True))
  found = distance(a, b)
  np.testing.assert_allclose(found, value, rtol=1e-5)
  np.testing.assert_array_equal(programs.jit(
      lambda a: module.apply({"params": params}, a, a))(a), 0)
  normalised = programs.jit(functools.partial(
      module.apply, {"params": params}, normalize=True))
  np.testing.assert_allclose(
      found, normalised((a + 1) / 2, (b + 1) / 2), rtol=1e-4)


@pytest.mark.parametrize("net, size", [
    ("alex", 64), pytest.param("vgg", 32, marks=pytest.mark.slow)])
def test_same_bits_in_any_batch(net, size):
  # Convolutions from 16 to 16 channels are known to differ in the last bit;
  # networks of real use have 64 and more.
  module, params = _small(net, divisor=2)
  a, b = _images(5, size)

  @jax.jit
  def value_and_slope(a, b):
    value, pull = jax.vjp(
        lambda a: module.apply({"params": params}, a, b), a)
    return value, pull(jnp.ones_like(value))[0]

  many, few = value_and_slope(a, b), value_and_slope(a[1:3], b[1:3])
  np.testing.assert_array_equal(many[0][1:3], few[0])
  np.testing.assert_array_equal(many[1][1:3], few[1])


def test_gradient_is_finite_where_features_vanish():
  """Biases far below zero: every ReLU is off."""
  module, params = _small("vgg")
  dark = jax.tree.map(lambda p: np.full_like(p, -1.0), params["net"])
  a, b = _images(2, 16)
  slope = programs.jit(
      jax.grad(lambda x, p: module.apply({"params": p}, x, b).sum()))
  for trunk in (dark, params["net"]):
    found = slope(a, {**params, "net": trunk})
    assert np.all(np.isfinite(found))
    assert (np.abs(found).max() > 0) == (trunk is params["net"])


def test_bad_input_is_named():
  module, params = _small("alex")
  a, b = _images(2, 64)
  for call, message in (
      (lambda: module.apply({"params": params}, a, b[:1]), "reference"),
      (lambda: module.apply({"params": params}, a[:, :24], b[:, :24]),
       "too small"),
      (lambda: module.apply({"params": params}, a[..., :1], b[..., :1]),
       "shape"),
      (lambda: lpips.Lpips("squeeze").init(jax.random.key(0), a, b), "net"),
      (lambda: lpips.Lpips("alex", "1").init(jax.random.key(0), a, b),
       "version")):
    with pytest.raises(ValueError, match=message):
      call()
