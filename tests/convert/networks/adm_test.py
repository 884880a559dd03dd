import pytest

from jaxguide.convert import errors
from jaxguide.convert.networks import adm
from tests.convert import small

CONFIGS = small.configs()


def _shapes(config):
  return {name: a.shape for name, a in small.state_dict(config).items()}


@pytest.mark.parametrize("case", CONFIGS)
def test_architecture_is_read_off_the_shapes(case):
  config = CONFIGS[case]
  told = adm.infer(_shapes(config)).module
  expected = {key: config.module[key] for key in told}
  # Nothing resamples in a net of one level.
  if len(config.module["channel_mult"]) == 1:
    expected["resblock_updown"] = expected["conv_resample"] = True
  # Pooling or none: residual blocks say the same of conv_resample.
  assert told == expected


@pytest.mark.parametrize("name", [
    "time_embed.0.weight", "input_blocks.0.0.weight",
    "input_blocks.1.0.emb_layers.1.weight", "out.2.weight"])
def test_a_missing_tensor_is_named(name):
  shapes = _shapes(CONFIGS["plain"])
  del shapes[name]
  with pytest.raises(errors.ConversionError, match="is no ADM network"):
    adm.infer(shapes)


def test_missing_blocks_are_noticed():
  shapes = {
      name: shape for name, shape in _shapes(CONFIGS["three levels"]).items()
      if not name.startswith("input_blocks.5.")}
  with pytest.raises(errors.ConversionError, match="do not divide"):
    adm.infer(shapes)


def test_ambiguous_levels_are_not_guessed():
  """An encoder of equal blocks may be 2 x 2, or 3 x 1, or one level of 5."""
  shapes = {
      name: shape
      for name, shape in _shapes(small.unet(
          channel_mult=(1, 1), num_res_blocks=2,
          attention_factors=())).items()
      if not name.startswith("output_blocks.")}
  with pytest.raises(errors.ConversionError, match="2 x 2"):
    adm.infer(shapes)


@pytest.mark.parametrize("shapes", [
    {}, {"a": (3,)}, {"time_embed.0.weight": (3,)},
    {"time_embed.0.weight": (0, 0)},
    {"time_embed.0.weight": (8, 2), "input_blocks.9999.0.weight": (1,)},
    {"time_embed.0.weight": (8, 2), "input_blocks.0.0.weight": (2, 3)},
])
def test_other_state_dicts(shapes):
  with pytest.raises(errors.ConversionError, match="no ADM network"):
    adm.infer(shapes)


def test_description_is_one_line():
  text = adm.infer(_shapes(CONFIGS["narrow first level"])).description
  assert "64 x (0.5,1,1.5)" in text and "\n" not in text
