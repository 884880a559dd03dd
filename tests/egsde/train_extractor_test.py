"""The commands, each in a process of its own: their flags are global."""

import os
import pathlib
import subprocess
import sys

import numpy as np
from PIL import Image
import pytest

from jaxguide import convert

ROOT = pathlib.Path(__file__).parents[2]

CONFIG = '''
from experiments.egsde import domains
from jaxguide.training import config

def get_config():
  return domains.ExtractorTraining(
      config.ClassifierTraining(
          name="tiny", image_size=8, batch_size=4, num_steps={steps},
          accuracy_levels=(1, 1000), module=dict(
              out_channels={classes}, image_size=8, model_channels=8,
              channel_mult=(1,), num_res_blocks=1, num_groups=2,
              pool="adaptive")),
      domains.Domains(train={train}, held_out={held_out}))
'''


@pytest.fixture
def folder(tmp_path):
  for split in ("train", "val"):
    for value, name in enumerate("abc"):
      path = tmp_path / split / name
      path.mkdir(parents=True)
      for i in range(3):
        pixels = np.full((8, 8, 3), 60 * value + i, np.uint8)
        Image.fromarray(pixels).save(path / f"{i}.png")
  return tmp_path


def write_config(path, steps, names):
  path.write_text(CONFIG.format(
      steps=steps, classes=len(names),
      train=tuple(f"train/{n}" for n in names),
      held_out=tuple(f"val/{n}" for n in names)))
  return path


def command(name, **options):
  arguments = [f"--{key}={value}" for key, value in options.items()]
  return subprocess.run(
      [sys.executable, "-m", f"experiments.egsde.{name}", *arguments],
      cwd=ROOT, capture_output=True, text=True, timeout=500, check=False,
      env=os.environ | {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"})


def test_one_domain_is_an_error_of_one_line(folder):
  config = write_config(folder / "config.py", 2, "ab")
  done = command(
      "train_extractor", config=config, data=folder, out=folder / "run",
      domains="train/a", held_out="val/a")
  assert done.returncode == 2
  (line,) = done.stderr.strip().splitlines()
  assert "train names 1 domains (train/a)" in line
  assert not (folder / "run").exists()


@pytest.mark.slow
def test_flags_override_domains_and_updates_and_the_run_is_exported(folder):
  config = write_config(folder / "config.py", 50, "ab")
  done = command(
      "train_extractor", config=config, data=folder, out=folder / "run",
      domains="train/a,train/b,train/c", held_out="val/a,val/b,val/c",
      num_steps=2)
  assert done.returncode == 0, done.stderr
  same = write_config(folder / "same.py", 2, "abc")
  done = command(
      "export_extractor", training_config=same, run=folder / "run",
      destination=folder / "model")
  assert done.returncode == 0, done.stderr
  model = convert.load_model(folder / "model")
  assert model.config.module["out_channels"] == 3
  assert model.config.source["updates"] == 2
