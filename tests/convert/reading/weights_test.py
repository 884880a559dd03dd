import numpy as np
import pytest

from jaxguide.convert import errors
from jaxguide.convert.reading import torch_reader
from jaxguide.convert.reading import weights
from tests.convert import crafted

NAMES = ("a.weight", "a.bias", "b.0.weight")


def _tensors(*prefixes, scale=1.0, names=NAMES):
  return {
      prefix + name: np.full(2, i + scale * 10)
      for prefix in prefixes for i, name in enumerate(names)}


@pytest.mark.parametrize("prefix", ["", "model.", "module.net."])
def test_prefix_is_found(prefix):
  other = {"epoch": np.zeros(1)} if prefix else {}
  selection = weights.select({**_tensors(prefix), **other}, NAMES)
  assert selection.prefix == prefix
  assert crafted.same(selection.tensors, _tensors(""))
  assert selection.unused == tuple(other)


def test_without_prefix_everything_is_the_networks():
  selection = weights.select({**_tensors(""), "x": np.zeros(1)}, NAMES)
  assert set(selection.tensors) == {*NAMES, "x"} and not selection.unused


def test_two_complete_prefixes_are_not_guessed_between():
  tensors = _tensors("model.", "ema.")
  with pytest.raises(errors.ConversionError, match="'ema.', 'model.'"):
    weights.select(tensors, NAMES)
  assert weights.select(tensors, NAMES, prefix="ema.").prefix == "ema."


def test_complete_prefix_wins_over_a_partial_one():
  tensors = {**_tensors("net."), **_tensors("loss.", names=NAMES[:2])}
  assert weights.select(tensors, NAMES).prefix == "net."


def test_incomplete_network_keeps_the_best_prefix():
  selection = weights.select(_tensors("net.", names=NAMES[1:]), NAMES)
  assert set(selection.tensors) == set(NAMES[1:])


def test_names_of_another_network():
  with pytest.raises(errors.ConversionError, match="no tensor"):
    weights.select({"c.weight": np.zeros(1)}, NAMES)


def test_average_of_lightning_is_found_by_squeezed_names():
  shadows = {
      "model_ema.net" + name.replace(".", ""): np.full(2, 0.5 + i)
      for i, name in enumerate(NAMES)}
  tensors = {**_tensors("model.net."), **shadows,
             "model_ema.decay": np.zeros(())}
  selection = weights.select(tensors, NAMES, weights="ema")
  assert {name: a[0] for name, a in selection.tensors.items()} == {
      "a.weight": 0.5, "a.bias": 1.5, "b.0.weight": 2.5}
  assert weights.select(tensors, NAMES).tensors["a.bias"][0] == 11
  with pytest.raises(errors.ConversionError, match="no tensor"):
    weights.select(_tensors("model."), NAMES, weights="ema")


def test_unknown_kind():
  with pytest.raises(errors.ConversionError, match="raw, ema"):
    weights.select(_tensors(""), NAMES, weights="both")


@pytest.mark.skipif(
    crafted.recorded("containers") is None, reason="JAXGUIDE_RECORDED unset")
def test_recorded_lightning_file_has_both():
  """Its average is half of the raw weights."""
  seen = 0
  for path in crafted.recorded("containers").glob("*.ckpt"):
    tensors = torch_reader.read_checkpoint(path).tensors
    names = [name.removeprefix("model.diffusion_model.") for name in tensors
             if name.startswith("model.diffusion_model.")]
    raw = weights.select(tensors, names)
    ema = weights.select(tensors, names, weights="ema")
    assert set(raw.tensors) == set(ema.tensors) == set(names)
    for name in names:
      np.testing.assert_array_equal(ema.tensors[name], raw.tensors[name] / 2)
    seen += 1
  assert seen
