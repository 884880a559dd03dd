"""Tensors as a pickle declares them, and as numpy arrays over a storage.

A pickle only says "elements of that storage, from this offset, with these
strides". Nothing is believed before the storage's bytes are at hand.
"""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses

import numpy as np

from jaxguide.convert import errors

# Weights have five axes at most; numpy stops at 64.
MOST_AXES = 32

# torch's storage class -> its little-endian element type. bfloat16, which
# numpy lacks, is read as 16-bit words and widened.
STORAGE_TYPES = {
    "torch.FloatStorage": np.dtype("<f4"),
    "torch.DoubleStorage": np.dtype("<f8"),
    "torch.HalfStorage": np.dtype("<f2"),
    "torch.BFloat16Storage": np.dtype("<u2"),
    "torch.LongStorage": np.dtype("<i8"),
    "torch.IntStorage": np.dtype("<i4"),
    "torch.ShortStorage": np.dtype("<i2"),
    "torch.CharStorage": np.dtype("i1"),
    "torch.ByteStorage": np.dtype("u1"),
    "torch.BoolStorage": np.dtype("u1"),
    "torch.ComplexFloatStorage": np.dtype("<c8"),
    "torch.ComplexDoubleStorage": np.dtype("<c16"),
}


@dataclasses.dataclass(eq=False)
class Storage:
  """A run of elements that a pickle names.

  Attributes:
    kind: torch's class, a key of `STORAGE_TYPES`.
    key: the name under which the container holds the bytes.
    numel: declared number of elements.
    data: the elements, once `fill` has been called.
  """

  kind: str
  key: str
  numel: int
  data: np.ndarray | None = None

  def __post_init__(self):
    if self.kind not in STORAGE_TYPES:
      raise errors.CheckpointError(
          f"storage {errors.quoted(self.key)} is of class "
          f"{errors.quoted(self.kind)}, which is no storage class")
    if not isinstance(self.key, str) or not is_count(self.numel):
      raise errors.CheckpointError(
          f"storage {errors.quoted(self.key)} declares "
          f"{errors.quoted(self.numel)} elements")

  @property
  def itemsize(self) -> int:
    """Bytes of one element in the file."""
    return STORAGE_TYPES[self.kind].itemsize

  def fill(self, raw: memoryview, big_endian: bool = False) -> None:
    """Takes the elements from the storage's bytes.

    Args:
      raw: bytes, at least `numel * itemsize` of them; float32 and most others
        are used in place, bfloat16 and bool are converted.
      big_endian: the byte order of `raw`.

    Raises:
      CheckpointError: fewer bytes than declared.
    """
    size = self.numel * self.itemsize
    if len(raw) < size:
      raise errors.CheckpointError(
          f"storage {errors.quoted(self.key)} declares {self.numel} elements "
          f"({size} bytes) and has {len(raw)} bytes: the file is truncated or "
          "damaged")
    dtype = STORAGE_TYPES[self.kind]
    data = np.frombuffer(
        raw[:size], dtype.newbyteorder(">") if big_endian else dtype)
    data = data.astype(dtype, copy=False)
    if self.kind == "torch.BFloat16Storage":
      data = widen_bfloat16(data)
    elif self.kind == "torch.BoolStorage":
      data = data != 0
    self.data = data


@dataclasses.dataclass(eq=False)
class Tensor:
  """A strided view of a storage; offset and strides count elements."""

  storage: Storage
  offset: int
  shape: tuple[int, ...]
  strides: tuple[int, ...]

  def __post_init__(self):
    described = (
        f"tensor of shape {errors.quoted(self.shape)}, strides "
        f"{errors.quoted(self.strides)}, offset {errors.quoted(self.offset)}")
    if not (isinstance(self.storage, Storage) and is_count(self.offset)
            and are_counts(self.shape) and are_counts(self.strides)
            and len(self.shape) == len(self.strides) <= MOST_AXES):
      raise errors.CheckpointError(f"{described} is malformed")
    if self._last() >= self.storage.numel and 0 not in self.shape or (
        product(self.shape) > self.storage.numel):
      raise errors.CheckpointError(
          f"{described} reaches outside its storage of "
          f"{self.storage.numel} elements")

  def _last(self) -> int:
    return self.offset + sum(
        (n - 1) * s
        for n, s in zip(self.shape, self.strides, strict=True))

  def array(self) -> np.ndarray:
    """The tensor as a read-only view of its (filled) storage."""
    data = self.storage.data
    if 0 in self.shape:
      return np.empty(self.shape, data.dtype)
    view = np.lib.stride_tricks.as_strided(
        data[self.offset:], self.shape,
        tuple(s * data.itemsize for s in self.strides), writeable=False)
    return view


def widen_bfloat16(words: np.ndarray) -> np.ndarray:
  """bfloat16, given as 16-bit words, in float32: the upper half of its bits."""
  return (words.astype(np.uint32) << 16).view(np.float32)


def is_count(value: object) -> bool:
  """Whether `value` is an int that can count elements of a file."""
  return isinstance(value, int) and 0 <= value < 2**48


def are_counts(values: object) -> bool:
  """Whether `values` is a tuple or list of counts."""
  return isinstance(values, Sequence) and all(is_count(v) for v in values)


def product(shape: Sequence[int]) -> int:
  """Elements of an array of this shape, without overflow."""
  total = 1
  for n in shape:
    total *= n
  return total
