"""Against azula's PyTorch ADM UNet at the full published sizes.

Random weights, saved by torch, converted by the command, run by both. azula's
modules carry the released names, so that no map between names is needed.
"""

import os
import re
import subprocess
import sys

import jax
import numpy as np
import pytest

from jaxguide import convert
from jaxguide.convert import cards
from jaxguide.convert import dispatch
from tests.convert import small

torch = pytest.importorskip("torch")
adm = pytest.importorskip("azula.plugins.adm")


def _network(card):
  """azula's UNet of a card, with no zero among its weights."""
  module = dict(card.module)
  sizes = [card.image_size // f for f in module.pop("attention_factors")]
  net = adm.make_model(
      image_size=card.image_size, attention_resolutions=sizes,
      num_channels=module.pop("model_channels"),
      channel_mult=module.pop("channel_mult"),
      num_classes=module.pop("num_classes"),
      use_new_attention_order=module.pop("qkv_order") == "new",
      learn_var=card.learned_variance,
      **{key: module[key] for key in (
          "num_res_blocks", "num_heads", "num_head_channels",
          "use_scale_shift_norm", "resblock_updown", "dropout")}).backbone
  generator = torch.Generator().manual_seed(0)
  with torch.no_grad():
    for parameter in net.parameters():
      if parameter.ndim == 1:
        # Norm scales around 1, biases and shifts around 0.
        parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
      else:
        spread = parameter[0].numel() ** -0.5
        parameter.normal_(0, spread, generator=generator)
  return net.eval()


def _run_torch(card, inputs, file):
  """Saves the network's weights and returns its output, then forgets it."""
  net = _network(card)
  torch.save(net.state_dict(), file)
  x, time, labels = inputs
  with torch.no_grad():
    out = net(
        torch.from_numpy(x).permute(0, 3, 1, 2), torch.from_numpy(time),
        y=None if labels is None else torch.from_numpy(labels))
  return out.permute(0, 2, 3, 1).numpy()


# A child's `ru_maxrss` begins with what its parent held when it was started, so
# that the tests before this one would count; the kernel's VmHWM is its own.
_PROGRAM = """
import sys
from jaxguide import cli
status = cli.main(sys.argv[1:])
with open("/proc/self/status") as lines:
  print(next(line for line in lines if line.startswith("VmHWM")))
sys.exit(status)
"""


def _convert(card, file, out):
  """Converts in a process of its own; gives the most that it held, in GB."""
  done = subprocess.run(
      [sys.executable, "-c", _PROGRAM, "convert", str(file), "--card",
       card.name, "--out", str(out)],
      env={**os.environ, "JAX_PLATFORMS": "cpu"}, check=True,
      capture_output=True, text=True)
  return float(re.search(r"VmHWM:\s+(\d+) kB", done.stdout)[1]) / 1e6


def _error(module, params, inputs, expected):
  with jax.default_matmul_precision("highest"):
    found = jax.jit(module.apply)({"params": params}, *inputs)
  return np.abs(found - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("fields", [
    {"num_classes": 5, "num_head_channels": 16},
    pytest.param(
        {"qkv_order": "new", "num_res_blocks": 2, "channel_mult": (1, 1, 2)},
        marks=pytest.mark.slow),
    {"use_scale_shift_norm": False, "resblock_updown": False},
])
def test_small_outputs_agree(fields, tmp_path, monkeypatch):
  config = small.unet(**fields)
  card = cards.ModelCard(
      name="small", file_names=(), origin="", licence="", family="adm_unet",
      module=config.module, image_size=16, num_parameters=0)
  monkeypatch.setitem(cards.CARDS, "small", card)
  random = np.random.default_rng(0)
  inputs = [random.normal(size=(2, 16, 16, 3)).astype(np.float32),
            np.float32([3.0, 700.0])]
  inputs.append(np.array([4, 0]) if config.module["num_classes"] else None)
  expected = _run_torch(card, inputs, tmp_path / "net.pt")
  dispatch.convert(tmp_path / "net.pt", "small", tmp_path / "model")
  params, config = convert.load_model(tmp_path / "model")
  module = convert.build_module(config, conv_impl="lax")
  assert _error(module, params, inputs, expected) < 2e-5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ffhq_10m", "adm_imagenet256_uncond"])
def test_full_size_outputs_agree(name, tmp_path):
  card = cards.find(name)
  random = np.random.default_rng(0)
  x = random.normal(size=(1, 256, 256, 3)).astype(np.float32)
  time = np.float32([321.0])
  file = tmp_path / "net.pt"
  expected = _run_torch(card, (x, time, None), file)
  peak = _convert(card, file, tmp_path / "model")
  # The mapped file, Orbax's copy and its compressed one, and JAX itself.
  assert peak < 3 * file.stat().st_size / 1e9 + 1
  file.unlink()
  params, config = convert.load_model(tmp_path / "model")
  module = convert.build_module(config, conv_impl="lax")
  error = _error(module, params, (x, time, None), expected)
  print(f"{name}: error {error:.2e}, converted in {peak:.1f} GB")
  assert error < 1e-4
