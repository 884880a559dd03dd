import functools

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide.models import inception
from jaxguide.models import windows
from tests import programs
from tests import recorded_kinds
from tests.models import recordings

_STATISTICS = {"mean": "running_mean", "var": "running_var"}


def _block(sd, told):
  """The block of a state dict; only the last kind is not told by its names."""
  width = lambda name: sd[f"{name}.conv.weight"].shape[0]
  if "branch5x5_2.conv.weight" in sd:
    return inception.InceptionA(width("branch_pool"))
  if "branch7x7dbl_5.conv.weight" in sd:
    return inception.InceptionC(width("branch7x7_1"))
  return inception.InceptionE("max" if "E_2" in told else "average")


@recorded_kinds.parametrized("Inception block")
def test_recorded_blocks(path):
  data = recordings.load(path)
  block = _block(data.sd, f"{data.config} {path.stem}")
  inputs = [v for v in data.in_.values() if v.ndim == 4]
  x = jnp.asarray(recordings.channels_last(inputs[0]))
  sd = {k: v for k, v in data.sd.items() if "num_batches" not in k}
  params = _fill(block, sd, x)
  found = np.asarray(programs.jit(block.apply)({"params": params}, x))
  found = np.moveaxis(found, -1, 1)
  wanted = [v for v in data.out.values() if v.shape == found.shape]
  assert wanted
  for value in wanted:
    assert np.abs(found - value).max() <= 2e-5 * np.abs(value).max()


def _fill(module, sd, *args):
  """`recordings.fill`, for a state dict with stored statistics."""
  names = {v: k for k, v in _STATISTICS.items()}
  renamed = {}
  for name, array in sd.items():
    stem, _, leaf = name.rpartition(".")
    renamed[f"{stem}.{names.get(leaf, leaf)}"] = array
  return recordings.fill(module, renamed, *args)


def _random(module, x, seed=0):
  """Parameters of which none is at its neutral value."""
  random = np.random.default_rng(seed)
  shapes = jax.eval_shape(module.init, jax.random.key(0), x)["params"]

  def draw(path, leaf):
    name = path[-1].key
    if name == "kernel":
      scale = np.sqrt(2 / np.prod(leaf.shape[:-1]))
      return (scale * random.normal(size=leaf.shape)).astype(np.float32)
    low = {"scale": 0.5, "var": 0.01}.get(name, -0.3)
    return random.uniform(low, low + 1, leaf.shape).astype(np.float32)

  return jax.tree_util.tree_map_with_path(draw, shapes)


def _torch_basic(params, x, stride=1, padding=0):
  torch = pytest.importorskip("torch")
  kernel = torch.tensor(params["conv"]["kernel"]).double().permute(3, 2, 0, 1)
  x = torch.nn.functional.conv2d(x, kernel, None, stride, padding)
  mean, var, scale, bias = (
      torch.tensor(params["bn"][k]).double()
      for k in ("mean", "var", "scale", "bias"))
  x = torch.nn.functional.batch_norm(
      x, mean, var, scale, bias, training=False, eps=1e-3)
  return torch.relu(x)


def _torch_block(kind, params, x, pool):
  """The four patched kinds, written from the specification's table."""
  torch = pytest.importorskip("torch")
  unit = lambda name, x, pad=0: _torch_basic(params[name], x, 1, pad)
  average = lambda x: torch.nn.functional.avg_pool2d(
      x, 3, 1, 1, count_include_pad=False)
  if kind == "A":
    wide = unit("branch5x5_2", unit("branch5x5_1", x), 2)
    double = unit("branch3x3dbl_2", unit("branch3x3dbl_1", x), 1)
    double = unit("branch3x3dbl_3", double, 1)
    middle = [wide, double]
  elif kind == "C":
    once = unit("branch7x7_2", unit("branch7x7_1", x), (0, 3))
    once = unit("branch7x7_3", once, (3, 0))
    twice = unit("branch7x7dbl_1", x)
    for n, pad in ((2, (3, 0)), (3, (0, 3)), (4, (3, 0)), (5, (0, 3))):
      twice = unit(f"branch7x7dbl_{n}", twice, pad)
    middle = [once, twice]
  else:
    once = unit("branch3x3_1", x)
    twice = unit("branch3x3dbl_2", unit("branch3x3dbl_1", x), 1)
    middle = [
        unit(f"{name}{fork}", y, pad)
        for name, y in (("branch3x3_2", once), ("branch3x3dbl_3", twice))
        for fork, pad in (("a", (0, 1)), ("b", (1, 0)))]
  pooled = (torch.nn.functional.max_pool2d(x, 3, 1, 1) if pool == "max"
            else average(x))
  return torch.cat(
      [unit("branch1x1", x), *middle, unit("branch_pool", pooled)], 1)


