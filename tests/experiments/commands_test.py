"""Commands of experiments stand side by side in one process."""

import importlib
import pathlib

from absl import flags
import pytest

ROOT = pathlib.Path(__file__).parents[2] / "experiments"
MODULES = sorted(
    ".".join(("experiments", *path.relative_to(ROOT).with_suffix("").parts))
    for path in ROOT.rglob("*.py")
    if path.stem != "__init__" and "tables" not in path.parts)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_defines_no_flag_when_it_is_imported(name):
  module = importlib.import_module(name)
  # What defines flags does so once, in a function of its own.
  values = flags.FLAGS.flags_by_module_dict()
  assert name not in values and module.__name__ not in values


@pytest.mark.parametrize("name", [
    n for n in MODULES if "define_flags" in pathlib.Path(
        ROOT.parent, *n.split(".")).with_suffix(".py").read_text()])
def test_a_command_has_its_flags(name, monkeypatch):
  module = importlib.import_module(name)
  own = flags.FlagValues()
  for kind in ("string", "list", "integer", "bool", "enum", "multi_string"):
    define = getattr(flags, f"DEFINE_{kind}")
    monkeypatch.setattr(
        flags, f"DEFINE_{kind}",
        lambda *a, define=define, **kw: define(*a, flag_values=own, **kw))
  module.define_flags()
  assert len(own) > 2 and all(own[flag].help for flag in own)
