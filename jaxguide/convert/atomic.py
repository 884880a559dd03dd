"""Files and directories that appear whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import errno
import os
import pathlib
import shutil
import tempfile
import time
from typing import BinaryIO

_MOST_TRIES, _ABSENT_TRIES, _PAUSE = 200, 3, 0.05


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
  """A temporary path beside `path`, renamed to it when the block succeeds.

  The block writes a file or a directory there. After an error, an interrupt
  included, nothing remains of it.

  Args:
    path: the final path; a file there is replaced.

  Yields:
    The temporary path, inside a directory of its own.

  Raises:
    OSError: the directory of `path` cannot be written, or `path` cannot be
      replaced.
  """
  path = pathlib.Path(os.path.abspath(path))
  scratch = pathlib.Path(
      tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
  try:
    temporary = scratch / path.name
    yield temporary
    _flush_directory(temporary)
    os.replace(temporary, path)
    _flush_directory(path.parent)
  except BaseException:
    _remove_for_good(scratch)
    raise
  scratch.rmdir()


def check_space(path: str | os.PathLike[str], size: int) -> None:
  """Raises OSError where the disk of `path` has less than `size` bytes free.

  Found out beforehand it is one clear line; found out by a storage library in
  the middle of its threads it is not.
  """
  parent = pathlib.Path(os.path.abspath(path)).parent
  free = shutil.disk_usage(parent).free
  if free < size:
    raise OSError(
        errno.ENOSPC, f"needs {size / 1e6:,.1f} MB, and the disk has "
        f"{free / 1e6:,.1f} MB free")


def _remove_for_good(path: pathlib.Path) -> None:
  """Removes a directory that a failed writer's threads may still write to."""
  absent = 0
  for _ in range(_MOST_TRIES):
    shutil.rmtree(path, ignore_errors=True)
    absent = 0 if path.exists() else absent + 1
    if absent == _ABSENT_TRIES:
      return
    time.sleep(_PAUSE)


def flush(file: BinaryIO) -> None:
  """Waits until what was written to `file` is on the disk."""
  file.flush()
  os.fsync(file.fileno())


def _flush_directory(path: pathlib.Path) -> None:
  if not path.is_dir():
    return
  descriptor = os.open(path, os.O_RDONLY)
  try:
    os.fsync(descriptor)
  finally:
    os.close(descriptor)
