"""A row that another config file describes but for a few fields."""

import dataclasses

import pytest

from jaxguide.evaluation import methods
from jaxguide.evaluation import overrides
from jaxguide.evaluation import rows
from jaxguide.evaluation import sources
from jaxguide.evaluation import table_files

WHOLE = """
from tests.evaluation import support


def get_config(smoke=False):
  assert not smoke, "the base is asked for in full"
  return support.experiment(seed=7, batch_size=3)
"""


@pytest.fixture
def file(tmp_path):
  (tmp_path / "whole.py").write_text(WHOLE)
  return tmp_path / "mine.py"


def test_what_is_not_said_is_that_of_the_base(file):
  whole = table_files.load(file.with_name("whole.py"))
  found = rows.row_like(file, "whole.py", batch_size=5)
  assert found == dataclasses.replace(whole, name="mine", batch_size=5)
  assert rows.row_like(str(file), "whole.py").method == whole.method


def test_a_method_or_a_function_of_the_bases(file):
  ddim = methods.Ddim(num_steps=3)
  assert rows.row_like(file, "whole.py", method=ddim).method == ddim
  found = rows.row_like(
      file, "whole.py",
      method=lambda base: dataclasses.replace(base, num_steps=9)).method
  assert found == methods.Steered(num_steps=9, num_inner=2)


def test_its_tiny_version_is_made_of_the_changed_one(file):
  found = rows.row_like(
      file, "whole.py", True, method=methods.Ddim(num_steps=99), seed=8)
  assert found.method == methods.Ddim(num_steps=2)
  assert found.prior == sources.RandomPrior(16)
  assert found.seed == 8 and found.name == "mine"


def test_a_base_that_is_not_there(file):
  with pytest.raises(overrides.ConfigError, match="did you mean .*whole.py"):
    rows.row_like(file, "wholy.py")
