"""Pickles that try to run something, or to cost more than they weigh."""

import io
import os
import pickle
import struct
import time
import tracemalloc

import numpy as np
import pytest

from jaxguide.convert import errors
from jaxguide.convert.reading import pickle_globals
from jaxguide.convert.reading import pickle_reader
from jaxguide.convert.reading import torch_reader
from tests.convert import crafted


def load(data):
  return pickle_reader.load(
      io.BytesIO(data), pickle_globals.Namespace().hooks())


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_equal_those_of_pickle(protocol):
  value = {
      "a": [1, -2, 2**40, -2**70, 2.5, True, None, "t\u00e9\n", b"\x00\xff"],
      "b": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)), 3: {"x": {}, "y": []},
      "set": {1, 2}, ("t", 1): "tuple key"}
  value["again"] = value["a"]
  # Protocols below 3 write bytes and sets as calls of names that may be used.
  loaded = load(pickle.dumps(value, protocol))
  assert loaded == value
  assert loaded["again"] is loaded["a"]


class _Evil:
  """Pickles as a call that would make a file."""

  def __init__(self, *reduced):
    self._reduced = reduced

  def __reduce__(self):
    return self._reduced


def _evil_pickles():
  touch = "touch CANARY"
  for protocol in range(6):
    yield pickle.dumps(_Evil(os.system, (touch,)), protocol)
    yield pickle.dumps({"a": _Evil(eval, ("open('CANARY','w')",))}, protocol)
    yield pickle.dumps(_Evil(getattr, ("text", "upper")), protocol)
    yield pickle.dumps(
        _Evil(dict, (), None, None, iter([("a", _Evil(os.getcwd, ()))])),
        protocol)
  text = f"X{chr(len(touch))}\0\0\0{touch}".encode()
  yield b"(S'touch CANARY'\nios\nsystem\n."
  yield b"(cos\nsystem\nS'touch CANARY'\no."
  yield b"\x80\x02cposix\nsystem\n(" + text + b"t\x81."
  yield b"\x80\x04cposix\nsystem\n(" + text + b"t}\x92."
  yield b"\x80\x04\x8c\x02os\x8c\x06system\x93(" + text + b"tR."
  yield b"\x80\x02\x82\x01."
  yield b"\x80\x02cbuiltins\ngetattr\n."
  yield b"\x80\x02cbuiltins\n__import__\n(" + text + b"tR."
  yield b"\x80\x02c__builtin__\neval\n(" + text + b"tR."
  yield b"\x80\x02ctorch._utils\n_rebuild_tensor_v2.__globals__\n."
  yield b"\x80\x02ctorch\nload\n(" + text + b"tR."
  yield b"\x80\x02ctorch.storage\n_load_from_bytes\n(" + text + b"tR."
  yield b"\x80\x02ccollections\nOrderedDict.fromkeys\n(" + text + b"tR."
  # The result of a call is called, has its state set, or is a "method".
  yield b"\x80\x02ctraining.networks\nNet\n(tR(" + text + b"tR."
  yield (b"\x80\x02ctraining.networks\nNet\n)R}X\x0c\0\0\0__setstate__"
         b"cos\nsystem\nsb.")
  yield b"\x80\x02}(" + text + b"tR."


