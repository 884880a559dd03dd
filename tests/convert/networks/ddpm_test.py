import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import checkpoint_settings
from jaxguide import convert
from jaxguide.convert import cards
from jaxguide.convert import dispatch
from jaxguide.convert import errors
from jaxguide.convert import model_config
from jaxguide.convert.networks import ddpm
from jaxguide.convert.networks import families
from jaxguide.convert.reading import safetensors
from tests import programs
from tests.convert import crafted
from tests.models import edm_recordings
from tests.models import recordings

_SMALL = {
    "in_channels": 3, "out_channels": 3, "model_channels": 32,
    "channel_mult": (1, 2), "num_res_blocks": 1, "attention_factors": (2,),
    "dropout": 0.0, "resample_with_conv": True}
_CASES = {
    "plain": {},
    "three levels": {
        "channel_mult": (1, 1, 3), "num_res_blocks": 2,
        "attention_factors": (1, 4)},
    "pooling": {"resample_with_conv": False, "attention_factors": ()},
    "one level": {"channel_mult": (2,), "attention_factors": (1,)},
    "one channel and a variance": {"in_channels": 1, "out_channels": 2},
}
_SETTINGS = checkpoint_settings.Settings(
    image_size=8, schedule="linear", prediction="eps", licence="CC0")


def _config(case):
  module = {**_SMALL, **_CASES[case]}
  return model_config.ModelConfig(
      "ddpm_unet", module, 8, module["in_channels"],
      learned_variance=module["out_channels"] != module["in_channels"],
      schedule={"kind": "linear", "num_steps": 1000}, licence="CC0")


def _state_dict(config, seed=0):
  random = np.random.default_rng(seed)
  return {
      entry.name: 0.1 * random.normal(size=entry.torch_shape).astype(np.float32)
      for entry in families.table(config)}


def _write(path, tensors):
  safetensors.write(
      path, {f"module.{name}": array for name, array in tensors.items()})
  return path


@pytest.mark.parametrize("case", _CASES)
def test_a_state_dict_tells_everything(case, tmp_path):
  config = _config(case)
  tensors = _state_dict(config)
  file = _write(tmp_path / "a.safetensors", tensors)
  dispatch.convert(file, None, tmp_path / "model", settings=_SETTINGS)
  found = convert.read_config(tmp_path / "model")
  assert {**vars(found), "source": None} == {**vars(config), "source": None}
  dispatch.convert(tmp_path / "model", None, tmp_path / "b.safetensors")
  back = convert.read_checkpoint(tmp_path / "b.safetensors").tensors
  assert crafted.same(back, tensors)
  text = dispatch.inspect(file)
  assert "DDPM UNet" in text and "prefix        module." in text


@recordings.parametrized(*edm_recordings.DDPM_CLASSES)
def test_a_recorded_network_is_a_prior_by_itself(path, tmp_path):
  """Read, told, converted, loaded and evaluated as a user would."""
  recorded = recordings.load(path)
  file = tmp_path / "a.safetensors"
  safetensors.write(file, dict(recorded.sd))
  dispatch.convert(
      file, None, tmp_path / "model", settings=checkpoint_settings.Settings(
          image_size=recorded.config["image_size"], schedule="linear",
          prediction="eps"))
  prior = convert.load_prior(tmp_path / "model", conv_impl="lax")
  x = jnp.asarray(recordings.channels_last(recorded.in_["x"]))
  time = jnp.asarray(recorded.in_["t"], jnp.float32)
  with jax.default_matmul_precision("highest"):
    found = programs.jit(prior.apply)(prior.params, x, time, None)
  expected = recordings.channels_last(recorded.out["out"])
  assert edm_recordings.relative(found, expected) < 2e-5


@pytest.mark.parametrize("changes, message", [
    ({"image_size": None}, "does not tell image_size"),
    ({"schedule": None, "prediction": None}, "tell schedule, prediction"),
    ({"num_heads": 1}, "num_heads means nothing"),
    ({"superres": True}, "superres means nothing"),
    ({"qkv_order": "new", "num_heads": 2}, "num_heads, qkv_order means"),
])
def test_settings_that_lack_or_mean_nothing(changes, message, tmp_path):
  file = _write(tmp_path / "a.safetensors", _state_dict(_config("plain")))
  settings = checkpoint_settings.Settings(**{**vars(_SETTINGS), **changes})
  with pytest.raises(errors.ConversionError, match=message) as caught:
    dispatch.convert(file, None, tmp_path / "model", settings=settings)
  assert str(caught.value).startswith(f"{file}: ")
  assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("changes, message", [
    ({"mid.attn_1.v.weight": None}, "missing: 'mid.attn_1.v.weight'"),
    ({"logvar": np.zeros(1000, np.float32)}, "'logvar'"),
    ({"conv_out.weight": np.zeros((5, 32, 3, 3), np.float32)},
     "5 output channels"),
    ({"conv_in.weight": np.zeros((0, 3, 3, 3), np.float32)},
     "'conv_in.weight' is of shape"),
    ({"down.1.block.0.conv1.weight": np.zeros((33, 32, 3, 3), np.float32)},
     "33 channels, no multiple"),
    ({"down.1.block.0.conv1.weight": None}, "is missing"),
    ({"down.77.block.0.x": np.zeros(1, np.float32)}, "down.2.* is missing"),
])
def test_a_bad_state_dict_is_named(changes, message, tmp_path):
  tensors = {**_state_dict(_config("plain")), **changes}
  tensors = {k: v for k, v in tensors.items() if v is not None}
  file = _write(tmp_path / "a.safetensors", tensors)
  with pytest.raises(errors.ConversionError, match=message) as caught:
    dispatch.convert(file, None, tmp_path / "model", settings=_SETTINGS)
  assert str(caught.value).startswith(f"{file}: ")
  assert "\n" not in str(caught.value)
  assert not (tmp_path / "model").exists()


def test_a_wrong_card_is_answered_by_the_right_one(tmp_path, monkeypatch):
  for case in ("plain", "three levels"):
    config = _config(case)
    monkeypatch.setitem(cards.CARDS, case, cards.ModelCard(
        name=case, file_names=("a",), origin="nobody", licence="CC0",
        family="ddpm_unet", module={**config.module, "dropout": 0.1},
        image_size=8, num_parameters=0, learned_variance=False))
  file = _write(tmp_path / "a.safetensors", _state_dict(_config("plain")))
  with pytest.raises(errors.ConversionError, match="of these shapes: plain"):
    dispatch.convert(file, "three levels", tmp_path / "model")
  assert dispatch.inspect(file).splitlines()[-1].split() == ["cards", "plain"]
  dispatch.convert(file, "plain", tmp_path / "model")
  assert convert.read_config(tmp_path / "model").module["dropout"] == 0.1


def test_names_without_end_ask_for_little():
  """Indices are of few digits; what the names miss is an error at once."""
  shapes = {
      "conv_in.weight": (32, 3, 3, 3), "conv_out.weight": (3, 32, 3, 3),
      "down.0.block.0.conv1.weight": (32, 32, 3, 3),
      "down.0.block.999999999.conv1.weight": (32, 32, 3, 3),
      "down.999999999.block.0.conv1.weight": (32, 32, 3, 3)}
  assert ddpm.infer(shapes).module["num_res_blocks"] == 1
