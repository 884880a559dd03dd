"""How families are told apart; each family's own tests try its shapes."""

import numpy as np
import pytest

from jaxguide import checkpoint_settings
from jaxguide.convert import errors
from jaxguide.convert.networks import families
from jaxguide.convert.networks import family
from jaxguide.convert.networks import recognition

KNOWN = [f for f in families.FAMILIES if f.anchors]


@pytest.mark.parametrize("found", KNOWN, ids=lambda f: f.name)
@pytest.mark.parametrize("prefix", ["", "module.", "model.diffusion_model."])
def test_anchors_name_their_family_behind_any_prefix(found, prefix):
  names = [prefix + name for name in found.anchors] + ["epoch", "x.bias"]
  assert recognition.nearest_family(names) is found


@pytest.mark.parametrize("found", KNOWN, ids=lambda f: f.name)
def test_a_file_that_lacks_an_anchor_is_told_what_it_lacks(found):
  """By the family it is nearest to, not by any other."""
  for left_out in found.anchors:
    names = set(found.anchors) - {left_out}
    assert recognition.nearest_family(names) is found


def test_no_anchor_is_of_two_families():
  every = [name for f in KNOWN for name in f.anchors]
  assert len(every) == len(set(every))


def test_other_files_are_of_no_family():
  for names in ((), ("conv.weight",), ("time_embed.0.weights",)):
    with pytest.raises(errors.ConversionError, match="ADM, DDPM UNet, EDM"):
      recognition.nearest_family(names)


def test_no_network_has_the_name_of_another():
  names = [name for f in families.FAMILIES for name in f.networks]
  assert len(names) == len(set(names)) == len(families.NETWORKS)


def test_metadata_of_no_family_tell_nothing():
  assert recognition.told({"epoch": 3}, {}) is None


def test_a_family_needs_no_more_than_a_name_and_networks():
  """Its files are then converted by cards alone, and are told so."""
  bare = family.Family("bare", {})
  with pytest.raises(errors.ConversionError, match="the checkpoint's card"):
    bare.infer({})
  with pytest.raises(errors.ConversionError, match="the checkpoint's card"):
    bare.config_of(
        family.Inferred("bare", (), {}), checkpoint_settings.Settings(), {})
  assert bare.config_in({}, {}, "unknown") is None


@pytest.mark.parametrize("said, message", [
    ({}, "does not tell image_size, num_heads or num_head_channels"),
    ({"image_size": 8}, "does not tell num_heads or"),
    ({"image_size": 8, "num_heads": 1, "superres": True},
     "superres means nothing for the architecture X; what can be given is "
     "image_size, licence, num_head_channels, num_heads, num_steps"),
])
def test_settings_that_are_missing_or_mean_nothing(said, message):
  with pytest.raises(errors.ConversionError, match=message):
    family.check_settings(
        checkpoint_settings.Settings(**said),
        ("image_size", "num_heads or num_head_channels"), ("num_steps",), "X")


@pytest.mark.parametrize("heads", ["num_heads", "num_head_channels"])
def test_settings_that_are_enough(heads):
  family.check_settings(
      checkpoint_settings.Settings(
          image_size=8, licence="MIT", num_steps=10, **{heads: 2}),
      ("image_size", "num_heads or num_head_channels"), ("num_steps",), "X")


@pytest.mark.parametrize("outputs, is_learned", [(3, False), (6, True)])
def test_twice_the_channels_are_a_variance(outputs, is_learned):
  settings = checkpoint_settings.Settings(
      image_size=8, schedule="linear", prediction="eps")
  make = lambda number: family.unet_config(
      "adm_unet", {"out_channels": number}, 3, settings, {})
  assert make(outputs).learned_variance == is_learned
  with pytest.raises(errors.ConversionError, match="expected 3"):
    make(np.int64(5))
