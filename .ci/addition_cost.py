"""Counts what an addition to the project cost in lines that were there before.

  python .ci/addition_cost.py main add-sampler add-operator ...

Every branch adds one thing (a sampler, an operator, a model with its training,
an energy, a checkpoint family, a subcommand, a table). For each of them the
files that it brings and the files that it changes are named. A changed line of
a file that was there before counts once, whether it was added, removed or
both; CONTRIBUTING.md says what each kind of addition may cost.
"""

from collections.abc import Sequence
import subprocess
import sys
from typing import NamedTuple


class Cost(NamedTuple):
  """What one branch touches.

  Attributes:
    branch: name of the branch.
    new: files that it brings, with their lines.
    changed: files that were there before, with the lines that it changes.
  """

  branch: str
  new: dict[str, int]
  changed: dict[str, int]

  def __str__(self) -> str:
    lines = [f"{self.branch}: {sum(self.changed.values())} existing lines, "
             f"{sum(self.new.values())} new ones"]
    lines += [f"  new      {n:5d}  {name}" for name, n in self.new.items()]
    lines += [f"  existing {n:5d}  {name}" for name, n in self.changed.items()]
    return "\n".join(lines)


def measure(base: str, branch: str) -> Cost:
  """Compares a branch with the commit where it left another one.

  Args:
    base: the branch that it left.
    branch: the branch with the addition.

  Raises:
    subprocess.CalledProcessError: if git knows no such branch.
  """
  fork = _git("merge-base", base, branch).strip()
  before = set(_git("ls-tree", "-r", "--name-only", fork).splitlines())
  new, changed = {}, {}
  for line in _git(
      "diff", "--numstat", "--no-renames", fork, branch).splitlines():
    added, removed, name = line.split("\t")
    # Git counts no lines of a binary file.
    counts = [int(n) if n.isdecimal() else 0 for n in (added, removed)]
    target = changed if name in before else new
    target[name] = max(counts)
  return Cost(branch, new, changed)


def _git(*arguments: str) -> str:
  return subprocess.run(
      ["git", *arguments], check=True, capture_output=True, text=True).stdout


def main(argv: Sequence[str]) -> int:
  """Prints the cost of every branch named behind the first."""
  if len(argv) < 2:
    sys.stderr.write(__doc__)
    return 2
  for branch in argv[1:]:
    print(measure(argv[0], branch))
  return 0


if __name__ == "__main__":
  sys.exit(main(sys.argv[1:]))
