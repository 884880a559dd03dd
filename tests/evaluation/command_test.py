"""The command: flags, exit status, messages of one line."""

import io
import json
import pathlib
import subprocess
import sys

import jax
from jax.experimental.compilation_cache import compilation_cache
import pytest

from jaxguide import pixels
from jaxguide.evaluation import command
from jaxguide.evaluation import pictures
from jaxguide.evaluation import store
from tests.evaluation import support

CONFIG = """
from tests.evaluation import support

def get_config(smoke=False):
  return support.experiment(name="tiny" if smoke else "whole")
"""


@pytest.fixture
def config(tmp_path):
  path = tmp_path / "mine.py"
  path.write_text(CONFIG)
  return str(path)


def _main(*argv):
  out, err = io.StringIO(), io.StringIO()
  status = command.main(["evaluate", *argv], out=out, err=err)
  return status, out.getvalue(), err.getvalue()


def test_runs_and_prints_the_table(config, tmp_path):
  status, out, err = _main(
      "--config", config, "--out", str(tmp_path / "run"), "--devices=1",
      "--limit=2", "--set", "method.num_inner=1", "--set=method.num_steps=3",
      "--seed=5", "--batch_size=4", "--backend=jit",
      "--matmul_precision=highest")
  assert status == 0, err
  assert out == (tmp_path / "run" / "table.md").read_text()
  assert "(N=1, 3 steps)" in out
  summary = json.loads((tmp_path / "run" / "summary.json").read_text())
  assert summary["experiment"]["seed"] == 5
  assert summary["counts"]["images"] == 2
  assert summary["matmul_precision"] == "highest"
  assert "images/s" in err and "compiled for batches of 4" in err


def test_smoke_asks_for_the_tiny_version(config, tmp_path):
  status, out, _ = _main(
      f"--config={config}", f"--out={tmp_path / 'run'}", "--smoke",
      "--devices=1", "--limit=1")
  assert status == 0 and out.startswith("# tiny")


def test_scores_pictures_of_another_program(config, tmp_path):
  (tmp_path / "theirs").mkdir()
  for n in range(5):
    x = support.experiment().data.open().load(n)
    (tmp_path / "theirs" / f"drawn{n:03d}.png").write_bytes(
        pictures.encode_png(pixels.to_uint8(x)))
  status, out, _ = _main(
      f"--config={config}", f"--outputs={tmp_path / 'theirs'}",
      "--method_name=PULSE", f"--out={tmp_path / 'run'}")
  assert status == 0
  assert "| PULSE " in out
  assert "inf=5" in out  # Equal pictures have an infinite PSNR.


@pytest.mark.parametrize("argv, message", [
    (["--out=x"], "--config is needed"),
    (["--config=x"], "--out is needed"),
    (["--config=x", "--out=y", "--limt=3"], "Did you mean: limit"),
    (["--config=x", "--out=y", "--batchsize=3"], "Did you mean: batch_size"),
    (["--config=x", "--out=y", "--backend=tpu"], "pmap|jit"),
    (["--config=x", "--out=y", "--limit=0"], "--limit"),
    (["--config=x", "--out=y", "--limit=few"], "--limit"),
    (["--config=x", "--out=y", "extra"], "unexpected argument 'extra'"),
    (["--config=x", "--out=y", "--outputs=z", "--devices=1"],
     "--devices does nothing with --outputs: "),
    # Refused though it is the default: it was given.
    (["--config=x", "--out=y", "--outputs=z", "--backend=pmap"],
     "--backend does nothing with --outputs: "),
    (["--config=x", "--out=y", "--outputs=z", "--batch_size=4"],
     "--batch_size does nothing with --outputs: "),
    (["--config=x", "--out=y", "--outputs=z", "--matmul_precision=high"],
     "--matmul_precision does nothing with --outputs: "),
    (["--config=x", "--out=y", "--method_name=PULSE"],
     "--method_name does nothing without --outputs: "),
])
def test_wrong_flags(argv, message):
  status, out, err = _main(*argv)
  assert status == 2
  assert message in err and err.count("\n") == 1 and err.startswith("error: ")
  assert out == ""


