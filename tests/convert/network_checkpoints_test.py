import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from jaxguide import checkpoint_settings
from jaxguide import convert
from jaxguide.convert import cards
from jaxguide.convert import dispatch
from jaxguide.convert import provenance
from jaxguide.convert.reading import safetensors
from tests.convert import crafted
from tests.convert import small

CONFIG = small.unet(num_classes=7)
SETTINGS = checkpoint_settings.Settings(
    image_size=16, num_heads=2, qkv_order="legacy", schedule="linear",
    prediction="eps", licence="MIT")


def _file(folder, tensors, name="net.pt", **entries):
  state = crafted.state(tensors)
  if entries:
    state = crafted.dict_({"state_dict": state, **entries})
  return crafted.save(folder, crafted.zip_bytes(
      state, [a.tobytes() for a in tensors.values()]), name)


def _prefixed(prefix, tensors):
  return {prefix + name: array for name, array in tensors.items()}


@pytest.fixture(name="card")
def _card(monkeypatch):
  """A card for the small network."""
  card = cards.ModelCard(
      name="small", file_names=("net.pt",), origin="nobody", licence="CC0",
      family="adm_unet", module=CONFIG.module, image_size=16, num_parameters=0)
  monkeypatch.setitem(cards.CARDS, "small", card)
  return card


@pytest.mark.parametrize("prefix", ["", "module.", "model.diffusion_model."])
def test_there_and_back_again_to_the_bit(tmp_path, card, prefix):
  tensors = small.state_dict(CONFIG)
  file = _file(tmp_path, _prefixed(prefix, tensors))
  report = dispatch.convert(file, "small", tmp_path / "model")
  assert "CC0" in report and str(tmp_path / "model") in report
  model = convert.load_model(tmp_path / "model")
  assert model.config.module == card.module
  assert model.config.source == {
      "file_name": "net.pt", "sha256": provenance.sha256(file),
      "container": "torch_zip", "weights": "raw", "card": "small"}
  dispatch.convert(tmp_path / "model", None, tmp_path / "back.safetensors")
  back = convert.read_checkpoint(tmp_path / "back.safetensors")
  assert crafted.same(back.tensors, tensors)
  assert json.loads(back.metadata["config"])["licence"] == "CC0"


@pytest.mark.usefixtures("card")
def test_average_and_raw_weights_of_a_lightning_file(tmp_path):
  raw = small.state_dict(CONFIG, 0)
  average = small.state_dict(CONFIG, 1)
  tensors = {
      **_prefixed("model.net.", raw),
      **{"model_ema.net" + name.replace(".", ""): array
         for name, array in average.items()},
      "model_ema.decay": np.float32([0.99]), "betas": np.zeros(4, np.float32)}
  file = _file(tmp_path, tensors, epoch=crafted.literal(3))
  for select, expected in (("raw", raw), ("ema", average)):
    report = dispatch.convert(
        file, "small", tmp_path / select, weights=select)
    assert "other tensors" in report
    out = tmp_path / f"{select}.safetensors"
    dispatch.convert(tmp_path / select, None, out)
    back = convert.read_checkpoint(out).tensors
    assert crafted.same(back, expected)


@pytest.mark.parametrize("case", small.configs())
def test_without_a_card_by_inference_and_settings(tmp_path, case):
  config = small.configs()[case]
  settings = checkpoint_settings.Settings(
      image_size=16, num_heads=config.module["num_heads"],
      qkv_order="legacy", schedule=(config.schedule or {}).get("kind"),
      prediction=config.prediction,
      num_head_channels=config.module["num_head_channels"],
      superres=config.family == "adm_superres")
  file = _file(tmp_path, small.state_dict(config))
  dispatch.convert(file, None, tmp_path / "model", settings=settings)
  found = convert.load_model(tmp_path / "model").config
  assert found.family == config.family
  assert found.channels == config.channels
  assert found.learned_variance == config.learned_variance
  single = len(config.module["channel_mult"]) == 1
  for key, value in config.module.items():
    if key in found.module and not single:
      assert found.module[key] == value, key


def _refused(call, *args, **kwargs):
  with pytest.raises(convert.ConversionError) as caught:
    call(*args, **kwargs)
  assert "\n" not in str(caught.value)
  return str(caught.value)


def _left(folder):
  return sorted(os.listdir(folder))


def test_settings_are_demanded_and_cards_suggested(tmp_path, card):
  file = _file(tmp_path, small.state_dict(CONFIG))
  text = _refused(dispatch.convert, file, None, tmp_path / "model")
  assert str(file) in text
  assert "image_size, qkv_order, schedule, prediction, num_heads or" in text
  assert "cards of these shapes: small" in text
  assert _left(tmp_path) == ["net.pt"]
  both = _refused(
      dispatch.convert, file, card.name, tmp_path / "model",
      settings=SETTINGS)
  assert "not both" in both


def test_a_model_directory_needs_no_card(tmp_path, card):
  convert.save_model(tmp_path / "m", small.params(CONFIG), CONFIG)
  text = _refused(
      dispatch.convert, tmp_path / "m", card.name, tmp_path / "out")
  assert "card cannot be given for a model directory" in text
  assert _left(tmp_path) == ["m"]


