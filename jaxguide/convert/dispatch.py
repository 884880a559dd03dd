"""Which conversion is for what a user names: one network, or several.

`jaxguide convert` and `jaxguide inspect` as functions that return text.
"""

from __future__ import annotations

from collections.abc import Sequence
import difflib
import os
import pathlib

from jaxguide.convert import cards
from jaxguide.convert import commands
from jaxguide.convert import errors
from jaxguide.convert import latent_back
from jaxguide.convert import latent_store
from jaxguide.convert import model_store
from jaxguide.convert.cards import ldm_cards
from jaxguide.convert.diffusers import export
from jaxguide.convert.diffusers import folders
from jaxguide.convert.networks import adm

LAYOUTS = ("diffusers",)


def inspect(
    path: str | os.PathLike[str], *, inert: Sequence[str] = (),
) -> str:
  """What is in a checkpoint, a model directory or a folder of diffusers.

  Args:
    path: see `commands.inspect`; or a directory of a latent model, or a folder
      that Hugging Face's diffusers wrote.
    inert: see `torch_reader.read_checkpoint`.

  Returns:
    One fact per line.

  Raises:
    ConversionError: none of them; one line that names the path.
  """
  if folders.is_folder(path):
    return folders.describe(path)
  if latent_store.is_directory(path):
    return latent_back.describe(path)
  return commands.inspect(path, inert=inert)


def convert(
    path: str | os.PathLike[str],
    card: str | None,
    out: str | os.PathLike[str],
    *,
    settings: adm.Settings | None = None,
    weights: str | None = None,
    prefix: str | None = None,
    scale_factor: float | None = None,
    layout: str | None = None,
    inert: Sequence[str] = (),
) -> str:
  """Converts whatever `path` is; see `commands.convert`, `latent.convert`.

  Args:
    path: a checkpoint file, a directory made by this function, or a folder
      that Hugging Face's diffusers wrote.
    card: name of the checkpoint's card, one network's or a latent model's;
      None: it has none or needs none.
    out: the new directory; or, from our own directory, the new safetensors
      file with PyTorch's names and layouts.
    settings: what a state dict does not tell, where there is no card; of a
      folder of diffusers image_size and licence alone.
    weights: "raw" or "ema"; None: raw, but for a latent model that holds both
      this has to be said.
    prefix: in front of one network's names; None: found.
    scale_factor: of a latent model, in place of its own.
    layout: "diffusers" makes a folder of diffusers out of one network's model
      directory.
    inert: see `torch_reader.read_checkpoint`.

  Returns:
    A report of what was done, one fact per line.

  Raises:
    ConversionError: `path` cannot be read or does not fit, an argument is not
      for it, or `out` exists or cannot be written. One line.
  """
  given = {
      "card": card, "settings": settings, "weights": weights,
      "prefix": prefix, "scale_factor": scale_factor, "layout": layout}
  if layout is not None and (pathlib.Path(path) / model_store.CONFIG).is_file():
    _only(path, given, "layout")
    if layout not in LAYOUTS:
      raise errors.ConversionError(
          f"layout is {errors.quoted(layout)}; allowed are "
          f"{', '.join(LAYOUTS)}")
    return export.export(path, out)
  if folders.is_folder(path):
    _only(path, given, "settings", "scale_factor")
    settings = settings or adm.Settings()
    if settings != adm.Settings(
        image_size=settings.image_size, licence=settings.licence):
      raise errors.ConversionError(
          f"{path}: says itself what it holds: of all settings only image_size "
          "and licence can be given")
    return folders.convert(
        path, out, scale_factor=scale_factor, image_size=settings.image_size,
        licence=settings.licence)
  if latent_store.is_directory(path):
    _only(path, given)
    return latent_back.convert_back(path, out)
  if card in ldm_cards.CARDS:
    _only(path, given, "card", "weights", "scale_factor")
    return latent_store.convert(
        path, out, card=card, weights=weights, scale_factor=scale_factor,
        inert=inert)
  _only(path, given, "card", "settings", "weights", "prefix")
  _check_known(card)
  return commands.convert(
      path, card, out, settings=settings, select=weights or "raw",
      prefix=prefix, inert=inert)


def _only(path, given, *allowed: str) -> None:
  odd = [
      name for name, value in given.items()
      if value is not None and name not in allowed]
  if odd:
    raise errors.ConversionError(
        f"{pathlib.Path(path)}: {', '.join(odd)} cannot be given for it")


def _check_known(card: str | None) -> None:
  known = [*cards.CARDS, *ldm_cards.CARDS]
  if card is not None and card not in known:
    near = difflib.get_close_matches(card, known, n=3) or sorted(known)
    raise errors.ConversionError(
        f"there is no card {errors.quoted(card)}; try {', '.join(near)}")
