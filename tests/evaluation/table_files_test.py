"""Table files: how they are found and executed, and what their rows are."""

import dataclasses

import pytest

from jaxguide.evaluation import methods
from jaxguide.evaluation import sources
from jaxguide.evaluation import table_files
from tests.evaluation import support

ONE = ("from tests.evaluation import support\n"
       "TABLE = {'only': support.experiment(seed=7)}\n")
MANY = '''"""What this table is."""
import dataclasses

from jaxguide import evaluation
from tests.evaluation import support


def _whole():
  return support.experiment(name="", seed=7, batch_size=3)


def _ddim():
  return dataclasses.replace(_whole(), method=evaluation.Ddim(num_steps=99))


def _broken():
  return undefined


TABLE = evaluation.Table(title="Many rows", rows={
    "whole": _whole,
    "ddim": _ddim,
    "given": support.experiment(name="mine"),
    "broken": _broken,
    "wrong": lambda: {"a": 1},
})
'''


def _write(folder, text, name="mine.py"):
  path = folder / name
  path.write_text(text)
  return path


class TestLoad:

  def test_a_dict_of_one_experiment_is_enough(self, tmp_path):
    file = table_files.load(_write(tmp_path, ONE))
    assert file.names == ("only",) and file.title == "mine"
    assert file.row() == support.experiment(seed=7)
    assert table_files.load_row(file.path) == file.row("only")

  def test_a_table_has_a_title_and_says_what_it_is(self, tmp_path):
    file = table_files.load(_write(tmp_path, MANY))
    assert file.title == "Many rows"
    assert file.description == "What this table is."
    assert file.names == ("whole", "ddim", "given", "broken", "wrong")

  def test_no_row_is_built_before_it_is_asked_for(self, tmp_path):
    text = ("def _never():\n  raise AssertionError('built')\n"
            "TABLE = {'a': _never, 'b': _never}\n")
    assert table_files.load(_write(tmp_path, text)).names == ("a", "b")

  @pytest.mark.parametrize("text, message", [
      ("x = 1", "sets no TABLE$"),
      ("TABLE = 1", "must be a Table or a dict of rows, got int"),
      ("TABLE = {}", "has no rows"),
  ])
  def test_refuses_other_files(self, tmp_path, text, message):
    with pytest.raises(table_files.TableFileError, match=message):
      table_files.load(_write(tmp_path, text))

  @pytest.mark.parametrize("text, message", [
      ("x = 1\n\ndef get_config(:\n", ", line 3: SyntaxError: "),
      ("x = 1\n  y = 2\n", ", line 2: IndentationError: unexpected indent"),
      ("x = 1\nx = y\n", ", line 2: NameError: name 'y' is not defined"),
      # The line of the file itself, not of what it calls; on one line.
      ("import json\n\njson.loads('{')\n", ", line 3: JSONDecodeError: "),
      ("raise ValueError('two\\nlines')", ", line 1: ValueError: two lines"),
      ("import broken\n",
       r", line 1: SyntaxError: .* \(.*broken.py, line 2\)$"),
      ("x = '\0'\n", r"mine.py: \w+Error: source code"),
  ])
  def test_says_where_a_file_cannot_be_executed(
      self, tmp_path, monkeypatch, text, message
  ):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "broken.py").write_text("x = 1\nx = = 2\n")
    monkeypatch.syspath_prepend(elsewhere)
    path = _write(tmp_path, text)
    with pytest.raises(table_files.TableFileError, match=message) as caught:
      table_files.load(path)
    assert str(caught.value).startswith(f"table file {path}")
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is not None

  def test_knows_the_line_by_a_relative_path_too(
      self, tmp_path, monkeypatch
  ):
    _write(tmp_path, "x = 1\nx = y\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        table_files.TableFileError, match="^table file mine.py, line 2: "):
      table_files.load("mine.py")

  def test_an_interrupt_is_no_fault_of_the_file(self, tmp_path):
    with pytest.raises(KeyboardInterrupt):
      table_files.load(_write(tmp_path, "raise KeyboardInterrupt"))

  def test_names_a_near_file(self, tmp_path):
    _write(tmp_path, "")
    with pytest.raises(
        table_files.TableFileError, match="did you mean .*mine.py"):
      table_files.load(tmp_path / "mime.py")
    with pytest.raises(table_files.TableFileError, match="does not exist$"):
      table_files.load(tmp_path / "qqqq.py")

  def test_modules_beside_the_file_can_be_imported(self, tmp_path):
    _write(tmp_path, "SEED = 11\n", name="parts_of_this_test.py")
    file = table_files.load(_write(tmp_path, (
        "import parts_of_this_test as parts\n"
        "from tests.evaluation import support\n"
        "TABLE = {'a': support.experiment(seed=parts.SEED)}\n")))
    assert file.row("a").seed == 11


class TestRow:

  @pytest.fixture
  def file(self, tmp_path):
    return table_files.load(_write(tmp_path, MANY))

  def test_one_without_a_name_is_called_after_file_and_row(self, file):
    assert file.row("whole") == support.experiment(
        name="mine_whole", seed=7, batch_size=3)
    assert file.row("ddim") == dataclasses.replace(
        file.row("whole"), name="mine_ddim", method=methods.Ddim(num_steps=99))
    assert file.row("given").name == "mine"

  def test_the_tiny_version_is_made_of_the_row(self, file):
    found = file.row("ddim", smoke=True)
    assert found == file.row("ddim").tiny()
    assert found.method == methods.Ddim(num_steps=2)
    assert found.prior == sources.RandomPrior(16)
    assert found.seed == 7 and found.name == "mine_ddim"

  @pytest.mark.parametrize("name, message", [
      ("wohle", "has no row 'wohle'; did you mean whole?"),
      ("zzz", "has no row 'zzz'; its rows are whole, ddim, given, broken"),
      (None, "has 5 rows; name one of them: whole, ddim, given, broken"),
      ("wrong", "must be an Experiment, or a function that returns one; got "
       "dict"),
  ])
  def test_refuses_others(self, file, name, message):
    with pytest.raises(table_files.TableFileError) as caught:
      file.row(name)
    assert message in str(caught.value) and str(file.path) in str(caught.value)

  def test_says_where_a_row_cannot_be_built(self, file):
    with pytest.raises(table_files.TableFileError) as caught:
      file.row("broken")
    assert str(caught.value) == (
        f"table file {file.path}, line 17: NameError: name 'undefined' is not "
        "defined (row broken)")
    assert isinstance(caught.value.__cause__, NameError)
