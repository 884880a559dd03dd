"""Files that torch itself writes."""

import collections

import numpy as np
import pytest

from jaxguide.convert import errors
from jaxguide.convert.reading import torch_reader
from tests.convert import crafted

torch = pytest.importorskip("torch")


def _state():
  generator = torch.Generator().manual_seed(0)
  def normal(*shape):
    return torch.randn(*shape, generator=generator)
  base = normal(24)
  state = collections.OrderedDict(
      weight=torch.nn.Parameter(normal(4, 3, 3, 3)), base=base,
      transposed=base.reshape(4, 6).T, strided=base[3::4], scalar=base[5],
      half=normal(5).half(), bfloat=normal(5).bfloat16(),
      double=normal(2).double(), empty=torch.zeros(0, 3),
      complex=torch.complex(normal(2), normal(2)),
      bool=torch.tensor([True, False]))
  for dtype in (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8):
    state[str(dtype)] = torch.arange(6, dtype=dtype).reshape(2, 3)
  return state


def _arrays(state):
  return {
      k: (t.float() if t.dtype == torch.bfloat16 else t).detach().numpy()
      for k, t in state.items()}


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [2, 4])
def test_state_dict(tmp_path, zipped, protocol):
  path = tmp_path / "a.pt"
  torch.save(_state(), path, _use_new_zipfile_serialization=zipped,
             pickle_protocol=protocol)
  checkpoint = torch_reader.read_checkpoint(path)
  assert crafted.same(checkpoint.tensors, _arrays(_state()))
  assert checkpoint.container == "torch_zip" if zipped else "torch_legacy"


@pytest.mark.parametrize("zipped", [True, False])
def test_training_checkpoint(tmp_path, zipped):
  net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
  optimizer = torch.optim.Adam(net.parameters())
  net(torch.ones(2, 3)).sum().backward()
  optimizer.step()
  path = tmp_path / "a.ckpt"
  torch.save({
      "epoch": 3, "state_dict": torch.nn.DataParallel(net).state_dict(),
      "optimizer_states": [optimizer.state_dict()],
      "hyper_parameters": {"lr": 1e-3}, "score": np.float64(0.5),
  }, path, _use_new_zipfile_serialization=zipped)
  checkpoint = torch_reader.read_checkpoint(path)
  assert crafted.same(checkpoint.tensors, _arrays(net.state_dict()))
  assert checkpoint.metadata["epoch"] == 3


@pytest.mark.parametrize("zipped", [True, False])
def test_whole_module_of_torch_layers(tmp_path, zipped):
  net = torch.nn.Sequential(
      torch.nn.Conv2d(3, 4, 1), torch.nn.ModuleDict({"n": torch.nn.GELU()}),
      torch.nn.BatchNorm2d(4))
  net.register_buffer("hidden", torch.ones(2), persistent=False)
  net.register_parameter("absent", None)
  path = tmp_path / "a.pt"
  torch.save(net, path, _use_new_zipfile_serialization=zipped)
  found = torch_reader.read_checkpoint(path, inert=("torch._C.",)).tensors
  assert crafted.same(found, _arrays(net.state_dict()))


class _Scripted(torch.nn.Module):

  def __init__(self):
    super().__init__()
    self.layers = torch.nn.ModuleList(
        [torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)])
    self.register_buffer("scale", torch.tensor(2.0))
    self.sizes = [1, 2]

  def forward(self, x):
    for layer in self.layers:
      x = layer(x)
    return x * self.scale


def test_torchscript(tmp_path):
  net = _Scripted()
  path = tmp_path / "a.pt"
  torch.jit.script(net).save(str(path))
  checkpoint = torch_reader.read_checkpoint(path)
  assert crafted.same(checkpoint.tensors, _arrays(net.state_dict()))
  assert checkpoint.container == "torchscript"


def test_without_checksums(tmp_path):
  before = torch.serialization.get_crc32_options()
  torch.serialization.set_crc32_options(False)
  try:
    torch.save(_state(), tmp_path / "a.pt")
  finally:
    torch.serialization.set_crc32_options(before)
  found = torch_reader.read_checkpoint(tmp_path / "a.pt").tensors
  assert crafted.same(found, _arrays(_state()))


def test_module_of_a_program_is_refused_by_name(tmp_path):
  torch.save(_Scripted(), tmp_path / "a.pt")
  with pytest.raises(errors.CheckpointError, match="_Scripted"):
    torch_reader.read_checkpoint(tmp_path / "a.pt")
