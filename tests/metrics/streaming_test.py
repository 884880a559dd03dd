"""Moments on disk: interrupted, sharded, of something else."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import metrics
from jaxguide.metrics import feature_sets
from jaxguide.metrics import preprocessing

MEANS = feature_sets.FeatureSet(
    "means", "features=means", 3, preprocessing.AS_IS,
    lambda x: jnp.mean(x, (1, 2)), "frechet_means", "kernel_means")


def read(n):
  return np.random.default_rng(n).integers(0, 256, (8, 8, 3)).astype(np.uint8)


def test_an_interrupted_stream_ends_with_the_same_bytes(tmp_path):
  whole = metrics.stream_moments(MEANS, read, 150, tmp_path / "whole.npz")
  seen = []

  def broken(n):
    seen.append(n)
    if n == 101:
      raise KeyboardInterrupt
    return read(n)

  path = tmp_path / "part.npz"
  with pytest.raises(KeyboardInterrupt):
    metrics.stream_moments(MEANS, broken, 150, path, save_every=30)
  assert metrics.load_moments(path).count == 90
  seen.clear()
  again = lambda n: seen.append(n) or read(n)
  found = metrics.stream_moments(MEANS, again, 150, path, save_every=7)
  assert seen == list(range(90, 150))
  assert path.read_bytes() == (tmp_path / "whole.npz").read_bytes()
  np.testing.assert_array_equal(found.mean, whole.mean)
  direct = MEANS.extract((n, read(n)) for n in range(150)).moments()
  np.testing.assert_array_equal(whole.covariance(), direct.covariance())


def test_shards_give_the_distance_of_the_whole(tmp_path):
  whole = metrics.stream_moments(MEANS, read, 90, tmp_path / "whole.npz")
  shards = [
      metrics.stream_moments(
          MEANS, lambda n, k=k: read(3 * n + k), 30, tmp_path / f"{k}.npz")
      for k in range(3)]
  merged = shards[2].merge(shards[0]).merge(shards[1])
  other = metrics.stream_moments(
      MEANS, lambda n: read(n) // 2, 50, tmp_path / "o.npz").gaussian()
  assert metrics.frechet_distance(
      merged.gaussian(), other) == pytest.approx(
          metrics.frechet_distance(whole.gaussian(), other), rel=1e-10)


def test_a_finished_file_is_read_and_serves_as_a_reference(tmp_path):
  path = tmp_path / "m.npz"
  metrics.stream_moments(MEANS, read, 20, path)
  found = metrics.stream_moments(MEANS, None, 20, path)
  law = metrics.load_gaussian(path, signature="features=means")
  assert law.count == found.count == 20
  np.testing.assert_array_equal(law.covariance, found.covariance())
  with pytest.raises(metrics.StatisticsError, match="one of features=means"):
    metrics.load_gaussian(path, signature="features=other")


def test_other_contents_are_refused(tmp_path):
  path = tmp_path / "m.npz"
  metrics.save_moments(path, metrics.empty_moments("features=other", 3))
  with pytest.raises(metrics.StatisticsError, match="of features=other"):
    metrics.stream_moments(MEANS, read, 5, path)
  metrics.stream_moments(MEANS, read, 20, tmp_path / "n.npz")
  with pytest.raises(metrics.StatisticsError, match="got 20 pictures"):
    metrics.stream_moments(MEANS, read, 19, tmp_path / "n.npz")
  with pytest.raises(ValueError, match="save_every"):
    metrics.stream_moments(MEANS, read, 5, tmp_path / "x", save_every=0)
