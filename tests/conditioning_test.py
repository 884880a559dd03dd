"""Conditions of a network: names, shapes, and the values for none of them."""

import dataclasses
import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import conditioning
from jaxguide import convert
from jaxguide import data
from jaxguide.evaluation import methods
from jaxguide.evaluation import runner
from jaxguide.evaluation import sources
from tests.convert import small
from tests.evaluation import support

LABEL = conditioning.Condition(
    "label", dtype="int32", num_values=5, null=4, argument="labels")
TEXT = conditioning.Condition("text", (None, 8), null=np.zeros((1, 8)))
MAP = conditioning.Condition("map", (4, 4, 1))
VALUES = {
    "label": jnp.array([0, 3]), "text": jnp.ones((2, 7, 8)),
    "map": jnp.ones((2, 4, 4, 1))}


def test_values_become_the_networks_own_arguments():
  given = conditioning.arguments((LABEL, TEXT, MAP), VALUES, "net")
  assert set(given) == {"labels", "text", "map"}
  assert given["labels"] is VALUES["label"]
  assert conditioning.arguments((), None, "net") == {}
  optional = LABEL._replace(optional=True)
  assert conditioning.arguments((optional,), None, "net") == {}


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
    conditioning.arguments(taken, values, "net")


def test_classes_may_be_weighted():
  weights = {"label": jnp.full((2, 5), 0.2)}
  assert conditioning.arguments((LABEL,), weights, "net")["labels"].shape == (
      2, 5)


def test_null_values_take_the_place_of_what_a_network_can_do_without():
  found = jax.jit(lambda values: conditioning.null_like(
      (LABEL, TEXT, MAP), values))(VALUES)
  np.testing.assert_array_equal(found["label"], [4, 4])
  assert found["label"].dtype == VALUES["label"].dtype
  np.testing.assert_array_equal(found["text"], np.zeros((2, 7, 8)))
  np.testing.assert_array_equal(found["map"], VALUES["map"])


def test_the_null_value_of_one_image():
  assert conditioning.null_value(LABEL) == 4
  assert conditioning.null_value(LABEL).dtype == np.int32
  # Of an open length it is as long as the null value.
  assert conditioning.null_value(TEXT).shape == (1, 8)
  for condition in (MAP, TEXT._replace(null=0.0)):
    with pytest.raises(ValueError, match="must have a null value"):
      conditioning.null_value(condition)


def test_a_models_config_may_name_its_conditions(tmp_path):
  """One entry of `config.json` is all that a new kind needs."""
  entry = {"name": "vector", "shape": [3], "null": 0.0, "argument": "labels"}
  config = convert.ModelConfig(**{
      **small.unet().__dict__, "conditions": (entry,)})
  assert convert.ModelConfig.from_json(config.to_json()) == config
  (found,) = convert.conditions_of(config)
  assert found == conditioning.Condition(
      "vector", (3,), null=0.0, argument="labels")
  with pytest.raises(convert.ConversionError, match="field of a condition"):
    convert.ModelConfig(**{
        **small.unet().__dict__, "conditions": ({"name": "a", "size": 3},)})


@dataclasses.dataclass(frozen=True)
class Tokens(sources.ConditionSource):
  """Texts of `lengths` tokens; that of image 1 cannot be read if `torn`."""

  lengths: tuple[int, ...] = (3, 3, 3)
  torn: bool = False
  key = "text"

  def load(self, index, image):
    if self.torn and index == 1:
      raise data.ImageError(image, "missing", "its text is torn")
    return np.full((self.lengths[index], 8), index, np.float32)


def _prior():
  """Pixels around the mean of the text's tokens and of the edit's vector."""
  plain = support.GaussianPrior().load()

  def apply(params, x, time, cond):
    mean = cond["text"].mean((1, 2)) + cond["edit"].mean(1)
    return plain.apply(params, x - mean[:, None, None, None], time, None)

  return dataclasses.replace(plain, apply=apply, conditions=(
      TEXT, conditioning.Condition("edit", (4,), null=0.5)))


@dataclasses.dataclass(frozen=True)
class TextPrior(support.GaussianPrior):

  def load(self):
    return _prior()


def _run(tmp_path, source):
  return runner.evaluate(
      support.experiment(
          prior=TextPrior(), conditions=(source,) if source else (),
          data=sources.DrawnImages(3, 16), method=methods.Ddim(num_steps=2)),
      tmp_path, devices=1, stream=io.StringIO())


def test_arrays_flow_from_a_source_to_the_network(tmp_path):
  """Tokens of a text, and the null value of a vector without a source."""
  report = _run(tmp_path / "given", Tokens())
  assert [r.status for r in report.records] == ["ok"] * 3
  # Only what is short is written down.
  assert report.records[0].conditions == {}
  free = _run(tmp_path / "free", None)
  pictures = [[(tmp_path / run / r.picture).read_bytes()
               for r in report.records] for run in ("given", "free")]
  assert free.summary["counts"]["ok"] == 3
  # Image 0 has a text of zeros, which is the null text.
  assert pictures[0][0] == pictures[1][0]
  assert pictures[0][1] != pictures[1][1]


def test_a_condition_that_cannot_be_read_fails_its_image_alone(tmp_path):
  report = _run(tmp_path, Tokens(torn=True))
  assert [r.status for r in report.records] == ["ok", "missing", "ok"]
  assert report.records[1].error == "its text is torn"


def test_lengths_that_differ_in_a_batch_are_named(tmp_path):
  with pytest.raises(ValueError, match="text must have one shape for all"):
    _run(tmp_path, Tokens(lengths=(3, 2, 3)))


def test_a_trial_run_does_without_what_only_a_file_has():
  whole = support.experiment(prior=TextPrior(), conditions=(Tokens(),))
  assert whole.tiny().conditions == ()
