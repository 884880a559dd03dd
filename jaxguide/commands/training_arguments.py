"""Arguments of the commands about trainings, whose file decides the rest.

What can be said of a training depends on its kind and on its images, so the
words after the file are read when the file has been: `jaxguide train FILE
--help` lists them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import NoReturn, TYPE_CHECKING

from jaxguide import commands

if TYPE_CHECKING:
  from jaxguide.training import trainings

AddOwn = Callable[[argparse.ArgumentParser], None]


def add(
    parser: argparse.ArgumentParser, add_own: AddOwn, usage: str
) -> None:
  """Adds the file, the command's own options, and what follows the file.

  Args:
    parser: parser of the command.
    add_own: function that adds the command's own options, none required.
    usage: what stands behind the file in the usage line, where options that
      have to be given have no brackets.
  """
  parser.usage = f"%(prog)s FILE {usage}"
  parser.add_argument(
      "file", metavar="FILE",
      help="Python file whose get_config() returns the configuration of a "
      "training.")
  add_own(parser)
  parser.add_argument(
      "rest", nargs=argparse.REMAINDER, metavar="...",
      help="Further options, among them those of the kind of training that "
      "FILE describes; FILE --help lists them.")


def read(
    args: argparse.Namespace,
    command: str,
    add_own: AddOwn,
    usage: str,
    required: Mapping[str, str],
) -> tuple[trainings.Training, argparse.Namespace]:
  """The configuration as the options change it, and the command's own values.

  Args:
    args: parsed arguments of `add`.
    command: name of the command, for its usage.
    add_own: function as in `add`.
    usage: text as in `add`.
    required: attribute and option of what has to be given.

  Raises:
    ValueError: the file or a value does not fit.
    UsageError: an option is unknown, missing, or cannot be read.
  """
  from jaxguide.training import training_files
  training = training_files.load(args.file)
  parser = _Parser(
      f"jaxguide {command} {args.file}", usage=f"%(prog)s {usage}",
      allow_abbrev=False)
  add_own(parser)
  group = parser.add_argument_group(
      "options of this kind of training and of its images")
  options = training.all_options()
  for option in options:
    group.add_argument(
        f"--{option.name}", type=option.read, help=option.help, metavar="VALUE")
  # What stood before the file was read with the command's arguments.
  own = vars(_own_parser(add_own).parse_args([]))
  before = argparse.Namespace(**{name: getattr(args, name) for name in own})
  given = vars(parser.parse_args(args.rest, before))
  missing = [flag for name, flag in required.items() if given[name] is None]
  if missing:
    parser.error(f"the following are required: {', '.join(missing)}")
  values = {option.name: given[option.name] for option in options}
  values = {name: value for name, value in values.items() if value is not None}
  return training.changed(**values), argparse.Namespace(**given)


class _Parser(argparse.ArgumentParser):
  """A parser whose errors are raised."""

  def error(self, message: str) -> NoReturn:
    raise commands.UsageError(f"{message}; see {self.prog} --help")


def _own_parser(add_own: AddOwn) -> argparse.ArgumentParser:
  parser = argparse.ArgumentParser(add_help=False)
  add_own(parser)
  return parser
