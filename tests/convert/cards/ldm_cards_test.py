import gzip
import json
import os
import pathlib

import numpy as np
import pytest

from jaxguide.convert import errors
from jaxguide.convert import model_config
from jaxguide.convert.cards import ldm_cards
from jaxguide.convert.diffusers import names
from jaxguide.convert.networks import families
from jaxguide.convert.networks import ldm
from tests.convert import crafted

_PREFIXES = {
    "unet": "model.diffusion_model.", "first_stage": "first_stage_model.",
    "cond_stage": "cond_stage_model."}
_TABLES = {
    "betas", "alphas_cumprod", "alphas_cumprod_prev", "sqrt_alphas_cumprod",
    "sqrt_one_minus_alphas_cumprod", "log_one_minus_alphas_cumprod",
    "sqrt_recip_alphas_cumprod", "sqrt_recipm1_alphas_cumprod",
    "posterior_variance", "posterior_log_variance_clipped",
    "posterior_mean_coef1", "posterior_mean_coef2"}


def _folder():
  """The folder of key -> shape lists of released checkpoints, if any."""
  given = os.environ.get("JAXGUIDE_MANIFESTS")
  recorded = crafted.recorded(".")
  folder = pathlib.Path(given) if given else (
      recorded and recorded.parent / "manifests")
  return folder if folder and folder.is_dir() else None


def _manifests():
  return {} if _folder() is None else {
      path.name.split(".")[0]: path for path in sorted(_folder().iterdir())
      if path.name.split(".")[0] in ldm_cards.CARDS}


MANIFESTS = _manifests()


def _read(path):
  opener = gzip.open if path.suffix == ".gz" else open
  with opener(path, "rt") as file:
    return {name: tuple(shape) for name, shape, _ in json.load(file)["tensors"]}


def _parts(card):
  """Names and shapes of each part, derived from its module."""
  return {
      part: {e.name: e.torch_shape for e in families.table(config)}
      for part, config in card.configs({}).items()}


@pytest.fixture(scope="module", name="parts")
def _all_parts():
  return {name: _parts(card) for name, card in ldm_cards.CARDS.items()}


@pytest.mark.parametrize("name", ldm_cards.CARDS)
def test_number_of_parameters(name, parts):
  """Against the published counts that the cards hold."""
  assert ldm_cards.CARDS[name].num_parameters == {
      part: sum(int(np.prod(shape)) for shape in shapes.values())
      for part, shapes in parts[name].items()}


@pytest.mark.skipif(not MANIFESTS, reason="no manifests at hand")
@pytest.mark.parametrize("name", MANIFESTS)
def test_names_and_shapes_are_those_of_the_released_file(name, parts):
  card, left = ldm_cards.CARDS[name], _read(MANIFESTS[name])
  for part, shapes in parts[name].items():
    prefix = "" if card.unet is None else _PREFIXES[part]
    for key, shape in shapes.items():
      assert left.pop(prefix + key) == shape, key
  if card.unet is not None:
    for key in _TABLES:
      assert left.pop(key) == (1000,)
  for key, shape in parts[name].get("unet", {}).items():
    shadow = left.pop(
        "model_ema.diffusion_model" + key.replace(".", ""), None)
    assert shadow == shape if card.has_average else shadow in (None, shape)
  for counter in ("decay", "num_updates"):
    left.pop(f"model_ema.{counter}", None)
  # The inpainting model repeats its first stage; churches stores its scale.
  left = {k: v for k, v in left.items()
          if card.classes or not k.startswith("cond_stage_model.")}
  assert set(left) == (
      {"scale_factor"} if card.scale_factor is None else set())


@pytest.mark.parametrize("name", ldm_cards.CARDS)
def test_diffusers_has_one_name_per_tensor(name, parts):
  for part, config in ldm_cards.CARDS[name].configs({}).items():
    if part != "cond_stage":
      theirs = [
          found for ours in parts[name][part]
          for found in names.names(ours, config)]
      assert len(set(theirs)) == len(theirs) >= len(parts[name][part])


@pytest.mark.parametrize("name, card, changes", [
    ("unet_text2img256_9ch_keys", "ldm_cin256_v2",
     {"in_channels": 9, "context_dim": 640, "num_heads": 8}),
    ("multitask_unet_sdv1_11ch", "sd_v1", {"in_channels": 11})])
def test_a_widened_unet_has_the_names_of_its_list(name, card, changes):
  """A text-to-image UNet with further input channels: no card, same walk."""
  folder = _folder()
  path = folder and folder / f"{name}.json.gz"
  if not path or not path.exists():
    pytest.skip("no such list at hand")
  options = {**ldm_cards.CARDS[card].unet, **changes}
  config = model_config.ModelConfig(
      "ldm_unet", ldm.unet_fields(options), 64)
  assert _read(path) == {
      _PREFIXES["unet"] + entry.name: entry.torch_shape
      for entry in families.table(config)}


