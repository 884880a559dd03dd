"""Rows of a table: run, resumed, left out, and joined."""

import dataclasses
import gc
import io
import weakref

import jax
import pytest

from jaxguide.evaluation import methods
from jaxguide.evaluation import pictures
from jaxguide.evaluation import runner
from jaxguide.evaluation import sources
from jaxguide.evaluation import table_runs
from jaxguide.evaluation import tables
from jaxguide.evaluation import tasks
from tests.evaluation import support

PUBLISHED = tables.published("A paper, Table 7", ("psnr", "niqe"), {
    "Theirs": (31.25, 4.5), "Ours": (33.5, None)}, num_images=99)
DDIM = methods.Ddim(num_steps=3, eta=1.0)


@dataclasses.dataclass(frozen=True)
class _Counted:
  """A prior that notes when it is loaded, and who still holds it."""

  name: str
  log: list = dataclasses.field(default_factory=list, compare=False)
  held: list = dataclasses.field(default_factory=list, compare=False)

  __hash__ = None  # As of a user's own source.

  def load(self):
    self.log.append(self.name)
    prior = support.GaussianPrior().load()
    self.held.append(weakref.ref(prior.apply))
    return prior


def _experiment(**changes):
  return support.experiment(**{"published": PUBLISHED, **changes})


def _rows(**changes):
  return {"steered": _experiment(**changes),
          "ddim": _experiment(method=DDIM, **changes)}


def _run(rows, out, **options):
  stream = io.StringIO()
  report = table_runs.run_table(
      rows, out, devices=1, stream=stream, **{"limit": 2, **options})
  return report, stream.getvalue()


def test_joins_measured_and_published_rows(tmp_path):
  report, said = _run(_rows(), tmp_path, title="Both")
  text = (tmp_path / "table.md").read_text()
  assert text.startswith("# Both\n")
  assert [row.method for row in report.rows] == [
      "steered: Steered Diffusion, paper (N=2, 4 steps)",
      "ddim: DDIM, no guidance (3 steps)", "Theirs", "Ours"]
  for row in report.rows:
    assert text.count(f"| {row.method} ") == 1
  assert text.count("(published)") == 3  # Two rows, and what that means.
  assert "31.25" in text and "NIQE" in text
  assert "ddim less steered, image by image" in text
  assert "row 2 of 2: ddim" in said and not report.failures
  assert (tmp_path / "grid.png").stat().st_size


def test_a_row_has_the_folder_and_the_bytes_of_its_own_run(tmp_path):
  _run(_rows(), tmp_path / "table")
  for name, experiment in _rows().items():
    runner.evaluate(experiment, tmp_path / name, limit=2, devices=1,
                    stream=io.StringIO())
    assert support.files(tmp_path / name) == support.files(
        tmp_path / "table" / name)


def test_goes_on_and_ends_with_the_same_bytes(tmp_path, monkeypatch):
  _run(_rows(), tmp_path / "whole", limit=3)
  folder = tmp_path / "cut"
  real, calls = runner.evaluate, []

  def interrupted(experiment, out, **options):
    calls.append(out.name)
    if calls == ["steered", "ddim"]:
      raise KeyboardInterrupt
    return real(experiment, out, **options)

  monkeypatch.setattr(runner, "evaluate", interrupted)
  with pytest.raises(KeyboardInterrupt):
    _run(_rows(), folder, limit=3)
  assert not (folder / "table.md").exists()
  _, said = _run(_rows(), folder, limit=3)
  assert calls == ["steered", "ddim", "steered", "ddim"]
  assert "3 of 3 pictures are there already" in said
  assert support.files(folder) == support.files(tmp_path / "whole")


def test_a_row_that_lacks_a_file_does_not_stop_the_others(tmp_path):
  lacking = _experiment(data=sources.FolderImages("nowhere/at/all", 16))
  rows = {"first": lacking, **_rows()}
  report, said = _run(rows, tmp_path)
  assert list(report.failures) == ["first"]
  assert "nowhere/at/all" in report.failures["first"]
  assert "\n" not in report.failures["first"]
  assert "row first was not made: " in said
  text = (tmp_path / "table.md").read_text()
  assert "- first was not made: " in text and "steered: " in text
  # What was missing is made by the next call.
  report, _ = _run({"first": _experiment(), **_rows()}, tmp_path)
  assert not report.failures
  assert "not made" not in (tmp_path / "table.md").read_text()


def test_no_row_at_all(tmp_path):
  lacking = _experiment(prior=sources.ConvertedPrior("no/p", "p.pt", "adm"))
  report, _ = _run({"a": lacking}, tmp_path)
  assert report.rows == () and list(report.failures) == ["a"]
  assert not list(tmp_path.iterdir())
  with pytest.raises(ValueError, match="rows must be at least one"):
    _run({}, tmp_path)


