"""Kernel distances: the definition, published programs, subsets."""

import numpy as np
import pytest

from jaxguide import metrics
from jaxguide.metrics import kernel
from tests.metrics import published


def drawn(count, seed, size=10, shift=0.0):
  values = np.random.default_rng(seed).normal(size=(count, size)) + shift
  return values.astype(np.float32)


def direct(x, y):
  """Pair by pair."""
  k = lambda f, g: (np.dot(np.float64(f), np.float64(g)) / len(f) + 1) ** 3
  n, m = len(x), len(y)
  xx = sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j)
  yy = sum(k(y[i], y[j]) for i in range(m) for j in range(m) if i != j)
  xy = sum(k(f, g) for f in x for g in y)
  return xx / (n * (n - 1)) + yy / (m * (m - 1)) - 2 * xy / (n * m)


def test_equals_its_definition_for_unequal_sets():
  x, y = drawn(17, 0), drawn(23, 1, shift=0.3)
  found = metrics.kernel_distance(x, y, num_subsets=None)
  assert found.mean == pytest.approx(direct(x, y), rel=1e-12)
  assert found.subset_size is None and found.num_subsets == 1


def test_blocks_change_nothing(monkeypatch):
  x, y = drawn(50, 2), drawn(60, 3)
  whole = kernel.squared_mmd(np.float64(x), np.float64(y))
  monkeypatch.setattr(kernel, "_BLOCK", 7)
  assert kernel.squared_mmd(
      np.float64(x), np.float64(y)) == pytest.approx(whole, rel=1e-11)


def test_equals_clean_fid_where_subsets_are_the_sets():
  theirs = published.module("cleanfid.fid")
  x, y = (np.float64(drawn(40, s, shift=s / 10)) for s in (4, 5))
  want = theirs.kernel_distance(x, y, num_subsets=3, max_subset_size=1000)
  found = metrics.kernel_distance(x, y)
  assert found.mean == pytest.approx(want, rel=1e-6)
  assert found.num_subsets == 1 and found.std == 0


def test_equals_clean_fid_on_the_same_subsets(monkeypatch):
  theirs = published.module("cleanfid.fid")
  x, y = (np.float64(drawn(n, n, shift=n / 90)) for n in (45, 30))
  pairs = [kernel.subset(45, 30, 12, 8, k) for k in range(6)]
  # It draws from its second set first, which it was given as the first here.
  draws = iter([part for pair in pairs for part in pair])
  monkeypatch.setattr(
      theirs.np.random, "choice", lambda *args, **options: next(draws))
  want = theirs.kernel_distance(y, x, num_subsets=6, max_subset_size=12)
  found = metrics.kernel_distance(
      x, y, num_subsets=6, subset_size=12, seed=8)
  assert found.mean == pytest.approx(want, rel=1e-6)


def test_equals_torchmetrics_on_the_same_subsets():
  kid = published.module("torchmetrics.image.kid")
  torch = pytest.importorskip("torch")
  x, y = (np.float64(drawn(n, n, shift=n / 90)) for n in (45, 30))
  values = [
      float(kid.poly_mmd(torch.tensor(x[i]), torch.tensor(y[j])))
      for i, j in (kernel.subset(45, 30, 12, 0, k)
                   for k in range(9))]
  found = metrics.kernel_distance(x, y, num_subsets=9, subset_size=12)
  assert found.mean == pytest.approx(np.mean(values), rel=1e-6)
  assert found.std == pytest.approx(np.std(values), rel=1e-6)


def test_is_unbiased():
  """Over many sets of one law the mean is 0, below and above it alike."""
  found = [
      metrics.kernel_distance(
          drawn(30, 2 * s), drawn(30, 2 * s + 1), num_subsets=None).mean
      for s in range(200)]
  error = np.std(found, ddof=1) / np.sqrt(200)
  assert abs(np.mean(found)) < 4 * error
  assert 40 < np.sum(np.array(found) < 0) < 160


def test_seed_decides_the_subsets():
  x, y = drawn(50, 6), drawn(50, 7, shift=0.5)
  run = lambda seed: metrics.kernel_distance(
      x, y, num_subsets=4, subset_size=20, seed=seed)
  assert run(0) == run(0) != run(1)
  for i in kernel.subset(50, 40, 20, 3, 2):
    assert len(np.unique(i)) == 20 and np.all(np.diff(i) > 0)


def test_bad_input_is_named():
  x, bad = drawn(5, 0), drawn(5, 0)
  bad[3, 3] = np.inf
  for call, message in (
      (lambda: metrics.kernel_distance(x[:1], x), r"x must have shape"),
      (lambda: metrics.kernel_distance(x, x[0]), r"y must have shape"),
      (lambda: metrics.kernel_distance(x, bad), "y must have finite values"),
      (lambda: metrics.kernel_distance(x, x[:, :4]), "10 and 4"),
      (lambda: metrics.kernel_distance(x, x, num_subsets=0), "num_subsets"),
      (lambda: metrics.kernel_distance(x, x, subset_size=1), "subset_size")):
    with pytest.raises(ValueError, match=message):
      call()
