import gzip
import json
import os
import pathlib

import numpy as np
import pytest

from jaxguide.convert import cards
from jaxguide.convert import errors
from jaxguide.convert.networks import families
from jaxguide.convert.networks import recognition
from tests.convert import crafted


def _manifests():
  """The folder of key -> shape lists of released checkpoints, if any."""
  given = os.environ.get("JAXGUIDE_MANIFESTS")
  recorded = crafted.recorded(".")
  folder = pathlib.Path(given) if given else (
      recorded and recorded.parent / "manifests")
  return {} if not folder or not folder.is_dir() else {
      path.name.split(".")[0]: path for path in sorted(folder.iterdir())
      if path.name.split(".")[0] in cards.CARDS}


MANIFESTS = _manifests()


def _read(path):
  opener = gzip.open if path.suffix == ".gz" else open
  with opener(path, "rt") as file:
    return {name: tuple(shape) for name, shape, _ in json.load(file)["tensors"]}


# What stands in front of the names where the file is published.
PREFIXES = {
    "ddpm_unet": "module.", "edm_song": "model.", "edm_dhariwal": "model."}


@pytest.fixture(scope="module", name="shapes")
def _shapes():
  """PyTorch names and shapes of every card, derived from its module."""
  found = {}
  for name, card in cards.CARDS.items():
    config = card.config({})
    found[name] = {e.name: e.torch_shape for e in families.table(config)}
    for constant, array in families.constants(config).items():
      found[name][constant] = array.shape
  return found


@pytest.mark.skipif(not MANIFESTS, reason="no manifests at hand")
@pytest.mark.parametrize("name", MANIFESTS)
def test_names_and_shapes_are_those_of_the_released_file(name, shapes):
  card = cards.CARDS[name]
  prefix = PREFIXES.get(card.family, "")
  ours = {prefix + name: shape for name, shape in shapes[name].items()}
  if (card.preconditioning or {}).get("kind") == "iddpm":
    # A table that the preconditioning determines.
    ours["u"] = (card.preconditioning["num_steps"] + 1,)
  assert ours == _read(MANIFESTS[name])


@pytest.mark.parametrize("name", cards.CARDS)
def test_number_of_parameters(name, shapes):
  """Against the published counts, which leave constants out."""
  fixed = ("map_noise.freqs", ".resample_filter")
  assert sum(
      _size(shape) for key, shape in shapes[name].items()
      if not key.endswith(fixed)) == cards.CARDS[name].num_parameters


def _size(shape):
  return int(np.prod(shape))


@pytest.mark.parametrize("name", cards.CARDS)
def test_shapes_lead_back_to_the_card(name, shapes):
  matching = recognition.recognise(shapes[name]).cards
  assert name in matching
  # Only networks of the same shapes are taken for each other.
  assert all(shapes[other] == shapes[name] for other in matching)


@pytest.mark.parametrize("name", cards.CARDS)
def test_card_makes_a_config(name):
  card = cards.CARDS[name]
  config = card.config({"file_name": "x.pt"})
  assert config.source == {"file_name": "x.pt", "card": name}
  assert type(config).from_json(config.to_json()) == config
  assert card.licence and card.origin and card.file_names and card.note
  outputs = card.module["out_channels"]
  if card.family != "adm_classifier":
    assert outputs == config.channels * (2 if config.learned_variance else 1)
    assert config.schedule["num_steps"] == 1000
    assert config.prediction == (
        "edm" if card.family.startswith("edm_") else "eps")


def test_the_table_for_people_names_every_card():
  root = pathlib.Path(__file__).parents[3]
  text = (root / "third_party" / "cards.md").read_text("utf-8")
  for card in cards.CARDS.values():
    row, = [line for line in text.splitlines()
            if line.startswith(f"| `{card.name}` |")]
    assert all(f"`{name}`" in row for name in card.file_names)
    assert card.origin in row and card.licence in row
    assert f"{card.num_parameters:,}" in row
    assert (card.sha256 or "unknown") in row


def test_unknown_card_gets_near_names():
  with pytest.raises(errors.ConversionError, match="try ffhq_10m"):
    cards.find("ffhq_10")
  with pytest.raises(errors.ConversionError, match="adm_lsun_256"):
    cards.find("zzz")
