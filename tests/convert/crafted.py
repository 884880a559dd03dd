"""Checkpoint files put together byte by byte, for tests.

A fragment is the part of a pickle that pushes one object. Files made of
fragments need no torch, and can say what torch never would.
"""

import io
import os
import pathlib
import pickle
import struct
import zipfile

import numpy as np

LEGACY_NUMBER = 0x1950A86A20F9469CFC6C
CLASSES = {
    "float32": "FloatStorage", "float64": "DoubleStorage",
    "float16": "HalfStorage", "int64": "LongStorage", "int32": "IntStorage",
    "int16": "ShortStorage", "int8": "CharStorage", "uint8": "ByteStorage",
    "bool": "BoolStorage", "complex64": "ComplexFloatStorage",
    "complex128": "ComplexDoubleStorage",
}


def literal(value):
  """Fragment of a plain Python value."""
  return pickle.dumps(value, 2)[2:-1]


def name(module, attribute):
  return f"c{module}\n{attribute}\n".encode()


def tuple_(*fragments):
  return b"(" + b"".join(fragments) + b"t"


def call(function, *fragments):
  return function + tuple_(*fragments) + b"R"


def dict_(entries):
  """Fragment of a dict of fragments, keyed by plain values or fragments."""
  return b"}(" + b"".join(
      (key if isinstance(key, bytes) else literal(key)) + value
      for key, value in entries.items()) + b"u"


def storage(kind, key, numel, *extra):
  return tuple_(
      literal("storage"), name("torch", kind), literal(key), literal("cpu"),
      literal(numel), *(literal(value) for value in extra)) + b"Q"


def tensor(storage_, offset, shape, strides):
  return call(
      name("torch._utils", "_rebuild_tensor_v2"), storage_, literal(offset),
      literal(shape), literal(strides), literal(False),
      call(name("collections", "OrderedDict")))


def finished(fragment, protocol=2):
  return b"\x80" + bytes([protocol]) + fragment + b"."


def zip_bytes(fragment, storages=(), folder="archive", **members):
  """A file as `torch.save` writes it; `storages` are the bytes of data/<i>."""
  stream = io.BytesIO()
  with zipfile.ZipFile(stream, "w") as archive:
    archive.writestr(f"{folder}/data.pkl", finished(fragment))
    for key, raw in enumerate(storages):
      archive.writestr(f"{folder}/data/{key}", raw)
    archive.writestr(f"{folder}/version", "3\n")
    for member, raw in members.items():
      archive.writestr(f"{folder}/{member}", raw)
  return stream.getvalue()


def legacy_bytes(fragment, storages=(), keys=None, number=LEGACY_NUMBER,
                 protocol=1001, system=None, counts=None):
  """A file as torch before 1.6 writes it; `storages` are arrays."""
  system = system or {"protocol_version": 1001, "little_endian": True}
  keys = [str(i) for i in range(len(storages))] if keys is None else keys
  parts = [pickle.dumps(number, 2), pickle.dumps(protocol, 2),
           pickle.dumps(system, 2), finished(fragment), pickle.dumps(keys, 2)]
  for i, array in enumerate(storages):
    count = array.size if counts is None else counts[i]
    parts.append(struct.pack("<q", count) + array.tobytes())
  return b"".join(parts)


def state(arrays, *extra):
  """Fragment of a state dict over one storage per array."""
  return dict_({
      key: tensor(
          storage(CLASSES[str(a.dtype)], str(i), a.size, *extra), 0, a.shape,
          contiguous(a.shape))
      for i, (key, a) in enumerate(arrays.items())})


def contiguous(shape):
  return tuple(int(np.prod(shape[i + 1:])) for i in range(len(shape)))


def arrays(seed=0):
  """Arrays of every element type."""
  random = np.random.default_rng(seed)
  named = {
      "conv.weight": random.normal(size=(4, 3, 3, 3)).astype(np.float32),
      "conv.bias": random.normal(size=4).astype(np.float32),
      "half": random.normal(size=(2, 5)).astype(np.float16),
      "double": random.normal(size=3),
      "scalar": np.float32(random.normal(size=())),
      "empty": np.zeros((0, 4), np.float32),
      "bool": np.array([True, False, True]),
      "complex": random.normal(size=2).astype(np.complex64),
  }
  for dtype in ("int64", "int32", "int16", "int8", "uint8"):
    named[dtype] = random.integers(0, 99, (2, 3)).astype(dtype)
  return {key: np.asarray(array) for key, array in named.items()}


def save(folder, data, file_name="file.pt"):
  path = pathlib.Path(folder) / file_name
  path.write_bytes(data)
  return path


def same(found, expected):
  """Whether two dicts of arrays agree to the bit, types and shapes included."""
  return set(found) == set(expected) and all(
      found[key].dtype == expected[key].dtype
      and found[key].shape == expected[key].shape
      and found[key].tobytes() == expected[key].tobytes() for key in expected)


def recorded(kind):
  """The folder of recordings of a kind; None where there are none."""
  root = os.environ.get("JAXGUIDE_RECORDED")
  path = pathlib.Path(root or ".", kind)
  return path if root and path.is_dir() else None
