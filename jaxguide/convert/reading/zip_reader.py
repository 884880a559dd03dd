"""Members of an uncompressed zip file, as views of the mapped file.

`torch.save` stores its members uncompressed, so that every storage can be used
where it lies. Only the central directory is trusted, and only as far as the
bytes of the file go: nothing is extracted, and nothing is allocated on the
word of a header (zip bombs).
"""

from __future__ import annotations

from collections.abc import Iterator
import struct
import zlib

from jaxguide.convert import errors

_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_STORED, _DEFLATED = 0, 8
_LONGEST_COMMENT = 65535
# torch writes a member per storage: some hundreds to some thousands.
_MOST_MEMBERS = 100_000
# Weights shrink by a few per cent and pickles by five or so.
_LARGEST_RATIO = 50


class ZipMember:
  """One entry of the central directory.

  Attributes:
    name: its path in the archive.
    size: uncompressed bytes.
  """

  def __init__(self, name: str, fields: tuple[int, ...]):
    self.name = name
    (self._flags, self._method, self._crc, self._stored_size, self.size,
     self._offset) = fields

  def read(self, data: memoryview) -> memoryview:
    """The member's bytes: a view of `data`, or inflated where it is deflated.

    Args:
      data: the whole archive.

    Returns:
      `size` bytes.

    Raises:
      CheckpointError: the member lies outside the file, is encrypted, is
        compressed beyond reason or by another method, or fails its checksum.
    """
    raw = self._raw(data)
    if self._method == _DEFLATED:
      raw = self._inflate(raw)
    elif self._method != _STORED:
      raise errors.CheckpointError(
          f"zip member {errors.quoted(self.name)} uses compression method "
          f"{self._method}; torch stores members uncompressed")
    if len(raw) != self.size:
      raise errors.CheckpointError(
          f"zip member {errors.quoted(self.name)} declares {self.size} bytes "
          f"and has {len(raw)}")
    # torch writes 0 where it was asked not to compute checksums.
    if self._crc and zlib.crc32(raw) != self._crc:
      raise errors.CheckpointError(
          f"zip member {errors.quoted(self.name)} fails its checksum: the file "
          "is damaged")
    return raw

  def _raw(self, data: memoryview) -> memoryview:
    if self._flags & 1:
      raise errors.CheckpointError(
          f"zip member {errors.quoted(self.name)} is encrypted")
    local = _unpack(_LOCAL, data, self._offset, b"PK\x03\x04")
    start = self._offset + _LOCAL.size + local[-2] + local[-1]
    if start + self._stored_size > len(data):
      raise errors.CheckpointError(
          f"zip member {errors.quoted(self.name)} reaches beyond the end of "
          "the file")
    return data[start:start + self._stored_size]

  def _inflate(self, raw: memoryview) -> memoryview:
    if self.size > _LARGEST_RATIO * max(len(raw), 1):
      raise errors.CheckpointError(
          f"zip member {errors.quoted(self.name)} declares {self.size} bytes "
          f"from {len(raw)} compressed ones; at most {_LARGEST_RATIO} times "
          "as many are accepted")
    try:
      inflater = zlib.decompressobj(-zlib.MAX_WBITS)
      return memoryview(inflater.decompress(raw, self.size + 1))
    except zlib.error as error:
      raise errors.CheckpointError(
          f"zip member {errors.quoted(self.name)} cannot be inflated: "
          f"{error}") from error


def read_directory(data: memoryview) -> dict[str, ZipMember]:
  """The central directory of a zip archive (PKWARE APPNOTE 6.3, section 4.3).

  Args:
    data: the whole archive.

  Returns:
    The members by name, in the directory's order.

  Raises:
    CheckpointError: no directory, or one that does not fit into the file, has
      more than 100,000 members, or names a member twice.
  """
  count, size, offset = _end_record(data)
  if count > _MOST_MEMBERS:
    raise errors.CheckpointError(
        f"zip directory has {count} members; at most {_MOST_MEMBERS} are "
        "accepted")
  if offset + size > len(data):
    raise errors.CheckpointError(
        "zip directory reaches beyond the end of the file: it is truncated")
  members = {}
  for member in _entries(data[offset:offset + size], count):
    if member.name in members:
      raise errors.CheckpointError(
          f"zip directory names {errors.quoted(member.name)} twice")
    members[member.name] = member
  return members


def _end_record(data: memoryview) -> tuple[int, int, int]:
  """Number of entries, size and offset of the central directory."""
  tail_start = max(0, len(data) - _LONGEST_COMMENT - _END.size)
  position = bytes(data[tail_start:]).rfind(b"PK\x05\x06")
  if position < 0:
    raise errors.CheckpointError(
        "zip file without its directory at the end: it is truncated")
  position += tail_start
  end = _unpack(_END, data, position, b"PK\x05\x06")
  count, size, offset = end[4:7]
  if count != 0xFFFF and 0xFFFFFFFF not in (size, offset):
    return count, size, offset
  locator = _unpack(
      _END64_LOCATOR, data, position - _END64_LOCATOR.size, b"PK\x06\x07")
  return _unpack(_END64, data, locator[2], b"PK\x06\x06")[-3:]


def _entries(directory: memoryview, count: int) -> Iterator[ZipMember]:
  position = 0
  for _ in range(count):
    entry = _unpack(_ENTRY, directory, position, b"PK\x01\x02")
    _, _, _, flags, method, _, _, crc, stored, size, *rest = entry
    name_length, extra_length, comment_length, _, _, _, offset = rest
    start = position + _ENTRY.size
    name = bytes(directory[start:start + name_length])
    extra = directory[start + name_length:start + name_length + extra_length]
    size, stored, offset = _wide(extra, [size, stored, offset])
    encoding = "utf-8" if flags & 0x800 else "cp437"
    yield ZipMember(
        name.decode(encoding, "replace"),
        (flags, method, crc, stored, size, offset))
    position = start + name_length + extra_length + comment_length


def _wide(extra: memoryview, values: list[int]) -> list[int]:
  """Replaces the 32-bit fields that overflowed by their 64-bit extra fields."""
  if 0xFFFFFFFF not in values:
    return values
  while len(extra) >= 4:
    kind, length = struct.unpack_from("<2H", extra)
    if kind == 1:
      wide = iter(struct.unpack_from(f"<{min(length, len(extra) - 4) // 8}Q",
                                     extra, 4))
      return [next(wide, v) if v == 0xFFFFFFFF else v for v in values]
    extra = extra[4 + length:]
  return values


def _unpack(
    layout: struct.Struct, data: memoryview, position: int, magic: bytes,
) -> tuple:
  """`layout` at `position`, which must begin with `magic`."""
  if not 0 <= position <= len(data) - layout.size:
    raise errors.CheckpointError(
        "zip record lies outside the file: it is truncated or damaged")
  fields = layout.unpack_from(data, position)
  if fields[0] != magic:
    raise errors.CheckpointError(
        f"zip record {magic[2:].hex()} is missing at byte {position}: the file "
        "is damaged")
  return fields