@pytest.mark.usefixtures("card")
def test_bad_state_dicts_leave_nothing(tmp_path):
  def changed(**changes):
    tensors = {**small.state_dict(CONFIG), **changes}
    return {k: v for k, v in tensors.items() if v is not None}
  broken = small.state_dict(CONFIG)["out.2.bias"] * np.float32(np.nan)
  for tensors, message in (
      (changed(**{"out.2.bias": None}), "missing: 'out.2.bias'"),
      (changed(**{"out.9.bias": np.zeros(2, np.float32)}), "'out.9.bias'"),
      (changed(**{"out.2.bias": np.zeros(3, np.float32)}), "expected [6]"),
      (changed(**{"out.2.bias": broken}), "NaN"),
      ({"a": np.zeros(3)}, "no tensor has a name"),
      (small.state_dict(small.unet(model_channels=64, num_classes=7)),
       "another shape")):
    file = _file(tmp_path, tensors)
    text = _refused(dispatch.convert, file, "small", tmp_path / "model")
    assert message in text and text.startswith(f"{file}: ")
    assert _left(tmp_path) == ["net.pt"]


@pytest.mark.usefixtures("card")
def test_bad_files_leave_nothing(tmp_path):
  whole = _file(tmp_path, small.state_dict(CONFIG)).read_bytes()
  evil = crafted.zip_bytes(crafted.call(
      crafted.name("posix", "system"), crafted.literal("touch CANARY")))
  for data in (b"", b"text", whole[:-1], whole[:len(whole) // 2], evil):
    file = crafted.save(tmp_path, data, "net.pt")
    text = _refused(dispatch.convert, file, "small", tmp_path / "model")
    assert text.startswith(f"{file}: ")
    assert _refused(dispatch.inspect, file).startswith(f"{file}: ")
    assert _left(tmp_path) == ["net.pt"]


@pytest.mark.usefixtures("card")
def test_wrong_card_suggests_the_right_one(tmp_path):
  file = _file(tmp_path, small.state_dict(CONFIG))
  text = _refused(
      dispatch.convert, file, "adm_imagenet64_cond", tmp_path / "model")
  assert "card adm_imagenet64_cond" in text
  assert "cards of these shapes: small" in text
  assert "there is no card" in _refused(
      dispatch.convert, file, "smal", tmp_path / "model")


def test_file_with_another_hash_than_the_cards(tmp_path, monkeypatch, card):
  monkeypatch.setitem(
      cards.CARDS, "small", type(card)(**{**vars(card), "sha256": "0" * 64}))
  file = _file(tmp_path, small.state_dict(CONFIG))
  assert "0" * 64 in _refused(
      dispatch.convert, file, "small", tmp_path / "model")


@pytest.mark.usefixtures("card")
def test_places_that_cannot_be_written(tmp_path):
  file = _file(tmp_path, small.state_dict(CONFIG))
  (tmp_path / "there").mkdir()
  for out in (tmp_path / "there", tmp_path / "no" / "such", file / "below"):
    assert str(out) in _refused(dispatch.convert, file, "small", out)
  assert _left(tmp_path) == ["net.pt", "there"]
  assert "config.json" in _refused(
      dispatch.convert, tmp_path / "there", None, tmp_path / "a.safetensors")


def test_a_disk_that_fails_while_writing(tmp_path, card):
  """A real one: the kernel refuses files above 100 kB."""
  file = _file(tmp_path, small.state_dict(CONFIG))
  program = textwrap.dedent(f"""
      import resource, signal
      from jaxguide.convert import cards, dispatch, errors
      signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
      card = cards.ModelCard(
          name="small", file_names=(), origin="", licence="",
          family="adm_unet", module={card.module!r}, image_size=16,
          num_parameters=0)
      cards.CARDS["small"] = card
      resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
      try:
        dispatch.convert({str(file)!r}, "small", {str(tmp_path / "m")!r})
      except errors.ConversionError as error:
        print("REFUSED", error)
  """)
  result = subprocess.run(
      [sys.executable, "-c", program], capture_output=True, text=True,
      env={**os.environ, "JAX_PLATFORMS": "cpu"}, timeout=300, check=False)
  assert result.stdout.startswith("REFUSED") and result.stdout.count("\n") == 1
  assert _left(tmp_path) == ["net.pt"]


def test_inspect_reports_architecture_and_cards(tmp_path, card):
  tensors = small.state_dict(CONFIG)
  file = _file(tmp_path, _prefixed("model.", tensors), epoch=crafted.literal(4))
  text = dispatch.inspect(file)
  assert "torch_zip" in text and f"{len(tensors)} ({len(tensors)}" in text
  assert f"{sum(a.size for a in tensors.values()):,}" in text
  assert "epoch: 4" in text and "prefix        model." in text
  assert "width 32 x (1,2)" in text
  assert text.splitlines()[-1].split() == ["cards", card.name]


def test_inspect_of_another_network(tmp_path):
  safetensors.write(tmp_path / "a", {"x": np.zeros((2, 3), np.float16)})
  text = dispatch.inspect(tmp_path / "a")
  assert "x [2, 3]" in text and "1 float16" in text
  assert "no known network found (no tensor" in text


def test_inspect_of_a_model_directory(tmp_path):
  convert.save_model(tmp_path / "m", small.params(CONFIG), CONFIG)
  text = dispatch.inspect(tmp_path / "m")
  assert '"family": "adm_unet"' in text and "parameters" in text
  assert "config.json" in _refused(dispatch.inspect, tmp_path)