@pytest.mark.parametrize("data", list(_evil_pickles()))
def test_nothing_is_called(data, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  for file_name, content in (
      ("a.pkl", data),
      ("a.zip", crafted.zip_bytes(data.removesuffix(b".")[2:])),
      ("a.pth", crafted.legacy_bytes(data.removesuffix(b".")[2:]))):
    path = crafted.save(tmp_path / "..", content, f"{tmp_path.name}{file_name}")
    with pytest.raises(errors.CheckpointError):
      torch_reader.read_checkpoint(path)
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("module, attribute", [
    ("posix", "system"), ("nt", "system"), ("builtins", "eval"),
    ("builtins", "getattr"), ("subprocess", "Popen"), ("torch.hub", "load"),
    ("functools", "partial"), ("numpy", "load"), ("torch", "FloatStorageX"),
    ("collections", "OrderedDict.__init__"), ("operator", "attrgetter"),
    ("_codecs", "decode"), ("trainingx", "Net"), ("", "training.Net"),
])
def test_refusal_names_the_global(module, attribute):
  with pytest.raises(errors.CheckpointError, match=f"{module}.{attribute}"):
    load(b"\x80\x02" + crafted.name(module, attribute) + b".")


def test_inert_families_keep_what_they_are_given():
  record = load(
      b"\x80\x02" + crafted.name("training.networks", "Net.os.system")
      + crafted.tuple_(crafted.literal(1)) + b"\x81"
      + crafted.literal({"__setstate__": 2}) + b"b.")
  assert record.name == "training.networks.Net.os.system"
  assert record.args == (1,) and record.state == {"__setstate__": 2}


def test_dict_subclass_keeps_items_and_list_subclass_elements():
  record = load(
      b"\x80\x02" + crafted.name("dnnlib.util", "EasyDict") + b")\x81"
      + crafted.literal("a") + crafted.literal(1) + b"s"
      + crafted.literal(5) + b"a.")
  assert record.items == {"a": 1} and record.elements == [5]


_GREEDY = {
    "memo index": b"\x80\x02Nr\xff\xff\xff\x7f.",
    "bytes": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + b"abc.",
    "bytearray": b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b"abc.",
    "text": b"\x80\x04\x8d" + struct.pack("<Q", 1 << 62) + b"abc.",
    "frame": b"\x80\x04\x95" + struct.pack("<Q", 1 << 60) + b"N.",
    "integer": b"\x80\x02\x8b\xff\xff\xff\x7fabc.",
    "negative length": b"\x80\x02T\xff\xff\xff\xffabc.",
    "numpy shape": pickle.dumps({"a": np.zeros(3)}, 2).replace(
        b"K\x03\x85", b"J\xff\xff\xff\x7f\x85"),
}


@pytest.mark.parametrize("case", _GREEDY)
def test_declared_sizes_allocate_nothing(case, tmp_path):
  path = crafted.save(tmp_path, _GREEDY[case])
  tracemalloc.start()
  try:
    with pytest.raises(errors.CheckpointError):
      torch_reader.read_checkpoint(path)
    assert tracemalloc.get_traced_memory()[1] < 2e6
  finally:
    tracemalloc.stop()


def _doubled(levels=100):
  """A pair of pairs of pairs ...: 2^100 leaves in a kilobyte."""
  return b"Nq\x00" + b"".join(
      b"h%ch%c\x86q%c" % (level, level, level + 1) for level in range(levels))


@pytest.mark.parametrize("data", [
    b"\x80\x02}" + _doubled() + b"Ns.",
    b"\x80\x02}X\x01\0\0\0a" + _doubled() + b"s.",
    b"\x80\x02\x8f(" + _doubled() + b"\x90.",
    b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b".",
    b"\x80\x02" + b"}" + (b"X\x01\0\0\0a}" * 100_000) + b"s" * 100_000 + b".",
    # A dict whose two entries hold the next, which does likewise.
    b"\x80\x02}q\x00" + b"".join(
        b"h%ch%cX\x01\0\0\0a}q%csh%cX\x01\0\0\0bh%cs" % (i, i, i + 1, i, i + 1)
        for i in range(60)) + b"h\x00.",
    b"\x80\x02" + b"N0" * 2_100_000 + b".",
])
def test_small_files_cost_little(data, tmp_path):
  path = crafted.save(tmp_path, data)
  start = time.monotonic()
  with pytest.raises(errors.CheckpointError):
    torch_reader.read_checkpoint(path)
  assert time.monotonic() - start < 60


@pytest.mark.parametrize("data", [
    b"", b".", b"\x80\x02.", b"0.", b"1.", b"a.", b"s.", b"(s.",
    b"}](Nu.", b"Na.", b"\x80\x02NQ.", b"h\x05.", b"\x85.", b"t.", b"R.",
    b"NNR.", b"Nb.", b"NNb.", b"\x93.", b"NN\x93.", b"cx\n.", b"o.", b"(o.",
    b"\x80\x02\x97.", b"\x80\x02\x98.", b"P0\n.", b"}(](NNu.", b"I1x\n.",
    b"}]Ns.", b"\x8f(]\x90.", b"N(N\x90.", b"\x86.",
])
def test_malformed_pickles(data):
  with pytest.raises(errors.CheckpointError):
    load(data)
