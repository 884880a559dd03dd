"""Runs a command as the console script does."""

import contextlib
import io

from jaxguide import cli


def main(*argv):
  """The exit status, and what went to stdout and to stderr."""
  out, err = io.StringIO(), io.StringIO()
  with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
    status = cli.main(argv)
  return status, out.getvalue(), err.getvalue()
