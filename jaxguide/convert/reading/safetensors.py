"""Reads and writes safetensors files.

The format: a little-endian u64, the length of a JSON header {name: {"dtype",
"shape", "data_offsets": [begin, end]}}, the header, then the bytes; offsets
count from the header's end, and the tensors fill the rest without gap or
overlap. "__metadata__" in the header maps texts to texts.
"""

from __future__ import annotations

from collections.abc import Mapping
import json
import mmap
import os
import struct
from typing import Any, BinaryIO

import numpy as np

from jaxguide.convert import atomic
from jaxguide.convert import errors
from jaxguide.convert.reading import tensors

_LENGTH = struct.Struct("<Q")
_LONGEST_HEADER = 100_000_000
_ALIGNMENT = 8
_METADATA = "__metadata__"
_BFLOAT16 = "BF16"
_DTYPES = {
    "F64": np.dtype("<f8"), "F32": np.dtype("<f4"), "F16": np.dtype("<f2"),
    _BFLOAT16: np.dtype("<u2"), "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"), "I16": np.dtype("<i2"), "I8": np.dtype("i1"),
    "U8": np.dtype("u1"), "BOOL": np.dtype("?"),
}
_NAMES = {
    dtype: name for name, dtype in _DTYPES.items() if name != _BFLOAT16}


def is_safetensors(data: bytes | mmap.mmap) -> bool:
  """Whether `data` begins as a safetensors file does."""
  return (
      data[_LENGTH.size:_LENGTH.size + 1] == b"{"
      and _LENGTH.unpack(data[:_LENGTH.size])[0] <= _LONGEST_HEADER)


def parse(
    data: memoryview,
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
  """The tensors of a safetensors file.

  Args:
    data: the whole file.

  Returns:
    Arrays by name: views of `data`, but bfloat16 widened to float32; and the
    header's metadata.

  Raises:
    CheckpointError: the file is truncated or malformed, or has an element type
      other than F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL.
  """
  header, body = _split(data)
  metadata = header.pop(_METADATA, {})
  if not isinstance(metadata, dict) or not all(
      isinstance(value, str) for value in metadata.values()):
    raise errors.CheckpointError("safetensors metadata maps no text to text")
  if not header:
    raise errors.CheckpointError("the file holds no named tensors")
  end = 0
  spans = {name: _span(name, entry) for name, entry in header.items()}
  for name in sorted(spans, key=spans.get):
    begin, stop = spans[name]
    if begin != end:
      raise errors.CheckpointError(
          f"tensor {errors.quoted(name)} begins at byte {begin}, while the one "
          f"before ends at {end}")
    end = stop
  if end != len(body):
    raise errors.CheckpointError(
        f"the header declares {end} bytes of tensors and the file has "
        f"{len(body)}: it is truncated or damaged")
  return {
      name: _array(header[name], body[slice(*spans[name])])
      for name in header}, metadata


def _split(data: memoryview) -> tuple[dict[str, Any], memoryview]:
  """The header and the bytes behind it."""
  length, = _LENGTH.unpack_from(data)
  start = _LENGTH.size + length
  if start > len(data):
    raise errors.CheckpointError(
        f"safetensors header declares {length} bytes and the file has "
        f"{len(data) - _LENGTH.size} more: it is truncated")
  try:
    header = json.loads(
        bytes(data[_LENGTH.size:start]), object_pairs_hook=_unique)
  except (ValueError, RecursionError) as error:
    raise errors.CheckpointError(
        f"safetensors header is not valid JSON: {errors.quoted(str(error))}"
    ) from error
  if not isinstance(header, dict):
    raise errors.CheckpointError(
        "safetensors header is JSON, but not a JSON object")
  return header, data[start:]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
  entries = dict(pairs)
  if len(entries) != len(pairs):
    raise ValueError("a name appears twice")
  return entries


def _span(name: str, entry: Any) -> tuple[int, int]:
  """Where a tensor's bytes begin and end; checks its shape against them."""
  described = f"tensor {errors.quoted(name)}"
  if not isinstance(entry, dict) or set(entry) != {
      "dtype", "shape", "data_offsets"}:
    raise errors.CheckpointError(
        f"{described} has no dtype, shape and data_offsets in the header")
  dtype, shape = entry["dtype"], entry["shape"]
  offsets = entry["data_offsets"]
  if not isinstance(dtype, str) or dtype not in _DTYPES:
    raise errors.CheckpointError(
        f"{described} has element type {errors.quoted(dtype)}; readable are "
        f"{', '.join(_DTYPES)}")
  if not tensors.are_counts(shape) or not tensors.are_counts(offsets) or (
      len(offsets) != 2 or len(shape) > tensors.MOST_AXES):
    raise errors.CheckpointError(
        f"{described} has a malformed shape or data_offsets")
  size = tensors.product(shape) * _DTYPES[dtype].itemsize
  if offsets[1] - offsets[0] != size:
    raise errors.CheckpointError(
        f"{described} of shape {errors.quoted(shape)} needs {size} bytes and "
        f"has {offsets[1] - offsets[0]}")
  return offsets[0], offsets[1]


def _array(entry: dict[str, Any], raw: memoryview) -> np.ndarray:
  dtype = _DTYPES[entry["dtype"]]
  array = np.frombuffer(raw, "u1" if dtype == np.bool_ else dtype)
  if entry["dtype"] == _BFLOAT16:
    array = tensors.widen_bfloat16(array)
  elif dtype == np.bool_:
    array = array != 0
  return array.reshape(entry["shape"])


def write(
    path: str | os.PathLike[str],
    arrays: Mapping[str, np.ndarray],
    metadata: Mapping[str, str] | None = None,
) -> None:
  """Writes a safetensors file; one that is there is replaced at the end.

  Args:
    path: the file, in a directory that exists.
    arrays: arrays by name, of the element types that `parse` reads.
    metadata: texts to keep in the header.

  Raises:
    ConversionError: an element type or name that the format lacks, or the file
      cannot be written; nothing is left behind.
  """
  with errors.naming(path):
    header = _header(arrays, metadata or {})
    atomic.check_space(path, sum(a.nbytes for a in arrays.values()))
    with atomic.replacing(path) as temporary:
      with open(temporary, "wb") as file:
        _write(file, header, arrays)
        atomic.flush(file)


def _ordered(arrays: Mapping[str, np.ndarray]) -> list[str]:
  """Wide elements first, so that every tensor is aligned."""
  return sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name))


def _header(
    arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str],
) -> bytes:
  header = {_METADATA: dict(metadata)} if metadata else {}
  end = 0
  for name in _ordered(arrays):
    array = arrays[name]
    dtype = array.dtype.newbyteorder("<")
    if dtype not in _NAMES or name == _METADATA:
      raise errors.ConversionError(
          f"tensor {errors.quoted(name)} of type {array.dtype} cannot be "
          "written as safetensors")
    header[name] = {
        "dtype": _NAMES[dtype], "shape": list(array.shape),
        "data_offsets": [end, end + array.nbytes]}
    end += array.nbytes
  text = json.dumps(header, separators=(",", ":")).encode()
  return text + b" " * (-len(text) % _ALIGNMENT)


def _write(
    file: BinaryIO, header: bytes, arrays: Mapping[str, np.ndarray],
) -> None:
  file.write(_LENGTH.pack(len(header)))
  file.write(header)
  for name in _ordered(arrays):
    array = arrays[name]
    array = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    file.write(array.reshape(-1).view(np.uint8))
