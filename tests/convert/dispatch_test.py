"""Arguments that are not for what a user names; the rest is tested there."""

import json

import pytest

from jaxguide import checkpoint_settings
from jaxguide.convert import dispatch
from jaxguide.convert import errors
from jaxguide.convert import latent_store


@pytest.fixture(name="folders")
def _folders(tmp_path):
  """One of each kind, with nothing inside; and a place for results."""
  for name in ("empty", "diffusers", "latent", "model"):
    (tmp_path / name).mkdir()
  (tmp_path / "file").write_bytes(b"")
  (tmp_path / "diffusers" / "config.json").write_text(
      json.dumps({"_class_name": "UNet2DModel"}))
  (tmp_path / "latent" / latent_store.FILE).write_text('{"scale_factor": 1.0}')
  (tmp_path / "model" / "config.json").write_text("{}")
  return tmp_path


@pytest.mark.parametrize("name, card, options, message", [
    ("diffusers", "ffhq_10m", {}, "card cannot be given"),
    ("diffusers", None, {"weights": "ema"}, "weights cannot be given"),
    ("diffusers", None, {"settings": checkpoint_settings.Settings(num_heads=2)},
     "only image_size and licence"),
    ("latent", None, {"layout": "diffusers"}, "layout cannot be given"),
    ("latent", "ldm_cin256_v2", {}, "card cannot be given"),
    ("model", None, {"layout": "other"}, "layout is 'other'"),
    ("model", "ffhq_10m", {"layout": "diffusers"}, "card cannot be given"),
    ("model", None, {"weights": "ema"}, "weights cannot be given for a model"),
    ("file", "ldm_cin256_v2", {"prefix": "net."}, "prefix cannot be given"),
    ("file", "ffhq_10m", {"scale_factor": 0.5}, "scale_factor cannot be"),
    ("file", "ldm_cin256", {}, "there is no card 'ldm_cin256'; try ldm_cin256"),
    ("file", "fhq_10m", {}, "try ffhq_10m"),
])
def test_arguments_that_do_not_belong(folders, name, card, options, message):
  with pytest.raises(errors.ConversionError, match=message):
    dispatch.convert(folders / name, card, folders / "out", **options)
  assert not (folders / "out").exists()


def test_inspecting_what_holds_no_network(folders):
  with pytest.raises(errors.ConversionError, match="config.json"):
    dispatch.inspect(folders / "empty")
  assert "not converted" in dispatch.inspect(folders / "diffusers")
  assert "latent model" in dispatch.inspect(folders / "latent")
