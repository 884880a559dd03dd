"""The names of what ships with the package."""

import dataclasses

import pytest

from jaxguide import convert
from jaxguide.convert import pretrained
from tests.convert import small


def test_embedded_names_are_those_of_priors(tmp_path, monkeypatch):
  """A classifier lies beside the priors, and cannot be loaded as one."""
  prior = small.unet()
  extractor = dataclasses.replace(prior, prediction=None)
  for name, config in (("b", prior), ("a", prior), ("extractor", extractor)):
    convert.save_model(tmp_path / name, small.params(config), config)
  monkeypatch.setattr(pretrained, "EMBEDDED", tmp_path)
  assert convert.embedded_names() == ["a", "b"]
  with pytest.raises(
      convert.ConversionError, match="embedded prior .'a', 'b'."):
    convert.load_prior("extractor")


def test_the_embedded_prior_is_known_by_name():
  assert "noto32" in convert.embedded_names()
  assert convert.load_prior("noto32").image_shape == (32, 32, 3)
