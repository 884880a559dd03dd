"""The folder of a run: atomic files, a journal, and what may go on in it.

  run.json        what the folder holds; once there is a picture, a run of
                  anything else is refused
  journal.jsonl   one line per finished picture, appended and synced
  images/*.png    the pictures

A line enters the journal after its picture has its final name, so a run that
is killed between any two instructions loses at most the pictures that it had
not yet noted, and a later run finds the folder in a state it can go on from.
"""

from collections.abc import Iterator, Mapping, Sequence
import contextlib
import errno
import hashlib
import json
import os
import pathlib
from typing import Any

from jaxguide import identities
from jaxguide.evaluation import records

try:
  import fcntl
except ImportError:  # Windows has no flock; two runs at once go unnoticed.
  fcntl = None

RUN_FILE = "run.json"
JOURNAL_FILE = "journal.jsonl"
PICTURES = "images"
_FULL = (errno.ENOSPC, errno.EDQUOT)


class StoreError(OSError):
  """The folder of a run cannot be used, or the disk is full.

  Example:
    >>> import pathlib
    >>> from jaxguide import evaluation
    >>> pathlib.Path("mine").mkdir()
    >>> _ = pathlib.Path("mine/thesis.txt").write_text("No run.")
    >>> experiment = evaluation.Experiment(
    ...     name="grey", prior=None, data=evaluation.DrawnImages(1, 16),
    ...     task=evaluation.Colorization(), method=evaluation.Baseline())
    >>> try:
    ...   evaluation.evaluate(experiment, "mine")
    ... except evaluation.StoreError as error:
    ...   print(str(error).split(";")[0])
    mine is not empty and has no run.json: found thesis.txt
  """


