import jax
import numpy as np
import pytest

from jaxguide.convert import errors
from jaxguide.convert.networks import extractor_start
from jaxguide.convert.networks import families
from tests.convert import small


def _params(seed, head_name="out", **fields):
  config = small.classifier("attention", head_name)
  config.module.update(fields)
  random = np.random.default_rng(seed)
  return jax.tree.map(
      lambda leaf: random.normal(size=leaf.shape).astype(np.float32),
      families.abstract_params(config))


@pytest.mark.parametrize("head_name, classes", [
    ("I2Iout", 2), ("I2Iout", 3), ("out", 5)])
def test_the_trunk_is_copied_and_the_head_stays(head_name, classes):
  classifier = _params(0)
  fresh = _params(1, head_name, out_channels=classes)
  start = extractor_start.from_classifier(classifier, fresh)
  started = start.params
  assert set(started) == set(fresh)
  heads = 0
  for module, entries in started.items():
    head = module.startswith(head_name)
    heads += head
    origin = fresh if head else classifier
    assert jax.tree.structure(entries) == jax.tree.structure(fresh[module])
    for found, expected in zip(
        jax.tree.leaves(entries), jax.tree.leaves(origin[module]),
        strict=True):
      np.testing.assert_array_equal(found, expected)
  # The norm and the attention pool.
  assert heads == 2
  head = [
      "0.bias", "0.scale", "2.c_proj.bias", "2.c_proj.kernel"]
  for name in head:
    assert f"{head_name}.{name}" in start.fresh
    assert f"out.{name}" in start.dropped
  assert not set(start.copied) & set(start.fresh)
  assert len(start.copied) + len(start.fresh) == len(
      jax.tree.leaves(fresh))
  assert len(start.copied) + len(start.dropped) == len(
      jax.tree.leaves(classifier))


@pytest.mark.parametrize("change, message", [
    ({"model_channels": 64}, "have another shape"),
    ({"num_res_blocks": 1}, "are missing"),
    ({"attention_factors": (4,)}, "are missing"),
    ({"attention_factors": (1, 2, 4)}, "are not of this"),
])
def test_another_trunk_is_refused(change, message):
  with pytest.raises(errors.ConversionError, match=message) as caught:
    extractor_start.from_classifier(_params(0, **change), _params(1, "I2Iout"))
  assert "\n" not in str(caught.value)


def test_a_tree_without_a_trunk_is_refused():
  head = {"out.0": {"scale": np.ones(3)}}
  with pytest.raises(errors.ConversionError, match="nothing to copy.*classif"):
    extractor_start.from_classifier(head, _params(1))
  with pytest.raises(errors.ConversionError, match="nothing to copy.*extract"):
    extractor_start.from_classifier(_params(1), head)
