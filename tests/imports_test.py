"""The layers of the library, read off its source."""

import ast
import functools
import pathlib

import pytest

import jaxguide

ROOT = pathlib.Path(jaxguide.__file__).parent

# Lower layers first; a module imports from its own layer or from below.
LAYERS = (
    ("arrays", "checkpoint_settings", "conditioning", "exports", "failures",
     "identities", "pixels", "schedule_tables", "schedules", "noises",
     "preconditioning"),
    ("operators", "models", "denoisers", "codecs"),
    ("energies", "convert"),
    ("guidance",),
    ("samplers", "variational", "training"),
    ("data", "metrics", "effects", "parallel", "evaluation", "demo", "commands",
     "cli"),
)
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
STRANGERS = {("models", "samplers"), ("samplers", "models")}
FILES = sorted(ROOT.rglob("*.py"))
# Folders of data inside the package, and how `python -m` starts it.
ELSEWHERE = {"__init__", "__main__", "embedded"}


def _id(path):
  return str(path.relative_to(ROOT))


@functools.cache
def _tree(path):
  return ast.parse(path.read_text(), str(path))


def _unit(path):
  """The top-level module or package that a file belongs to."""
  return path.relative_to(ROOT).parts[0].removesuffix(".py")


def _imports(path):
  """Every imported dotted name, function bodies included."""
  for node in ast.walk(_tree(path)):
    if isinstance(node, ast.Import):
      yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
      if node.level:
        yield "relative import"
      yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _units_imported(path):
  for name in _imports(path):
    parts = name.split(".")
    if parts[0] == "jaxguide" and len(parts) > 1 and parts[1] in RANK:
      yield parts[1]


def _is_module(dotted):
  parts = dotted.split(".")[1:]
  place = ROOT.joinpath(*parts)
  return place.is_dir() or place.with_suffix(".py").is_file()


def test_every_module_has_a_layer():
  units = {_unit(path) for path in FILES} - ELSEWHERE
  assert units <= set(RANK), units - set(RANK)


def _check_imports_point_downward(path):
  unit = _unit(path)
  if unit in ELSEWHERE:
    return
  for other in _units_imported(path):
    assert RANK[other] <= RANK[unit], f"{_id(path)} imports {other}"
    assert (unit, other) not in STRANGERS, (
        f"{_id(path)} imports {other}")


def test_no_cycle_between_modules():
  graph = {}
  for path in FILES:
    graph.setdefault(_unit(path), set()).update(_units_imported(path))
  for unit in graph:
    graph[unit].discard(unit)
  while graph:
    leaves = [u for u in graph if not graph[u] & graph.keys()]
    assert leaves, f"a cycle among {sorted(graph)}"
    for leaf in leaves:
      del graph[leaf]


def _check_linen_lives_in_models(path):
  if _unit(path) in ("models", "convert"):
    return
  for name in _imports(path):
    assert not name.startswith("flax.linen"), f"{_id(path)}: {name}"


def _check_no_torch_and_no_relative_imports(path):
  for name in _imports(path):
    where = f"{_id(path)}: {name}"
    assert name.split(".")[0] not in ("torch", "torchvision"), where
    assert name != "relative import", where


def _check_modules_are_imported_not_names(path):
  """A package's `__init__` gathers names; no other file does."""
  if path.name == "__init__.py":
    return
  for node in ast.walk(_tree(path)):
    if isinstance(node, ast.ImportFrom) and node.module:
      if node.module.split(".")[0] == "jaxguide":
        for alias in node.names:
          name = f"{node.module}.{alias.name}"
          assert _is_module(name), f"{_id(path)}: {name} is no module"


def _check_no_assert_and_no_print(path):
  for node in ast.walk(_tree(path)):
    where = f"{_id(path)}:{getattr(node, 'lineno', 0)}"
    assert not isinstance(node, ast.Assert), f"assert at {where}"
    if _unit(path) not in ("cli", "__main__"):
      is_print = (isinstance(node, ast.Call)
                  and isinstance(node.func, ast.Name)
                  and node.func.id == "print")
      assert not is_print, f"print at {where}"


@pytest.mark.parametrize("check", [
    _check_imports_point_downward, _check_linen_lives_in_models,
    _check_no_torch_and_no_relative_imports,
    _check_modules_are_imported_not_names, _check_no_assert_and_no_print],
    ids=lambda check: check.__name__)
def test_every_file(check):
  for path in FILES:
    check(path)


def test_the_checks_can_fail(tmp_path, monkeypatch):
  monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
  bad = tmp_path / "models" / "bad.py"
  bad.parent.mkdir()
  bad.write_text(
      "def f():\n"
      "  from jaxguide import samplers\n"
      "  from jaxguide.samplers.core import sample\n"
      "  import torch\n"
      "  assert samplers and sample and torch\n")
  worse = tmp_path / "denoisers.py"
  worse.write_text("from flax import linen\nprint(linen)\n")
  for check, path in (
      (_check_imports_point_downward, bad),
      (_check_no_assert_and_no_print, bad),
      (_check_no_torch_and_no_relative_imports, bad),
      (_check_modules_are_imported_not_names, bad),
      (_check_linen_lives_in_models, worse),
      (_check_no_assert_and_no_print, worse)):
    with pytest.raises(AssertionError):
      check(path)
