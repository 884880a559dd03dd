"""Reads the files that PyTorch programs write, without torch.

Nothing out of a file is executed or imported: see `pickle_reader` and
`pickle_globals`. Every declared size is bounded by the bytes present.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
import contextlib
import dataclasses
import io
import mmap
import os
import stat
import struct
from typing import Any

import numpy as np

from jaxguide.convert import errors
from jaxguide.convert.reading import pickle_globals
from jaxguide.convert.reading import pickle_reader
from jaxguide.convert.reading import safetensors
from jaxguide.convert.reading import state_dict
from jaxguide.convert.reading import tensors
from jaxguide.convert.reading import zip_reader

_ZIP_MAGIC = b"PK\x03\x04"
_PICKLE_MAGICS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_LEGACY_NUMBER = 0x1950A86A20F9469CFC6C
# The number as a pickle holds it: LONG1, of 10 bytes.
_LEGACY_MAGIC = b"\x8a\x0a" + _LEGACY_NUMBER.to_bytes(10, "little")
_LONGEST_HEAD = 32
_LEGACY_PROTOCOL = 1001
_TAR_MAGIC, _TAR_OFFSET = b"ustar", 257


@dataclasses.dataclass(frozen=True)
class Checkpoint:
  """The tensors of a file.

  Attributes:
    tensors: read-only arrays by their names in `module.state_dict()`, in
      PyTorch's layout and the file's type (bfloat16 widened to float32). They
      may be views of the mapped file: the file must not shrink meanwhile.
    container: "torch_zip", "torch_legacy", "torchscript", "pickle" or
      "safetensors".
    metadata: small extra entries of the file, as JSON can hold them.

  Example:
    >>> from jaxguide import convert
    >>> from jaxguide.convert import model_directories
    >>> folder = model_directories.find("noto32")
    >>> convert.read_checkpoint(folder / "params.safetensors").container
    'safetensors'
  """

  tensors: dict[str, np.ndarray]
  container: str
  metadata: dict[str, Any]


def read_checkpoint(
    path: str | os.PathLike[str], *, inert: Sequence[str] = (),
) -> Checkpoint:
  """Reads a checkpoint of any supported container, told by its first bytes.

  Supported are files of `torch.save` (zip, and the older format without),
  Lightning checkpoints, TorchScript archives, EDM's pickles, pickles of numpy
  arrays, and safetensors. Wrappers such as {"state_dict": ...} are removed: see
  `state_dict.find`.

  Args:
    path: the file.
    inert: prefixes of further dotted names that a pickle may use; objects of
      these names are read over, never made.

  Returns:
    The tensors and what is known about them.

  Raises:
    CheckpointError: the file cannot be opened, is no checkpoint, is damaged,
      or names something that a checkpoint may not use. One line, which starts
      with the path.

  Example:
    >>> from jaxguide.convert import model_directories
    >>> folder = model_directories.find("noto32")
    >>> checkpoint = read_checkpoint(folder / "params.safetensors")
    >>> checkpoint.container, checkpoint.tensors["time_embed.0.weight"].shape
    ('safetensors', (256, 64))
  """
  with errors.naming(path, errors.CheckpointError):
    with _mapped(path) as data:
      container, named, metadata = _read(data, inert)
  return Checkpoint(named, container, metadata)


@contextlib.contextmanager
def _mapped(path: str | os.PathLike[str]) -> Iterator[mmap.mmap]:
  """The file's bytes; they stay mapped as long as an array refers to them."""
  found = os.stat(path)
  # Before opening it: a named pipe would block.
  if not stat.S_ISREG(found.st_mode):
    raise errors.CheckpointError("is no regular file")
  if not found.st_size:
    raise errors.CheckpointError("the file is empty")
  with open(path, "rb") as file:
    yield mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _read(
    data: mmap.mmap, inert: Sequence[str],
) -> tuple[str, dict[str, np.ndarray], dict[str, Any]]:
  head = data[:_LONGEST_HEAD]
  if head.startswith(_ZIP_MAGIC):
    return _read_zip(memoryview(data), inert)
  if head.startswith(_PICKLE_MAGICS) and _LEGACY_MAGIC in head:
    return "torch_legacy", *_materialise(_read_legacy(data, inert))
  if head.startswith(_PICKLE_MAGICS):
    return "pickle", *_materialise(_read_pickle(data, inert))
  if safetensors.is_safetensors(data):
    named, metadata = safetensors.parse(memoryview(data))
    return "safetensors", named, dict(metadata)
  if data[_TAR_OFFSET:_TAR_OFFSET + len(_TAR_MAGIC)] == _TAR_MAGIC:
    raise errors.CheckpointError(
        "is a tar archive, the container of torch before 0.1.10, which is not "
        "supported; save it again with a later torch")
  raise errors.CheckpointError(
      f"is no checkpoint: it begins with {errors.quoted(head[:8])}, as no zip, "
      "pickle or safetensors file does")


