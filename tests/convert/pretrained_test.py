"""The names of what ships with the package."""

import dataclasses
import json

import numpy as np
import pytest

from jaxguide import convert
from jaxguide.convert import model_directories
from tests import programs
from tests.convert import small


def test_embedded_names_are_those_of_priors(tmp_path, monkeypatch):
  """A classifier lies beside the priors, and cannot be loaded as one."""
  prior = small.unet()
  extractor = dataclasses.replace(prior, prediction=None)
  for name, config in (("b", prior), ("a", prior), ("extractor", extractor)):
    convert.save_model(tmp_path / name, small.params(config), config)
  monkeypatch.setattr(model_directories, "EMBEDDED", tmp_path)
  assert convert.embedded_names() == ["a", "b"]
  with pytest.raises(
      convert.ConversionError, match="embedded prior .'a', 'b'."):
    convert.load_prior("extractor")


def test_the_embedded_prior_is_known_by_name():
  assert "noto32" in convert.embedded_names()
  assert convert.load_prior("noto32").image_shape == (32, 32, 3)


def test_an_upsampler_is_a_prior_given_small_images(tmp_path):
  config = small.superres()
  params = small.params(config)
  convert.save_model(tmp_path / "model", params, config)
  prior = convert.load_prior(tmp_path / "model")
  rng = np.random.default_rng(0)
  x = np.float32(rng.normal(size=(2, 16, 16, 3)))
  low = np.float32(rng.normal(size=(2, 4, 4, 3)))
  labels, level = np.array([1, 4]), prior.schedule.at_level(300)
  evaluate = programs.jit(lambda low: prior.denoiser(
      cond={"label": labels, "low_res": low})(x, level).eps)
  want = programs.jit(lambda: convert.build_module(config).apply(
      {"params": params}, x, np.full(2, level.time, np.float32), labels,
      low_res=low))()
  np.testing.assert_allclose(
      evaluate(low), want[..., :3], rtol=1e-4, atol=1e-5)
  assert np.abs(evaluate(-low) - want[..., :3]).max() > 1e-3
  for cond, message in (
      (None, "must have a value for 'label', got none"),
      ({"label": labels}, "must have a value for 'low_res', got label"),
      ({"label": labels, "low": low}, "among label, low_res, got 'low'"),
      ({"label": low, "low_res": low}, "label must have shape")):
    with pytest.raises(ValueError, match=message):
      prior.denoiser(cond=cond)(x, level)


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory):
  config = small.unet()
  folder = tmp_path_factory.mktemp("prior") / "model"
  convert.save_model(folder, small.params(config), config)
  return folder


def _message(folder, **entries):
  """Of the error when the config of a stored prior says something else."""
  path = folder / "config.json"
  text = path.read_text()
  path.write_text(json.dumps({**json.loads(text), **entries}))
  try:
    with pytest.raises(convert.ConversionError) as caught:
      convert.load_prior(folder)
  finally:
    path.write_text(text)
  message = str(caught.value)
  assert str(path) in message and "\n" not in message
  return message


def test_a_prior_of_another_range_is_refused(folder):
  for found in ([0, 1], [-1.0, 0.5], [0, 255]):
    values = ", ".join(str(v) for v in found)
    assert _message(folder, value_range=found).endswith(
        f"value_range is [{values}]; a prior's must be [-1, 1]")
  assert convert.load_prior(folder).image_shape == (16, 16, 3)


@pytest.mark.parametrize("schedule, wanted", [
    ({"kind": "lineal", "num_steps": 1000},
     "schedule.kind is 'lineal'; expected one of linear, cosine"),
    ({"num_steps": 1000}, "schedule.kind is None; expected one of linear"),
    ({"kind": "cosine", "num_steps": 1000, "max_beta": 2.0},
     "max_beta must be in (0, 1), got 2"),
    ({"kind": "linear", "num_steps": 10}, "betas must lie in (0, 1)"),
    ({"kind": "linear", "num_steps": 10, "middle": 1}, "'middle'"),
])
def test_a_schedule_that_cannot_be_made_is_named(folder, schedule, wanted):
  assert wanted in _message(folder, schedule=schedule)


def test_the_kind_of_a_schedule_is_checked():
  with pytest.raises(
      convert.ConversionError, match="schedule.kind is 'sigmoid'; expected"):
    convert.schedule_of({"kind": "sigmoid", "num_steps": 10})
