"""Frechet distances: closed forms, published programs, few vectors."""

import numpy as np
import pytest
import scipy.linalg

from jaxguide import metrics
from tests.metrics import published


def law(mean, covariance, count=None):
  return metrics.Gaussian(
      np.asarray(mean, np.float64), np.asarray(covariance, np.float64), count)


def drawn(count, size, seed, rank=None):
  """Features like those of a network: correlated, >= 0, some always 0."""
  random = np.random.default_rng(seed)
  mix = random.normal(size=(rank or size, size)) / np.sqrt(rank or size)
  spread = random.normal(size=(count, rank or size))
  values = spread @ mix + 0.3 * random.random(size)
  if rank is None:
    values = np.maximum(values, 0)
    values[:, ::7] = 0
  return values.astype(np.float32)


def gaussian(values):
  return metrics.empty_moments("f", values.shape[1]).update(values).gaussian()


def thin(x, y):
  """The distance from the vectors themselves, without any covariance."""
  x, y = np.float64(x), np.float64(y)
  a, b = ((v - v.mean(0)) / np.sqrt(len(v) - 1) for v in (x, y))
  root = np.linalg.svd(a @ b.T, compute_uv=False).sum()
  step = x.mean(0) - y.mean(0)
  return step @ step + (a**2).sum() + (b**2).sum() - 2 * root


def test_commuting_covariances_have_a_closed_form():
  random = np.random.default_rng(0)
  basis = np.linalg.qr(random.normal(size=(20, 20)))[0]
  s, t = random.uniform(0.1, 3, (2, 20))
  m, n = random.normal(size=(2, 20))
  a = law(m, basis * s @ basis.T)
  b = law(n, basis * t @ basis.T)
  want = ((m - n)**2).sum() + ((np.sqrt(s) - np.sqrt(t))**2).sum()
  assert metrics.frechet_distance(a, b) == pytest.approx(want, rel=1e-12)
  assert metrics.frechet_distance(b, a) == pytest.approx(want, rel=1e-12)


def test_one_feature_and_no_variance():
  assert metrics.frechet_distance(
      law([1.0], [[4.0]]), law([3.0], [[9.0]])) == pytest.approx(5.0)
  flat = law([0.0, 0.0], np.zeros((2, 2)))
  assert metrics.frechet_distance(
      flat, law([3.0, 4.0], np.diag([1.0, 2.0]))) == pytest.approx(28.0)


@pytest.mark.parametrize("module", ["pytorch_fid.fid_score", "cleanfid.fid"])
@pytest.mark.parametrize("size, count", [(16, 60), (96, 400)])
def test_equals_published_programs(module, size, count):
  theirs = published.module(module)
  function = getattr(theirs, "calculate_frechet_distance", None) or (
      theirs.frechet_distance)
  random = np.random.default_rng(size)
  x = random.gamma(2.0, size=(count, size))
  y = random.gamma(2.5, size=(count + 13, size)) @ (
      np.eye(size) + 0.1 * random.normal(size=(size, size)))
  want = function(x.mean(0), np.cov(x, rowvar=False),
                  y.mean(0), np.cov(y, rowvar=False))
  found = metrics.frechet_distance(gaussian(x), gaussian(y))
  assert found == pytest.approx(want, rel=1e-6)


def test_equals_torchmetrics():
  fid = published.module("torchmetrics.image.fid")
  torch = pytest.importorskip("torch")
  x, y = (np.float64(drawn(300, 40, s)) for s in (1, 2))
  tensors = []
  for v in (x, y):
    tensors += [torch.tensor(v.mean(0)), torch.tensor(
        np.cov(v, rowvar=False))]
  want = float(fid._compute_fid(*tensors))
  found = metrics.frechet_distance(gaussian(x), gaussian(y))
  assert found == pytest.approx(want, rel=1e-6)


@pytest.mark.parametrize("count_x, count_y, rank", [
    (40, 50, None), (40, 300, None), (300, 400, 25), (2, 3, None)])
def test_few_vectors_lose_no_digits(count_x, count_y, rank):
  """Fewer vectors than features, or features that depend on each other."""
  x, y = (drawn(count_x, 128, 3, rank), drawn(count_y, 128, 4, rank))
  assert metrics.frechet_distance(
      gaussian(x), gaussian(y)) == pytest.approx(thin(x, y), rel=1e-9)


def test_agrees_with_the_root_of_the_product():
  x, y = drawn(500, 30, 5), 1.3 * drawn(500, 30, 6)
  a, b = gaussian(x), gaussian(y)
  ridge = 1e-9 * np.eye(30)  # The root of a singular matrix is ill-defined.
  root = scipy.linalg.sqrtm((a.covariance + ridge) @ (b.covariance + ridge))
  step = a.mean - b.mean
  want = step @ step + np.trace(a.covariance + b.covariance) - 2 * np.trace(
      root.real)
  assert metrics.frechet_distance(a, b) == pytest.approx(want, rel=1e-4)


def test_of_a_set_from_itself_is_nothing():
  for x in (drawn(200, 32, 7), drawn(20, 64, 8)):
    a = gaussian(x)
    assert 0 <= metrics.frechet_distance(a, a) < 1e-10 * np.trace(a.covariance)


def test_does_not_see_a_rotation_and_scales_as_a_square():
  x, y = (np.float64(drawn(100, 24, s)) for s in (9, 10))
  turn = np.linalg.qr(np.random.default_rng(0).normal(size=(24, 24)))[0]
  plain = metrics.frechet_distance(gaussian(x), gaussian(y))
  turned = metrics.frechet_distance(gaussian(x @ turn), gaussian(y @ turn))
  grown = metrics.frechet_distance(gaussian(3 * x), gaussian(3 * y))
  assert turned == pytest.approx(plain, rel=1e-9)
  assert grown == pytest.approx(9 * plain, rel=1e-9)


def test_shards_give_the_distance_of_the_whole():
  x, y = drawn(301, 48, 11), drawn(200, 48, 12)
  empty = metrics.empty_moments("f", 48)
  shards = [empty.update(p) for p in np.array_split(x, 4)]
  merged = shards[2].merge(shards[0]).merge(shards[3].merge(shards[1]))
  found = metrics.frechet_distance(merged.gaussian(), gaussian(y))
  assert found == pytest.approx(
      metrics.frechet_distance(gaussian(x), gaussian(y)), rel=1e-11)


def test_bad_laws_are_named():
  good = law([0.0, 0.0], np.eye(2))
  for bad, message in (
      (law([0.0], [[1.0]]), "b must have a mean"),
      (law([0.0, 0.0], np.eye(3)), "b must have a covariance"),
      (law([0.0, np.nan], np.eye(2)), "b must have finite values"),
      (law([0.0, 0.0], [[1, 0.5], [0, 1]]),
       "b must have a symmetric covariance.* 0.5")):
    with pytest.raises(ValueError, match=message):
      metrics.frechet_distance(good, bad)
