"""Where model directories lie: those of a user, and those of the package."""

from __future__ import annotations

import hashlib
import os
import pathlib

from jaxguide.convert import errors
from jaxguide.convert import latent_store
from jaxguide.convert import model_store
from jaxguide.convert.cards import ldm_cards

EMBEDDED = pathlib.Path(__file__).parent.parent / "embedded"


def embedded_names() -> list[str]:
  """Names of the priors that ship with the package.

  Example:
    >>> from jaxguide import convert
    >>> "noto32" in convert.embedded_names()
    True
  """
  folders = sorted(p for p in EMBEDDED.iterdir() if p.is_dir())
  return [folder.name for folder in folders if _is_prior(folder)]


def _is_prior(folder: pathlib.Path) -> bool:
  """A classifier, which predicts no image, is no prior."""
  if latent_store.is_directory(folder):
    return True
  return (folder / model_store.CONFIG).is_file() and (
      model_store.read_config(folder).prediction is not None)


def find(path: str | os.PathLike[str]) -> pathlib.Path:
  """The directory that a user names.

  Args:
    path: a directory, or the name of an embedded model.

  Raises:
    ConversionError: it is neither; says which names there are.

  Example:
    >>> from jaxguide.convert import model_directories
    >>> model_directories.find("noto32").name
    'noto32'
  """
  folder = pathlib.Path(path)
  if folder.exists():
    return folder
  embedded = EMBEDDED / os.fspath(path)
  if os.fspath(path) in embedded_names():
    return embedded
  raise errors.ConversionError(
      f"{path}: no such directory, nor an embedded prior "
      f"({errors.listed(embedded_names())})")


def fingerprint(folder: pathlib.Path) -> str:
  """sha256 over the names and contents of a model directory's files.

  Of a latent model over its parts and `latent.json`.

  Args:
    folder: model directory, see `model_store`; what else lies there does not
      count.

  Example:
    >>> from jaxguide.convert import model_directories
    >>> len(model_directories.fingerprint(model_directories.find("noto32")))
    64
  """
  if latent_store.is_directory(folder):
    return _latent_fingerprint(folder)
  digest = hashlib.sha256()
  kept = ("config.json", "params", "params.safetensors")
  files = [f for name in kept for f in sorted((folder / name).rglob("*"))]
  files += [folder / name for name in kept]
  for file in files:
    if file.is_file():
      digest.update(str(file.relative_to(folder)).encode() + b"\0")
      with open(file, "rb") as stream:
        digest.update(hashlib.file_digest(stream, "sha256").digest())
  return digest.hexdigest()


def _latent_fingerprint(folder: pathlib.Path) -> str:
  digest = hashlib.sha256((folder / latent_store.FILE).read_bytes())
  for part in ldm_cards.PARTS:
    if (folder / part).is_dir():
      digest.update(f"{part} {fingerprint(folder / part)}".encode())
  return digest.hexdigest()
