"""The subcommands of `jaxguide`, one module each.

A module NAME.py here, with NAME in `cli.COMMANDS`, is `jaxguide NAME`. It has

  SUMMARY: str                           one sentence for `jaxguide --help`
  def add_arguments(parser) -> None      its arguments, and examples as epilog
  def run(args) -> int                   does it; gives the exit status

and imports what starts JAX inside `run`, so that --help is quick. Results go
to stdout, progress to stderr. What `run` raises is turned into a line and an
exit status by `cli.main`.
"""

__all__ = ["UsageError"]


class UsageError(ValueError):
  """Arguments that do not fit together: one line, and exit status 2."""
