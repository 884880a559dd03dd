"""Conversion of whatever a user names: one network, or several, either way.

`jaxguide convert` and `jaxguide inspect` as functions that return text.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
import os
import pathlib
from typing import NamedTuple

from jaxguide import checkpoint_settings
from jaxguide.convert import cards
from jaxguide.convert import errors
from jaxguide.convert import latent_checkpoints
from jaxguide.convert import latent_store
from jaxguide.convert import network_checkpoints
from jaxguide.convert.cards import ldm_cards
from jaxguide.convert.diffusers import export
from jaxguide.convert.diffusers import folders

LAYOUTS = ("diffusers",)


def inspect(
    path: str | os.PathLike[str], *, inert: Sequence[str] = (),
) -> str:
  """What is in a checkpoint, a model directory or a folder of diffusers.

  Args:
    path: a checkpoint file, a directory that `convert` made, of one network or
      of a latent model, or a folder that Hugging Face's diffusers wrote.
    inert: dotted names in a pickle to keep as dead objects instead of refusing
      them, see `torch_reader.read_checkpoint`; they are never executed.

  Returns:
    One fact per line.

  Raises:
    ConversionError: none of them; one line that names the path.

  Example:
    >>> from jaxguide.convert import model_directories
    >>> print(inspect(model_directories.find("noto32")).splitlines()[1])
    parameters    4,549,603 in 160
  """
  if folders.is_folder(path):
    return folders.describe_folder(path)
  if latent_store.is_directory(path):
    return latent_checkpoints.describe_directory(path)
  if pathlib.Path(path).is_dir():
    return network_checkpoints.describe_directory(path)
  return network_checkpoints.inspect_file(path, inert=inert)


def convert(
    path: str | os.PathLike[str],
    card: str | None,
    out: str | os.PathLike[str],
    *,
    settings: checkpoint_settings.Settings | None = None,
    weights: str | None = None,
    prefix: str | None = None,
    scale_factor: float | None = None,
    layout: str | None = None,
    inert: Sequence[str] = (),
) -> str:
  """Converts whatever `path` is.

  A checkpoint or a folder of diffusers becomes a model directory, which
  `load_prior` and `load_model` read; a model directory becomes a safetensors
  file again, or a folder of diffusers.

  Args:
    path: a checkpoint file, a directory made by this function, or a folder
      that Hugging Face's diffusers wrote.
    card: name of the checkpoint's card, one network's or a latent model's;
      None: it has none or needs none.
    out: the new directory; or, from our own directory, the new safetensors
      file with PyTorch's names and layouts.
    settings: everything that a state dict does not tell, where there is no
      card; of a folder of diffusers image_size and licence alone.
    weights: "raw" or "ema"; None: raw, but for a latent model that holds both
      this has to be said.
    prefix: text in front of one network's names; None: found.
    scale_factor: factor of a latent model's latents, in place of its own.
    layout: "diffusers" makes a folder of diffusers out of one network's model
      directory.
    inert: dotted names in a pickle to keep as dead objects instead of refusing
      them, see `torch_reader.read_checkpoint`; they are never executed.

  Returns:
    A report of what was done, one fact per line.

  Raises:
    ConversionError: `path` cannot be read or does not fit, an argument is not
      for it, or `out` exists or cannot be written. One line.

  Example:
    The embedded prior by the names that PyTorch would give its tensors:

    >>> import pathlib, tempfile
    >>> from jaxguide.convert import model_directories
    >>> with tempfile.TemporaryDirectory() as folder:
    ...   report = convert(
    ...       model_directories.find("noto32"), None,
    ...       pathlib.Path(folder, "noto32.safetensors"))
    >>> report.splitlines()[1]
    'network       adm_unet, 4,549,603 parameters in 160 tensors'
  """
  _check_known(card)
  given = _Given(card, settings, weights, prefix, scale_factor, layout)
  if pathlib.Path(path).is_dir():
    return _from_directory(path, out, given)
  return _from_file(path, out, given, inert)


class _Given(NamedTuple):
  """What a user may say of a conversion, by the arguments of `convert`."""

  card: str | None
  settings: checkpoint_settings.Settings | None
  weights: str | None
  prefix: str | None
  scale_factor: float | None
  layout: str | None


def _from_directory(
    path: str | os.PathLike[str], out: str | os.PathLike[str], given: _Given,
) -> str:
  if folders.is_folder(path):
    _check_given(
        path, given, ("settings", "scale_factor"), "a folder of diffusers")
    return _convert_folder(path, out, given)
  if latent_store.is_directory(path):
    _check_given(path, given, (), "a directory of a latent model")
    return latent_checkpoints.export_latent_model(path, out)
  _check_given(path, given, ("layout",), "a model directory")
  if given.layout is None:
    return network_checkpoints.export_network(path, out)
  if given.layout not in LAYOUTS:
    raise errors.ConversionError(
        f"layout is {errors.quoted(given.layout)}; allowed are "
        f"{', '.join(LAYOUTS)}")
  return export.export_folder(path, out)


def _from_file(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    given: _Given,
    inert: Sequence[str],
) -> str:
  if given.card in ldm_cards.CARDS:
    _check_given(
        path, given, ("card", "weights", "scale_factor"),
        "a checkpoint of a latent model")
    return latent_checkpoints.convert_latent_model(
        path, out, card=given.card, weights=given.weights,
        scale_factor=given.scale_factor, inert=inert)
  _check_given(
      path, given, ("card", "settings", "weights", "prefix"),
      "a checkpoint of one network")
  return network_checkpoints.convert_network(
      path, given.card, out, settings=given.settings,
      select=given.weights or "raw", prefix=given.prefix, inert=inert)


def _convert_folder(
    path: str | os.PathLike[str], out: str | os.PathLike[str], given: _Given,
) -> str:
  settings = given.settings or checkpoint_settings.Settings()
  if set(settings.said()) - {"image_size", "licence"}:
    raise errors.ConversionError(
        f"{path}: the folder says itself what it holds: of all settings only "
        "image_size and licence can be given")
  return folders.convert_folder(
      path, out, scale_factor=given.scale_factor,
      image_size=settings.image_size, licence=settings.licence)


def _check_given(
    path: str | os.PathLike[str],
    given: _Given,
    allowed: Collection[str],
    kind: str,
) -> None:
  odd = [
      name for name, value in given._asdict().items()
      if value is not None and name not in allowed]
  if odd:
    raise errors.ConversionError(
        f"{pathlib.Path(path)}: {', '.join(odd)} cannot be given for {kind}; "
        f"what can is {', '.join(allowed) or 'nothing'}")


def _check_known(card: str | None) -> None:
  known = [*cards.CARDS, *ldm_cards.CARDS]
  if card is not None and card not in known:
    raise errors.ConversionError(
        f"there is no card {errors.quoted(card)}; {errors.near(card, known)}")