@pytest.mark.parametrize("name", ldm_cards.CARDS)
def test_card_makes_configs(name):
  card = ldm_cards.CARDS[name]
  assert card.licence and card.origin and card.file_names and card.note
  for config in card.configs({"file_name": "x.ckpt"}).values():
    assert config.source == {"file_name": "x.ckpt", "card": name}
    assert type(config).from_json(config.to_json()) == config
  unet = card.configs({}).get("unet")
  if unet is not None:
    first = card.configs({})["first_stage"]
    assert unet.channels == first.module["latent_channels"]
    assert unet.schedule["kind"] == "scaled_linear"


def test_the_table_for_people_names_every_card():
  root = pathlib.Path(__file__).parents[3]
  text = (root / "third_party" / "cards.md").read_text("utf-8")
  for card in ldm_cards.CARDS.values():
    row, = [line for line in text.splitlines()
            if line.startswith(f"| `{card.name}` |")]
    assert all(f"`{name}`" in row for name in card.file_names)
    assert card.origin in row and card.licence in row
    assert f"{sum(card.num_parameters.values()):,}" in row


def test_unknown_card_gets_near_names():
  with pytest.raises(errors.ConversionError, match="try ldm_cin256_v2"):
    ldm_cards.find("ldm_cin256")


def _training_file(**params):
  card = ldm_cards.CARDS["ldm_cin256_v2"]
  return {"model": {"params": {
      "linear_start": 0.0015, "linear_end": 0.0195,
      "unet_config": {"target": "UNetModel", "params": dict(card.unet)},
      "first_stage_config": {"params": dict(card.first_stage)},
      "cond_stage_config": {
          "target": "ldm.modules.encoders.modules.ClassEmbedder",
          "params": {"n_classes": 1001, "embed_dim": 512}}, **params}}}


def test_a_training_file_makes_the_card():
  card = ldm_cards.from_configuration("own", _training_file(), image_size=256)
  released = ldm_cards.CARDS["ldm_cin256_v2"]
  for part, config in card.configs({}).items():
    assert config.module == released.configs({})[part].module
    assert config.schedule == released.configs({})[part].schedule
  assert card.scale_factor == 1.0
  scaled = ldm_cards.from_configuration(
      "own", _training_file(scale_by_std=True), image_size=256)
  assert scaled.scale_factor is None
  assert card.null_label is None
  guided = ldm_cards.from_configuration(
      "own", _training_file(), image_size=256, null_label=1000)
  assert guided.null_label == 1000


@pytest.mark.parametrize("params, null_label, message", [
    ({}, 1001, "null_label is 1001; the configuration has 1001 classes"),
    ({}, -1, "null_label is -1"),
    ({"cond_stage_config": None}, 0, "has no classes")])
def test_a_null_label_is_a_class(params, null_label, message):
  with pytest.raises(errors.ConversionError, match=message):
    ldm_cards.from_configuration(
        "own", _training_file(**params), image_size=256,
        null_label=null_label)


@pytest.mark.parametrize("params, message", [
    ({"unet_config": {}}, "lacks"),
    ({"beta_schedule": "cosine"}, "beta_schedule is 'cosine'"),
    ({"parameterization": "x0"}, "parameterization is 'x0'"),
])
def test_training_files_that_do_not_fit(params, message):
  with pytest.raises(errors.ConversionError, match=message):
    ldm_cards.from_configuration(
        "own", _training_file(**params), image_size=256)


@pytest.mark.parametrize("change, message", [
    ({"dims": 3}, "dims is 3"), ({"n_embed": 5}, "n_embed is 5"),
    ({"num_heads": -1}, "lacks num_heads or num_head_channels"),
])
def test_unets_that_do_not_exist_here(change, message):
  options = {**ldm_cards.CARDS["ldm_cin256_v2"].unet, **change}
  with pytest.raises(errors.ConversionError, match=message):
    ldm.unet_fields(options)


def test_first_stages_that_do_not_exist_here():
  halves = {**ldm_cards.KL_F8["ddconfig"], "attn_type": "linear"}
  with pytest.raises(errors.ConversionError, match="attn_type is 'linear'"):
    ldm.autoencoder_fields({**ldm_cards.KL_F8, "ddconfig": halves})
  with pytest.raises(errors.ConversionError, match="double_z is True"):
    ldm.autoencoder_fields({**ldm_cards.KL_F8, "n_embed": 16})
