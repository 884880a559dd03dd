"""Devices made of cores; the rest of `parallel` is tested with the samplers."""

import dataclasses
import json
import os
import subprocess
import sys

import jax
import pytest

from jaxguide import cli
from jaxguide import demo
from jaxguide import parallel
from jaxguide.evaluation.running import devices as counts
from tests.evaluation import support
from tests.evaluation import vipaint_runs

_XLA_FLAG = "--xla_force_host_platform_device_count=3"
_TABLE = """
from tests.evaluation import support

TABLE = {"only": support.experiment(batch_size=6)}
"""


def _fresh(*argv, **environment):
  """What a process prints that has no settings of JAX but these."""
  kept = {k: v for k, v in os.environ.items()
          if k not in ("XLA_FLAGS", "JAX_NUM_CPU_DEVICES")}
  done = subprocess.run(
      [sys.executable, *argv], capture_output=True, text=True, check=False,
      env=kept | {"JAX_PLATFORMS": "cpu"} | environment)
  assert done.returncode == 0, done.stderr
  return done.stdout


def _devices(cores, most, **environment):
  return int(_fresh("-c", f"""
import jax
from jaxguide import parallel
parallel._cores = lambda: {cores}
parallel.use_cpu_cores({most})
print(len(jax.local_devices()))
""", **environment))


@pytest.mark.parametrize(
    "cores, most, devices", [(3, 8, 3), (8, 2, 2), (1, 8, 1), (4, 1, 1)])
def test_every_core_is_a_device_up_to_what_a_batch_can_fill(
    cores, most, devices):
  assert _devices(cores, most) == devices


@pytest.mark.parametrize(
    "chosen", [{"JAX_NUM_CPU_DEVICES": "3"}, {"XLA_FLAGS": _XLA_FLAG}])
def test_a_number_that_was_chosen_stays(chosen):
  assert _devices(8, 8, **chosen) == 3


def test_devices_that_are_there_stay(monkeypatch):
  monkeypatch.setattr(parallel, "_XLA_DEVICES", "not in the flags")
  monkeypatch.setattr(parallel, "_cores", lambda: 5)
  before = jax.local_devices()
  parallel.use_cpu_cores(5)
  assert jax.local_devices() == before


@pytest.mark.parametrize("text, cores", [
    (None, 6), ("max 100000", 6), ("", 6), ("200000 100000\n", 2),
    ("50000 100000", 1), ("9900000 100000", 6)])
def test_a_containers_share_of_the_cores(text, cores, tmp_path, monkeypatch):
  monkeypatch.setattr(
      os, "sched_getaffinity", lambda pid: set(range(6)), raising=False)
  path = tmp_path / "cpu.max"
  if text is not None:
    path.write_text(text)
  assert parallel._cores(str(path)) == cores


def test_refuses_no_device():
  with pytest.raises(ValueError, match="most must be at least 1, got 0"):
    parallel.use_cpu_cores(0)


@pytest.mark.parametrize("batch_size, samples, devices", [
    (64, 4, 8), (10, 10, 1), (3, 4, 1), (16, 1, 8)])
def test_a_batch_fills_so_many_devices(batch_size, samples, devices):
  """Fits, one for all samples of an image, have two rows on each too."""
  fitting = dataclasses.replace(
      vipaint_runs.experiment(), samples_per_image=samples)
  assert counts.most_devices(fitting, batch_size) == devices
  plain = dataclasses.replace(support.experiment(), samples_per_image=samples)
  assert counts.most_devices(plain, batch_size) == max(1, batch_size // 2)


@pytest.mark.parametrize("images, devices", [("2", 1), ("5", 2), ("64", 4)])
def test_the_demo_takes_what_its_batches_fill(images, devices, monkeypatch):
  asked = []
  monkeypatch.setattr(parallel, "use_cpu_cores", asked.append)
  monkeypatch.setattr(demo, "run", lambda out, **options: "")
  assert cli.main(["demo", "--out", "nowhere", "--images", images]) == 0
  assert asked == [devices]


def test_the_command_makes_its_pictures_on_every_core(tmp_path):
  table = tmp_path / "mine.py"
  table.write_text(_TABLE)
  script = """
import sys
from jaxguide import parallel
from jaxguide import cli
parallel._cores = lambda: 8
sys.exit(cli.main(["evaluate", *sys.argv[1:]]))
"""
  used, pictures = [], []
  for name, more in (("all", ()), ("one", ("--devices=1",))):
    folder = tmp_path / name
    _fresh("-c", script, str(table), f"--out={folder}", "--limit=2", *more)
    timing = json.loads((folder / "timing.json").read_text())
    used.append(len(timing["sessions"][0]["devices"]))
    pictures.append(
        [p.read_bytes() for p in sorted(folder.glob("images/*.png"))])
  # Of six rows every device has two.
  assert used == [3, 1]
  assert pictures[0] == pictures[1] and pictures[0]
