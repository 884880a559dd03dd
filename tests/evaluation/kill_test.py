"""Runs that are killed with SIGKILL go on and end with the same bytes."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from jaxguide.evaluation import store
from tests.evaluation import support

ROOT = pathlib.Path(__file__).parents[2]
TABLE = """
from tests.evaluation import support

TABLE = {"only": support.experiment(samples_per_image=2)}
"""


@pytest.fixture(scope="module")
def start(tmp_path_factory, compiled_programs):
  """Starts a run in a process of its own; gives the process."""
  table = tmp_path_factory.mktemp("table") / "table.py"
  table.write_text(TABLE)

  def run(out, *killed):
    code = ["-c", "from jaxguide import cli; cli.run()", "evaluate"]
    if killed:
      code = ["-m", "tests.evaluation.killed", *killed]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, *code, str(table), f"--out={out}",
         "--devices=1", f"--compilation_cache={compiled_programs}"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)

  return run


@pytest.fixture(scope="module")
def whole(start, tmp_path_factory):
  out = tmp_path_factory.mktemp("whole") / "run"
  process = start(out)
  assert process.wait() == 0, process.stderr.read()
  return support.files(out)


def test_one_run_killed_again_and_again(start, whole, tmp_path):
  """Each kill falls into another kind of write; the last run finishes."""
  out = tmp_path / "run"
  moments = [
      ("replace", "1"),  # Before run.json has its name.
      ("fsync", "3"),  # Half of the first picture is written.
      ("fsync", "5"),  # Half of the journal's first lines.
      ("replace", "2"),  # Between two pictures of a batch.
      ("replace", "9"),  # All is done, the journal is being compacted.
      ("replace", "2"),  # Before per_image.csv has its name.
  ]
  for moment in moments:
    process = start(out, *moment)
    assert process.wait() == -signal.SIGKILL, process.stderr.read()
  process = start(out)
  assert process.wait() == 0, process.stderr.read()
  assert support.files(out) == whole
  assert not list(out.rglob("*.tmp"))


def test_killed_from_outside(start, whole, tmp_path):
  out = tmp_path / "run"
  process = start(out)
  deadline = time.monotonic() + 120
  while not (out / store.PICTURES).is_dir() and process.poll() is None:
    assert time.monotonic() < deadline
    time.sleep(0.005)
  process.kill()
  process.wait()
  process = start(out)
  assert process.wait() == 0, process.stderr.read()
  assert support.files(out) == whole
