"""Statistics on disk: exact, atomic, and refused when damaged."""

import numpy as np
import pytest

from jaxguide import metrics
from jaxguide.metrics import statistics_files
from tests.metrics import published


def features(count=150, size=6, seed=0):
  return np.random.default_rng(seed).normal(
      size=(count, size)).astype(np.float32)


def test_a_saved_stream_goes_on_with_the_same_bits(tmp_path):
  values, path = features(), tmp_path / "deep" / "m.npz"
  whole = metrics.empty_moments("f|x=1", 6).update(values)
  moments = metrics.empty_moments("f|x=1", 6)
  for part in np.array_split(values, 7):
    metrics.save_moments(path, moments)
    moments = metrics.load_moments(path).update(part)
  assert moments.signature == "f|x=1" and moments.count == 150
  np.testing.assert_array_equal(moments.mean, whole.mean)
  np.testing.assert_array_equal(moments.covariance(), whole.covariance())


def test_samples_merge_in_any_order_to_the_same_bytes(tmp_path):
  values, numbers = features(), np.random.default_rng(1).permutation(150)
  shards = [
      metrics.feature_sample("f", n, v) for n, v in zip(
          np.array_split(numbers, 4), np.array_split(values, 4), strict=True)]
  written = []
  for name, (first, *rest) in (("a", shards), ("b", shards[::-1])):
    metrics.save_sample(tmp_path / name, first.merge(*rest))
    written.append((tmp_path / name).read_bytes())
  assert written[0] == written[1]
  sample = metrics.load_sample(tmp_path / "a")
  np.testing.assert_array_equal(sample.numbers, np.arange(150))
  np.testing.assert_array_equal(sample.features[numbers], values)
  want = metrics.empty_moments("f", 6).update(sample.features)
  np.testing.assert_array_equal(sample.moments().mean, want.mean)


def test_published_statistics_both_ways(tmp_path):
  score = published.module("pytorch_fid.fid_score")
  values = features()
  law = metrics.empty_moments("f", 6).update(values).gaussian()
  metrics.save_gaussian(tmp_path / "ours.npz", law)
  mean, covariance = score.compute_statistics_of_path(
      str(tmp_path / "ours.npz"), None, 1, 6, "cpu")
  np.savez_compressed(tmp_path / "theirs.npz", mu=mean, sigma=covariance)
  again = metrics.load_gaussian(tmp_path / "theirs.npz")
  np.testing.assert_array_equal(again.mean, law.mean)
  np.testing.assert_array_equal(again.covariance, law.covariance)
  assert again.count is None
  assert metrics.frechet_distance(again, law) < 1e-12


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
  path = tmp_path / "m.npz"
  old = metrics.empty_moments("f", 6).update(features())
  metrics.save_moments(path, old)

  def fail(file, **arrays):
    file.write(b"half")
    raise OSError("disk full")

  monkeypatch.setattr(statistics_files.np, "savez", fail)
  with pytest.raises(OSError, match="disk full"):
    metrics.save_moments(path, old.update(features(seed=1)))
  monkeypatch.undo()
  assert metrics.load_moments(path).count == 150
  assert [p.name for p in tmp_path.iterdir()] == ["m.npz"]


def test_damaged_and_other_files_are_named(tmp_path):
  moments = metrics.empty_moments("f", 6).update(features())
  metrics.save_moments(tmp_path / "m.npz", moments)
  whole = (tmp_path / "m.npz").read_bytes()
  (tmp_path / "cut.npz").write_bytes(whole[:len(whole) // 2])
  (tmp_path / "empty.npz").write_bytes(b"")
  np.save(tmp_path / "one.npy", np.ones(3))
  np.savez(tmp_path / "other.npz", x=np.ones(3))
  np.savez(tmp_path / "odd.npz", mu=np.ones(3), sigma=np.ones((2, 2)))
  np.savez(tmp_path / "objects.npz", mu=np.array([{}]), sigma=np.ones(1))
  metrics.save_sample(
      tmp_path / "s.npz", metrics.feature_sample("f", range(150), features()))
  for load, name, message in (
      (metrics.load_moments, "cut.npz", "cut.npz: the file cannot be read"),
      (metrics.load_moments, "empty.npz", "empty.npz: the file cannot be read"),
      (metrics.load_moments, "one.npy", "one.npy: the file must be an npz"),
      (metrics.load_moments, "s.npz", "lacks folded"),
      (metrics.load_sample, "m.npz", "lacks numbers"),
      (metrics.load_gaussian, "s.npz", "lacks folded"),
      (metrics.load_gaussian, "other.npz", "lacks mu, sigma"),
      (metrics.load_gaussian, "odd.npz", r"sigma \[D, D\]"),
      (metrics.load_gaussian, "objects.npz", "cannot be read")):
    with pytest.raises(metrics.StatisticsError, match=message):
      load(tmp_path / name)
  with pytest.raises(FileNotFoundError):
    metrics.load_moments(tmp_path / "none.npz")


def test_bad_samples_are_named():
  values = features(4)
  broken = values.copy()
  broken[1, 0] = np.nan
  a = metrics.feature_sample("f", range(4), values)
  for call, message in (
      (lambda: metrics.feature_sample("f", [0, 1], values), "shape"),
      (lambda: metrics.feature_sample("f", [5, 6, 5, 7], values),
       "got 5 twice"),
      (lambda: metrics.feature_sample("f", [9, 8, 7, 6], broken),
       "picture 8"),
      (lambda: a.merge(a), "got 0 twice"),
      (lambda: a.merge(metrics.feature_sample("g", [9], values[:1])),
       "f, got a sample of g")):
    with pytest.raises(ValueError, match=message):
      call()
