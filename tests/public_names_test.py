"""What a package offers: `__all__`, one obvious way to every name."""

import __future__

import importlib
import inspect
import pathlib
import pkgutil
import pydoc
import types

import pytest

import jaxguide
from tests import public_names


def _packages():
  """The packages whose `__init__` gathers names, by their names."""
  found = []
  for module in pkgutil.walk_packages(jaxguide.__path__, "jaxguide."):
    if module.ispkg:
      package = importlib.import_module(module.name)
      if _gathered(package) or hasattr(package, "__all__"):
        found.append(package)
  return found


def _gathered(package):
  """Public functions and classes that the package's namespace holds."""
  return {
      name for name, value in vars(package).items()
      if not name.startswith("_") and not inspect.ismodule(value)
      and not isinstance(value, __future__._Feature)}


each = pytest.mark.parametrize("package", _packages(), ids=lambda p: p.__name__)


@each
def test_all_is_the_public_api(package):
  """It lists what is there, all that is there, and each name once."""
  listed = package.__all__
  assert len(set(listed)) == len(listed)
  assert list(listed) == sorted(listed)
  missing = [name for name in listed if not hasattr(package, name)]
  assert not missing
  modules = {n for n in listed if inspect.ismodule(getattr(package, n))}
  assert set(listed) - modules == _gathered(package)


@each
def test_a_star_import_gives_just_that(package):
  namespace = {}
  exec(f"from {package.__name__} import *", namespace)
  del namespace["__builtins__"]
  assert set(namespace) == set(package.__all__)


@each
def test_no_public_name_hides_a_module(package):
  """`import jaxguide.samplers.egsde` is a mistake and not another thing."""
  modules = {m.name for m in pkgutil.iter_modules(package.__path__)}
  for name in modules & (set(package.__all__) | _gathered(package)):
    value = getattr(package, name)
    assert inspect.ismodule(value), f"{name} is a module's name"
    assert value.__name__ == f"{package.__name__}.{name}"


@each
def test_what_is_public_says_what_it_is(package):
  for name in package.__all__:
    value = getattr(package, name)
    if _is_documented(value):
      assert _own_text(value), f"{name} has no docstring"


@each
def test_pydoc_shows_what_is_public(package):
  """`pydoc jaxguide.samplers.steered` shows the function."""
  for name in package.__all__:
    dotted, value = f"{package.__name__}.{name}", getattr(package, name)
    if not _is_documented(value):
      continue
    assert pydoc.locate(dotted) is value
    page = pydoc.render_doc(dotted, renderer=pydoc.plaintext)
    assert _own_text(value).splitlines()[0].strip() in page


def _is_documented(value):
  """Functions, classes and modules; a constant has no text of its own."""
  return (inspect.isfunction(value) or inspect.ismodule(value)
          or (inspect.isclass(value)
              and value.__module__.startswith("jaxguide")))


def _own_text(value):
  """Its docstring, unless Python made it up, as for a NamedTuple."""
  text = inspect.getdoc(value) or ""
  made_up = inspect.isclass(value) and text.startswith(f"{value.__name__}(")
  return "" if made_up else text


def test_every_package_of_the_top_gathers_names():
  found = {package.__name__ for package in _packages()}
  for module in pkgutil.iter_modules(jaxguide.__path__, "jaxguide."):
    folder = pathlib.Path(jaxguide.__file__).parent / module.name[9:]
    text = folder / "__init__.py"
    if text.exists() and "import" in text.read_text():
      assert module.name in found


def test_factories_are_known_by_what_they_return():
  package = types.ModuleType("some")

  def one() -> int: ...

  def other() -> int | None: ...

  def third() -> str: ...

  for function in (one, other, third):
    setattr(package, function.__name__, function)
  package.__all__ = ["one", "other", "third"]
  assert public_names.returning(package, (int,)) == ["one", "other"]
