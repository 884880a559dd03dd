"""Cards: what a released checkpoint's state dict cannot tell.

One per public checkpoint; those of latent diffusion models, whose files hold
several networks, are in `ldm_cards`. `third_party/cards.md` is the same table
with the places where the files are found.
"""

from __future__ import annotations

import importlib

from jaxguide import exports
from jaxguide.convert import errors as errors
from jaxguide.convert.cards.model_card import ModelCard as ModelCard

# Files of this package, one per family of networks, each with its `CARDS`.
_FILES = (
    "adm_cards",
    "ddpm_cards",
    "edm_cards",
)

CARDS: dict[str, ModelCard] = {
    card.name: card for file in _FILES
    for card in importlib.import_module(f"{__name__}.{file}").CARDS}


def find(name: str) -> ModelCard:
  """The card called `name`.

  Raises:
    ConversionError: there is none; names those that sound like it.

  Example:
    >>> find("ffhq_10m").num_parameters
    93563910
  """
  if name not in CARDS:
    raise errors.ConversionError(
        f"there is no card {errors.quoted(name)}; "
        f"{errors.near(name, list(CARDS))}")
  return CARDS[name]

__all__ = exports.public_names(globals())
