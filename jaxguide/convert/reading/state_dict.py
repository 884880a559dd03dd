"""Finds the named tensors in what a pickle held.

Training programs wrap a state dict in dicts of their own, save whole modules,
or let a script compiler write them; the names that a user knows come out the
same: those of `module.state_dict()`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from jaxguide.convert import errors
from jaxguide.convert.reading import pickle_globals
from jaxguide.convert.reading import pickle_reader
from jaxguide.convert.reading import tensors

_PARALLEL_PREFIX = "module."
_DEEPEST = 64
_MOST_ENTRIES = 1_000_000
_MOST_METADATA = 1000


def find(root: Any) -> tuple[dict[str, Any], dict[str, Any]]:
  """The tensors of a checkpoint and its small extra entries.

  A dict's entry "state_dict" is taken where it holds tensors, or else its
  "ema" where that is a module (EDM's files), or else the whole dict. "module."
  in front of every name (torch's DataParallel) is removed. A file that is a
  module gives what its `state_dict()` would.

  Args:
    root: object that `pickle_reader.load` returned.

  Returns:
    `Tensor`s or arrays by name, nested names joined by "."; and metadata that
    JSON can hold: other top-level entries, a persistent object's plain
    attributes and its constructor's arguments ("init_kwargs").

  Raises:
    CheckpointError: no tensors, two tensors of one name, or contents nested
      without end.
  """
  source, metadata = _unwrap(root)
  found = {}
  for name, tensor in _Walk().entries(source, ""):
    if name in found:
      raise errors.CheckpointError(
          f"two tensors are called {errors.quoted(name)}")
    found[name] = tensor
  if not found:
    raise errors.CheckpointError("the file holds no named tensors")
  if all(name.startswith(_PARALLEL_PREFIX) for name in found):
    metadata["removed_prefix"] = _PARALLEL_PREFIX
    found = {
        name.removeprefix(_PARALLEL_PREFIX): tensor
        for name, tensor in found.items()}
  return found, metadata


def _unwrap(root: Any) -> tuple[Any, dict[str, Any]]:
  """The part of `root` that holds the network, and metadata of the rest."""
  if _attributes(root) is not None:
    return root, _module_metadata(root)
  if not isinstance(root, dict):
    raise errors.CheckpointError(
        f"the file holds a {_type_name(root)}, not a dict of tensors")
  for key in ("state_dict", "ema"):
    inner = root.get(key)
    if isinstance(inner, dict) and any(_Walk().entries(inner, "")) or (
        _attributes(inner) is not None):
      rest = {k: v for k, v in root.items() if k != key}
      return inner, {**_plain_items(rest), **_module_metadata(inner)}
  return root, _plain_items(root)


def _type_name(value: Any) -> str:
  if isinstance(value, (pickle_reader.Record, pickle_reader.Global)):
    return errors.quoted(value.name)
  return type(value).__name__


def _attributes(value: Any) -> dict[str, Any] | None:
  """The instance dict of a module-like record; None for anything else."""
  if not isinstance(value, pickle_reader.Record):
    return None
  state = value.state
  if value.name == pickle_globals.PERSISTENT_OBJECT:
    meta = value.args[0] if value.args else None
    state = meta.get("state") if isinstance(meta, dict) else None
  scripted = value.name.startswith("__torch__.")
  if isinstance(state, dict) and (scripted or "_modules" in state):
    return state
  return None


class _Walk:
  """Yields named tensors; bounded, since contents may refer to themselves."""

  def __init__(self):
    self._left = _MOST_ENTRIES
    self._open = set()

  def entries(self, value: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """(name, Tensor or array) of everything below `value`."""
    if id(value) in self._open or len(self._open) > _DEEPEST:
      raise errors.CheckpointError(
          f"contents are nested deeper than {_DEEPEST} or without end")
    self._open.add(id(value))
    for name, item in _children(value):
      self._left -= 1
      if self._left < 0:
        raise errors.CheckpointError(
            f"contents have more than {_MOST_ENTRIES} entries")
      if (leaf := _leaf(item)) is not None:
        yield f"{prefix}{name}", leaf
      elif isinstance(item, (dict, pickle_reader.Record)):
        yield from self.entries(item, f"{prefix}{name}.")
    self._open.remove(id(value))


def _leaf(value: Any) -> Any:
  if isinstance(value, pickle_reader.Record) and (
      value.name == pickle_globals.NDARRAY):
    value = value.state
  return value if isinstance(value, (tensors.Tensor, np.ndarray)) else None


def _children(value: Any) -> Iterator[tuple[str, Any]]:
  """Entries of a dict or of a module; nothing of any other record."""
  if isinstance(value, dict):
    yield from _named(value)
    return
  attributes = _attributes(value)
  if attributes is None:
    return
  if "_modules" not in attributes:
    yield from _named(attributes)
    return
  hidden = attributes.get("_non_persistent_buffers_set")
  hidden = hidden if isinstance(hidden, set) else ()
  for group in ("_parameters", "_buffers", "_modules"):
    for name, item in _named(_mapping(attributes.get(group))):
      if group != "_buffers" or name not in hidden:
        yield name, item


def _named(entries: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
  for key, item in entries.items():
    if isinstance(key, (str, int)):
      yield str(key), item


def _mapping(value: Any) -> Mapping[str, Any]:
  return value if isinstance(value, dict) else {}


def _module_metadata(value: Any) -> dict[str, Any]:
  """Plain attributes of a module: EDM's sigma_data, label_dim and so on."""
  attributes = _attributes(value)
  if attributes is None:
    return {}
  metadata = _plain_items(
      {k: v for k, v in attributes.items() if not str(k).startswith("_")})
  if value.name == pickle_globals.PERSISTENT_OBJECT:
    metadata["class_name"] = _plain(value.args[0].get("class_name"))
    metadata["init_kwargs"] = _plain_items(
        _items(attributes.get("_init_kwargs")))
  return metadata


def _items(value: Any) -> Mapping[Any, Any]:
  """The entries of a dict or of an inert subclass of dict."""
  return value.items if isinstance(value, pickle_reader.Record) else (
      _mapping(value))


def _plain_items(entries: Mapping[Any, Any]) -> dict[str, Any]:
  """The entries that JSON can hold, without the long ones."""
  plain = {}
  for key, value in list(entries.items())[:_MOST_METADATA]:
    value = _plain(value)
    if isinstance(key, str) and len(key) < _MOST_METADATA and (
        value is not None):
      plain[key] = value
  return plain


def _plain(value: Any) -> Any:
  """A number, a short text, or a short list of them; None for the rest."""
  if isinstance(value, np.generic):
    value = value.item()
  if isinstance(value, (list, tuple)) and len(value) < _MOST_METADATA:
    items = [
        None if isinstance(item, (list, tuple)) else _plain(item)
        for item in value]
    return None if None in items else items
  if isinstance(value, str) and len(value) < _MOST_METADATA:
    return value
  return value if isinstance(value, (bool, int, float)) else None
