import json
import struct

import numpy as np
import pytest

from jaxguide.convert import errors
from jaxguide.convert.reading import safetensors
from jaxguide.convert.reading import torch_reader
from tests.convert import crafted


def _arrays():
  return {k: a for k, a in crafted.arrays().items() if a.dtype.kind != "c"}


def _bytes(header, body=b""):
  text = header if isinstance(header, bytes) else json.dumps(header).encode()
  return struct.pack("<Q", len(text)) + text + body


def _entry(begin=0, end=16, shape=(4,), dtype="F32"):
  return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def test_written_files_read_back_to_the_bit(tmp_path):
  path = tmp_path / "a.safetensors"
  arrays = _arrays()
  arrays["transposed"] = np.arange(6.0).reshape(2, 3).T
  arrays["big_endian"] = np.arange(3, dtype=">f4")
  safetensors.write(path, arrays, {"note": "\u00e9"})
  checkpoint = torch_reader.read_checkpoint(path)
  arrays["big_endian"] = arrays["big_endian"].astype("<f4")
  assert crafted.same(checkpoint.tensors, arrays)
  assert checkpoint.metadata == {"note": "\u00e9"}
  assert checkpoint.container == "safetensors"
  assert list(tmp_path.iterdir()) == [path]


def test_the_package_reads_what_we_write(tmp_path):
  package = pytest.importorskip("safetensors.numpy")
  path = tmp_path / "a.safetensors"
  safetensors.write(path, _arrays(), {"a": "b"})
  assert crafted.same(package.load_file(path), _arrays())


def test_we_read_what_the_package_writes(tmp_path):
  package = pytest.importorskip("safetensors.numpy")
  path = tmp_path / "a.safetensors"
  package.save_file(_arrays(), path, {"a": "b"})
  checkpoint = torch_reader.read_checkpoint(path)
  assert crafted.same(checkpoint.tensors, _arrays())
  assert checkpoint.metadata == {"a": "b"}


def test_bfloat16_is_widened(tmp_path):
  words = np.array([0x3F80, 0xC020], np.uint16)
  path = crafted.save(tmp_path, _bytes(
      {"a": _entry(0, 4, (2,), "BF16")}, words.tobytes()))
  found = torch_reader.read_checkpoint(path).tensors["a"]
  assert found.dtype == np.float32 and found.tolist() == [1.0, -2.5]


@pytest.mark.parametrize("data, message", [
    (_bytes({"a": _entry()}, bytes(15)), "truncated"),
    (_bytes({"a": _entry()}, bytes(17)), "16 bytes of tensors"),
    (_bytes({"a": _entry(), "b": _entry(12, 28)}, bytes(28)), "begins at"),
    (_bytes({"a": _entry(), "b": _entry(20, 36)}, bytes(36)), "begins at"),
    (_bytes({"a": _entry(0, 16, (5,))}, bytes(16)), "needs 20 bytes"),
    (_bytes({"a": _entry(0, 16, (1 << 40, 1 << 40))}, bytes(16)), "needs"),
    (_bytes({"a": _entry(0, 16, (-4,))}, bytes(16)), "malformed"),
    (_bytes({"a": _entry(16, 0)}, bytes(16)), "has -16"),
    (_bytes({"a": _entry(dtype="F8_E4M3")}, bytes(16)), "F8_E4M3"),
    (_bytes({"a": _entry(dtype=[])}, bytes(16)), "element type"),
    (_bytes({"a": [1, 2]}), "no dtype"),
    (_bytes({"a": {**_entry(), "shape": "4444"}}, bytes(16)), "malformed"),
    (_bytes({"__metadata__": {"a": 1}}), "metadata"),
    (_bytes({}), "no named tensors"),
    (_bytes(b'{"a":1,"a":2}'), "twice"),
    (_bytes(b'{"a":'), "not valid JSON"),
    (_bytes(b"{" + b"[" * 100_000), "not valid JSON"),
    (_bytes(b'{"a\xff":1}'), "not valid JSON"),
    (struct.pack("<Q", 1 << 20) + b"{}", "truncated"),
    (struct.pack("<Q", 1 << 40) + b"{}", "is no checkpoint"),
])
def test_malformed_files(tmp_path, data, message):
  path = crafted.save(tmp_path, data)
  with pytest.raises(errors.CheckpointError) as caught:
    torch_reader.read_checkpoint(path)
  assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("arrays", [
    {"a": np.zeros(2, np.complex64)}, {"a": np.array(["text"])},
    {"__metadata__": np.zeros(2)}])
def test_unwritable_arrays_leave_nothing(tmp_path, arrays):
  with pytest.raises(errors.ConversionError, match="cannot be written"):
    safetensors.write(tmp_path / "a", arrays)
  assert not list(tmp_path.iterdir())


def test_missing_directory(tmp_path):
  path = tmp_path / "missing" / "a.safetensors"
  with pytest.raises(errors.ConversionError, match=str(path)):
    safetensors.write(path, _arrays())