def write_atomic(path: pathlib.Path | str, data: bytes | str) -> None:
  """Writes a file so that a reader sees the old one or the whole new one.

  The data goes to a temporary file beside it, is synced, and is renamed.

  Args:
    path: the file; missing folders above it are made.
    data: text is encoded as UTF-8.

  Raises:
    StoreError: if the disk is full; nothing is left behind then.
  """
  path = pathlib.Path(path)
  data = data.encode("utf-8") if isinstance(data, str) else data
  temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
  with _disk_errors(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
      with open(temporary, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
      os.replace(temporary, path)
    except BaseException:
      temporary.unlink(missing_ok=True)
      raise
    _sync_folder(path.parent)


class Store:
  """One run's folder, held by one process at a time.

  Use it as a context manager; leaving it frees the folder.

  Attributes:
    directory: the folder.
    records: what the journal holds, by number of the item.
  """

  def __init__(self, directory: pathlib.Path | str, identity: Mapping):
    """Opens or makes the folder.

    Args:
      directory: new, empty, of an earlier run of the same thing, or of one
        that has made nothing.
      identity: JSON values that say what is run. Everything that can change
        a result belongs here.

    Raises:
      StoreError: if the folder holds something else, naming what differs, or
        another process is at work in it.
    """
    self.directory = pathlib.Path(directory)
    with _disk_errors(self.directory):
      self.directory.mkdir(parents=True, exist_ok=True)
    self._lock = _lock(self.directory)
    try:
      self._claim(identities.plain(identity))
      self._sweep()
      self._journal, self.records = _open_journal(
          self.directory / JOURNAL_FILE
      )
    except BaseException:
      self._unlock()
      raise

  def __enter__(self) -> "Store":
    return self

  def __exit__(self, *exc_info: Any) -> None:
    self._journal.close()
    self._unlock()

  def _unlock(self) -> None:
    if self._lock is not None:
      os.close(self._lock)

  def relative_picture(self, name: str) -> str:
    """The path inside the folder of the picture with this name (no suffix)."""
    return f"{PICTURES}/{name}.png"

  def is_done(self, item: int) -> bool:
    """Whether the item is noted and its picture is whole."""
    record = self.records.get(item)
    if record is None or not record.picture:
      return record is not None
    path = self.directory / record.picture
    return path.is_file() and sha256(path.read_bytes()) == record.sha256

  def add(
      self,
      made: Sequence[records.Record],
      pictures: Mapping[int, bytes],
  ) -> None:
    """Writes pictures, then notes them; on return both are on the disk.

    Args:
      made: records of the items; the hash of the picture's file is added.
      pictures: PNG bytes by item number.

    Raises:
      StoreError: if the disk is full. What was noted before stays good.
    """
    lines = []
    for record in made:
      data = pictures.get(record.item)
      if data is not None:
        write_atomic(self.directory / record.picture, data)
        record = record._replace(sha256=sha256(data))
      lines.append(record)
    self._append(lines)
    self.records.update({record.item: record for record in lines})

  def compact(self) -> None:
    """Rewrites the journal in item order, one line per item.

    A run that was interrupted then leaves the same bytes as one that was
    not.
    """
    text = "".join(_line(self.records[i]) for i in sorted(self.records))
    self._journal.close()
    path = self.directory / JOURNAL_FILE
    write_atomic(path, text)
    self._journal = open(path, "ab")

  def write(self, name: str, data: bytes | str) -> None:
    """Writes another file of the folder, atomically."""
    write_atomic(self.directory / name, data)

  def _append(self, made: Sequence[records.Record]) -> None:
    path = self.directory / JOURNAL_FILE
    end = self._journal.tell()
    with _disk_errors(path):
      try:
        self._journal.write("".join(map(_line, made)).encode("utf-8"))
        self._journal.flush()
        os.fsync(self._journal.fileno())
      except OSError:
        # The buffer still holds the lines: a new handle forgets them.
        with contextlib.suppress(OSError):
          os.truncate(path, end)
        with contextlib.suppress(OSError):
          self._journal.close()
        self._journal = open(path, "ab")
        raise

  def _claim(self, identity: Mapping) -> None:
    """Checks what the folder holds, or writes down what it will hold."""
    path = self.directory / RUN_FILE
    if path.is_file():
      try:
        found = json.loads(path.read_text(encoding="utf-8"))
      except ValueError:
        raise StoreError(
            f"{path} is damaged: delete {self.directory} and start again"
        ) from None
      changes = list(identities.differences(found, identity))
      if changes and self._is_begun():
        raise StoreError(
            f"{self.directory} holds another run: {'; '.join(changes)}; "
            "choose another folder, or delete this one"
        )
      if changes:
        # What failed before its first picture is no reason to refuse.
        write_atomic(path, identities.to_json(identity))
      return
    strangers = [p.name for p in self.directory.iterdir()
                 if not p.name.endswith(".tmp")]
    if strangers:
      raise StoreError(
          f"{self.directory} is not empty and has no {RUN_FILE}: found "
          f"{', '.join(sorted(strangers)[:3])}; choose another folder"
      )
    write_atomic(path, identities.to_json(identity))

  def _is_begun(self) -> bool:
    """Whether there is anything that another run would lose."""
    journal, folder = self.directory / JOURNAL_FILE, self.directory / PICTURES
    return (journal.is_file() and journal.stat().st_size > 0) or any(
        path.is_file() for path in folder.rglob("*"))

  def _sweep(self) -> None:
    """Removes what a killed run left half-written."""
    for path in self.directory.rglob(".*.tmp"):
      path.unlink(missing_ok=True)


def sha256(data: bytes) -> str:
  """The hexadecimal SHA-256 of some bytes."""
  return hashlib.sha256(data).hexdigest()


def _line(record: records.Record) -> str:
  return json.dumps(record.to_json(), ensure_ascii=False) + "\n"


def _open_journal(
    path: pathlib.Path
) -> tuple[Any, dict[int, records.Record]]:
  """Reads whole lines, cuts the file after the last good one."""
  data = path.read_bytes() if path.is_file() else b""
  found, good = {}, 0
  while (end := data.find(b"\n", good)) >= 0:
    try:
      record = records.Record.from_json(json.loads(data[good:end]))
    except ValueError:
      break
    found[record.item] = record
    good = end + 1
  journal = open(path, "ab")
  if good < len(data):
    journal.truncate(good)
    journal.seek(good)
  return journal, found


def _lock(directory: pathlib.Path) -> int | None:
  """Takes the folder; the system frees it however the process ends."""
  if fcntl is None:
    return None
  handle = os.open(directory, os.O_RDONLY)
  try:
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except BlockingIOError:
    os.close(handle)
    raise StoreError(
        f"{directory}: another process is writing to this folder"
    ) from None
  except OSError:
    pass  # Some network file systems have no locks.
  return handle


def _sync_folder(directory: pathlib.Path) -> None:
  """Makes a rename in the folder last; not every system allows it."""
  with contextlib.suppress(OSError):
    handle = os.open(directory, os.O_RDONLY)
    try:
      os.fsync(handle)
    finally:
      os.close(handle)


@contextlib.contextmanager
def _disk_errors(path: pathlib.Path) -> Iterator[None]:
  """Says in one line that the disk is full."""
  try:
    yield
  except OSError as error:
    if error.errno not in _FULL or isinstance(error, StoreError):
      raise
    raise StoreError(
        error.errno, f"disk full while writing {path}; free some space and "
        "run the same command again: it goes on where it stopped"
    ) from error
