"""Feature sets and the metrics of sets: names, batches, shards."""

import dataclasses
import functools

import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import convert
from jaxguide import metrics
from jaxguide.convert.networks import metric_networks as configs
from jaxguide.metrics import feature_sets
from jaxguide.metrics import preprocessing
from jaxguide.metrics import set_metric
from tests.metrics import catalogue


def pictures(count, seed=0, size=12, lift=0):
  return [
      np.random.default_rng([seed, n]).integers(
          lift, 256, (size, size, 3)).astype(np.uint8) for n in range(count)]


@functools.cache
def means():
  """A network without weights: means and mean squares of the channels."""
  def network(x):
    return jnp.concatenate([x.mean((1, 2)), (x * x).mean((1, 2))], -1)

  return feature_sets.FeatureSet(
      "means", "features=means|weights=none", 6, preprocessing.AS_IS,
      network, "frechet_means", "kernel_means")


def test_features_are_those_of_each_picture():
  made = pictures(21) + pictures(2, size=9)
  found = means()(made)
  assert found.shape == (23, 6) and found.dtype == np.float32
  for picture, row in zip(made, found, strict=True):
    x = picture / 127.5 - 1
    want = np.concatenate([x.mean((0, 1)), (x * x).mean((0, 1))])
    np.testing.assert_allclose(row, want, atol=1e-6)


def test_bits_depend_on_no_neighbour():
  made = pictures(40)
  whole = means()(made)
  for chosen in ([3], [7, 1, 30], range(25, 40)):
    np.testing.assert_array_equal(
        means()([made[n] for n in chosen]), whole[list(chosen)])


def test_extract_in_any_order_and_in_shards():
  made = list(enumerate(pictures(37)))
  whole = means().extract(made)
  back = means().extract(reversed(made))
  shards = [means().extract(made[k::3]) for k in range(3)]
  for other in (back, shards[2].merge(*shards[:2])):
    np.testing.assert_array_equal(other.numbers, whole.numbers)
    np.testing.assert_array_equal(other.features, whole.features)
  with pytest.raises(ValueError, match="pictures must have at least one"):
    means().extract([])


def test_trunk_features_are_means_of_the_layers():
  model = catalogue.small_model()
  last = metrics.trunk_features(model)
  both = metrics.trunk_features(model, ("relu2_2", "relu5_3"))
  assert last.num_features == 32 and both.num_features == 8 + 32
  made = pictures(3, size=32)
  np.testing.assert_array_equal(both(made)[:, 8:], last(made))
  assert np.all(last(made) >= 0) and len(np.unique(last(made)[:, 0])) > 1


def test_only_the_published_network_gives_fid():
  shape = {"a": {"kernel": np.ones((1, 1), np.float32)}}
  config = configs.inception_config(
      file_name="x.pth", sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad8"
      "8a03f1befd49fb9129b2")
  model = convert.Model(shape, config)
  other = convert.Model(shape, configs.inception_config(sha256="00"))
  names = [
      metrics.inception_features(model, p).frechet_name
      for p in preprocessing.PREPROCESSINGS]
  assert names[1] == "fid" and names.count("fid") == 1
  assert len(set(names)) == len(names)
  assert names[0].startswith("frechet_inception_")
  kernels = metrics.inception_features(model)
  assert kernels.kernel_name == "kid" and kernels.num_features == 2048
  for found in (metrics.inception_features(other),
                metrics.trunk_features(catalogue.small_model())):
    for name in (found.frechet_name, found.kernel_name):
      assert not name.startswith(("fid", "kid"))
  with pytest.raises(ValueError, match="'inception_fid', got 'lpips'"):
    metrics.inception_features(catalogue.small_model())
  with pytest.raises(ValueError, match="'lpips', got 'inception_fid'"):
    metrics.trunk_features(model)
  with pytest.raises(ValueError, match="taps must be one of"):
    metrics.trunk_features(catalogue.small_model(), ("fc6",))


def test_signatures_name_network_weights_layer_and_preprocessing():
  model = catalogue.small_model()
  found = [
      metrics.trunk_features(model),
      metrics.trunk_features(catalogue.small_model(seed=1)),
      metrics.trunk_features(model, ("relu4_3",)),
      metrics.trunk_features(model, (), preprocessing.PYTORCH_FID)]
  assert len({f.signature for f in found}) == len(found)
  assert "preprocessing=pytorch-fid" in found[3].signature
  assert found[3].frechet_name == "frechet_vgg_relu5_3_pytorch_fid"
  assert found[0].frechet_name == "frechet_vgg_relu5_3"


def test_set_metrics():
  made, true = (means().extract(enumerate(pictures(n, seed, lift=lift)))
                for n, seed, lift in ((30, 1, 40), (35, 2, 0)))
  frechet = metrics.frechet_metric(means())
  laws = [s.moments().gaussian() for s in (made, true)]
  want = metrics.frechet_distance(*laws)
  assert frechet(made, true) == frechet(made, laws[1]) == (want, None)
  assert want > 0 and frechet(true, true).value < 1e-12
  kernel = metrics.kernel_metric(means(), num_subsets=7, subset_size=10)
  value = metrics.kernel_distance(
      made.features, true.features, num_subsets=7, subset_size=10)
  assert kernel(made, true) == (value.mean, value.std)
  whole = metrics.kernel_metric(means(), num_subsets=None)
  assert whole(made, true).spread is None
  signatures = {m.signature for m in (
      frechet, kernel, whole, metrics.kernel_metric(means(), seed=1))}
  assert len(signatures) == 4
  with pytest.raises(ValueError, match="needs the pictures.*statistics"):
    kernel(made, laws[1])
  alien = dataclasses.replace(true, signature="features=other")
  with pytest.raises(ValueError, match="reference must .*features=other"):
    frechet(made, alien)


def test_where_files_are_missing_there_are_no_metrics(monkeypatch, tmp_path):
  path = tmp_path / "pt_inception.pth"
  assert metrics.installed_inception(path) == ()
  path.touch()
  model = convert.Model(
      {"a": np.ones(1, np.float32)}, configs.inception_config(
          sha256="6726825d"))
  monkeypatch.setattr(
      set_metric.metric_files, "read_inception", lambda path: model)
  monkeypatch.setattr(
      set_metric.metric_files, "load_lpips",
      lambda net: catalogue.small_model(net=net))
  found = metrics.installed_inception(path, preprocessing.CLEAN)
  assert [m.name for m in found] == ["fid_clean", "kid_clean"]
  monkeypatch.setattr(
      set_metric.importlib.util, "find_spec", lambda name: object())
  found = metrics.installed_trunk("alex", ("relu3",))
  assert [m.name for m in found] == [
      "frechet_alex_relu3", "kernel_alex_relu3"]
  monkeypatch.setattr(
      set_metric.importlib.util, "find_spec", lambda name: None)
  assert metrics.installed_trunk() == ()
