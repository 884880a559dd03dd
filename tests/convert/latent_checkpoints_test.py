"""Whole latent diffusion checkpoints: apart, and together again."""

import json

import numpy as np
import pytest

from jaxguide import cli
from jaxguide import convert
from jaxguide.convert import errors
from jaxguide.convert import latent_checkpoints
from jaxguide.convert.cards import ldm_cards
from tests.convert import crafted
from tests.convert import small_latent

CARD, BETAS = small_latent.CARD, small_latent.BETAS


def _file(folder, tensors):
  state = crafted.dict_({
      "state_dict": crafted.state(tensors), "epoch": crafted.literal(3)})
  return crafted.save(folder, crafted.zip_bytes(
      state, [a.tobytes() for a in tensors.values()]), "small.ckpt")


@pytest.fixture(autouse=True)
def _card(monkeypatch):
  monkeypatch.setitem(ldm_cards.CARDS, "small", CARD)


@pytest.mark.parametrize("weights", ["raw", "ema"])
def test_there_and_back_again_to_the_bit(tmp_path, weights, capsys):
  file, model = _file(tmp_path, small_latent.state_dict()), tmp_path / "model"
  argv = ["convert", str(file), "--card", "small", "--weights", weights]
  assert cli.main([*argv, "--out", str(model)]) == 0
  report = capsys.readouterr().out
  assert f"{weights} weights" in report and "CC0" in report
  assert cli.main(["inspect", str(model)]) == 0
  assert "scale factor  0.5" in capsys.readouterr().out
  back = tmp_path / "back.safetensors"
  assert cli.main(["convert", str(model), "--out", str(back)]) == 0
  average = small_latent.AVERAGE if weights == "ema" else {}
  found = convert.read_checkpoint(back)
  assert crafted.same(found.tensors, {
      **small_latent.RAW, **average, "betas": BETAS,
      "scale_factor": np.float32(0.5).reshape(())})
  config = json.loads(found.metadata["config.unet"])
  assert config["source"]["weights"] == weights
  # What was written is a checkpoint of the same card, with one set of weights.
  again = latent_checkpoints.take(found.tensors, CARD, weights=None)
  assert not again.unused and again.scale_factor == 0.5


def test_which_weights_has_to_be_said_where_there_are_two(tmp_path, capsys):
  file = _file(tmp_path, small_latent.state_dict())
  assert cli.main([
      "convert", str(file), "--card", "small", "--out", str(tmp_path / "m")
  ]) == 1
  assert "'raw' or 'ema'" in capsys.readouterr().err
  assert not (tmp_path / "m").exists()
  tensors = small_latent.state_dict(average=False)
  alone = latent_checkpoints.take(tensors, CARD)
  assert set(alone.parts) == set(ldm_cards.PARTS)
  assert alone.unused == ("logvar",)
  with pytest.raises(errors.ConversionError, match="no moving average"):
    latent_checkpoints.take(tensors, CARD, weights="ema")


@pytest.mark.parametrize("change, given, message", [
    ({"betas": BETAS[::-1]}, {}, "betas run from"),
    ({"scale_factor": None}, {}, "give scale_factor"),
    ({}, {"scale_factor": -1.0}, "must be positive"),
    ({}, {"weights": "best"}, "allowed are raw, ema"),
    ({"model_ema.diffusion_modelout2bias": None}, {"weights": "ema"},
     "of other parameters"),
    ({"first_stage_model.quant_conv.bias": np.zeros(3, np.float32)}, {},
     "does not fit the first_stage of card small"),
])
def test_files_that_do_not_fit(change, given, message):
  tensors = {**small_latent.state_dict(), **change}
  tensors = {n: array for n, array in tensors.items() if array is not None}
  with pytest.raises(errors.ConversionError, match=message):
    latent_checkpoints.take(tensors, CARD, **{"weights": "raw", **given})


def test_the_given_scale_factor_wins():
  taken = latent_checkpoints.take(
      small_latent.state_dict(), CARD, weights="raw", scale_factor=0.25)
  assert taken.scale_factor == 0.25


@pytest.mark.skipif(
    crafted.recorded("containers") is None, reason="JAXGUIDE_RECORDED unset")
def test_recorded_checkpoints():
  """Their average is half of the raw weights, so that a mix-up shows."""
  paths = list(crafted.recorded("containers").glob("*.ckpt"))
  assert paths
  for path in paths:
    tensors = convert.read_checkpoint(path).tensors
    raw = latent_checkpoints.behind(
        tensors, latent_checkpoints.PREFIXES["unet"])
    average = latent_checkpoints.average(tensors)
    assert set(average) == set(raw)
    for name in raw:
      np.testing.assert_array_equal(
          tensors[average[name]], tensors[raw[name]] / 2)
    names = [name for name, _ in latent_checkpoints.facts_of(tensors)]
    assert names[:1] == ["unet"] and "weights" in names


def test_inspecting_a_checkpoint(tmp_path, capsys):
  file = _file(tmp_path, small_latent.state_dict())
  assert cli.main(["inspect", str(file)]) == 0
  text = capsys.readouterr().out
  for fact in ("raw and ema", "scale factor  0.5", "0.0015 to 0.0195 in 1000",
               "cards         none of these sizes"):
    assert fact in text
  # The released networks are told by their sizes.
  released = {
      name: np.broadcast_to(np.float32(0), size) for name, size in (
          ("encoder.conv_in.weight", 83_653_860),
          ("decoder.conv_in.weight", 3), ("loss.discriminator", 99))}
  told = dict(latent_checkpoints.facts_of(released))
  assert told["cards"] == "first_stage_kl_f8"
  assert not latent_checkpoints.facts_of({"conv.weight": np.zeros(3)})
