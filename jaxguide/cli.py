"""The `jaxguide` command: finds the subcommand and runs it."""

import argparse
from collections.abc import Sequence
import difflib
import importlib
import re
import sys
from typing import NoReturn

import jaxguide
from jaxguide import commands
from jaxguide import failures

# Modules of `jaxguide.commands`; a new one is named here.
COMMANDS = (
    "demo", "inspect", "convert", "evaluate", "table", "compare", "train",
    "export")

DESCRIPTION = "Guided sampling with pretrained diffusion models, in JAX."


def run() -> None:
  """Entry point of the console script."""
  sys.exit(main(sys.argv[1:]))


def main(argv: Sequence[str]) -> int:
  """Runs one command.

  Args:
    argv: words after "jaxguide".

  Returns:
    Exit status: 0, 1 for a failure that has been named on stderr, 2 for a
    command that cannot be read, 130 when interrupted. A defect is raised.
  """
  parser, known = _parsers()
  if not argv:
    parser.print_usage(sys.stderr)
    return 2
  try:
    args, rest = parser.parse_known_args(list(argv))
  except SystemExit as stop:  # --help and what argparse has refused.
    return int(stop.code or 0)
  if rest:
    sys.stderr.write(f"error: {_unknown(rest[0], known[args.command])}\n")
    return 2
  try:
    return _module(args.command).run(args)
  except KeyboardInterrupt:
    sys.stderr.write("interrupted\n")
    return 130
  except commands.UsageError as error:
    sys.stderr.write(f"error: {error}\n")
    return 2
  except Exception as error:
    if not failures.is_plain(error):
      raise
    sys.stderr.write(f"error: {failures.one_line(error)}\n")
    return 1


class _Parser(argparse.ArgumentParser):
  """A parser whose errors are one line each."""

  def error(self, message: str) -> NoReturn:
    self.exit(2, f"error: {message}; see {self.prog} --help\n")


def _parsers() -> tuple[argparse.ArgumentParser, dict[str, _Parser]]:
  """The parser of the whole, and those of the commands by name."""
  parser = _Parser("jaxguide", description=DESCRIPTION, allow_abbrev=False)
  parser.add_argument(
      "--version", action="version", version=jaxguide.__version__)
  group = parser.add_subparsers(
      required=True, metavar="COMMAND", dest="command")
  found = {}
  for name in COMMANDS:
    module = _module(name)
    found[name] = group.add_parser(
        name, help=module.SUMMARY, description=module.SUMMARY,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False)
    module.add_arguments(found[name])
  return parser, found


def _module(name: str):
  return importlib.import_module(f"jaxguide.commands.{name}")


def _unknown(word: str, parser: argparse.ArgumentParser) -> str:
  """What is said of a word that no argument of the command takes."""
  name = word.partition("=")[0]
  if not name.startswith("-"):
    return (f"unexpected argument {word!r}; every option begins with --; "
            f"see {parser.prog} --help")
  options = sorted(set(re.findall(r"--\w+", parser.format_usage())))
  near = difflib.get_close_matches(name, options, n=1)
  return f"unknown option {name}; " + (
      f"did you mean {near[0]}?" if near else f"see {parser.prog} --help")
