"""Cards: what a released checkpoint's state dict cannot tell.

One per public checkpoint. `third_party/cards.md` is the same table with the
places where the files are found.
"""

from __future__ import annotations

import difflib

from jaxguide.convert import errors
from jaxguide.convert.cards import adm_cards
from jaxguide.convert.cards import ddpm_cards
from jaxguide.convert.cards import edm_cards
from jaxguide.convert.cards.model_card import ModelCard

__all__ = ["CARDS", "ModelCard", "find"]

CARDS = {
    card.name: card for card in (
        *adm_cards.CARDS, *ddpm_cards.CARDS, *edm_cards.CARDS)}


def find(name: str) -> ModelCard:
  """The card called `name`.

  Raises:
    ConversionError: there is none; names those that sound like it.
  """
  if name not in CARDS:
    near = difflib.get_close_matches(name, CARDS, n=3) or sorted(CARDS)
    raise errors.ConversionError(
        f"there is no card {errors.quoted(name)}; try {', '.join(near)}")
  return CARDS[name]
