"""Conditions of a network: names, shapes, and the values for none of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import conditions
from jaxguide import convert
from tests.convert import small

LABEL = conditions.Condition(
    "label", dtype="int32", num_values=5, null=4, argument="labels")
TEXT = conditions.Condition("text", (None, 8), null=np.zeros((1, 8)))
MAP = conditions.Condition("map", (4, 4, 1))
VALUES = {
    "label": jnp.array([0, 3]), "text": jnp.ones((2, 7, 8)),
    "map": jnp.ones((2, 4, 4, 1))}


def test_values_become_the_networks_own_arguments():
  given = conditions.arguments((LABEL, TEXT, MAP), VALUES, "net")
  assert set(given) == {"labels", "text", "map"}
  assert given["labels"] is VALUES["label"]
  assert conditions.arguments((), None, "net") == {}
  optional = LABEL._replace(optional=True)
  assert conditions.arguments((optional,), None, "net") == {}


@pytest.mark.parametrize("taken, values, message", [
    ((), {"label": 0}, "conditions of net must be among none at all, got 'la"),
    ((LABEL,), {"lable": 0}, "must be among label, got 'lable'"),
    ((LABEL, MAP), {"label": VALUES["label"]},
     "must have a value for 'map', got label"),
    ((MAP,), {"map": jnp.ones((2, 4, 5, 1))}, "map must have shape"),
    ((TEXT,), {"text": jnp.ones((2, 7, 9))}, "text must have shape"),
    ((LABEL,), {"label": jnp.ones((2, 4))}, "label must have shape"),
])
def test_what_a_network_does_not_take_is_refused(taken, values, message):
  with pytest.raises(ValueError, match=message):
    conditions.arguments(taken, values, "net")


def test_classes_may_be_weighted():
  weights = {"label": jnp.full((2, 5), 0.2)}
  assert conditions.arguments((LABEL,), weights, "net")["labels"].shape == (
      2, 5)


def test_null_values_take_the_place_of_what_a_network_can_do_without():
  found = jax.jit(lambda values: conditions.null_like(
      (LABEL, TEXT, MAP), values))(VALUES)
  np.testing.assert_array_equal(found["label"], [4, 4])
  assert found["label"].dtype == VALUES["label"].dtype
  np.testing.assert_array_equal(found["text"], np.zeros((2, 7, 8)))
  np.testing.assert_array_equal(found["map"], VALUES["map"])


def test_the_null_value_of_one_image():
  assert conditions.null_value(LABEL) == 4
  assert conditions.null_value(LABEL).dtype == np.int32
  for condition in (MAP, TEXT):  # None known, and of no known length.
    with pytest.raises(ValueError, match="must have a null value"):
      conditions.null_value(condition)


def test_a_models_config_may_name_its_conditions(tmp_path):
  """One entry of `config.json` is all that a new kind needs."""
  entry = {"name": "vector", "shape": [3], "null": 0.0, "argument": "labels"}
  config = convert.ModelConfig(**{
      **small.unet().__dict__, "conditions": (entry,)})
  assert convert.ModelConfig.from_json(config.to_json()) == config
  (found,) = convert.conditions_of(config)
  assert found == conditions.Condition(
      "vector", (3,), null=0.0, argument="labels")
  with pytest.raises(convert.ConversionError, match="field of a condition"):
    convert.ModelConfig(**{
        **small.unet().__dict__, "conditions": ({"name": "a", "size": 3},)})