def _materialise(root: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
  found, metadata = state_dict.find(root)
  return {
      name: item.array() if isinstance(item, tensors.Tensor) else item
      for name, item in found.items()}, metadata


def _read_zip(
    data: memoryview, inert: Sequence[str],
) -> tuple[str, dict[str, np.ndarray], dict[str, Any]]:
  """torch >= 1.6: one folder with data.pkl and data/<key> per storage."""
  members = zip_reader.read_directory(data)
  pickles = [
      name for name in members
      if name.count("/") == 1 and name.endswith("/data.pkl")]
  if len(pickles) != 1:
    raise errors.CheckpointError(
        f"is a zip file with {len(pickles)} members <folder>/data.pkl; a torch "
        "file has one")
  folder = pickles[0].removesuffix("data.pkl")
  order = members.get(f"{folder}byteorder")
  big_endian = order is not None and bytes(order.read(data)) == b"big"
  namespace = pickle_globals.Namespace(inert)
  stream = io.BytesIO(members[pickles[0]].read(data))
  root = pickle_reader.load(stream, namespace.hooks())
  found, metadata = state_dict.find(root)
  named = {}
  for name, item in found.items():
    if isinstance(item, tensors.Tensor):
      _fill(item.storage, f"{folder}data/", members, data, big_endian)
      item = item.array()
    named[name] = item
  scripted = f"{folder}constants.pkl" in members
  return "torchscript" if scripted else "torch_zip", named, metadata


def _fill(
    storage: tensors.Storage,
    folder: str,
    members: dict[str, zip_reader.ZipMember],
    data: memoryview,
    big_endian: bool,
) -> None:
  if storage.data is not None:
    return
  member = members.get(f"{folder}{storage.key}")
  if member is None:
    raise errors.CheckpointError(
        f"storage {errors.quoted(storage.key)} is missing from the zip file")
  storage.fill(member.read(data), big_endian)


def _read_pickle(data: mmap.mmap, inert: Sequence[str]) -> Any:
  """A pickle of its own, whose storages are nested legacy files (EDM)."""
  def load_bytes(raw: bytes) -> tensors.Storage:
    storage = _read_legacy(io.BytesIO(raw), ())
    if not isinstance(storage, tensors.Storage):
      raise TypeError("a nested file holds no storage")
    return storage

  namespace = pickle_globals.Namespace(inert, load_bytes)
  root = pickle_reader.load(data, namespace.hooks())
  if namespace.storages:
    raise errors.CheckpointError(
        "is a pickle that refers to storages outside itself")
  return root


def _read_legacy(stream: mmap.mmap | io.BytesIO, inert: Sequence[str]) -> Any:
  """torch < 1.6: five pickles, then the storages in the fifth's order."""
  namespace = pickle_globals.Namespace(inert)
  hooks = namespace.hooks()
  number, protocol, system, root, keys = (
      pickle_reader.load(stream, hooks) for _ in range(5))
  if number != _LEGACY_NUMBER or protocol != _LEGACY_PROTOCOL:
    raise errors.CheckpointError(
        f"is a torch file of protocol {errors.quoted(protocol)}; "
        f"{_LEGACY_PROTOCOL} is known")
  if not isinstance(system, dict) or not system.get("little_endian", True):
    raise errors.CheckpointError("is a legacy torch file in big-endian order")
  _fill_legacy(stream, keys, namespace.storages)
  return root


def _fill_legacy(
    stream: mmap.mmap | io.BytesIO,
    keys: Any,
    storages: dict[tuple[str, str], tensors.Storage],
) -> None:
  by_key = {storage.key: storage for storage in storages.values()}
  if not isinstance(keys, list) or len(by_key) != len(storages) or (
      len(keys) != len(by_key)) or any(
          not isinstance(k, str) or k not in by_key for k in keys) or (
              len(set(keys)) != len(keys)):
    raise errors.CheckpointError(
        "the storages that the file lists are not those that its tensors use")
  for key in keys:
    storage = by_key[key]
    count = stream.read(8)
    if len(count) < 8 or struct.unpack("<q", count)[0] != storage.numel:
      raise errors.CheckpointError(
          f"storage {errors.quoted(key)} does not begin with its "
          f"{storage.numel} elements: the file is truncated or damaged")
    size = storage.numel * storage.itemsize
    storage.fill(_view(stream, size))


def _view(stream: mmap.mmap | io.BytesIO, size: int) -> memoryview:
  """The next `size` bytes (fewer at the end), uncopied."""
  buffer = (
      stream.getbuffer() if isinstance(stream, io.BytesIO)
      else memoryview(stream))
  start = stream.tell()
  view = buffer[start:start + size]
  stream.seek(start + len(view))
  return view