@pytest.mark.parametrize("argv, message", [
    (["--set=method.num_step=3"], "did you mean method.num_steps"),
    (["--set=method.num_steps=0"], "num_steps must be at least 1"),
    (["--outputs=nowhere"], "nowhere is no folder"),
    (["--devices=99"], "devices must be in 1.."),
])
def test_failures_are_one_line(config, tmp_path, argv, message):
  status, _, err = _main(
      f"--config={config}", f"--out={tmp_path / 'run'}", *argv)
  assert status == 1
  assert message in err and err.count("\n") == 1 and err.startswith("error: ")
  assert not (tmp_path / "run").exists()


def test_a_missing_config_names_a_near_one(config, tmp_path):
  status, _, err = _main(f"--config={config.replace('mine', 'mime')}",
                         "--out=x")
  assert status == 1 and "did you mean" in err and err.count("\n") == 1


@pytest.mark.parametrize("text, message", [
    ("import os\ndef get_config(:\n  return 1\n", "mine.py, line 2: "),
    ("import os\nimport no_such_module\n",
     "mine.py, line 2: ModuleNotFoundError: No module named 'no_such_module'"),
])
def test_a_config_that_is_no_python_is_one_line(
    config, tmp_path, text, message
):
  pathlib.Path(config).write_text(text)
  status, _, err = _main(f"--config={config}", f"--out={tmp_path / 'run'}")
  assert status == 1
  assert message in err and err.count("\n") == 1 and err.startswith("error: ")
  assert not (tmp_path / "run").exists()


def test_drift_is_one_line(config, tmp_path):
  flags = [f"--config={config}", f"--out={tmp_path / 'run'}", "--devices=1"]
  assert _main(*flags, "--limit=1")[0] == 0
  status, _, err = _main(*flags, "--limit=1", "--seed=9")
  assert status == 1
  assert "experiment.seed: 0 -> 9" in err and err.count("\n") == 1


def test_an_unwritable_folder_is_one_line(config, tmp_path):
  (tmp_path / "file").write_text("")
  status, _, err = _main(
      f"--config={config}", f"--out={tmp_path / 'file' / 'run'}",
      "--devices=1")
  assert status == 1 and "file" in err.splitlines()[-1]
  assert err.splitlines()[-1].startswith("error: ")


def test_a_full_disk_is_one_line(config, tmp_path, monkeypatch):

  def full(path, data):
    raise store.StoreError(28, f"disk full while writing {path}")

  monkeypatch.setattr(store, "write_atomic", full)
  status, _, err = _main(
      f"--config={config}", f"--out={tmp_path / 'run'}", "--devices=1")
  assert status == 1
  assert err.splitlines()[-1].startswith("error: ")
  assert "disk full" in err.splitlines()[-1]


def test_an_interrupt_says_that_it_goes_on(config, tmp_path, monkeypatch):

  def interrupt(*args, **kwargs):
    raise KeyboardInterrupt

  monkeypatch.setattr(command.runner, "evaluate", interrupt)
  status, _, err = _main(f"--config={config}", f"--out={tmp_path / 'run'}")
  assert status == 130 and "goes on from here" in err


def test_defects_are_not_hidden(config, tmp_path, monkeypatch):

  def broken(*args, **kwargs):
    raise UnicodeDecodeError("utf-8", b"", 0, 1, "a defect")

  monkeypatch.setattr(command.runner, "evaluate", broken)
  with pytest.raises(UnicodeDecodeError):
    _main(f"--config={config}", f"--out={tmp_path / 'run'}")


def test_the_compilation_cache_is_filled(config, tmp_path):
  before = jax.config.jax_compilation_cache_dir
  try:
    status, _, err = _main(
        f"--config={config}", f"--out={tmp_path / 'run'}", "--devices=1",
        "--limit=1", f"--compilation_cache={tmp_path / 'programs'}")
    assert status == 0, err
    assert list((tmp_path / "programs").iterdir())
  finally:
    jax.config.update("jax_compilation_cache_dir", before)
    compilation_cache.reset_cache()


def test_help_lists_the_flags():
  status, out, _ = _main("--help")
  assert status == 0
  for name in ("--config", "--limit", "--set", "--matmul_precision"):
    assert name in out


def test_the_script_is_the_command():
  script = pathlib.Path(__file__).parents[2] / "experiments" / "evaluate.py"
  done = subprocess.run(
      [sys.executable, str(script), "--limt=3"], text=True,
      capture_output=True, check=False,
      env={"PYTHONPATH": str(script.parents[1]), "PATH": "",
           "JAX_PLATFORMS": "cpu"})
  assert done.returncode == 2, done.stderr
  assert "Did you mean: limit" in done.stderr
