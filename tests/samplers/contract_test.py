"""Every sampler keeps the contract."""

import numpy as np
import pytest

from jaxguide import samplers
from tests import public_names
from tests.samplers import cases
from tests.samplers import contract
from tests.samplers import gaussians
from tests.samplers import own_samplers


def _pairs(some, promises_of):
  return [(promise, case) for case in some for promise in promises_of(case)]


def _each(pairs, marks=()):
  return [pytest.param(*pair, id=f"{pair[0].__name__}-{pair[1].name}",
                       marks=marks) for pair in pairs]


def test_every_sampler_has_cases():
  """A public function of the package that returns a `Sampler` is one."""
  factories = public_names.returning(samplers, (samplers.Sampler,))
  assert sorted(factories) == sorted(cases.CASES)
  assert all(cases.CASES.values())
  names = [case.name for case in cases.ALL]
  assert len(names) == len(set(names))


@pytest.mark.parametrize(("promise", "case"), [
    *_each(_pairs(cases.ALL, contract.numbers_of)),
    *_each(_pairs((*cases.FIRST, own_samplers.CORRECTED),
                  lambda case: contract.STRUCTURE)),
    *_each(_pairs([cases.LOOKING_AHEAD], lambda case: contract.STRUCTURE),
           pytest.mark.slow)])
def test_contract(promise, case):
  promise(case)


def test_the_statistics_have_power():
  """What `contract.samples_match_the_recursion` claims, on numpy samples."""
  rng, p = np.random.default_rng(0), gaussians.prior()
  root = np.linalg.cholesky(p.covariance)
  x = p.mean + rng.normal(size=(20_000, gaussians.DIM)) @ root.T
  truth = gaussians.scores(x, p.mean, p.covariance)
  assert abs(truth["mean"]) < 3 and abs(truth["covariance"]) < 3
  shifted = gaussians.scores(x, p.mean + 0.035 * root[:, 3], p.covariance)
  assert shifted["mean"] > 3
  wider = gaussians.scores(x, p.mean, 1.025 * p.covariance)
  assert wider["covariance"] > 3