@pytest.mark.parametrize("kind, module", [
    ("A", inception.InceptionA(32)), ("C", inception.InceptionC(24)),
    ("E", inception.InceptionE("average")), ("E", inception.InceptionE("max"))])
def test_blocks_agree_with_torch_in_double_precision(kind, module):
  torch = pytest.importorskip("torch")
  x = np.random.default_rng(1).normal(size=(2, 7, 9, 12)).astype(np.float32)
  params = _random(module, x)
  found = programs.jit(module.apply)({"params": params}, x)
  wanted = _torch_block(
      kind, params, torch.tensor(x).double().permute(0, 3, 1, 2),
      getattr(module, "pool", "average")).permute(0, 2, 3, 1).numpy()
  assert np.abs(found - wanted).max() <= 2e-5 * np.abs(wanted).max()


@pytest.mark.parametrize("module", [
    inception.InceptionB(), inception.InceptionD()])
def test_halving_blocks_keep_the_largest_of_each_window(module):
  x = np.random.default_rng(2).normal(size=(2, 9, 9, 8)).astype(np.float32)
  found = module.apply({"params": _random(module, x)}, x)
  assert found.shape[1:3] == (4, 4)
  pooled = np.stack([
      x[:, 2 * i:2 * i + 3, 2 * j:2 * j + 3].max((1, 2))
      for i in range(4) for j in range(4)], 1).reshape(2, 4, 4, 8)
  np.testing.assert_array_equal(found[..., -8:], pooled)


def test_average_pool_leaves_out_the_border():
  x = np.random.default_rng(3).normal(size=(2, 5, 4, 3)).astype(np.float32)
  found = windows.average_pool_inside(jnp.asarray(x))
  for i in range(5):
    for j in range(4):
      part = x[:, max(i - 1, 0):i + 2, max(j - 1, 0):j + 2]
      np.testing.assert_allclose(
          found[:, i, j], part.mean((1, 2)), rtol=1e-5, atol=1e-6)


def test_pool_passes_nan_on_and_small_images_are_named():
  x = jnp.ones((1, 4, 4, 1)).at[0, 1, 1].set(jnp.nan)
  assert np.isnan(windows.max_pool(x, 3, 1)).all()
  with pytest.raises(ValueError, match="too small"):
    windows.max_pool(x, 5, 1)


@functools.cache
def _whole():
  module = inception.InceptionV3()
  return module, _random(module, jnp.zeros((1, 75, 75, 3)))


@pytest.mark.slow
def test_whole_network_gives_features_and_logits():
  module, params = _whole()
  x = jax.random.uniform(jax.random.key(0), (3, 75, 80, 3), minval=-1.0)
  features = jax.jit(module.apply)({"params": params}, x)
  assert features.shape == (3, inception.FEATURES)
  assert np.all(features >= 0) and np.isfinite(features).all()
  alone = jax.jit(module.apply)({"params": params}, x[1:])
  np.testing.assert_allclose(alone, features[1:], rtol=1e-5, atol=1e-6)
  logits = jax.jit(functools.partial(module.apply, logits=True))(
      {"params": params}, x)
  wanted = features @ params["fc"]["kernel"] + params["fc"]["bias"]
  np.testing.assert_allclose(logits, wanted, rtol=1e-4, atol=1e-3)


def test_is_a_module():
  assert isinstance(inception.InceptionV3(), nn.Module)
  with pytest.raises(ValueError, match="pool"):
    inception.InceptionE("min").init(
        jax.random.key(0), jnp.zeros((1, 4, 4, 3)))
