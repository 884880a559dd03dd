"""One contract for every metric of the catalogue."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import operators
from tests.metrics import catalogue

EVERY = pytest.mark.parametrize(
    "metric", catalogue.METRICS, ids=lambda metric: metric.signature
)
BATCH = 8


@functools.cache
def problem(shape=(16, 20, 3)):
  """Images, their noisy copies and masks; entry n depends on n alone."""
  xs, references, masks = [], [], []
  for n in range(BATCH):
    rng = np.random.default_rng([n])
    reference = rng.uniform(-0.8, 0.8, shape)
    xs.append(reference + rng.uniform(-0.4, 0.4, shape))
    references.append(reference)
    masks.append(rng.random((*shape[:2], 1)) < 0.5)
  return tuple(np.stack(a).astype(np.float32) for a in (xs, references, masks))


@functools.cache
def judge(metric):
  """The compiled metric of (x, reference, mask), given all it may ask for."""

  def function(x, reference, mask):
    operator = operators.inpainting(mask)
    observation = operators.Observation(operator.apply(reference), operator)
    return metric.function(x, reference, observation=observation, mask=mask)

  return jax.jit(function)


def run(metric, n, order=(0, 1)):
  """The metric of the images `n`."""
  inputs = problem()
  x, reference = inputs[order[0]][n], inputs[order[1]][n]
  return np.asarray(judge(metric)(x, reference, inputs[2][n]))


@EVERY
def test_one_finite_number_per_image(metric):
  values = run(metric, np.arange(BATCH))
  assert values.shape == (BATCH,) and values.dtype == np.float32
  assert np.all(np.isfinite(values))
  assert len(np.unique(values)) == BATCH


@EVERY
def test_an_image_has_the_same_bits_in_any_batch(metric):
  whole = run(metric, np.arange(BATCH))
  for n in ([0, 1], [5, 2, 3]):
    np.testing.assert_array_equal(run(metric, np.array(n)), whole[n])


@EVERY
def test_gradients_do_not_mix_images(metric):
  x, reference, mask = problem()
  first = lambda x: judge(metric)(x, reference, mask)[0]
  gradient = jax.jit(jax.grad(first))(x)
  assert np.all(np.isfinite(gradient))
  np.testing.assert_array_equal(gradient[1:], 0)


@EVERY
def test_a_bad_image_harms_no_other(metric):
  x, reference, mask = problem()
  broken = x.copy()
  broken[2] = np.nan
  good = judge(metric)(x, reference, mask)
  bad = judge(metric)(broken, reference, mask)
  assert np.isnan(bad[2])
  np.testing.assert_array_equal(np.delete(bad, 2), np.delete(good, 2))


@EVERY
def test_symmetric_where_it_says_so(metric):
  there = run(metric, np.arange(BATCH))
  back = run(metric, np.arange(BATCH), order=(1, 0))
  if metric.symmetric:
    np.testing.assert_allclose(there, back, rtol=2e-6)
  else:
    # A x - y with x and the reference exchanged: the same size here.
    np.testing.assert_allclose(there, back, rtol=2e-2)


@EVERY
def test_more_noise_is_worse(metric):
  x, reference, mask = problem()
  little, much = (
      judge(metric)(reference + share * (x - reference), reference, mask)
      for share in (np.float32(0.25), np.float32(1.0))
  )
  assert np.all((little > much) == metric.higher_is_better)


@EVERY
def test_wrong_shapes_are_named(metric):
  x, reference, mask = problem()
  operator = operators.inpainting(jnp.asarray(mask))
  observation = operators.Observation(jnp.asarray(reference), operator)
  with pytest.raises(ValueError, match="shape"):
    metric.function(
        jnp.asarray(x[:, :15]), jnp.asarray(reference),
        observation=observation, mask=jnp.asarray(mask),
    )


def test_signatures_are_unique_and_speak():
  signatures = [metric.signature for metric in catalogue.METRICS]
  assert len(set(signatures)) == len(signatures)
  for metric in catalogue.METRICS:
    assert metric.signature.startswith(metric.name.split("_unob")[0][:4])
    for part in ("range=", "quantise=", "dtype=float32"):
      assert part in metric.signature
