import dataclasses
import json

import pytest

from jaxguide.convert import errors
from jaxguide.convert import model_config
from jaxguide.convert.networks import families
from tests.convert import small

CONFIGS = small.configs()


@pytest.mark.parametrize("case", CONFIGS)
def test_json_and_back(case):
  config = dataclasses.replace(
      CONFIGS[case], licence="MIT", source={"file_name": "a.pt"})
  text = config.to_json()
  assert model_config.ModelConfig.from_json(text) == config
  assert text.endswith("}\n")
  hash(families.build_module(config))


@pytest.mark.parametrize("entry, value, message", [
    ("image_size", 0, "image_size is 0; expected a positive integer"),
    ("image_size", "64", "image_size is '64'"),
    ("channels", True, "channels is True"),
    ("prediction", "noise", "one of eps, x0, v, edm"),
    ("learned_variance", 1, "true or false"),
    ("module", [1], "module"),
    ("family", None, "family is None"),
    ("licence", 3, "licence"),
    ("value_range", [1, -1], "two increasing numbers"),
    ("value_range", [0, float("inf")], "two increasing numbers"),
    ("value_range", [0], "two increasing numbers"),
    ("schedule", {"kind": "linear"}, "schedule.num_steps is None"),
    ("schedule", {"kind": "linear", "num_steps": 0}, "positive"),
    ("schedule", {"kind": "lineal", "num_steps": 10},
     "schedule.kind is 'lineal'; expected one of linear"),
    ("schedule", {"num_steps": 10}, "schedule.kind is None"),
    ("schedule", "linear", "schedule is 'linear'; expected an object"),
    ("source", 3, "source"),
    ("image_sise", 64, "unknown entry 'image_sise'; near ones are"),
])
def test_bad_entries_are_named(entry, value, message):
  entries = json.loads(CONFIGS["plain"].to_json())
  entries[entry] = value
  with pytest.raises(errors.ConversionError) as caught:
    model_config.ModelConfig.from_json(json.dumps(entries))
  assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("text, message", [
    ("", "not valid JSON"), ("[]", "not a JSON object"),
    ("{", "not valid JSON"),
    ("{}", "lacks 'family', 'module', 'image_size'"),
    ("[" * 100_000, "not valid JSON"),
])
def test_other_texts(text, message):
  with pytest.raises(errors.ConversionError, match=message):
    model_config.ModelConfig.from_json(text)


@pytest.mark.parametrize("change, message", [
    ({"family": "adm"}, "known are adm_unet, adm_superres"),
    ({"module": {"model_chanels": 32}}, "near ones are 'model_channels'"),
    ({"module": {**CONFIGS["plain"].module, "channel_mult": ("a",)}},
     "does not make a network"),
    ({"module": {**CONFIGS["plain"].module, "model_channels": 33}},
     "does not make a network"),
    ({"image_size": 15}, "does not make a network"),
])
def test_configs_that_make_no_network(change, message):
  config = dataclasses.replace(CONFIGS["plain"], **change)
  with pytest.raises(errors.ConversionError, match=message):
    families.abstract_params(config)


def test_options_of_the_user_reach_the_module():
  module = families.build_module(CONFIGS["plain"], remat=True, conv_impl="lax")
  assert module.remat and module.conv_impl == "lax"
  with pytest.raises(errors.ConversionError, match="unknown"):
    families.build_module(CONFIGS["plain"], rematt=True)
