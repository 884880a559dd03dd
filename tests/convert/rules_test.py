import re

import jax
import numpy as np
import pytest

from jaxguide.convert import errors
from jaxguide.convert import rules
from jaxguide.convert.networks import adm
from jaxguide.convert.networks import families
from tests.convert import small

CONFIGS = small.configs()


@pytest.mark.parametrize("case", CONFIGS)
def test_state_dict_to_params_and_back_is_exact(case):
  entries = families.table(CONFIGS[case])
  tensors = small.state_dict(CONFIGS[case])
  back = rules.to_state_dict(rules.to_params(tensors, entries), entries)
  assert set(back) == set(tensors)
  assert all(np.array_equal(back[name], tensors[name]) for name in tensors)


@pytest.mark.parametrize("case", CONFIGS)
def test_params_have_the_tree_that_the_module_wants(case):
  config = CONFIGS[case]
  abstract = families.abstract_params(config)
  params = small.params(config)
  assert jax.tree.structure(params) == jax.tree.structure(abstract)
  assert all(jax.tree.leaves(jax.tree.map(
      lambda a, b: a.shape == b.shape and a.dtype == b.dtype,
      params, abstract)))


def test_layouts_agree_with_the_layers_they_are_for():
  """Applies each layout's weight as PyTorch defines its layer."""
  random = np.random.default_rng(0)
  x = random.normal(size=(2, 5, 6, 3)).astype(np.float32)
  w = random.normal(size=(4, 3, 3, 3)).astype(np.float32)
  padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
  expected = sum(
      padded[:, i:i + 5, j:j + 6] @ w[:, :, i, j].T
      for i in range(3) for j in range(3))
  found = jax.lax.conv_general_dilated(
      x, rules.CONV2D.to_linen(w), (1, 1), "SAME",
      dimension_numbers=("NHWC", "HWIO", "NHWC"), precision="highest")
  np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
  v = x.reshape(-1, 3)
  linear, conv1d = w[:, :, 0, 0], w[:, :, 0, :1]
  np.testing.assert_array_equal(
      v @ rules.LINEAR.to_linen(linear), v @ linear.T)
  np.testing.assert_array_equal(
      v @ rules.CONV1D.to_linen(conv1d), v @ conv1d[:, :, 0].T)


def test_every_rule_is_needed():
  used = set()
  for config in CONFIGS.values():
    for entry in families.table(config):
      *module, leaf = entry.path
      used |= {
          i for i, rule in enumerate(adm.RULES)
          if rule.fits(".".join(module), leaf, len(entry.shape))}
  assert used == set(range(len(adm.RULES)))


def _refused(change):
  tensors = small.state_dict(CONFIGS["plain"])
  change(tensors)
  with pytest.raises(errors.ConversionError) as caught:
    rules.to_params(tensors, families.table(CONFIGS["plain"]))
  assert "\n" not in str(caught.value)
  return str(caught.value)


def test_missing_extra_and_misshapen_tensors_are_all_listed():
  def change(tensors):
    del tensors["out.0.bias"]
    tensors["input_blocks.9.0.weight"] = np.zeros(3, np.float32)
    tensors["out.2.weight"] = tensors["out.2.weight"][:3]
  text = _refused(change)
  assert re.search(r"1 tensors are missing: 'out\.0\.bias'", text)
  assert re.search(r"1 tensors are not of .*'input_blocks\.9\.0\.weight'", text)
  assert "out.2.weight is [3, 32, 3, 3], expected [6, 32, 3, 3]" in text


def test_long_lists_are_cut():
  text = _refused(lambda tensors: tensors.clear())
  assert re.search(r"and \d+ more", text) and len(text) < 400


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite(value):
  def change(tensors):
    tensors["out.0.bias"][2] = value
  assert "'out.0.bias'" in _refused(change)


def test_integer_tensors_are_refused():
  def change(tensors):
    tensors["out.0.bias"] = np.zeros(32, np.int64)
  assert "no float type" in _refused(change)


def test_half_precision_is_widened_exactly():
  tensors = {
      name: array.astype(np.float16)
      for name, array in small.state_dict(CONFIGS["plain"]).items()}
  entries = families.table(CONFIGS["plain"])
  params = rules.to_params(tensors, entries)
  assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {
      np.dtype(np.float32)}
  back = rules.to_state_dict(params, entries)
  assert all(
      np.array_equal(back[n].astype(np.float16), a) for n, a in tensors.items())


def test_params_of_another_network_are_refused_on_the_way_back():
  params = small.params(CONFIGS["plain"])
  with pytest.raises(errors.ConversionError, match="label_emb"):
    rules.to_state_dict(
        params, families.table(CONFIGS["class-conditional"]))


def test_a_parameter_needs_exactly_one_rule():
  abstract = {"a": {"kernel": np.zeros((3, 3))}}
  one = rules.Rule("a", "kernel", "weight", rules.LINEAR)
  assert rules.table(abstract, [one])[0].name == "a.weight"
  for wrong in ([], [one, one]):
    with pytest.raises(errors.ConversionError, match="rules are for"):
      rules.table(abstract, wrong)


def test_two_parameters_of_one_name_are_refused():
  abstract = {"a": {"kernel": np.zeros(3), "scale": np.zeros(3)}}
  both = [rules.Rule("a", leaf, "weight", rules.SAME)
          for leaf in ("kernel", "scale")]
  with pytest.raises(errors.ConversionError, match="two parameters"):
    rules.table(abstract, both)
