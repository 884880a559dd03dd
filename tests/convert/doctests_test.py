"""The examples in the docstrings of conversion run as they stand."""

import doctest
import importlib
import pkgutil

import pytest

from jaxguide import checkpoint_settings
from jaxguide import convert


def _modules():
  yield checkpoint_settings
  for found in pkgutil.walk_packages(convert.__path__, "jaxguide.convert."):
    yield importlib.import_module(found.name)


MODULES = [
    module for module in _modules()
    if any(test.examples for test in doctest.DocTestFinder(
        exclude_empty=True).find(module))]


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__)
def test_examples_run(module):
  result = doctest.testmod(module)
  assert result.attempted and not result.failed


def test_the_ways_in_and_out_have_examples():
  for entry in (
      convert.read_checkpoint, convert.read_config, convert.load_model,
      convert.save_model, convert.build_module, convert.dispatch.convert,
      convert.dispatch.inspect, convert.cards.find):
    assert ">>> " in entry.__doc__, entry
