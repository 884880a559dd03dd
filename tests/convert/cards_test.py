import gzip
import json
import os
import pathlib

import numpy as np
import pytest

from jaxguide.convert import adm_layout
from jaxguide.convert import cards
from jaxguide.convert import commands
from jaxguide.convert import errors
from jaxguide.convert import families
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


@pytest.fixture(scope="module", name="shapes")
def _shapes():
  """PyTorch names and shapes of every card, derived from its module."""
  return {
      name: {e.name: e.torch_shape for e in families.table(card.config({}))}
      for name, card in cards.CARDS.items()}


@pytest.mark.skipif(not MANIFESTS, reason="no manifests at hand")
@pytest.mark.parametrize("name", MANIFESTS)
def test_names_and_shapes_are_those_of_the_released_file(name, shapes):
  assert shapes[name] == _read(MANIFESTS[name])


@pytest.mark.parametrize("name", cards.CARDS)
def test_number_of_parameters(name, shapes):
  """Against the published counts that the cards hold."""
  assert sum(map(_size, shapes[name].values())) == (
      cards.CARDS[name].num_parameters)


def _size(shape):
  return int(np.prod(shape))


@pytest.mark.parametrize("name", cards.CARDS)
def test_shapes_lead_back_to_the_card(name, shapes):
  matching = commands.matching_cards(adm_layout.infer(shapes[name]))
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
    assert config.prediction == "eps"


def test_the_table_for_people_names_every_card():
  root = pathlib.Path(__file__).parents[2]
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