def test_a_defect_is_not_hidden(tmp_path, monkeypatch):

  def broken(*args, **options):
    raise UnicodeDecodeError("utf-8", b"", 0, 1, "a defect")

  monkeypatch.setattr(runner, "evaluate", broken)
  with pytest.raises(UnicodeDecodeError):
    _run(_rows(), tmp_path)


def test_a_prior_is_loaded_once_for_all_rows_that_have_it(tmp_path):
  log = []
  rows = {
      "a": _experiment(prior=_Counted("one", log)),
      "b": _experiment(prior=_Counted("two", log)),
      "c": _experiment(prior=_Counted("one", log), method=DDIM),
      "d": _experiment(prior=_Counted("three", log),
                       method=methods.Baseline())}
  report, _ = _run(rows, tmp_path, limit=1)
  assert not report.failures
  assert log == ["one", "two"]  # The degraded pictures need none.


def test_a_prior_is_let_go_after_its_last_row():
  source, other = _Counted("one"), _Counted("two")
  priors = table_runs._Priors([source, other, source, other])
  for number, wanted in enumerate((source, other, source, other)):
    with priors.lent(_experiment(prior=wanted)) as prior:
      assert prior.name == "gaussian"
    del prior
    gc.collect()
    assert (source.held[0]() is None) == (number >= 2)
  assert len(source.log) == len(other.log) == 1
  assert other.held[0]() is None


def test_rows_of_the_same_program_compile_it_once(tmp_path):
  """Where no folder of programs was chosen, one is kept for the table."""
  rows = {f"seed{n}": _experiment(seed=n) for n in (0, 1)}
  before = jax.config.jax_compilation_cache_dir
  seen, real = [], runner.evaluate

  def noted(*args, **options):
    seen.append(jax.config.jax_compilation_cache_dir)
    return real(*args, **options)

  jax.config.update("jax_compilation_cache_dir", None)
  try:
    with pytest.MonkeyPatch.context() as patch:
      patch.setattr(runner, "evaluate", noted)
      _run(rows, tmp_path, limit=1)
    assert jax.config.jax_compilation_cache_dir is None
  finally:
    jax.config.update("jax_compilation_cache_dir", before)
  assert seen[0] == seen[1] is not None


class TestGroups:
  """Rows over other images, tasks or seeds are not compared."""

  def _table(self, tmp_path, names):
    grey, small = tasks.Colorization(), tasks.SuperResolution(4)
    theirs = tables.published("A paper, Table 8", ("psnr",), {"Old": (1.5,)})
    found = [
        _experiment(task=grey), _experiment(task=grey, method=DDIM),
        _experiment(task=small, published=theirs)]
    return _run(dict(zip(names, found, strict=True)), tmp_path)

  def test_each_has_its_published_rows_once(self, tmp_path):
    report, _ = self._table(
        tmp_path, ("grey_steered", "grey_ddim", "small_steered"))
    assert not report.failures
    assert [(row.group, row.method.split(":")[0]) for row in report.rows] == [
        ("grey", "grey_steered"), ("grey", "grey_ddim"), ("grey", "Theirs"),
        ("grey", "Ours"), ("small_steered", "small_steered"),
        ("small_steered", "Old")]
    text = (tmp_path / "table.md").read_text()
    assert "| Task " in text and "grey: grey_ddim less grey_steered" in text

  def test_rows_of_one_method_share_a_column_of_the_grid(
      self, tmp_path, monkeypatch):
    drawn, real = {}, pictures.write_grid

    def noted(path, rows, **labels):
      drawn[path] = rows, labels
      real(path, rows, **labels)

    monkeypatch.setattr(pictures, "write_grid", noted)
    self._table(tmp_path, ("grey_steered", "grey_ddim", "small_steered"))
    rows, labels = drawn[tmp_path / "grid.png"]
    assert labels["column_labels"] == [
        "original", "observed", "Steered Diffusion", "DDIM"]
    assert labels["row_labels"] == [
        "grey: drawn000.png", "grey: drawn001.png",
        "small_steered: drawn000.png", "small_steered: drawn001.png"]
    for title, cells in zip(labels["row_labels"], rows, strict=True):
      heading, _, image = title.partition(": ")
      is_grey = heading == "grey"
      made = [cell.picture is not None for cell in cells]
      assert made == [True, True, True, is_grey]
      name = "grey_steered" if is_grey else "small_steered"
      path = tmp_path / name / "images" / image
      assert (cells[2].picture == pictures.decode(path)).all()

  def test_headings_that_would_be_alike_name_the_rows(self, tmp_path):
    report, _ = self._table(tmp_path, ("a", "b", "c"))
    assert list(dict.fromkeys(row.group for row in report.rows)) == [
        "a, b", "c"]
    report, _ = self._table(tmp_path, ("x_1", "x_2", "x"))
    assert list(dict.fromkeys(row.group for row in report.rows)) == [
        "x_1, x_2", "x"]
