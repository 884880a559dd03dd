"""Means over sets: exact, in any order, with bad values apart."""

import itertools
import json
import math

import numpy as np
import pytest

from jaxguide import metrics


def values(count=200, seed=0):
  draw = np.random.default_rng(seed).normal(25.0, 4.0, count)
  return draw.astype(np.float32)


def test_mean_and_standard_error_equal_numpy():
  drawn = values()
  summary = metrics.summarise("psnr", drawn)
  exact = drawn.astype(np.float64)
  assert summary.mean == pytest.approx(exact.mean(), rel=1e-14)
  assert summary.std == pytest.approx(exact.std(ddof=1), rel=1e-12)
  assert summary.standard_error == pytest.approx(
      exact.std(ddof=1) / math.sqrt(200), rel=1e-12
  )


def test_a_large_offset_costs_no_digits():
  drawn = 1e8 + np.array([1.0, 2.0, 3.0])
  summary = metrics.summarise("x", drawn)
  assert summary.std == 1.0 and summary.mean == 1e8 + 2


def test_shards_merge_to_the_same_bits_in_any_order():
  drawn = np.concatenate([values() * 1e-3, values(seed=1) * 1e3])
  whole = metrics.summarise("psnr", drawn)
  pieces = [
      metrics.summarise("psnr", part)
      for part in np.split(drawn, [3, 50, 51, 300])
  ]
  for order in itertools.islice(itertools.permutations(pieces), 20):
    merged = metrics.SetSummary("psnr")
    for piece in order:
      merged = merged.merge(piece)
    assert merged == whole
    assert (merged.mean, merged.std) == (whole.mean, whole.std)


def test_infinite_and_missing_values_are_counted_apart():
  drawn = [20.0, np.inf, 30.0, np.nan, -np.inf, np.inf]
  summary = metrics.summarise("psnr|a=b", drawn)
  assert summary.mean == 25.0 and summary.count == 2
  assert summary.num_positive_inf == 2
  assert summary.num_negative_inf == summary.num_nan == 1
  assert summary.num_images == 6
  assert (
      summary.signature_with_count == "psnr|a=b|N=6|inf=2|-inf=1|nan=1"
  )
  assert metrics.summarise("p", [1.0]).signature_with_count == "p|N=1"


def test_padding_does_not_count():
  summary = metrics.summarise("x", [1.0, 3.0, 99.0], [True, True, False])
  assert summary.mean == 2.0 and summary.num_images == 2
  with pytest.raises(ValueError, match="valid must have shape"):
    metrics.summarise("x", [1.0, 3.0], [True])
  with pytest.raises(ValueError, match="values must have shape"):
    metrics.summarise("x", [[1.0]])


def test_small_sets():
  empty = metrics.SetSummary("x")
  assert math.isnan(empty.mean) and math.isnan(empty.standard_error)
  one = metrics.summarise("x", [4.0])
  assert one.mean == 4.0 and math.isnan(one.standard_error)


def test_different_metrics_do_not_merge():
  with pytest.raises(ValueError, match=r"psnr\|a.*psnr\|b"):
    metrics.SetSummary("psnr|a").merge(metrics.SetSummary("psnr|b"))


def test_survives_a_file_exactly():
  summary = metrics.summarise("psnr", [*values(), np.nan])
  text = json.dumps(summary.to_json())
  assert metrics.from_json(json.loads(text)) == summary
  record = summary.to_json()
  del record["count"]
  with pytest.raises(ValueError, match="record must have the entries"):
    metrics.from_json(record)
