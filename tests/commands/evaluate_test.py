"""`jaxguide evaluate`: arguments, exit status, messages of one line."""

import json
import pathlib
import subprocess
import sys

import jax
from jax.experimental.compilation_cache import compilation_cache
import pytest

from jaxguide import pixels
from jaxguide.evaluation import pictures
from jaxguide.evaluation import runner
from jaxguide.evaluation import store
from tests.commands import support as running
from tests.evaluation import support

FILE = """
import dataclasses

from tests.evaluation import support


class Small(type(support.experiment())):

  def tiny(self):
    return dataclasses.replace(self, name="tiny")


TABLE = {"mine": Small(**vars(support.experiment(name="whole")))}
"""


@pytest.fixture
def file(tmp_path):
  path = tmp_path / "mine.py"
  path.write_text(FILE)
  return str(path)


def _main(*argv):
  return running.main("evaluate", *argv)


def test_runs_and_prints_the_table(file, tmp_path):
  status, out, err = _main(
      file, "--out", str(tmp_path / "run"), "--devices=1",
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


def test_smoke_asks_for_the_tiny_version(file, tmp_path):
  status, out, _ = _main(
      file, f"--out={tmp_path / 'run'}", "--smoke",
      "--devices=1", "--limit=1")
  assert status == 0 and out.startswith("# tiny")


def test_scores_pictures_of_another_program(file, tmp_path):
  (tmp_path / "theirs").mkdir()
  for n in range(5):
    x = support.experiment().data.open().load(n)
    (tmp_path / "theirs" / f"drawn{n:03d}.png").write_bytes(
        pictures.encode_png(pixels.to_uint8(x)))
  status, out, _ = _main(
      file, f"--outputs={tmp_path / 'theirs'}",
      "--method_name=PULSE", f"--out={tmp_path / 'run'}")
  assert status == 0
  assert "| PULSE " in out
  assert "inf=5" in out  # Equal pictures have an infinite PSNR.


@pytest.mark.parametrize("argv, message", [
    (["--out=x"], "required: FILE"),
    (["x"], "--out is needed, or --list"),
    (["x", "--out=y", "--limt=3"], "did you mean --limit?"),
    (["x", "--out=y", "--batchsize=3"], "did you mean --batch_size?"),
    (["x", "--out=y", "--backend=tpu"], "choose from 'pmap', 'jit'"),
    (["x", "--out=y", "--limit=0"], "--limit: must be at least 1, got 0"),
    (["x", "--out=y", "--limit=few"],
     "--limit: must be a whole number, got 'few'"),
    (["x", "--out=y", "extra"], "unexpected argument 'extra'"),
    (["x", "--out=y", "--outputs=z", "--devices=1"],
     "--devices does nothing with --outputs: "),
    # Refused though it is the default: it was given.
    (["x", "--out=y", "--outputs=z", "--backend=pmap"],
     "--backend does nothing with --outputs: "),
    (["x", "--out=y", "--outputs=z", "--batch_size=4"],
     "--batch_size does nothing with --outputs: "),
    (["x", "--out=y", "--outputs=z", "--matmul_precision=high"],
     "--matmul_precision does nothing with --outputs: "),
    (["x", "--out=y", "--method_name=PULSE"],
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
def test_failures_are_one_line(file, tmp_path, argv, message):
  status, _, err = _main(
      file, f"--out={tmp_path / 'run'}", *argv)
  assert status == 1
  assert message in err and err.count("\n") == 1 and err.startswith("error: ")
  assert not (tmp_path / "run").exists()


def test_a_missing_file_names_a_near_one(file):
  status, _, err = _main(file.replace("mine", "mime"), "--out=x")
  assert status == 1 and "did you mean" in err and err.count("\n") == 1


@pytest.mark.parametrize("text, message", [
    ("import os\ndef mine(:\n  return 1\n", "mine.py, line 2: "),
    ("import os\nimport no_such_module\n",
     "mine.py, line 2: ModuleNotFoundError: No module named 'no_such_module'"),
])
def test_a_file_that_is_no_python_is_one_line(
    file, tmp_path, text, message
):
  pathlib.Path(file).write_text(text)
  status, _, err = _main(file, f"--out={tmp_path / 'run'}")
  assert status == 1
  assert message in err and err.count("\n") == 1 and err.startswith("error: ")
  assert not (tmp_path / "run").exists()


SEVERAL = """
'''Two rows of a test.'''
import dataclasses

from jaxguide import evaluation
from tests.evaluation import support


def _broken():
  return undefined


TABLE = evaluation.Table(title="Two", rows={
    "embedded": lambda: dataclasses.replace(
        support.experiment(), data=evaluation.EmbeddedImages()),
    "of_files": lambda: dataclasses.replace(
        support.experiment(), data=evaluation.FolderImages("photos", 16)),
    "broken": _broken,
})
"""


class TestRows:

  @pytest.fixture
  def several(self, tmp_path):
    path = tmp_path / "two.py"
    path.write_text(SEVERAL)
    return str(path)

  @pytest.mark.parametrize("argv, message", [
      ([], "has 3 rows; name one of them: embedded, of_files, broken"),
      (["--row=of_file"], "no row 'of_file'; did you mean of_files?"),
      (["--row=broken"], "two.py, line 10: NameError: name 'undefined'"),
      (["--row=of_files"], "photos"),
  ])
  def test_what_cannot_be_run_is_one_line(
      self, several, tmp_path, argv, message):
    status, _, err = _main(several, f"--out={tmp_path / 'run'}", *argv)
    assert status == 1
    assert message in err and err.count("\n") == 1
    assert not (tmp_path / "run").exists()

  def test_a_list_says_what_each_row_needs(
      self, several, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = _main(several, "--list")
    assert status == 0 and err == ""
    lines = out.splitlines()
    assert lines[0] == "Two" and lines[-1] == "Two rows of a test."
    assert ("  embedded  colorization  Steered Diffusion, paper (N=2, 4 steps)"
            in lines)
    assert "line 10: NameError" in out
    assert "Needed by of_files: photos (not there)" in lines
    assert "What embedded needs comes with the package." in lines
    (tmp_path / "photos").mkdir()
    assert "Needed by of_files: photos\n" in _main(several, "--list")[1]

  def test_a_list_runs_nothing_and_needs_no_folder(
      self, file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    assert _main(file, "--list")[0] == 0
    assert set(tmp_path.iterdir()) == before


def test_drift_is_one_line(file, tmp_path):
  flags = [file, f"--out={tmp_path / 'run'}", "--devices=1"]
  assert _main(*flags, "--limit=1")[0] == 0
  status, _, err = _main(*flags, "--limit=1", "--seed=9")
  assert status == 1
  assert "experiment.seed: 0 -> 9" in err and err.count("\n") == 1


def test_an_unwritable_folder_is_one_line(file, tmp_path):
  (tmp_path / "file").write_text("")
  status, _, err = _main(
      file, f"--out={tmp_path / 'file' / 'run'}",
      "--devices=1")
  assert status == 1 and "file" in err.splitlines()[-1]
  assert err.splitlines()[-1].startswith("error: ")


def test_a_full_disk_is_one_line(file, tmp_path, monkeypatch):

  def full(path, data):
    raise store.StoreError(28, f"disk full while writing {path}")

  monkeypatch.setattr(store, "write_atomic", full)
  status, _, err = _main(
      file, f"--out={tmp_path / 'run'}", "--devices=1")
  assert status == 1
  assert err.splitlines()[-1].startswith("error: ")
  assert "disk full" in err.splitlines()[-1]


def test_an_interrupt_says_that_it_goes_on(file, tmp_path, monkeypatch):

  def interrupt(*args, **kwargs):
    raise KeyboardInterrupt

  monkeypatch.setattr(runner, "evaluate", interrupt)
  status, _, err = _main(file, f"--out={tmp_path / 'run'}")
  assert status == 130 and "goes on from here" in err


def test_defects_are_not_hidden(file, tmp_path, monkeypatch):

  def broken(*args, **kwargs):
    raise UnicodeDecodeError("utf-8", b"", 0, 1, "a defect")

  monkeypatch.setattr(runner, "evaluate", broken)
  with pytest.raises(UnicodeDecodeError):
    _main(file, f"--out={tmp_path / 'run'}")


def test_the_compilation_cache_is_filled(file, tmp_path):
  before = jax.config.jax_compilation_cache_dir
  try:
    status, _, err = _main(
        file, f"--out={tmp_path / 'run'}", "--devices=1",
        "--limit=1", f"--compilation_cache={tmp_path / 'programs'}")
    assert status == 0, err
    assert list((tmp_path / "programs").iterdir())
  finally:
    jax.config.update("jax_compilation_cache_dir", before)
    compilation_cache.reset_cache()


def test_help_lists_the_options():
  status, out, _ = _main("--help")
  assert status == 0
  for name in ("FILE", "--row", "--limit", "--set", "--matmul_precision"):
    assert name in out
  assert "jaxguide evaluate experiments/" in out


def test_the_process_has_the_exit_status():
  done = subprocess.run(
      [sys.executable, "-c", "from jaxguide import cli; cli.run()",
       "evaluate", "x.py", "--limt=3"], text=True, capture_output=True,
      check=False)
  assert done.returncode == 2, done.stderr
  assert "did you mean --limit?" in done.stderr
