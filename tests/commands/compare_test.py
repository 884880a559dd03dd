"""`jaxguide compare`: finished runs in one table."""

import io

import pytest

from jaxguide.evaluation import methods
from jaxguide.evaluation import runner
from tests.commands import support as running
from tests.evaluation import support


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
  """The table file and the folders of two runs of its row."""
  folder = tmp_path_factory.mktemp("runs")
  (folder / "mine.py").write_text(
      "from jaxguide import evaluation\n"
      "from tests.evaluation import support\n"
      "OURS = evaluation.published('T', ('psnr',), {'Ours': (1.25,)})\n"
      "TABLE = {'only': support.experiment(published=OURS)}\n")
  for n in (1, 2):
    method = methods.Steered(num_steps=4, num_inner=n)
    runner.evaluate(support.experiment(method=method), folder / f"n{n}",
                    limit=2, devices=1, stream=io.StringIO())
  return folder


def _main(runs, out, *argv):
  return running.main(
      "compare", str(runs / "mine.py"), f"--out={out}", *argv)


def test_joins_runs_under_their_labels(runs, tmp_path):
  """A label may hold an equals sign."""
  status, out, err = _main(
      runs, tmp_path, f"--run=N=1={runs / 'n1'}", f"--run=two={runs / 'n2'}",
      "--names=drawn001.png", "--row=only")
  assert status == 0, err
  assert out == (tmp_path / "table.md").read_text()
  assert "| N=1 " in out and "| two " in out and "Ours (published)" in out
  assert (tmp_path / "grid.png").stat().st_size


@pytest.mark.parametrize("argv, status, message", [
    (["--run=n1"], 2, "--run needs LABEL=DIR, got 'n1'"),
    (["--run=a=nowhere"], 1, "nowhere holds no finished run"),
    ([], 1, "runs must be at least one"),
    (["--row=other"], 1, "has no row 'other'"),
    (["--set=sed=3"], 1, "did you mean seed"),
])
def test_failures_are_one_line(runs, tmp_path, argv, status, message):
  found, out, err = _main(runs, tmp_path / "out", *argv)
  assert found == status and out == ""
  assert message in err and err.count("\n") == 1 and err.startswith("error: ")
