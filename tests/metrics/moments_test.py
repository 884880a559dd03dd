"""Streaming moments against numpy, in any cut, order and scale."""

import itertools

import numpy as np
import pytest

from jaxguide import metrics
from jaxguide.metrics import moments


def features(count=300, size=12, seed=0, offset=0.0):
  random = np.random.default_rng(seed)
  mixed = random.normal(size=(count, size)) @ random.normal(size=(size, size))
  return (mixed + offset).astype(np.float32)


def of(values, *cuts):
  found = metrics.empty_moments("f", values.shape[1])
  for part in np.split(values, cuts):
    found = found.update(part)
  return found


def arrays(found):
  return found.folded, found.centre, found.scatter, found.pending


def test_equal_numpy_in_float64():
  values = features()
  found = of(values, 7, 100)
  exact = values.astype(np.float64)
  assert found.count == 300
  np.testing.assert_allclose(found.mean, exact.mean(0), rtol=1e-13)
  for ddof in (0, 1):
    want = np.cov(exact, rowvar=False, ddof=ddof)
    np.testing.assert_allclose(
        found.covariance(ddof), want, atol=1e-13 * want.max())
  np.testing.assert_array_equal(found.covariance(), found.covariance().T)


@pytest.mark.parametrize("cuts", [(1,), (64,), (63, 64, 65, 200), (299,),
                                  tuple(range(10, 300, 10))])
def test_the_same_bits_however_a_stream_is_cut(cuts):
  values = features()
  for a, b in zip(arrays(of(values)), arrays(of(values, *cuts)), strict=True):
    np.testing.assert_array_equal(a, b)


def test_shards_merge_to_the_whole_in_any_order():
  values = features(500)
  whole = of(values)
  parts = [of(p) for p in np.split(values, [3, 130, 131])]
  for order in itertools.permutations(parts):
    merged = order[0].merge(order[1]).merge(order[2].merge(order[3]))
    assert merged.count == 500
    np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(
        merged.covariance(), whole.covariance(),
        atol=1e-13 * whole.covariance().max())


def test_an_empty_shard_changes_nothing_and_streams_go_on_after_a_merge():
  values = features()
  none = metrics.empty_moments("f", 12)
  for merged in (of(values).merge(none), none.merge(of(values))):
    np.testing.assert_array_equal(merged.mean, of(values).mean)
  later = of(values[:90]).merge(of(values[90:100])).update(values[100:])
  assert later.count == 300
  np.testing.assert_allclose(
      later.covariance(), of(values).covariance(), rtol=1e-11, atol=1e-12)


def test_large_means_cost_no_digits():
  """E[f f^T] - E[f] E[f]^T would leave no digit here."""
  random = np.random.default_rng(3)
  values = 1e8 + random.normal(size=(1000, 4))
  found = of(values, 10, 500)
  want = np.cov(values, rowvar=False)
  np.testing.assert_allclose(
      found.covariance(), want, atol=1e-6 * want.max())
  naive = values.T @ values / 1000 - np.outer(values.mean(0), values.mean(0))
  assert np.abs(naive - want).max() > 0.1


def test_bad_input_is_named():
  found = metrics.empty_moments("f", 3)
  broken = np.ones((4, 3))
  broken[2, 1] = np.nan
  for call, message in (
      (lambda: found.update(np.ones((2, 4))), r"shape \[N, 3\]"),
      (lambda: found.update(broken), "infinity in row 2"),
      (lambda: found.covariance(), "at least 2 vectors, got 0"),
      (lambda: found.merge(metrics.empty_moments("g", 3)),
       "f, got moments of g"),
      (lambda: found.merge(metrics.empty_moments("f", 4)),
       "3 features.* got 4"),
      (lambda: moments.empty_moments("f", 0), "num_features")):
    with pytest.raises(ValueError, match=message):
      call()
