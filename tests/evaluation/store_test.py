"""The folder of a run: atomic files, the journal, refusals, full disks."""

import errno
import json
import os
import pathlib
import subprocess
import sys

import pytest

from jaxguide.evaluation import records
from jaxguide.evaluation import store

IDENTITY = {"experiment": {"seed": 0, "method": {"num_steps": 100}}}


def _record(item, **more):
  return records.Record(
      item, item, 0, f"{item}.png", "ok", picture=f"images/{item}.png", **more)


def _add(folder, item, data=b"png"):
  folder.add([_record(item)], {item: data})


def _begin(path):
  """A run with its first picture."""
  with store.Store(path, IDENTITY) as folder:
    _add(folder, 0)


class TestWriteAtomic:

  def test_replaces_and_leaves_nothing_beside(self, tmp_path):
    store.write_atomic(tmp_path / "a" / "b.txt", "one")
    store.write_atomic(tmp_path / "a" / "b.txt", b"two")
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"two"
    assert os.listdir(tmp_path / "a") == ["b.txt"]

  def test_a_full_disk_keeps_the_old_file(self, tmp_path, monkeypatch):
    path = tmp_path / "b.txt"
    store.write_atomic(path, "old")

    def full(_):
      raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(store.StoreError, match="disk full while writing .*b"):
      store.write_atomic(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["b.txt"]

  def test_other_errors_pass_through(self, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError) as caught:
      store.write_atomic(tmp_path / "file" / "b.txt", "x")
    assert not isinstance(caught.value, store.StoreError)


class TestJournal:

  def test_comes_back(self, tmp_path):
    with store.Store(tmp_path / "run", IDENTITY) as folder:
      unread = records.Record(1, 1, 0, "1.png", "unreadable", "cut off")
      folder.add([_record(0), unread], {0: b"png"})
    with store.Store(tmp_path / "run", IDENTITY) as folder:
      assert sorted(folder.records) == [0, 1]
      assert folder.is_done(0) and folder.is_done(1)
      assert not folder.is_done(2)

  @pytest.mark.parametrize("tail", [
      b'{"item": 2, "pict', b'{"item": 2}', b"\0\0\0\0\n", b"[]\n",
      b'{"name": 3}\n', b'\xff\xfe{"item": 2}\n{"item": 3}\n',
  ])
  def test_a_torn_tail_is_cut(self, tmp_path, tail):
    with store.Store(tmp_path, IDENTITY) as folder:
      _add(folder, 0)
      _add(folder, 1)
    path = tmp_path / store.JOURNAL_FILE
    good = path.read_bytes()
    path.write_bytes(good + tail)
    with store.Store(tmp_path, IDENTITY) as folder:
      assert sorted(folder.records) == [0, 1]
      _add(folder, 2)
    assert path.read_bytes().startswith(good)
    with store.Store(tmp_path, IDENTITY) as folder:
      assert sorted(folder.records) == [0, 1, 2]

  def test_a_changed_or_missing_picture_is_not_done(self, tmp_path):
    with store.Store(tmp_path, IDENTITY) as folder:
      _add(folder, 0)
      _add(folder, 1)
    (tmp_path / "images/0.png").write_bytes(b"pn")
    (tmp_path / "images/1.png").unlink()
    with store.Store(tmp_path, IDENTITY) as folder:
      assert not folder.is_done(0)
      assert not folder.is_done(1)

  def test_compaction_hides_the_order_of_work(self, tmp_path):
    with store.Store(tmp_path / "a", IDENTITY) as folder:
      for item in (0, 1, 2):
        _add(folder, item)
      folder.compact()
      _add(folder, 3)
    with store.Store(tmp_path / "b", IDENTITY) as folder:
      for item in (2, 0, 3, 0, 1):
        _add(folder, item)
      folder.compact()
    one, two = (tmp_path / d / store.JOURNAL_FILE for d in "ab")
    assert one.read_bytes() == two.read_bytes()

  def test_a_full_disk_loses_nothing_noted(self, tmp_path, monkeypatch):
    real = os.fsync
    with store.Store(tmp_path, IDENTITY) as folder:
      _add(folder, 0)
      calls = []

      def full_at_the_journal(handle):
        calls.append(handle)
        # The picture's file and folder come first.
        if len(calls) == 3:
          raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

      monkeypatch.setattr(os, "fsync", full_at_the_journal)
      with pytest.raises(store.StoreError, match="disk full.*same command"):
        _add(folder, 1)
      monkeypatch.setattr(os, "fsync", real)
      assert sorted(folder.records) == [0]
      _add(folder, 2)
    with store.Store(tmp_path, IDENTITY) as folder:
      assert sorted(folder.records) == [0, 2]

  def test_half_written_files_are_swept(self, tmp_path):
    with store.Store(tmp_path, IDENTITY) as folder:
      _add(folder, 0)
    (tmp_path / "images" / ".1.png.77.tmp").write_bytes(b"pn")
    with store.Store(tmp_path, IDENTITY):
      pass
    assert os.listdir(tmp_path / "images") == ["0.png"]


class TestIdentity:

  def test_drift_is_refused_and_named(self, tmp_path):
    _begin(tmp_path)
    drifted = {"experiment": {"seed": 3, "method": {"num_steps": 50}}}
    with pytest.raises(store.StoreError) as caught:
      store.Store(tmp_path, drifted)
    text = str(caught.value)
    assert "experiment.seed: 0 -> 3" in text
    assert "experiment.method.num_steps: 100 -> 50" in text
    assert "\n" not in text

  def test_a_stranger_s_folder_is_refused(self, tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(store.StoreError, match="not empty.*thesis.tex"):
      store.Store(tmp_path, IDENTITY)
    assert os.listdir(tmp_path) == ["thesis.tex"]

  def test_a_start_that_was_killed_early_is_no_stranger(self, tmp_path):
    (tmp_path / ".run.json.77.tmp").write_text('{"exp')
    with store.Store(tmp_path, IDENTITY):
      pass
    assert json.loads((tmp_path / "run.json").read_text()) == IDENTITY

  def test_a_damaged_run_file_is_named(self, tmp_path):
    (tmp_path / "run.json").write_text('{"experiment": {')
    with pytest.raises(store.StoreError, match="run.json is damaged"):
      store.Store(tmp_path, IDENTITY)

  def test_what_made_nothing_may_become_another_run(self, tmp_path):
    with store.Store(tmp_path, {"experiment": {"seed": 9}}):
      pass
    with store.Store(tmp_path, IDENTITY):
      pass
    assert json.loads((tmp_path / "run.json").read_text()) == IDENTITY

  def test_a_picture_that_is_not_yet_noted_keeps_the_folder(self, tmp_path):
    with store.Store(tmp_path, IDENTITY):
      pass
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "0.png").write_bytes(b"png")
    with pytest.raises(store.StoreError, match="holds another run"):
      store.Store(tmp_path, {})

  def test_a_refused_folder_is_free_again(self, tmp_path):
    _begin(tmp_path)
    with pytest.raises(store.StoreError):
      store.Store(tmp_path, {})
    with store.Store(tmp_path, IDENTITY):
      pass


@pytest.mark.skipif(store.fcntl is None, reason="no file locks here")
def test_one_process_at_a_time(tmp_path):
  script = (
      "import sys\nfrom jaxguide.evaluation import store\n"
      "try:\n  store.Store(sys.argv[1], {})\n"
      "except store.StoreError as error:\n  sys.exit(str(error))\n"
  )
  with store.Store(tmp_path, {}):
    root = pathlib.Path(__file__).parents[2]
    other = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], text=True,
        capture_output=True, check=False,
        env={**os.environ, "PYTHONPATH": str(root)})
  assert "another process" in other.stderr
