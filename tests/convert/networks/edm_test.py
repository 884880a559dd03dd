import dataclasses
import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxguide import checkpoint_settings
from jaxguide import convert
from jaxguide import schedules
from jaxguide.convert import cards
from jaxguide.convert import dispatch
from jaxguide.convert import errors
from jaxguide.convert import model_config
from jaxguide.convert import rules
from jaxguide.convert.networks import edm
from jaxguide.convert.networks import families
from jaxguide.convert.networks import recognition
from jaxguide.convert.reading import safetensors
from tests import programs
from tests.convert import crafted
from tests.models import edm_recordings
from tests.models import recordings

_SMALL = {
    "img_resolution": 8, "img_channels": 3, "label_dim": 4,
    "model_channels": 8, "channel_mult": [1, 2], "num_blocks": 1,
    "attn_resolutions": [4]}
_SKIPS = {"encoder_type": "skip", "decoder_type": "skip"}
_NCSNPP = {
    "embedding_type": "fourier", "channel_mult_noise": 2,
    "encoder_type": "residual", "resample_filter": [1, 3, 3, 1]}
_CASES = {
    "EDM, DDPM++": ("EDMPrecond", {"model_type": "SongUNet"}),
    "EDM, Dhariwal": ("EDMPrecond", {"label_dim": 0}),
    "EDM, skips": ("EDMPrecond", {"model_type": "SongUNet", **_SKIPS}),
    "VP": ("VPPrecond", {}),
    "VE": ("VEPrecond", _NCSNPP),
    "iDDPM": ("iDDPMPrecond", {}),
}
_CARDS = [
    name for name, card in cards.CARDS.items()
    if card.family in ("edm_song", "edm_dhariwal")]


def _metadata(case, **changes):
  name, fields = _CASES[case]
  return {"class_name": name, "init_kwargs": {**_SMALL, **fields, **changes}}


def _state_dict(config, seed=0):
  """Random parameters and the constants, in PyTorch's names."""
  random = np.random.default_rng(seed)
  drawn = {
      entry.name: random.normal(size=entry.torch_shape).astype(np.float32)
      for entry in families.table(config)}
  return {**drawn, **families.constants(config)}


# Recorded files.


def _recorded_pickles():
  folder = crafted.recorded("containers")
  return sorted(folder.glob("*edm*.pkl")) if folder else []


