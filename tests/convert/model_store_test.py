import dataclasses
import json
import os
import shutil

import jax
import numpy as np
import pytest

from jaxguide import convert
from jaxguide.convert import atomic
from jaxguide.convert import model_store
from jaxguide.convert import orbax_store
from jaxguide.convert.reading import safetensors
from tests import programs
from tests.convert import small

CONFIG = small.unet()


def _equal(a, b):
  return jax.tree.structure(a) == jax.tree.structure(b) and all(
      jax.tree.leaves(jax.tree.map(np.array_equal, a, b)))


@pytest.mark.parametrize("container", model_store.CONTAINERS)
@pytest.mark.parametrize("relative", [True, False])
def test_saved_models_load_to_the_bit(
    tmp_path, monkeypatch, container, relative):
  monkeypatch.chdir(tmp_path)
  path = "model" if relative else tmp_path / "model"
  params = small.params(CONFIG)
  convert.save_model(path, params, CONFIG, container=container)
  model = convert.load_model(path)
  assert model.config == CONFIG and _equal(model.params, params)
  assert {type(leaf) for leaf in jax.tree.leaves(model.params)} == {np.ndarray}
  assert os.listdir(tmp_path) == ["model"]


@pytest.mark.parametrize("container", model_store.CONTAINERS)
def test_half_precision_is_widened(tmp_path, container):
  params = small.params(CONFIG)
  convert.save_model(
      tmp_path / "a", params, CONFIG, container=container, dtype=np.float16)
  loaded = convert.load_model(tmp_path / "a").params
  rounded = jax.tree.map(
      lambda a: a.astype(np.float16).astype(np.float32), params)
  assert _equal(loaded, rounded)


def test_device_arrays_can_be_saved(tmp_path):
  params = jax.tree.map(jax.numpy.asarray, small.params(CONFIG))
  convert.save_model(tmp_path / "a", params, CONFIG)
  assert _equal(
      convert.load_model(tmp_path / "a").params, small.params(CONFIG))


def test_network_runs_on_what_was_loaded(tmp_path):
  convert.save_model(tmp_path / "a", small.params(CONFIG), CONFIG)
  params, config = convert.load_model(tmp_path / "a")
  module = convert.build_module(config, conv_impl="lax")
  x = np.ones((2, 16, 16, 3), np.float32)
  out = programs.jit(module.apply)({"params": params}, x, np.float32([1, 2]))
  assert out.shape == (2, 16, 16, 6) and np.isfinite(out).all()


def test_the_next_interface_of_orbax_reads_it(tmp_path):
  v1 = pytest.importorskip("orbax.checkpoint").v1
  params = small.params(CONFIG)
  orbax_store.save_tree(tmp_path / "a", params)
  found = v1.load(tmp_path / "a", jax.tree.map(np.zeros_like, params))
  assert _equal(found, params)


def _refused(call, *args, **kwargs):
  with pytest.raises(convert.ConversionError) as caught:
    call(*args, **kwargs)
  assert "\n" not in str(caught.value)
  return str(caught.value)


def test_nothing_is_overwritten(tmp_path):
  for name in ("file", "folder"):
    path = tmp_path / name
    path.mkdir() if name == "folder" else path.write_text("kept")
    text = _refused(convert.save_model, path, small.params(CONFIG), CONFIG)
    assert str(path) in text and "exists" in text
  assert (tmp_path / "file").read_text() == "kept"


def _fail(error):
  def fail(*_, **__):
    raise error
  return fail


@pytest.mark.parametrize("container", model_store.CONTAINERS)
@pytest.mark.parametrize("error", [
    OSError(28, "No space left on device"), KeyboardInterrupt(),
    convert.ConversionError("broken")])
def test_a_failed_save_leaves_nothing(tmp_path, monkeypatch, container, error):
  """Fails after the directory and its config have been written."""
  monkeypatch.setattr(orbax_store, "save_tree", _fail(error))
  monkeypatch.setattr(safetensors, "_write", _fail(error))
  expected = (
      KeyboardInterrupt if isinstance(error, KeyboardInterrupt)
      else convert.ConversionError)
  with pytest.raises(expected):
    convert.save_model(
        tmp_path / "a", small.params(CONFIG), CONFIG, container=container)
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("container", model_store.CONTAINERS)
def test_a_full_disk_is_noticed_before_writing(
    tmp_path, monkeypatch, container):
  usage = shutil.disk_usage(tmp_path)._replace(free=1000)
  monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
  text = _refused(
      convert.save_model, tmp_path / "a", small.params(CONFIG), CONFIG,
      container=container)
  assert "has 0.0 MB free" in text and str(tmp_path / "a") in text
  assert not list(tmp_path.iterdir())


def test_files_replaced_atomically_keep_the_old_one_on_error(tmp_path):
  path = tmp_path / "a"
  path.write_text("old")
  with pytest.raises(RuntimeError):
    with atomic.replacing(path) as temporary:
      temporary.write_text("half")
      raise RuntimeError
  assert path.read_text() == "old" and os.listdir(tmp_path) == ["a"]


def test_params_of_another_network(tmp_path):
  other = small.unet(num_classes=3)
  text = _refused(convert.save_model, tmp_path / "a", small.params(CONFIG),
                  other)
  assert "label_emb" in text
  assert not list(tmp_path.iterdir())


@pytest.fixture(name="saved")
def _saved(tmp_path):
  convert.save_model(tmp_path / "a", small.params(CONFIG), CONFIG)
  return tmp_path / "a"


@pytest.mark.parametrize("change, message", [
    ({"num_res_blocks": 2}, "tensors are missing"),
    ({"model_channels": 64}, "expected [64]"),
    ({"num_classes": 3}, "label_emb"),
    ({"num_res_block": 1}, "near ones are"),
])
def test_config_that_does_not_fit_the_params(saved, change, message):
  config = json.loads((saved / "config.json").read_text())
  config["module"].update(change)
  (saved / "config.json").write_text(json.dumps(config))
  text = _refused(convert.load_model, saved)
  assert message in text and str(saved) in text


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"[]", b"null"])
def test_damaged_config(saved, text):
  (saved / "config.json").write_bytes(text)
  assert "config.json" in _refused(convert.load_model, saved)


@pytest.mark.parametrize("file", ["_METADATA", "manifest.ocdbt"])
def test_damaged_params(saved, file):
  path = saved / "params" / file
  path.write_bytes(path.read_bytes()[:60])
  assert f"{saved}/params" in _refused(convert.load_model, saved)


def test_missing_parts(saved, tmp_path):
  shutil.rmtree(saved / "params")
  assert "neither" in _refused(convert.load_model, saved)
  (saved / "params").mkdir()
  assert f"{saved}/params" in _refused(convert.load_model, saved)
  (saved / "config.json").unlink()
  assert "config.json" in _refused(convert.load_model, saved)
  assert "missing" in _refused(convert.load_model, tmp_path / "missing")


def test_damaged_safetensors(tmp_path):
  convert.save_model(
      tmp_path / "a", small.params(CONFIG), CONFIG, container="safetensors")
  file = tmp_path / "a" / "params.safetensors"
  file.write_bytes(file.read_bytes()[:-1])
  assert str(file) in _refused(convert.load_model, tmp_path / "a")


def test_unknown_container(tmp_path):
  assert "orbax, safetensors" in _refused(
      convert.save_model, tmp_path / "a", small.params(CONFIG), CONFIG,
      container="zip")


def test_read_config_reads_no_params(saved):
  shutil.rmtree(saved / "params")
  assert convert.read_config(saved) == dataclasses.replace(CONFIG)
