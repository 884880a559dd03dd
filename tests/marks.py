"""Cases of a parametrised test that are left to the slow run."""

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def slow_but(quick: Collection[Any], cases: Iterable[Any]) -> list[Any]:
  """The cases, all but the quick ones marked slow.

  Args:
    quick: cases, or names of files without suffix, that stay quick.
    cases: of any type; paths are known by their stem.
  """
  return [
      case if getattr(case, "stem", case) in quick
      else pytest.param(case, marks=pytest.mark.slow)
      for case in cases]
