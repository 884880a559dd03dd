import io
import os
import pickle
import sys
import types
import zipfile

import numpy as np
import pytest

from jaxguide.convert import errors
from jaxguide.convert.reading import safetensors
from jaxguide.convert.reading import torch_reader
from tests import recorded_kinds
from tests.convert import crafted


def read(tmp_path, data, **options):
  return torch_reader.read_checkpoint(crafted.save(tmp_path, data), **options)


def zip_of(arrays, **members):
  return crafted.zip_bytes(
      crafted.state(arrays), [a.tobytes() for a in arrays.values()], **members)


# --- Recorded files ----------------------------------------------------------


@recorded_kinds.parametrized("container with its tensors")
def test_a_recorded_container_reads_to_the_bit(path, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  found = torch_reader.read_checkpoint(path).tensors
  with np.load(recorded_kinds.expected(path)) as expected:
    assert crafted.same(found, dict(expected))
  assert not list(tmp_path.iterdir())


@recorded_kinds.parametrized("container alone")
def test_a_recorded_container_alone_runs_nothing(path, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  if b"posix" in path.read_bytes():
    with pytest.raises(errors.CheckpointError, match="posix.system"):
      torch_reader.read_checkpoint(path)
  else:
    assert torch_reader.read_checkpoint(path).tensors
  assert not list(tmp_path.iterdir())


# --- Containers --------------------------------------------------------------


def test_zip_with_every_element_type(tmp_path):
  arrays = crafted.arrays()
  checkpoint = read(tmp_path, zip_of(arrays))
  assert crafted.same(checkpoint.tensors, arrays)
  assert checkpoint.container == "torch_zip"


def test_legacy_with_every_element_type(tmp_path):
  arrays = crafted.arrays()
  data = crafted.legacy_bytes(
      crafted.state(arrays, None), list(arrays.values()))
  checkpoint = read(tmp_path, data)
  assert crafted.same(checkpoint.tensors, arrays)
  assert checkpoint.container == "torch_legacy"


def test_legacy_storages_follow_the_key_list_not_the_names(tmp_path):
  arrays = {"a": np.arange(3.0), "b": np.arange(4.0) + 9}
  data = crafted.legacy_bytes(
      crafted.state(arrays, None), [arrays["b"], arrays["a"]], ["1", "0"])
  assert crafted.same(read(tmp_path, data).tensors, arrays)


def test_files_of_python_2_and_the_first_torch(tmp_path):
  array = np.arange(6, dtype=np.float32)
  def text(value):
    return b"U" + bytes([len(value)]) + value.encode()
  storage = crafted.tuple_(
      text("storage"), crafted.name("torch", "FloatStorage"), text("0"),
      text("cuda:0"), crafted.literal(6), b"N") + b"Q"
  tensor = crafted.call(
      crafted.name("torch._utils", "_rebuild_tensor"), storage,
      crafted.literal(0), crafted.literal((2, 3)), crafted.literal((3, 1)))
  data = crafted.legacy_bytes(
      crafted.dict_({text("lin.weight"): tensor}), [array])
  found = read(tmp_path, data).tensors
  assert crafted.same(found, {"lin.weight": array.reshape(2, 3)})


def test_big_endian_zip(tmp_path):
  arrays = {"a": np.arange(6, dtype=np.float32), "b": np.arange(3)}
  data = crafted.zip_bytes(
      crafted.state(arrays),
      [a.astype(a.dtype.newbyteorder(">")).tobytes() for a in arrays.values()],
      byteorder=b"big")
  assert crafted.same(read(tmp_path, data).tensors, arrays)


def test_views_of_one_storage(tmp_path):
  base = np.arange(24, dtype=np.float32)
  storage = crafted.storage("FloatStorage", "0", 24)
  data = crafted.zip_bytes(crafted.dict_({
      "transposed": crafted.tensor(storage, 0, (6, 4), (1, 6)),
      "strided": crafted.tensor(storage, 1, (3, 2), (8, 3)),
      "last": crafted.tensor(storage, 23, (), ()),
  }), [base.tobytes()])
  found = read(tmp_path, data).tensors
  assert np.array_equal(found["transposed"], base.reshape(4, 6).T)
  assert np.array_equal(found["strided"], [[1, 4], [9, 12], [17, 20]])
  assert found["last"] == 23


def test_bfloat16_is_widened(tmp_path):
  values = np.array([1.0, -2.5, 3e38, np.inf], np.float32)
  words = (values.view(np.uint32) >> 16).astype(np.uint16)
  data = crafted.zip_bytes(
      crafted.dict_({"a": crafted.tensor(
          crafted.storage("BFloat16Storage", "0", 4), 0, (4,), (1,))}),
      [words.tobytes()])
  found = read(tmp_path, data).tensors["a"]
  assert found.dtype == np.float32
  np.testing.assert_allclose(found, values, rtol=2**-7)


def test_numpy_arrays_in_a_plain_pickle(tmp_path):
  shared = np.arange(5, dtype=">f4")
  arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.float32([[1, 2]]).T,
            "c": np.asfortranarray(np.arange(6).reshape(2, 3)),
            "big_endian": shared, "again": shared}
  for protocol in (2, 3, 4):
    found = read(tmp_path, pickle.dumps(arrays, protocol)).tensors
    assert all(np.array_equal(found[k], arrays[k]) for k in arrays)


def test_zip64_records(tmp_path):
  arrays = {"a": np.arange(5, dtype=np.float32)}
  stream = io.BytesIO()
  with zipfile.ZipFile(stream, "w") as archive:
    for member, raw in (
        ("x/data.pkl", crafted.finished(crafted.state(arrays))),
        ("x/data/0", arrays["a"].tobytes())):
      with archive.open(member, "w", force_zip64=True) as file:
        file.write(raw)
    # More than 65,535 members need the 64-bit end record as well.
    for i in range(0x10000):
      archive.writestr(f"x/extra/{i}", b"")
  assert crafted.same(read(tmp_path, stream.getvalue()).tensors, arrays)


def test_deflated_members_are_read_within_reason(tmp_path):
  arrays = {"a": np.random.default_rng(0).normal(size=1000)}
  source = zipfile.ZipFile(io.BytesIO(zip_of(arrays)))
  stream = io.BytesIO()
  with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
    for member in source.namelist():
      archive.writestr(member, source.read(member))
  assert crafted.same(read(tmp_path, stream.getvalue()).tensors, arrays)


# --- Wrappers ----------------------------------------------------------------


def _wrapped(arrays, **entries):
  fragment = crafted.dict_({"state_dict": crafted.state(arrays), **entries})
  return crafted.zip_bytes(fragment, [a.tobytes() for a in arrays.values()])


def test_state_dict_entry_and_metadata(tmp_path):
  arrays = {"a": np.arange(2.0)}
  checkpoint = read(tmp_path, _wrapped(
      arrays, epoch=crafted.literal(3), arch=crafted.literal("unet"),
      callbacks=crafted.dict_({
          crafted.name("pytorch_lightning.callbacks", "Checkpoint"):
              crafted.literal(1)})))
  assert crafted.same(checkpoint.tensors, arrays)
  assert checkpoint.metadata == {"epoch": 3, "arch": "unet"}


def test_parallel_prefix_is_removed_only_when_all_have_it(tmp_path):
  one, two = np.arange(2.0), np.arange(3.0)
  checkpoint = read(tmp_path, _wrapped({"module.a": one, "module.b.c": two}))
  assert crafted.same(checkpoint.tensors, {"a": one, "b.c": two})
  assert checkpoint.metadata["removed_prefix"] == "module."
  mixed = {"module.a": one, "b": two}
  assert crafted.same(read(tmp_path, zip_of(mixed)).tensors, mixed)


def test_nested_dicts_are_flattened(tmp_path):
  data = crafted.zip_bytes(crafted.dict_({
      "model": crafted.state({"a.b": np.arange(2.0)}),
      "step": crafted.literal(7)}), [np.arange(2.0).tobytes()])
  checkpoint = read(tmp_path, data)
  assert crafted.same(checkpoint.tensors, {"model.a.b": np.arange(2.0)})
  assert checkpoint.metadata == {"step": 7}


class _Reduced:
  """Pickles as a call of a function that exists only while pickling."""

  def __init__(self, function, *args, state=None):
    self.reduced = (function, args, state)

  def __reduce__(self):
    return self.reduced


def _fake_function(monkeypatch, module_name, function_name):
  package = module_name.partition(".")[0]
  for name in (package, module_name):
    if not hasattr(sys.modules.get(name), "fake"):
      module = types.ModuleType(name)
      module.fake = True
      monkeypatch.setitem(sys.modules, name, module)
  def function(*_):
    raise AssertionError("must never be called")
  function.__module__, function.__qualname__ = module_name, function_name
  if not hasattr(sys.modules[module_name], function_name):
    setattr(sys.modules[module_name], function_name, function)
  return getattr(sys.modules[module_name], function_name)


def _nested_tensor(monkeypatch, array):
  """A tensor as EDM's pickles hold it, with a file of its own inside."""
  load = _fake_function(monkeypatch, "torch.storage", "_load_from_bytes")
  build = _fake_function(monkeypatch, "torch._utils", "_rebuild_tensor_v2")
  raw = crafted.legacy_bytes(crafted.storage(
      crafted.CLASSES[str(array.dtype)], "0", array.size, None), [array])
  return _Reduced(
      build, _Reduced(load, raw), 0, array.shape,
      crafted.contiguous(array.shape), False, {})


def _persistent(monkeypatch, source="raise SystemExit", **state):
  rebuild = _fake_function(
      monkeypatch, "torch_utils.persistence", "_reconstruct_persistent_obj")
  return _Reduced(rebuild, {
      "type": "class", "version": 6, "module_src": source,
      "class_name": "Net", "state": state})


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_persistent_module_is_read_and_its_source_ignored(
    tmp_path, monkeypatch, protocol):
  weight, hidden = np.arange(6.0).reshape(2, 3), np.arange(2.0)
  layer = _persistent(
      monkeypatch, f"open({str(tmp_path / 'canary')!r}, 'w')",
      _parameters={"weight": _nested_tensor(monkeypatch, weight), "b": None},
      _buffers={"hidden": _nested_tensor(monkeypatch, hidden)},
      _modules={}, _non_persistent_buffers_set={"hidden"})
  root = {"ema": _persistent(
      monkeypatch, _parameters={}, _buffers={}, sigma_data=0.5,
      _modules={"layer": layer, "none": None},
      _init_kwargs={"widths": [1, 2]}), "loss_fn": None}
  data = pickle.dumps(root, protocol)
  monkeypatch.undo()
  checkpoint = read(tmp_path, data)
  assert crafted.same(checkpoint.tensors, {"layer.weight": weight})
  assert checkpoint.metadata["init_kwargs"] == {"widths": [1, 2]}
  assert checkpoint.metadata["sigma_data"] == 0.5
  assert not (tmp_path / "canary").exists()


def test_further_inert_names_can_be_granted(tmp_path):
  arrays = {"a": np.arange(2.0)}
  data = _wrapped(arrays, config=crafted.call(
      crafted.name("omegaconf", "DictConfig"), crafted.literal(1)))
  with pytest.raises(errors.CheckpointError, match="omegaconf.DictConfig"):
    read(tmp_path, data)
  found = read(tmp_path, data, inert=("omegaconf.",))
  assert crafted.same(found.tensors, arrays)


# --- Refusals ----------------------------------------------------------------

_A = {"a": np.arange(4, dtype=np.float32)}


def _views(offset, shape, strides, numel=4, kind="FloatStorage"):
  storage = crafted.storage(kind, "0", numel)
  return crafted.zip_bytes(
      crafted.dict_({"a": crafted.tensor(storage, offset, shape, strides)}),
      [_A["a"].tobytes()])


def _edited(position, value, data=None):
  data = bytearray(zip_of(_A) if data is None else data)
  data[position:position + len(value)] = value
  return bytes(data)


def _bomb():
  stream = io.BytesIO()
  with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("x/data.pkl", crafted.finished(crafted.dict_({
        "a": crafted.tensor(
            crafted.storage("FloatStorage", "0", 1 << 22), 0, (1 << 22,),
            (1,))})))
    archive.writestr("x/data/0", bytes(1 << 24))
  return stream.getvalue()


def _central(field, value):
  """Changes a field of the directory entry of data/0."""
  data = zip_of(_A)
  entry = data.rindex(b"PK\x01\x02", 0, data.rindex(b"archive/data/0"))
  return _edited(entry + field, value, data)


def _numpy_savez():
  stream = io.BytesIO()
  np.savez(stream, **_A)
  return stream.getvalue()


_BAD = {
    "empty": (b"", "empty"),
    "text": (b"# Model card\n" * 9, "is no checkpoint"),
    "pickle of a number": (pickle.dumps(3, 2), "holds a int"),
    "pickle without tensors": (pickle.dumps({"a": 3}, 2), "no named tensors"),
    "protocol": (b"\x80\x02\x80\x09N.", "protocol 9"),
    "tar": (bytes(257) + b"ustar" + bytes(99), "tar archive"),
    "npz": (_numpy_savez(), "0 members <folder>/data.pkl"),
    "offset": (_views(1, (4,), (1,)), "outside its storage"),
    "stride": (_views(0, (2, 2), (3, 1)), "outside its storage"),
    "negative stride": (_views(3, (4,), (-1,)), "malformed"),
    "negative offset": (_views(-1, (2,), (1,)), "malformed"),
    "expanded": (_views(0, (1 << 40,), (0,)), "outside its storage"),
    "overflow": (_views(0, (1 << 32, 1 << 32), (1 << 33, 1)), "storage"),
    "numel": (_views(0, (5,), (1,), 5), "declares 5 elements"),
    "huge numel": (_views(0, (4,), (1,), 1 << 62), "declares"),
    "negative numel": (_views(0, (1,), (1,), -4), "declares -4"),
    "float numel": (_views(0, (1,), (1,), 4.0), "declares"),
    "storage class": (_views(0, (4,), (1,), 4, "device"), "no storage class"),
    "strides missing": (_views(0, (2, 2), (1,)), "malformed"),
    "many axes": (_views(0, (1,) * 99, (1,) * 99), "malformed"),
    "storage missing": (
        crafted.zip_bytes(crafted.state(_A)), "missing from the zip"),
    "zip bomb": (_bomb(), "at most 50 times"),
    "declared size": (_central(20, b"\xff\xff\x00\x00"), "beyond the end"),
    "two sizes": (_central(24, b"\x20\x00\x00\x00"), "declares 32 bytes"),
    "method": (_central(10, b"\x0c\x00"), "compression method 12"),
    "encrypted": (_central(8, b"\x01\x00"), "encrypted"),
    "member offset": (_central(42, b"\xf0\xff\xff\x00"), "outside the file"),
    "checksum": (
        _edited(zip_of(_A).index(_A["a"].tobytes()), b"\x01"), "checksum"),
    "self": (b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.", "without end"),
    "legacy view": (crafted.legacy_bytes(
        crafted.state(_A, ("0", 0, 4)), list(_A.values())), "persistent id"),
    "legacy count": (crafted.legacy_bytes(
        crafted.state(_A, None), list(_A.values()), counts=[5]),
        "does not begin with"),
    "legacy keys": (crafted.legacy_bytes(
        crafted.state(_A, None), list(_A.values()), keys=["7"]), "lists"),
    "legacy protocol": (crafted.legacy_bytes(
        crafted.state(_A, None), list(_A.values()), protocol=1002), "1002"),
    "legacy big-endian": (crafted.legacy_bytes(
        crafted.state(_A, None), list(_A.values()),
        system={"little_endian": False}), "big-endian"),
    "outside storage": (crafted.finished(crafted.state(_A)), "outside itself"),
}


@pytest.mark.parametrize("case", _BAD)
def test_bad_file_gives_one_line_that_names_it(tmp_path, case):
  data, message = _BAD[case]
  path = crafted.save(tmp_path, data)
  with pytest.raises(errors.CheckpointError) as caught:
    torch_reader.read_checkpoint(path)
  text = str(caught.value)
  assert text.startswith(f"{path}: ") and message in text
  assert "\n" not in text and len(text) < 500 + len(str(path))


def test_missing_file_directory_and_pipe(tmp_path):
  os.mkfifo(tmp_path / "pipe")
  for path in (tmp_path / "missing.pt", tmp_path, tmp_path / "pipe"):
    with pytest.raises(errors.CheckpointError, match=str(path)):
      torch_reader.read_checkpoint(path)


def test_duplicate_names(tmp_path):
  one = crafted.tensor(crafted.storage("FloatStorage", "0", 4), 0, (4,), (1,))
  data = crafted.zip_bytes(
      crafted.dict_({"a.b": one, "a": crafted.dict_({"b": one})}),
      [_A["a"].tobytes()])
  with pytest.raises(errors.CheckpointError, match="two tensors"):
    read(tmp_path, data)


def test_checksum_zero_means_none(tmp_path):
  data = zip_of(_A)
  raw = _A["a"].tobytes()
  entry = data.rindex(b"PK\x01\x02", 0, data.rindex(b"archive/data/0"))
  for position in (entry + 16, data.index(raw) - 14 - 16):
    data = _edited(position, bytes(4), data)
  assert crafted.same(read(tmp_path, data).tensors, _A)


# --- Damage ------------------------------------------------------------------


def _samples(folder):
  arrays = crafted.arrays()
  path = folder / "sample.safetensors"
  safetensors.write(path, {
      k: a for k, a in arrays.items() if a.dtype.kind != "c"})
  return {
      "zip": zip_of(arrays),
      "legacy": crafted.legacy_bytes(
          crafted.state(arrays, None), list(arrays.values())),
      "pickle": pickle.dumps(arrays, 4),
      "safetensors": path.read_bytes(),
  }


@pytest.mark.parametrize("kind", ["zip", "legacy", "pickle", "safetensors"])
def test_truncated_at_any_offset(tmp_path, kind):
  data = _samples(tmp_path)[kind]
  for length in range(0, len(data), 11):
    with pytest.raises(errors.CheckpointError):
      read(tmp_path, data[:length])


@pytest.mark.parametrize("kind", ["zip", "legacy", "pickle", "safetensors"])
def test_flipped_bytes_raise_nothing_else(tmp_path, kind):
  data = _samples(tmp_path)[kind]
  random = np.random.default_rng(0)
  refused = 0
  for _ in range(400):
    damaged = bytearray(data)
    for _ in range(random.integers(1, 4)):
      damaged[random.integers(len(data))] ^= int(random.integers(1, 256))
    try:
      read(tmp_path, bytes(damaged))
    except errors.CheckpointError:
      refused += 1
  assert refused > 100
