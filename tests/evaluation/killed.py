"""Runs `jaxguide evaluate` and kills itself, as kill -9 does.

  python -m tests.evaluation.killed MOMENT CALL [arguments of the command]

MOMENT is the name of an `os` function that a run writes through; the process
is killed inside the CALL-th call of it; for "fsync" the last third of the file
is lost too, as when a machine loses its power.
"""

import os
import signal
import stat
import sys

from jaxguide import cli


def _kill() -> None:
  os.kill(os.getpid(), signal.SIGKILL)


def _die_in(moment: str, call: int) -> None:
  real, left = getattr(os, moment), [call]

  def dying(*args):
    left[0] -= 1
    if left[0] == 0:
      if moment == "fsync" and stat.S_ISREG(os.fstat(args[0]).st_mode):
        size = os.fstat(args[0]).st_size
        os.truncate(args[0], size - size // 3)
      _kill()
    return real(*args)

  setattr(os, moment, dying)


if __name__ == "__main__":
  _die_in(sys.argv[1], int(sys.argv[2]))
  sys.exit(cli.main(["evaluate", *sys.argv[3:]]))