@pytest.mark.skipif(not _recorded_pickles(), reason="no recorded pickles")
@pytest.mark.parametrize("path", _recorded_pickles(), ids=lambda p: p.stem)
def test_a_pickle_converts_by_itself_and_replays(path, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  report = dispatch.convert(path, None, tmp_path / "model")
  assert "edm_" in report
  # Its embedded source has not run.
  assert [p.name for p in tmp_path.iterdir()] == ["model"]
  config_file = path.with_suffix(".config.json")
  prior = convert.load_prior(tmp_path / "model", conv_impl="lax")
  config = convert.read_config(tmp_path / "model")
  if config_file.exists():
    told = json.loads(config_file.read_text())
    for name, value in told.items():
      if name in config.module:
        found = config.module[name]
        assert (list(found) if isinstance(found, tuple) else found) == value
    assert config.image_size == told["img_resolution"]
    assert config.channels == told["img_channels"]
  _same_tensors(path, tmp_path)
  forward = path.with_suffix(".forward.npz")
  if not forward.exists():
    forward = path.parent / "tiny_edm.forward.npz"
  _replays(prior, np.load(forward))


def _same_tensors(path, tmp_path):
  """There and back again, against the recorded list."""
  dispatch.convert(tmp_path / "model", None, tmp_path / "back.safetensors")
  back = convert.read_checkpoint(tmp_path / "back.safetensors").tensors
  expected = path.with_suffix(".expected.npz")
  if expected.exists():
    with np.load(expected) as archive:
      named = edm_recordings.without("model.", dict(archive))
    assert crafted.same(back, named)


def _replays(prior, recorded):
  x = jnp.asarray(recordings.channels_last(recorded["x"]))
  labels = jnp.asarray(recorded["class_labels"])
  level = schedules.NoiseLevel(
      jnp.ones(len(x)), jnp.asarray(recorded["sigma"]), jnp.zeros(len(x)))
  with jax.default_matmul_precision("highest"):
    found = programs.jit(
        lambda x: prior.denoiser(cond={"label": labels})(x, level).x0)(x)
  expected = recordings.channels_last(recorded["D"])
  assert edm_recordings.relative(found, expected) < 2e-5


def _of_recording(path):
  """The config of a recorded network, by the code that reads pickles."""
  told = recordings.config_of(path)
  if told["cls"] in edm_recordings.EDM_CLASSES:
    # A sigma_max of theirs may be an attribute or an argument.
    return edm.config_in(
        {"class_name": told["cls"], "init_kwargs": told["kwargs"]}, {})
  module = edm_recordings.ddpm(told)
  names = cards.CARDS["celebahq_female_ddpm"].module
  return model_config.ModelConfig(
      "ddpm_unet", {name: getattr(module, name) for name in names},
      told["image_size"])


@recordings.parametrized(
    *edm_recordings.EDM_CLASSES, *edm_recordings.DDPM_CLASSES)
def test_a_recorded_state_dict_converts_both_ways(path):
  config = _of_recording(path)
  recorded = recordings.load(path).sd
  prefix = "model." if config.family != "ddpm_unet" else "module."
  tensors = edm_recordings.without(prefix, recorded)
  rest = set(recorded) - {prefix + name for name in tensors}
  assert rest <= {"u"}
  constants = families.constants(config)
  assert set(constants) <= set(tensors)
  entries = families.table(config)
  params = rules.to_params(
      rules.without_constants(tensors, constants), entries)
  back = {**rules.to_state_dict(params, entries), **constants}
  assert crafted.same(back, tensors)


def _told():
  """(card, what its manifest says of class and arguments)."""
  folder = crafted.recorded(".")
  found = []
  for path in sorted((folder.parent / "manifests").glob("*.json")) if (
      folder) else []:
    meta = json.loads(path.read_text())["meta"]
    if path.stem in _CARDS and "kwargs" in meta:
      found.append((path.stem, meta))
  return found


@pytest.mark.parametrize("name, meta", _told())
def test_a_card_is_what_the_released_arguments_make(name, meta):
  config = cards.CARDS[name].config({})
  told = edm.config_in({
      "class_name": meta["reference"].split()[-1],
      "init_kwargs": meta["kwargs"]}, {})
  # The manifests were made without the limits that the files carry.
  entry = {**config.preconditioning, **told.preconditioning}
  told = dataclasses.replace(told, preconditioning=entry)
  recognition.check_agrees(told, config)


# Files made here.


def _saved(case, folder):
  """A small network in a model directory, and its config."""
  config = edm.config_in(_metadata(case), {"file_name": "a.pkl"}, "MIT")
  tensors = _state_dict(config)
  params = rules.to_params(
      rules.without_constants(tensors, families.constants(config)),
      families.table(config))
  convert.save_model(folder / "model", params, config)
  return convert.load_prior(folder / "model", conv_impl="lax"), config


@pytest.mark.parametrize("case", _CASES)
def test_a_model_directory_keeps_everything(case, tmp_path):
  prior, config = _saved(case, tmp_path)
  assert model_config.ModelConfig.from_json(config.to_json()) == config
  assert prior.image_shape == (8, 8, 3)
  assert prior.learned_variance == (case == "iDDPM")
  assert config.licence == "MIT"
  scaling = prior.preconditioning
  sigma = prior.schedule.sigma[1:]
  assert sigma[0] == pytest.approx(max(0.002, scaling.sigma_min))
  assert sigma[-1] == pytest.approx(min(80, scaling.sigma_max))
  shape = jax.eval_shape(
      lambda x: prior.denoiser()(x, prior.schedule.at_level(7)),
      jnp.zeros((2, 8, 8, 3)))
  assert shape.x0.shape == (2, 8, 8, 3)


def _iddpm_time(sigma):
  j = np.arange(1001)
  alpha_bar = np.sin(0.5 * np.pi * j / 1000 / 1.008) ** 2
  u = np.zeros(1001)
  for i in range(1000, 0, -1):
    ratio = max(alpha_bar[i - 1] / alpha_bar[i], 0.001)
    u[i - 1] = np.sqrt((u[i] ** 2 + 1) / ratio - 1)
  return 999 - np.argmin(np.abs(sigma[:, None] - u), axis=1)


def _vp_time(sigma):
  root = np.sqrt(0.1 ** 2 + 2 * 19.9 * np.log1p(sigma ** 2))
  return 999 * (root - 0.1) / 19.9


# c_skip, c_out, c_in and c_noise of Karras et al., Table 1, at sigma.
_TABLE_1 = {
    "EDM, DDPM++": lambda s: (
        0.25 / (s**2 + 0.25), 0.5 * s / np.sqrt(s**2 + 0.25),
        1 / np.sqrt(s**2 + 0.25), np.log(s) / 4),
    "VP": lambda s: (1 + 0 * s, -s, 1 / np.sqrt(s**2 + 1), _vp_time(s)),
    "VE": lambda s: (1 + 0 * s, s, 1 + 0 * s, np.log(s / 2)),
    "iDDPM": lambda s: (1 + 0 * s, -s, 1 / np.sqrt(s**2 + 1), _iddpm_time(s)),
}


@pytest.mark.parametrize("case", _TABLE_1)
def test_a_loaded_prior_denoises_by_table_1(case, tmp_path):
  """The preconditioning that the file names, at alpha = 1 and below."""
  saved, _ = _saved(case, tmp_path)

  def network(params, x, noise, cond):
    """In place of the real one, whose compilation takes a minute."""
    del params
    shift = jnp.reshape(noise / 100 + cond["label"], (2, 1, 1, 1))
    return jnp.concatenate([jnp.sin(x + shift), x], -1)[
        ..., :6 if saved.learned_variance else 3]

  prior = dataclasses.replace(saved, apply=network)
  x = np.random.default_rng(1).normal(size=(2, 8, 8, 3))
  sigma, alpha = np.asarray([0.3, 4.0]), np.asarray([0.6, 1.0])
  skip, out, scale, noise = (
      np.reshape(c, (2, 1, 1, 1)) for c in _TABLE_1[case](sigma))
  level = schedules.NoiseLevel(*(
      jnp.asarray(v, jnp.float32) for v in (alpha, alpha * sigma, 0 * sigma)))
  found = prior.denoiser(cond={"label": jnp.asarray([3, 1])})(
      jnp.asarray(np.reshape(alpha, (2, 1, 1, 1)) * x, jnp.float32), level).x0
  labels = np.reshape([3, 1], (2, 1, 1, 1))
  expected = skip * x + out * np.sin(scale * x + noise / 100 + labels)
  assert edm_recordings.relative(found, expected) < 2e-5


@pytest.mark.parametrize("case", _CASES)
def test_a_state_dict_converts_by_a_card(case, tmp_path, monkeypatch):
  config = edm.config_in(_metadata(case), {})
  card = cards.ModelCard(
      name="small", file_names=("a",), origin="nobody", licence="CC0",
      family=config.family, module=config.module, image_size=8,
      num_parameters=0, prediction="edm", schedule=config.schedule,
      learned_variance=config.learned_variance,
      preconditioning=config.preconditioning)
  monkeypatch.setitem(cards.CARDS, "small", card)
  tensors = _state_dict(config)
  stored = {f"model.{name}": array for name, array in tensors.items()}
  if case == "iDDPM":
    stored["u"] = np.zeros(1001, np.float32)
  safetensors.write(tmp_path / "a.safetensors", stored, {})
  dispatch.convert(tmp_path / "a.safetensors", "small", tmp_path / "model")
  dispatch.convert(tmp_path / "model", None, tmp_path / "back.safetensors")
  back = convert.read_checkpoint(tmp_path / "back.safetensors").tensors
  assert crafted.same(back, tensors)
  # A filter that is not the card's.
  name = next(name for name in stored if name.endswith("resample_filter"))
  stored[name] = 2 * stored[name]
  safetensors.write(tmp_path / "b.safetensors", stored, {})
  with pytest.raises(errors.ConversionError, match="1 constants are not"):
    dispatch.convert(tmp_path / "b.safetensors", "small", tmp_path / "other")
  assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("changes, message", [
    ({"model_type": "UNet3D"}, "model_type 'UNet3D'"),
    ({"img_resolution": None}, "img_resolution None"),
    ({"img_resolution": "8"}, "img_resolution '8'; expected a size"),
    ({"num_blocks": 10**9}, "at most 512 blocks"),
    ({"num_blocks": -1}, "at most 512 blocks"),
    ({"channel_mult": []}, "channel_mult"),
    ({"channel_mult": ["a"]}, "channel_mult"),
    ({"label_dim": -1}, "label_dim -1"),
    ({"model_chanels": 8}, "near ones are 'model_channels'"),
    ({"sigma_data": "x"}, "sigma_data must be a number"),
])
def test_bad_arguments_are_named(changes, message):
  with pytest.raises(errors.ConversionError, match=message) as caught:
    edm.config_in(_metadata("EDM, DDPM++", **changes), {})
  assert "\n" not in str(caught.value)


def test_a_table_of_noise_levels_without_end_is_refused():
  with pytest.raises(errors.ConversionError, match="1 to 100,000"):
    edm.config_in(_metadata("iDDPM", M=10**9), {})


def test_other_metadata_is_not_an_edm_pickle_s():
  assert edm.config_in(_metadata("VP"), {}) is not None
  assert edm.config_in({}, {}) is None
  assert edm.config_in({"class_name": "EDMPrecond"}, {}) is None
  assert edm.config_in(
      {"class_name": "X", "init_kwargs": {}}, {}) is None


def test_a_card_that_contradicts_the_file_is_refused():
  """Networks of equal tensors, preconditioned in another way."""
  one = edm.config_in(_metadata("EDM, DDPM++"), {})
  other = edm.config_in(_metadata("VP"), {})
  assert families.table(one) == families.table(other)
  recognition.check_agrees(one, one)
  with pytest.raises(errors.ConversionError, match="preconditioning"):
    recognition.check_agrees(one, other)
  dropout = edm.config_in(_metadata("EDM, DDPM++", dropout=0.5), {})
  recognition.check_agrees(dropout, one)


@pytest.mark.skipif(not _recorded_pickles(), reason="no recorded pickles")
def test_a_pickle_takes_no_settings_but_a_licence_and_no_wrong_card(tmp_path):
  path = _recorded_pickles()[0]
  with pytest.raises(errors.ConversionError, match="only licence"):
    dispatch.convert(
        path, None, tmp_path / "a",
        settings=checkpoint_settings.Settings(image_size=8))
  with pytest.raises(errors.ConversionError, match="in the card") as caught:
    dispatch.convert(path, "edm_cifar10_32_uncond_vp", tmp_path / "b")
  assert str(caught.value).startswith(str(path))
  dispatch.convert(
      path, None, tmp_path / "c",
      settings=checkpoint_settings.Settings(licence="X"))
  assert convert.read_config(tmp_path / "c").licence == "X"
  assert "preconditioning" in dispatch.inspect(path)
  assert pathlib.Path(tmp_path, "c", "config.json").exists()
