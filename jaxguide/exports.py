"""The public names of a package, as its `__init__` gathers them.

A name enters the public API by one line, `from package._module import name as
name`: the repeated name tells type checkers that it is meant for users, and
`__all__` follows.
"""

import __future__

from collections.abc import Mapping
import types
from typing import Any


def public_names(namespace: Mapping[str, Any], *modules: str) -> list[str]:
  """`__all__` of a package.

  Args:
    namespace: `globals()` of the package's `__init__`, at its end.
    *modules: names of those submodules that are public by themselves; others
      are in the namespace only because something imports them.

  Returns:
    Names in alphabetical order: functions, classes and constants that do not
    begin with an underscore, and `modules`.

  Example:
    >>> public_names({"fit": len, "_own": 1, "LEVELS": (1, 2), "sys": types})
    ['LEVELS', 'fit']
  """
  return sorted(
      name for name, value in namespace.items()
      if not name.startswith("_") and (
          name in modules or not isinstance(
              value, (types.ModuleType, __future__._Feature))))
