"""`jaxguide train` and `jaxguide export`: options by the kind of training."""

import argparse

import numpy as np
from PIL import Image
import pytest

from jaxguide import cli
from jaxguide import commands
from jaxguide import convert
from jaxguide.commands import export
from jaxguide.commands import train

CONFIG = '''
from jaxguide import training
from jaxguide.data import training_images

def get_config():
  return training.ClassifierTraining(
      name="tiny", image_size=8, batch_size=4, num_steps={steps},
      accuracy_levels=(1, 1000), module=dict(
          out_channels={classes}, image_size=8, model_channels=8,
          channel_mult=(1,), num_res_blocks=1, num_groups=2,
          pool="adaptive"),
      images=training_images.Domains(train={train}, held_out={held_out}))
'''
OTHER = '''
from jaxguide import training
from jaxguide.data import training_images

def get_config():
  return training.EpsPriorTraining(
      name="prior", module={}, image_size=8,
      images=training_images.ImageFolders())
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


def command(module, *words, **options):
  parser = argparse.ArgumentParser("jaxguide")
  module.add_arguments(parser)
  words += tuple(f"--{key}={value}" for key, value in options.items())
  return module.run(parser.parse_args(map(str, words)))


def test_one_domain_is_an_error_of_one_line(folder):
  config = write_config(folder / "config.py", 2, "ab")
  with pytest.raises(ValueError, match="train names 1 domains .train/a.") as e:
    command(
        train, config, data=folder, out=folder / "run", domains="train/a",
        held_out="val/a")
  assert "\n" not in str(e.value)
  assert not (folder / "run").exists()


def test_help_after_the_file_lists_the_kind_s_options(folder, capsys):
  config = write_config(folder / "config.py", 2, "ab")
  other = folder / "other.py"
  other.write_text(OTHER)
  texts = []
  for path in (config, other):
    for module in (train, export):
      with pytest.raises(SystemExit) as stop:
        command(module, path, "--help")
      assert stop.value.code == 0
      texts.append(capsys.readouterr().out)
  for text in texts[:2]:
    assert "--classifier" in text and "--held_out" in text
    assert "--num_steps" in text and "--decay_steps" not in text
  for text in texts[2:]:
    assert "--decay_steps" in text and "--classifier" not in text
  for text in texts:
    assert "options of this kind of training and of its images" in text
    assert "PriorTraining" not in text
    usage = text.partition("\n\n")[0]
    assert "[--out" not in usage and "--out DIR" in usage


@pytest.mark.parametrize("words, message", [
    ((), "following are required: --data, --out"),
    (("--data=d", "--out=o", "--decay_steps=3"),
     "unrecognized arguments: --decay_steps=3"),
    (("--data=d", "--out=o", "--num_steps=few"), "invalid int value: 'few'"),
])
def test_a_usage_that_does_not_fit(folder, capsys, words, message):
  config = write_config(folder / "config.py", 2, "ab")
  with pytest.raises(commands.UsageError, match=message):
    command(train, config, *words)
  assert cli.main(["train", str(config), *words]) == 2
  (line,) = capsys.readouterr().err.splitlines()
  assert message in line and line.endswith(f"jaxguide train {config} --help")


def test_a_file_that_is_not_there(folder):
  with pytest.raises(ValueError, match="nope.py; there is no such file"):
    command(train, folder / "nope.py", data=folder, out=folder / "run")


def test_own_options_may_stand_before_the_file(folder):
  config = write_config(folder / "config.py", 2, "ab")
  with pytest.raises(ValueError, match="domain 'nothing'.*does not exist"):
    command(
        train, f"--out={folder / 'run'}", "--data", folder, config,
        "--domains", "nothing,train/a", "--held_out", "val/a,val/b")


@pytest.mark.slow
def test_options_override_domains_and_updates_and_the_run_is_exported(
    folder, capsys):
  config = write_config(folder / "config.py", 50, "ab")
  given = dict(
      domains="train/a,train/b,train/c", held_out="val/a,val/b,val/c",
      num_steps=2)
  assert not command(
      train, config, data=folder, out=folder / "run", **given)
  out, err = capsys.readouterr()
  assert out == f"tiny: 2 updates, in {folder / 'run'}\n"
  assert "train: tiny from step 0 to 2" in err
  same = write_config(folder / "same.py", 2, "abc")
  assert not cli.main([
      "export", str(same), "--run", str(folder / "run"),
      "--out", str(folder / "model")])
  # Or by the same options.
  assert not command(
      export, config, run=folder / "run", out=folder / "second", **given)
  for name in ("model", "second"):
    model = convert.load_model(folder / name)
    assert model.config.module["out_channels"] == 3
    assert model.config.source["updates"] == 2
    assert model.config.source["domains"] == ["train/a", "train/b", "train/c"]
  with pytest.raises(ValueError, match="does not fit.*num_steps: 2 -> 50"):
    command(export, config, run=folder / "run", out=folder / "third")
